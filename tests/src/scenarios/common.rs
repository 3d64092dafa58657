//! What the scenarios of sections 2 to 4 are built from: a fault, a flag, a `select`, a few turns.
//!
//! Everything here is a plain future that knows no `Cx`: it neither sees a cancel nor is stopped by one.

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Poll, Waker};
use core::time::Duration;

use asupersync_core::internal::Mutex;
use asupersync_core::{CancelKind, CancelReason, ChildEnded, Error, Outcome, TaskError};

use crate::Probe;
use crate::harness::Record;

/// Longer than any scenario takes: what waits this long was forgotten.
pub const LONG: Duration = Duration::from_secs(60);

/// The error that scenarios fail with on purpose.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fault(pub &'static str);

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl core::error::Error for Fault {}

/// The text of the fault that `result` failed with, if it is one.
pub fn fault<T>(result: &Result<T, Error>) -> Option<&'static str> {
    Some(result.as_ref().err()?.downcast_ref::<Fault>()?.0)
}

/// The kind of the cancel that `result` reports of a child, as data.
pub fn child_cancel<T>(result: &Result<T, Error>) -> Option<CancelKind> {
    let ended = result.as_ref().err()?.downcast_ref::<ChildEnded>()?;
    ended.reason().map(CancelReason::kind)
}

/// The kind of the cancel that the caller itself observed.
pub fn own_cancel<T>(result: &Result<T, Error>) -> Option<CancelKind> {
    Some(result.as_ref().err()?.cancelled()?.reason().kind())
}

/// The kind of the cancel that a task ended with.
pub fn why<T>(outcome: &Outcome<T, Error>) -> Option<CancelKind> {
    match outcome {
        Outcome::Cancelled(reason) => Some(reason.kind()),
        _ => None,
    }
}

/// What the panic that `result` reports of a child said.
pub fn child_panic<T>(result: &Result<T, Error>) -> Option<&str> {
    match result.as_ref().err()?.downcast_ref::<ChildEnded>()? {
        ChildEnded::Panicked(payload) => Some(payload.message()),
        _ => None,
    }
}

/// A check after shutdown: one task, scope or finalizer was forced.
pub fn one_was_forced(probe: &Probe, record: &Record) {
    probe.expect_eq(record.stats.forced, 1, "forced");
}

/// Lets everybody else have a few turns.
pub async fn breathe() {
    for _ in 0..4 {
        let mut yielded = false;
        poll_fn(|waker| {
            if core::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            waker.waker().wake_by_ref();
            Poll::Pending
        })
        .await;
    }
}

/// Polls `future` until it ends or `stop` does, and then drops it where it is: somebody else's `select`.
pub async fn select<F: Future>(future: F, stop: impl Future) -> Option<F::Output> {
    let mut future = pin!(future);
    let mut stop = pin!(stop);
    poll_fn(|waker| match future.as_mut().poll(waker) {
        Poll::Ready(output) => Poll::Ready(Some(output)),
        Poll::Pending => stop.as_mut().poll(waker).map(|_| None),
    })
    .await
}

/// Something that happens once. Clones are the same flag.
#[derive(Clone, Default)]
pub struct Flag(Arc<Mutex<Raised>>);

#[derive(Default)]
struct Raised {
    is_up: bool,
    waiting: Vec<Waker>,
}

impl Flag {
    /// A flag that is down.
    pub fn new() -> Self {
        Self::default()
    }

    /// Puts it up for good.
    pub fn raise(&self) {
        let waiting = {
            let mut raised = self.0.lock();
            raised.is_up = true;
            core::mem::take(&mut raised.waiting)
        };
        waiting.into_iter().for_each(Waker::wake);
    }

    /// Waits until it is up.
    pub async fn raised(&self) {
        poll_fn(|waker| {
            let mut raised = self.0.lock();
            if raised.is_up {
                return Poll::Ready(());
            }
            if !raised.waiting.iter().any(|w| w.will_wake(waker.waker())) {
                raised.waiting.push(waker.waker().clone());
            }
            Poll::Pending
        })
        .await;
    }
}
