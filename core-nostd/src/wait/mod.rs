//! The wait queue under every channel and lock: fairness, cancel clean-up and waking live here once.
//!
//! Owns the FIFO queue ([`Waiters`]), counted permits over it ([`Permits`]), the future that waits
//! for permits ([`Acquire`]) and the one-waiter variant for ends that only one task can wait at
//! ([`Seat`]). It does not own a lock: a primitive keeps the queue inside its own state, so that one
//! lock covers both. Only primitives of this crate may call it.
//!
//! # One waiter's life
//! ```text
//!  first poll                      release by another task            next poll
//!  not cancelled, no unit free     the unit becomes the waiter's      the unit is taken
//!     (1) Acquire::poll_first ---> (2) Permits::grant_next ---------> (3) Acquire::poll_again
//!                |                            |
//!                | dropped or cancelled       | dropped
//!                v                            v
//!        leaves the queue            (4) Acquire::leave hands the unit to the next waiter
//! ```
//!
//! # Rules
//! - First in, first out. Nobody takes a unit past a waiter, also not a waiter that wants many.
//! - A grant belongs to its waiter. A waiter that goes away with a grant in hand passes it on.
//! - On the first poll a cancelled task takes nothing (R-CAN-9). On later polls a grant that was
//!   already made wins over a late cancel (R-CAN-5). There is no registration with the cancel
//!   protocol: the kernel polls a cancelled task again, and the wait looks.
//! - Methods that run under the lock *return* wakers. Wakers are cloned, woken and dropped, and users'
//!   values dropped, only when no lock is held, because all of these may run foreign code that
//!   comes back to the same primitive; only to clone the task's own waker runs none. Waking many
//!   goes in batches of bounded size.
//!
//! # Hazard
//! A grant held by a future that its task keeps but no longer polls blocks everybody behind it.
//! That is the price of a fair hand-off. `Cx::race` cannot cause it, since it polls or drops its
//! losers; a hand-written `select` over borrowed futures can.

#![forbid(unsafe_code)]

mod error;
mod gate;
mod kind;
mod permits;
mod queue;
mod seat;

pub(crate) use error::op_error;
pub(crate) use gate::{Acquire, Gate, Refusal, close, release, wake_granted};
pub use kind::WaitKind;
pub(crate) use permits::{Permits, Shut};
pub(crate) use queue::{Grant, WAITERS_MAX};
pub(crate) use seat::{Seat, SeatWait};

use crate::cx::CxBase;
use crate::mutants::mutant;
use core::task::Waker;

/// Whether `waker` may be cloned under a lock: the task's own is ours, it counts and calls nobody. That
/// saves most waits the second look, which a foreign waker makes necessary.
#[inline]
fn clones_quietly(cx: &CxBase, waker: &Waker) -> bool {
    cx.task().is_waker(waker) && !mutant!(WaitNotRechecked)
}

/// How many wakers are collected under one hold of a lock.
const BATCH: usize = 16;

/// Wakers on their way out of a lock. Dropping the batch wakes them.
///
/// Waking in `Drop` keeps the promise to the rest when one waker panics: their grants are made,
/// and nobody else would wake them.
pub(crate) struct WakeBatch {
    wakers: [Option<Waker>; BATCH],
    len: usize,
}

impl WakeBatch {
    pub(crate) fn new() -> Self {
        Self {
            wakers: [const { None }; BATCH],
            len: 0,
        }
    }

    /// Fills the batch from `next` and says whether it is full: then there may be more.
    pub(crate) fn fill(&mut self, mut next: impl FnMut() -> Option<Waker>) -> bool {
        while self.len < BATCH {
            match next() {
                Some(waker) => {
                    self.wakers[self.len] = Some(waker);
                    self.len += 1;
                }
                None => return false,
            }
        }
        true
    }

    pub(crate) fn len(&self) -> usize {
        self.len
    }
}

impl Drop for WakeBatch {
    fn drop(&mut self) {
        // A waker that panics unwinds through the guard, which wakes the rest.
        struct Rest<'a>(core::slice::IterMut<'a, Option<Waker>>);
        impl Rest<'_> {
            fn wake(&mut self) {
                for waker in self.0.by_ref() {
                    if let Some(waker) = waker.take() {
                        waker.wake();
                    }
                }
            }
        }
        impl Drop for Rest<'_> {
            fn drop(&mut self) {
                self.wake();
            }
        }
        Rest(self.wakers[..self.len].iter_mut()).wake();
    }
}
