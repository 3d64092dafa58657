//! A channel for one value, sent once.
//!
//! Owns [`Sender`] and [`Receiver`]. There is no separate reservation: the `Sender` itself is the
//! permit, since its one slot is there from the start. [`Sender::send`] is the commit, total like
//! every commit (R-OBL-1); dropping the `Sender` is the abort.
//!
//! ```
//! use asupersync_core::{CxBase, channel::oneshot};
//!
//! async fn answer(cx: &CxBase) -> Result<u32, oneshot::RecvError> {
//!     let (tx, mut rx) = oneshot::channel();
//!     assert!(tx.send(42).is_delivered());
//!     rx.recv(cx).await
//! }
//! ```
//!
//! Cost: one allocation per channel. A value that is there before it is waited for costs one atomic
//! read-modify-write in all, a value that is waited for four; there is no lock.

pub use super::{RecvError, Sent, TryRecvError};

use crate::cancel::Cancelled;
use crate::cx::CxBase;
use crate::slot::{End, Filler, Taker, slot};
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll, ready};

/// A channel for one value.
#[inline]
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let (filler, taker) = slot();
    (Sender { end: filler }, Receiver { end: taker })
}

/// The sending end, and the permit to send: dropping it tells the receiver that nothing comes.
#[must_use = "dropping the sender closes the channel"]
pub struct Sender<T> {
    end: Filler<T>,
}

impl<T> Sender<T> {
    /// Sends the value. Where the receiver is gone the value comes back.
    #[inline]
    pub fn send(self, value: T) -> Sent<T> {
        match self.end.fill(value) {
            Ok(()) => Sent::Delivered,
            Err(value) => Sent::Returned(value),
        }
    }

    /// Waits until the receiver is gone: then the value is not worth computing any more.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Cancelled`] if this task was asked to stop.
    pub async fn closed(&mut self, cx: &CxBase) -> Result<(), Cancelled> {
        cx.poll_cancelled()?;
        OtherSettled::new(&mut self.end, cx).await
    }

    /// Whether the receiver is gone.
    pub fn is_closed(&self) -> bool {
        self.end.is_other_settled()
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender").finish_non_exhaustive()
    }
}

/// The receiving end.
#[must_use = "dropping the receiver makes the sender's value come back"]
pub struct Receiver<T> {
    end: Taker<T>,
}

impl<T> Receiver<T> {
    /// Waits for the value. After it was taken the channel is closed.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: the value stays in the channel.
    ///
    /// # Errors
    /// - [`RecvError::Cancelled`] if this task was asked to stop.
    /// - [`RecvError::Closed`] if the sender was dropped unsent.
    pub fn recv<'a>(&'a mut self, cx: &'a CxBase) -> impl Future<Output = Result<T, RecvError>> {
        Recv(OtherSettled::new(&mut self.end, cx))
    }

    /// The value, if it is there.
    ///
    /// # Errors
    /// - [`TryRecvError::Empty`] if the sender has not sent yet.
    /// - [`TryRecvError::Closed`] if the sender was dropped unsent, or the value was taken.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        match self.end.take() {
            None => Err(TryRecvError::Empty),
            Some(found) => found.ok_or(TryRecvError::Closed),
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}

/// Waits for the value. By hand for the reason that [`Acquire::map`](crate::wait::Acquire::map) gives.
#[must_use = "futures do nothing until polled"]
struct Recv<'a, T>(OtherSettled<'a, T, false>);

impl<T> Future for Recv<'_, T> {
    type Output = Result<T, RecvError>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let settled = &mut self.0;
        if !settled.waiting {
            settled.cx.poll_cancelled()?;
        }
        ready!(Pin::new(&mut *settled).poll(task))?;
        Poll::Ready(match settled.end.take() {
            Some(Some(value)) => Ok(value),
            _ => Err(RecvError::closed(settled.cx)),
        })
    }
}

/// Waits until the other end has sent or left. The caller has looked for a cancel.
#[must_use = "futures do nothing until polled"]
struct OtherSettled<'a, T, const FILLS: bool> {
    end: &'a mut End<T, FILLS>,
    cx: &'a CxBase,
    waiting: bool,
}

impl<'a, T, const FILLS: bool> OtherSettled<'a, T, FILLS> {
    #[inline]
    fn new(end: &'a mut End<T, FILLS>, cx: &'a CxBase) -> Self {
        Self {
            end,
            cx,
            waiting: false,
        }
    }

    #[inline]
    fn ended(&mut self, granted: bool) {
        if self.waiting {
            self.waiting = false;
            self.cx.wait_ended(self.end.object(), granted);
        }
    }

    #[cold]
    fn leave(&mut self) {
        self.end.unregister();
        self.ended(false);
    }
}

impl<T, const FILLS: bool> Future for OtherSettled<'_, T, FILLS> {
    type Output = Result<(), Cancelled>;

    #[inline]
    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.end.is_other_settled() {
            this.ended(true);
            return Poll::Ready(Ok(()));
        }
        if this.waiting {
            // After the look: what is there wins over a late cancel.
            if let Err(cancelled) = this.cx.poll_cancelled() {
                this.leave();
                return Poll::Ready(Err(cancelled));
            }
        }
        if !this.end.register(task.waker()) {
            this.ended(true);
            return Poll::Ready(Ok(()));
        }
        if !this.waiting {
            this.waiting = true;
            this.cx
                .wait_started(this.end.object(), crate::wait::WaitKind::Oneshot);
        }
        Poll::Pending
    }
}

impl<T, const FILLS: bool> Drop for OtherSettled<'_, T, FILLS> {
    #[inline]
    fn drop(&mut self) {
        if self.waiting {
            self.leave();
        }
    }
}
