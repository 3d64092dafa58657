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
//! Cost: one allocation per channel, one lock each to send, to receive and to drop an end early.

pub use super::{RecvError, Sent, TryRecvError};

use crate::cancel::Cancelled;
use crate::cx::CxBase;
use crate::mutants::mutant;
use crate::object::ObjectId;
use crate::sync::Mutex;
use crate::wait::{Seat, SeatWait};
use alloc::sync::Arc;
use core::fmt;

struct State<T> {
    value: Option<T>,
    sender_gone: bool,
    receiver_gone: bool,
    /// Where the receiver waits for the value.
    receiver: Seat,
    /// Where the sender waits for the receiver to go away.
    sender: Seat,
}

struct Shared<T> {
    state: Mutex<State<T>>,
    object: ObjectId,
}

/// A channel for one value.
pub fn channel<T>() -> (Sender<T>, Receiver<T>) {
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            value: None,
            sender_gone: false,
            receiver_gone: false,
            receiver: Seat::new(),
            sender: Seat::new(),
        }),
        object: ObjectId::new(),
    });
    (
        Sender {
            shared: Arc::clone(&shared),
            sent: false,
        },
        Receiver {
            shared,
            finished: false,
        },
    )
}

/// The sending end, and the permit to send: dropping it tells the receiver that nothing comes.
#[must_use = "dropping the sender closes the channel"]
pub struct Sender<T> {
    shared: Arc<Shared<T>>,
    sent: bool,
}

impl<T> Sender<T> {
    /// Sends the value. Where the receiver is gone the value comes back.
    pub fn send(mut self, value: T) -> Sent<T> {
        self.sent = true;
        let waker = {
            let mut state = self.shared.state.lock();
            if state.receiver_gone {
                return Sent::Returned(value);
            }
            if mutant!(CommitLooksThenDelivers) {
                drop(state);
                state = self.shared.state.lock();
            }
            state.value = Some(value);
            state.sender_gone = true;
            state.receiver.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Sent::Delivered
    }

    /// Waits until the receiver is gone: then the value is not worth computing any more.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`Cancelled`] if this task was asked to stop.
    pub async fn closed(&mut self, cx: &CxBase) -> Result<(), Cancelled> {
        SeatWait::new(
            &self.shared.state,
            &self.shared.object,
            cx,
            |state| &mut state.sender,
            |state| state.receiver_gone.then_some(()),
        )
        .await
    }

    /// Whether the receiver is gone.
    pub fn is_closed(&self) -> bool {
        self.shared.state.lock().receiver_gone
    }
}

impl<T> Drop for Sender<T> {
    fn drop(&mut self) {
        if self.sent {
            return;
        }
        let waker = {
            let mut state = self.shared.state.lock();
            state.sender_gone = true;
            state.receiver.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
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
    shared: Arc<Shared<T>>,
    /// The value was taken, or it is known that none comes: the drop has nothing to tell.
    finished: bool,
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
    pub async fn recv(&mut self, cx: &CxBase) -> Result<T, RecvError> {
        let found = SeatWait::new(
            &self.shared.state,
            &self.shared.object,
            cx,
            |state| &mut state.receiver,
            State::look,
        )
        .await?;
        self.finished = true;
        found.ok_or_else(|| RecvError::closed(cx))
    }

    /// The value, if it is there.
    ///
    /// # Errors
    /// - [`TryRecvError::Empty`] if the sender has not sent yet.
    /// - [`TryRecvError::Closed`] if the sender was dropped unsent, or the value was taken.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let found = self.shared.state.lock().look();
        match found {
            None => Err(TryRecvError::Empty),
            Some(found) => {
                self.finished = true;
                found.ok_or(TryRecvError::Closed)
            }
        }
    }
}

impl<T> State<T> {
    /// `Some(None)`: nothing will come any more.
    fn look(&mut self) -> Option<Option<T>> {
        match self.value.take() {
            Some(value) => Some(Some(value)),
            None => self.sender_gone.then_some(None),
        }
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        if self.finished {
            return;
        }
        let (waker, _value) = {
            let mut state = self.shared.state.lock();
            state.receiver_gone = true;
            (state.sender.take(), state.value.take())
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver").finish_non_exhaustive()
    }
}
