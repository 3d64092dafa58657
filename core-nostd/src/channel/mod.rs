//! Channels with reserve and commit: a value is handed over in one step that cannot fail half-way.
//!
//! Owns what the channels share: [`Sent`] and the errors of receiving. [`mpsc`] carries many values
//! from many senders, [`oneshot`] one value once. A channel does not know what a region is: it
//! waits with the caller's [`Cx`](crate::Cx), so a cancelled task stops waiting.

#![forbid(unsafe_code)]

pub mod mpsc;
pub mod oneshot;

use crate::cx::CxBase;
use crate::wait::op_error;

/// What a commit did. A commit is total: it never waits and never fails (R-OBL-1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[must_use = "a value that was not delivered comes back in here"]
pub enum Sent<T> {
    /// The value is the receiver's now.
    Delivered,
    /// Nobody can receive it any more; here it is back.
    Returned(T),
}

impl<T> Sent<T> {
    /// Whether the value was delivered.
    pub fn is_delivered(&self) -> bool {
        matches!(self, Self::Delivered)
    }

    /// The value, if it came back.
    pub fn returned(self) -> Option<T> {
        match self {
            Self::Delivered => None,
            Self::Returned(value) => Some(value),
        }
    }
}

op_error! {
    /// Why a receive gave nothing.
    pub enum RecvError: Cancelled("the wait for a message was cancelled") {
        /// The channel is empty and nobody can send any more.
        Closed = "the channel is closed and empty", Fatal, is_closed;
    }
}

impl RecvError {
    /// Nothing will come. Who was asked to stop hears that instead: often the senders ended for the same
    /// reason, and a consequence of a cancel is not a failure.
    fn closed(cx: &CxBase) -> Self {
        match cx.poll_cancelled() {
            Err(cancelled) => Self::Cancelled(cancelled),
            Ok(()) => Self::Closed,
        }
    }
}

op_error! {
    /// Why a receive that does not wait gave nothing.
    pub enum TryRecvError {
        /// Nothing is there yet.
        Empty = "no message is there yet", Retry, is_empty;
        /// The channel is empty and nobody can send any more.
        Closed = "the channel is closed and empty", Fatal, is_closed;
    }
}
