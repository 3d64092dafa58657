//! `Sender`: reserving slots, sending in one step, and the errors of both.

use super::permit::{OwnedPermit, Permit};
use super::{Sent, Shared};
use crate::cx::CxBase;
use crate::error::Recoverability;
use crate::obligation::ObligationKind;
use crate::sync::atomic::Ordering;
use crate::wait::{Acquire, Gate, Refusal, Shut, op_error};
use alloc::sync::Arc;
use core::error::Error;
use core::fmt;

op_error! {
    /// Why no slot was reserved.
    pub enum ReserveError: Cancelled("the wait for a slot in a channel was cancelled") {
        /// The receiver closed the channel or is gone.
        Closed = "the channel is closed", Fatal, is_closed;
        /// As many senders wait already as the channel allows.
        TooManyWaiters = "too many senders wait for a slot in the channel", Retry, is_too_many_waiters;
    }
}

impl From<Refusal> for ReserveError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Cancelled(token) => Self::Cancelled(token),
            Refusal::Closed => Self::Closed,
            Refusal::TooManyWaiters => Self::TooManyWaiters,
        }
    }
}

op_error! {
    /// Why no slot could be reserved without waiting.
    pub enum TryReserveError {
        /// No slot is free, or other senders wait for the next one.
        Full = "the channel is full", Retry, is_full;
        /// The receiver closed the channel or is gone.
        Closed = "the channel is closed", Fatal, is_closed;
    }
}

impl From<Shut> for TryReserveError {
    fn from(shut: Shut) -> Self {
        match shut {
            Shut::Busy => Self::Full,
            Shut::Closed => Self::Closed,
        }
    }
}

macro_rules! send_error {
    ($(#[$meta:meta])* $name:ident, $cause:ident) => {
        $(#[$meta])*
        #[derive(Clone)]
        pub struct $name<T> {
            value: T,
            cause: $cause,
        }

        impl<T> $name<T> {
            /// The value that was not sent.
            pub fn into_value(self) -> T {
                self.value
            }

            /// Why it was not sent.
            pub fn cause(&self) -> &$cause {
                &self.cause
            }

            /// The value and why it was not sent.
            pub fn into_parts(self) -> (T, $cause) {
                (self.value, self.cause)
            }

            /// Whether the receiver closed the channel or is gone.
            pub fn is_closed(&self) -> bool {
                self.cause.is_closed()
            }

            /// What the caller can do about it.
            pub fn recoverability(&self) -> Recoverability {
                self.cause.recoverability()
            }
        }

        // By hand, so that the value needs no `Debug`.
        impl<T> fmt::Debug for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($name))
                    .field("cause", &self.cause)
                    .finish_non_exhaustive()
            }
        }

        impl<T> fmt::Display for $name<T> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                fmt::Display::fmt(&self.cause, f)
            }
        }

        impl<T> Error for $name<T> {
            fn source(&self) -> Option<&(dyn Error + 'static)> {
                // The text is the cause's own, so the chain goes on with what is below it.
                self.cause.source()
            }
        }
    };
}

send_error! {
    /// Why [`Sender::send`] did not send, with the value.
    SendError, ReserveError
}

impl<T> SendError<T> {
    /// Whether the sending task was asked to stop.
    pub fn is_cancelled(&self) -> bool {
        self.cause.is_cancelled()
    }
}

send_error! {
    /// Why [`Sender::try_send`] did not send, with the value.
    TrySendError, TryReserveError
}

impl<T> TrySendError<T> {
    /// Whether no slot was free.
    pub fn is_full(&self) -> bool {
        self.cause.is_full()
    }
}

/// The sending end. Clones send to the same receiver; dropping the last one closes the channel.
pub struct Sender<T> {
    pub(super) shared: Arc<Shared<T>>,
}

