//! A host under the test's control: a clock that stands until it is moved, timers and wakes that are written down.

#![allow(dead_code)] // each test file uses a part

use std::future::Future;
use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::task::{Context, Poll, Wake, Waker};
use std::time::Duration;

use asupersync_core::Time;
use asupersync_embassy::Host;

pub const MILLI: Duration = Duration::from_millis(1);

/// What happened, in order. Clones write to the same list.
#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    pub fn push(&self, what: impl Into<String>) {
        self.list().push(what.into());
    }

    /// What happened since the last call.
    pub fn take(&self) -> Vec<String> {
        core::mem::take(&mut *self.list())
    }

    /// Something that writes `what` when it is dropped.
    pub fn on_drop(&self, what: &'static str) -> OnDrop {
        OnDrop {
            trace: self.clone(),
            what,
        }
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

pub struct OnDrop {
    trace: Trace,
    what: &'static str,
}

impl Drop for OnDrop {
    fn drop(&mut self) {
        self.trace.push(self.what);
    }
}

/// The host's side, shared by its clones: the one that the guest owns and the one that the test moves.
#[derive(Clone, Default)]
pub struct World {
    now: Arc<AtomicU64>,
    pub trace: Trace,
}

impl World {
    pub fn advance(&self, by: Duration) {
        self.now.fetch_add(by.as_nanos() as u64, Ordering::Relaxed);
    }

    /// How many clones there are; the guest's platform owns one.
    pub fn holders(&self) -> usize {
        Arc::strong_count(&self.now)
    }

    /// A waker of the host that writes down its wakes, as a task of the host would have.
    pub fn waker(&self) -> (Arc<HostTask>, Waker) {
        let task = Arc::new(HostTask(self.trace.clone()));
        let waker = Waker::from(Arc::clone(&task));
        (task, waker)
    }

    /// Polls a future of the guest once, as the host would.
    pub fn poll<R>(&self, future: Pin<&mut impl Future<Output = R>>) -> Poll<R> {
        future.poll(&mut Context::from_waker(&self.waker().1))
    }

    /// Polls to the end, moving the clock by a millisecond whenever the guest does not wake the host by itself.
    pub fn finish<R>(&self, future: impl Future<Output = R>) -> R {
        let mut future = pin!(future);
        for _ in 0..10_000 {
            if let Poll::Ready(value) = self.poll(future.as_mut()) {
                return value;
            }
            self.advance(MILLI);
        }
        panic!("no end after 10 seconds of the world's time");
    }
}

pub struct HostTask(Trace);

impl Wake for HostTask {
    fn wake(self: Arc<Self>) {
        self.0.push("wake the host");
    }
}

impl Host for World {
    type Timer = Timer;

    fn now(&self) -> Time {
        Time::from_nanos(self.now.load(Ordering::Relaxed))
    }

    fn timer(&self, deadline: Time) -> Timer {
        self.trace.push(format!("timer {deadline}"));
        Timer {
            world: self.clone(),
            deadline,
        }
    }

    fn entropy(&self) -> u64 {
        0
    }
}

/// Ready when the clock has come that far. The test polls by hand, so it wakes nobody.
pub struct Timer {
    world: World,
    deadline: Time,
}

impl Future for Timer {
    type Output = ();

    fn poll(self: Pin<&mut Self>, _cx: &mut Context<'_>) -> Poll<()> {
        if self.world.now() >= self.deadline {
            Poll::Ready(())
        } else {
            Poll::Pending
        }
    }
}

impl Drop for Timer {
    fn drop(&mut self) {
        self.world.trace.push(format!("no timer {}", self.deadline));
    }
}
