//! Timers: sleeps that are set and given up, which is what becomes of most timeouts, and sleeps that expire together.
//!
//! `timer_cancel`: N sleeps with deadlines of their own, up to an hour away, are polled once, which sets their timers,
//! and then dropped in the order they were made. The boxes that hold them are made and freed outside the time.
//!
//! `timer_expire`: 100,000 tasks sleep until the same time; the figure is the time from the first that was woken to the
//! last, so that the tick of a clock does not count.
//!
//! Dominated by: the timer structure and its lock; where timers expire, also one wake and one poll a task.

use crate::harness::{Contestant, Role, Unit, Workload, ns_each, scaled};
use crate::ours;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

/// The deadline of sleep `number`, from now: spread over an hour, in no order.
pub fn delay(number: u64) -> Duration {
    // The golden ratio in 64 bits: neighbours land far apart (Knuth, multiplicative hashing).
    let spread = number.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32;
    Duration::from_secs(1) + Duration::from_nanos(spread * 838)
}

/// Polls every sleep once, then drops them all; nanoseconds for both, per sleep.
pub fn set_and_drop<S: Future>(
    mut sleeps: Vec<Pin<Box<Option<S>>>>,
    waker: &mut Context<'_>,
) -> f64 {
    let start = Instant::now();
    for sleep in &mut sleeps {
        let Some(sleep) = sleep.as_mut().as_pin_mut() else {
            continue;
        };
        assert!(sleep.poll(waker).is_pending());
    }
    for sleep in &mut sleeps {
        sleep.as_mut().set(None);
    }
    ns_each(start.elapsed(), sleeps.len() as u64)
}

/// When the first and the last of many tasks woke, in nanoseconds after a common start.
#[derive(Debug)]
pub struct Wakes {
    start: Instant,
    first: AtomicU64,
    last: AtomicU64,
}

impl Wakes {
    /// From now on.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            start: Instant::now(),
            first: AtomicU64::new(u64::MAX),
            last: AtomicU64::new(0),
        })
    }

    /// A task woke. Few look at the clock: every so many, and the first.
    pub fn woke(&self, number: u64) {
        if self.first.load(Relaxed) == u64::MAX || number % 64 == 0 {
            let now = u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX);
            self.first.fetch_min(now, Relaxed);
            self.last.fetch_max(now, Relaxed);
        }
    }

    /// How long they took, per task.
    pub fn spread(&self, tasks: u64) -> f64 {
        let spread = self.last.load(Relaxed) - self.first.load(Relaxed);
        spread as f64 / tasks as f64
    }
}

/// How far ahead the common deadline lies: enough for all tasks to fall asleep.
pub const AHEAD: Duration = Duration::from_millis(scaled(250));

pub fn cancel(name: &'static str, sleeps: u64) -> Workload {
    let mut contestants = ours::timer_cancel(sleeps);
    contestants.push(tokio_cancel(sleeps));
    Workload {
        name,
        per: "timer",
        unit: Unit::Ns,
        bar: Some(0.5),
        contestants,
    }
}

pub fn expire(name: &'static str, tasks: u64) -> Workload {
    let mut contestants = ours::timer_expire(tasks);
    contestants.push(tokio_expire(tasks));
    Workload {
        name,
        per: "timer",
        unit: Unit::Ns,
        bar: Some(1.0),
        contestants,
    }
}

pub fn tokio() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_time()
        .build()
        .expect("the host has threads")
}

fn tokio_cancel(sleeps: u64) -> Contestant {
    let runtime = tokio();
    Contestant::new("tokio multi_thread", Role::Named, move || {
        runtime.block_on(async {
            // On a worker, as a program's timeouts are.
            let task = tokio::spawn(async move {
                let now = tokio::time::Instant::now();
                let timers = (0..sleeps)
                    .map(|number| Box::pin(Some(tokio::time::sleep_until(now + delay(number)))))
                    .collect();
                let mut timers = Some(timers);
                std::future::poll_fn(|waker| match timers.take() {
                    Some(timers) => Poll::Ready(set_and_drop(timers, waker)),
                    None => Poll::Pending,
                })
                .await
            });
            task.await.expect("the task returns")
        })
    })
}

fn tokio_expire(tasks: u64) -> Contestant {
    let runtime = tokio();
    Contestant::new("tokio multi_thread", Role::Named, move || {
        let wakes = Wakes::new();
        let until = tokio::time::Instant::now() + AHEAD;
        runtime.block_on(async {
            let handles: Vec<_> = (0..tasks)
                .map(|number| {
                    let wakes = Arc::clone(&wakes);
                    tokio::spawn(async move {
                        tokio::time::sleep_until(until).await;
                        wakes.woke(number);
                    })
                })
                .collect();
            for handle in handles {
                handle.await.expect("the task returns");
            }
        });
        wakes.spread(tasks)
    })
}
