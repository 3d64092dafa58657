//! `Seat` and `SeatWait`: waiting at an end of a channel that only one task can wait at.
//!
//! Owns the single waker and the same wait protocol as [`Acquire`](super::Acquire), without grants:
//! whoever changes the state wakes the seat, and the woken task looks for itself. Since nobody
//! else can take what it was woken for, nothing is lost when it goes away instead.

use super::{WaitKind, clones_quietly};
use crate::cancel::Cancelled;
use crate::cx::CxBase;
use crate::mutants::mutant;
use crate::object::ObjectId;
use crate::sync::Mutex;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

/// The place of at most one waiting task.
#[derive(Debug, Default)]
pub(crate) struct Seat(Option<Waker>);

impl Seat {
    pub(crate) const fn new() -> Self {
        Self(None)
    }

    /// Frees the seat. Wake or drop what comes back outside the lock.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Waker> {
        self.0.take()
    }
}

/// Waits until `look` finds what it looks for in the state.
///
/// `look` runs under the lock. The type of the future is the caller's promise of exclusivity: the
/// method that makes it borrows its end mutably, so a seat has one waiter.
#[must_use = "futures do nothing until polled"]
pub(crate) struct SeatWait<'a, S, F> {
    state: &'a Mutex<S>,
    object: &'a ObjectId,
    cx: &'a CxBase,
    seat: fn(&mut S) -> &mut Seat,
    look: F,
    waiting: bool,
}

impl<'a, S, F> SeatWait<'a, S, F> {
    #[inline]
    pub(crate) fn new<R>(
        state: &'a Mutex<S>,
        object: &'a ObjectId,
        cx: &'a CxBase,
        seat: fn(&mut S) -> &mut Seat,
        look: F,
    ) -> Self
    where
        F: FnMut(&mut S) -> Option<R>,
    {
        Self {
            state,
            object,
            cx,
            seat,
            look,
            waiting: false,
        }
    }

    /// Looks again, since the lock was released to clone a foreign waker, and takes the seat.
    #[cold]
    fn sit<R>(&mut self, waker: Waker) -> Poll<Result<R, Cancelled>>
    where
        F: FnMut(&mut S) -> Option<R>,
    {
        let (found, _old) = {
            let mut state = self.state.lock();
            let found = if mutant!(WaitNotRechecked) {
                None
            } else {
                (self.look)(&mut state)
            };
            match found {
                Some(found) => (Some(found), Some(waker)),
                None => (None, (self.seat)(&mut state).0.replace(waker)),
            }
        };
        match found {
            Some(found) => {
                self.ended(true);
                Poll::Ready(Ok(found))
            }
            None => {
                if !self.waiting {
                    self.waiting = true;
                    self.cx.wait_started(self.object, WaitKind::Receive);
                }
                Poll::Pending
            }
        }
    }

    /// Frees the seat if this wait has it.
    #[cold]
    fn leave(&mut self) {
        let _waker = (self.seat)(&mut self.state.lock()).take();
        self.ended(false);
    }

    #[inline]
    fn ended(&mut self, granted: bool) {
        if self.waiting {
            self.waiting = false;
            self.cx.wait_ended(self.object, granted);
        }
    }
}

impl<S, F, R> Future for SeatWait<'_, S, F>
where
    F: FnMut(&mut S) -> Option<R> + Unpin,
{
    type Output = Result<R, Cancelled>;

    #[inline]
    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if !this.waiting {
            this.cx.poll_cancelled()?;
        }
        let seated = {
            let mut state = this.state.lock();
            if let Some(found) = (this.look)(&mut state) {
                // Whoever made this change freed the seat; after a chance look it is still ours.
                let _waker = this.waiting.then(|| (this.seat)(&mut state).take());
                drop(state);
                this.ended(true);
                return Poll::Ready(Ok(found));
            }
            let seat = (this.seat)(&mut state);
            if !this.waiting && clones_quietly(this.cx, task.waker()) {
                let _old = seat.0.replace(task.waker().clone());
                drop(state);
                this.waiting = true;
                this.cx.wait_started(this.object, WaitKind::Receive);
                return Poll::Pending;
            }
            matches!(&seat.0, Some(waker) if waker.will_wake(task.waker()))
        };
        if this.waiting {
            // Outside the lock, and after the look: what is there wins over a late cancel.
            if let Err(cancelled) = this.cx.poll_cancelled() {
                this.leave();
                return Poll::Ready(Err(cancelled));
            }
        }
        if seated {
            return Poll::Pending;
        }
        this.sit(task.waker().clone())
    }
}

impl<S, F> Drop for SeatWait<'_, S, F> {
    #[inline]
    fn drop(&mut self) {
        if self.waiting {
            self.leave();
        }
    }
}