impl<T> Sender<T> {
    /// The first sender of a channel, which counts it already.
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// Waits for a slot, first come, first served.
    ///
    /// # Cancel safety
    /// Dropping the future gives the place in the queue, or the slot, to the next sender. The
    /// caller queues at the end when it tries again.
    ///
    /// # Errors
    /// - [`ReserveError::Cancelled`] if this task was asked to stop.
    /// - [`ReserveError::Closed`] if the receiver closed the channel or is gone.
    /// - [`ReserveError::TooManyWaiters`] if the channel bounds its waiters and has that many.
    pub fn reserve<'a>(
        &'a self,
        cx: &'a CxBase,
    ) -> impl Future<Output = Result<Permit<'a, T>, ReserveError>> {
        let slot = Acquire::new(&*self.shared, cx, ());
        slot.map(move |taken| match taken {
            Ok(()) => Ok(Permit::new(self, cx)),
            Err(refusal) => Err(refusal.into()),
        })
    }

    /// Waits for a slot, and returns a permit that may leave this task.
    ///
    /// # Cancel safety
    /// As [`reserve`](Self::reserve).
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve).
    pub async fn reserve_owned(&self, cx: &CxBase) -> Result<OwnedPermit<T>, ReserveError> {
        Acquire::new(&*self.shared, cx, ()).await?;
        Ok(OwnedPermit::new(
            self.clone(),
            cx.enter_obligation(ObligationKind::SendPermit),
        ))
    }

    /// Reserves a slot if one is free and nobody waits for it.
    ///
    /// # Errors
    /// - [`TryReserveError::Full`] if the caller would have to wait.
    /// - [`TryReserveError::Closed`] if the receiver closed the channel or is gone.
    pub fn try_reserve<'a>(&'a self, cx: &'a CxBase) -> Result<Permit<'a, T>, TryReserveError> {
        if !self.shared.open.take() {
            let mut state = self.shared.lock();
            Shared::try_take(&mut state, ())?;
            Shared::take(&mut state);
        }
        Ok(Permit::new(self, cx))
    }

    /// Waits for a slot and sends: [`reserve`](Self::reserve) and commit in one.
    ///
    /// # Cancel safety
    /// Dropping the future drops the value with it: use [`reserve`](Self::reserve) in a `select`. A
    /// cancelled send gives the value back in the error.
    ///
    /// # Errors
    /// As [`reserve`](Self::reserve), each with the value.
    pub async fn send(&self, cx: &CxBase, value: T) -> Result<(), SendError<T>> {
        if let Err(token) = cx.poll_cancelled() {
            return Err(SendError {
                value,
                cause: ReserveError::Cancelled(token),
            });
        }
        let value = match self.send_now(value) {
            Ok(()) => return Ok(()),
            Err((value, Shut::Closed)) => {
                return Err(SendError {
                    value,
                    cause: ReserveError::Closed,
                });
            }
            Err((value, Shut::Busy)) => value,
        };
        if let Err(refusal) = Acquire::new(&*self.shared, cx, ()).await {
            return Err(SendError {
                value,
                cause: refusal.into(),
            });
        }
        match self.shared.commit(value) {
            Sent::Delivered => Ok(()),
            Sent::Returned(value) => Err(SendError {
                value,
                cause: ReserveError::Closed,
            }),
        }
    }

    /// Sends if a slot is free and nobody waits for it.
    ///
    /// # Errors
    /// As [`try_reserve`](Self::try_reserve), each with the value.
    pub fn try_send(&self, value: T) -> Result<(), TrySendError<T>> {
        self.send_now(value).map_err(|(value, shut)| TrySendError {
            value,
            cause: shut.into(),
        })
    }

    /// Both steps, or the value back.
    #[inline]
    fn send_now(&self, value: T) -> Result<(), (T, Shut)> {
        if !self.shared.open.take() {
            let mut state = self.shared.lock();
            if let Err(shut) = Shared::try_take(&mut state, ()) {
                return Err((value, shut));
            }
            Shared::take(&mut state);
        }
        match self.shared.commit(value) {
            Sent::Delivered => Ok(()),
            Sent::Returned(value) => Err((value, Shut::Closed)),
        }
    }

    /// Whether the receiver closed the channel or is gone.
    pub fn is_closed(&self) -> bool {
        self.shared.state.lock().slots.is_closed()
    }

    /// How many values the channel holds at most.
    pub fn capacity(&self) -> usize {
        self.shared.capacity as usize
    }
}

impl<T> Clone for Sender<T> {
    fn clone(&self) -> Self {
        // Relaxed: a new sender is made from an existing one, so the count is not zero.
        self.shared.senders.fetch_add(1, Ordering::Relaxed);
        Self {
            shared: Arc::clone(&self.shared),
        }
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        // Nothing is read on the strength of this count alone; what was sent is behind the lock.
        if self.shared.senders.fetch_sub(1, Ordering::AcqRel) != 1 {
            return;
        }
        let waker = {
            let mut state = self.shared.state.lock();
            state.senders_gone = true;
            state.receiver.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> fmt::Debug for Sender<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sender")
            .field("capacity", &self.shared.capacity)
            .finish_non_exhaustive()
    }
}
