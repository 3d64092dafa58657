//! A guest in tokio: beside tasks of the host's, woken from other threads, stopped by the host.

use std::cell::Cell;
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use asupersync_core::channel::oneshot;
use asupersync_core::{Error, LocalRegion, Time};
use asupersync_embassy::{Guest, Host};
use tokio::task::LocalSet;
use tokio::time::{Instant, Sleep, sleep_until};

/// Tokio's clock and timers.
struct Tokio {
    epoch: Instant,
}

impl Host for Tokio {
    type Timer = Sleep;

    fn now(&self) -> Time {
        Time::ZERO.saturating_add(self.epoch.elapsed())
    }

    fn timer(&self, deadline: Time) -> Sleep {
        sleep_until(self.epoch + deadline.saturating_since(Time::ZERO))
    }

    fn entropy(&self) -> u64 {
        0
    }
}

fn guest() -> Guest<Tokio> {
    let epoch = Instant::now();
    Guest::new(Tokio { epoch }, 64)
}

/// Runs a program of the host in which `spawn_local` works.
fn host<R>(program: impl Future<Output = R>) -> R {
    let tokio = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .expect("a current_thread runtime");
    LocalSet::new().block_on(&tokio, program)
}

// proves: R-SCH-3
#[test]
fn a_busy_guest_lets_the_hosts_tasks_in() {
    const YIELDS: u32 = 1_000;
    const POLLS_PER_TURN: u32 = 10;
    let (is_done, others) = (Rc::new(Cell::new(false)), Rc::new(Cell::new(0)));
    host(async {
        let (done, polls) = (Rc::clone(&is_done), Rc::clone(&others));
        let sibling = tokio::task::spawn_local(async move {
            while !done.get() {
                polls.set(polls.get() + 1);
                // To the end of the queue, as the guest: tokio's own yield stays out for a whole round.
                futures_lite::future::yield_now().await;
            }
        });
        let done = Rc::clone(&is_done);
        let busy = tokio::task::spawn_local(async move {
            let mut guest = guest().polls_per_turn(POLLS_PER_TURN);
            let body = async |region: &LocalRegion| {
                for _ in 0..YIELDS {
                    region.yield_now().await?;
                }
                Ok::<_, Error>(())
            };
            let ran = guest.run(body).await;
            done.set(true);
            ran
        });
        assert!(busy.await.expect("it does not panic").is_ok());
        sibling.await.expect("it does not panic");
    });
    // One poll of the sibling's between any two turns of the guest's: the queue is first in, first out.
    assert!(
        others.get() >= YIELDS / POLLS_PER_TURN,
        "the sibling had {} polls",
        others.get()
    );
}

#[test]
fn wakes_from_other_threads_arrive() {
    host(async {
        let mut guest = guest();
        for round in 0..2_000 {
            let (sender, mut receiver) = oneshot::channel();
            let elsewhere = thread::spawn(move || sender.send(round).is_delivered());
            let received = guest.run(async move |region: &LocalRegion| {
                Ok::<_, Error>(receiver.recv(region).await?)
            });
            assert_eq!(received.await.ok(), Some(round));
            assert!(elsewhere.join().expect("it does not panic"));
        }
    });
}

#[test]
fn tasks_spawned_from_other_threads_run() {
    host(async {
        let mut guest = guest();
        let spawner = guest.spawner();
        let (sender, mut receiver) = oneshot::channel();
        let elsewhere = thread::spawn(move || {
            let task = spawner.spawn(async move |_| Ok(sender.send(7).is_delivered()));
            task.is_ok()
        });
        let received = guest
            .run(async move |region: &LocalRegion| Ok::<_, Error>(receiver.recv(region).await?));
        assert_eq!(received.await.ok(), Some(7));
        assert!(elsewhere.join().expect("it does not panic"));
        assert_eq!(guest.shut_down().await.live, 0);
    });
}

#[test]
fn deadlines_come_in_order() {
    let order = host(async {
        let mut guest = guest();
        let order = guest.run(async |region: &LocalRegion| {
            let order = Rc::new(Cell::new(Vec::new()));
            let mut sleepers = Vec::new();
            for millis in [3, 1, 2] {
                let order = Rc::clone(&order);
                sleepers.push(region.spawn_local(async move |cx| {
                    cx.sleep(Duration::from_millis(millis)).await?;
                    let mut so_far = order.take();
                    so_far.push(millis);
                    order.set(so_far);
                    Ok(())
                })?);
            }
            for sleeper in sleepers {
                sleeper.join(region).await?;
            }
            Ok::<_, Error>(order.take())
        });
        order.await
    });
    assert_eq!(order.ok(), Some(vec![1, 2, 3]));
}

// proves: R-CAN-7
#[test]
fn a_host_that_wants_to_stop_selects_and_shuts_down() {
    host(async {
        let mut guest = guest();
        let cleaned_up = Rc::new(Cell::new(false));
        let done = Rc::clone(&cleaned_up);
        let body = async move |region: &LocalRegion| {
            let waited = region.sleep(Duration::MAX).await;
            region.yield_now().await.expect_err("it was asked to stop");
            done.set(true);
            Ok::<_, Error>(waited?)
        };
        tokio::select! {
            biased;
            _ = guest.run(body) => panic!("it waits for ever"),
            () = tokio::task::yield_now() => {}
        }
        let stats = guest.shut_down().await;
        assert!(cleaned_up.get());
        assert_eq!((stats.live, stats.forced), (0, 0));
    });
}

#[test]
fn an_aborted_host_task_takes_its_guest_along() {
    host(async {
        let held = Rc::new(());
        let inside = Rc::clone(&held);
        let task = tokio::task::spawn_local(async move {
            let mut guest = guest();
            let body = async move |region: &LocalRegion| {
                let child = Rc::clone(&inside);
                region.spawn_local(async move |cx| {
                    let _child = child;
                    Ok(cx.sleep(Duration::MAX).await?)
                })?;
                region.sleep(Duration::MAX).await?;
                drop(inside);
                Ok::<_, Error>(())
            };
            guest.run(body).await
        });
        while Rc::strong_count(&held) < 3 {
            tokio::task::yield_now().await;
        }
        task.abort();
        assert!(task.await.is_err_and(|error| error.is_cancelled()));
        assert_eq!(Rc::strong_count(&held), 1);
    });
}
