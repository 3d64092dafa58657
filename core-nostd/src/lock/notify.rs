//! `Notify`: wakes one waiting task, or all of them.
//!
//! Owns at most one stored notification and the queue of waiting tasks. It carries no value; a
//! condition lives beside it.

use crate::cancel::Cancelled;
use crate::cx::CxBase;
use crate::object::ObjectId;
use crate::sync::Mutex;
use crate::wait::{
    Acquire, Gate, Grant, Permits, Refusal, Shut, WAITERS_MAX, WaitKind, WakeBatch, release,
};
use core::fmt;
use core::future::Future;
use core::ops::DerefMut;
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

pub(crate) struct State {
    /// The stored notification is a free unit; there is never more than one.
    stored: Permits,
    /// How often everybody was notified.
    rounds: u64,
}

/// A signal without a value.
///
/// [`notify_one`](Self::notify_one) with nobody waiting is stored, once, for the next who waits.
/// [`notify_all`](Self::notify_all) is not stored: it reaches those who wait, and every [`Notified`]
/// that exists. So a condition is waited for without a gap like this:
///
/// ```
/// use asupersync_core::{Cancelled, CxBase, lock::Notify};
///
/// async fn wait_until(
///     cx: &CxBase,
///     changed: &Notify,
///     done: impl Fn() -> bool,
/// ) -> Result<(), Cancelled> {
///     loop {
///         let change = changed.notified(cx);
///         if done() {
///             return Ok(());
///         }
///         change.await?;
///     }
/// }
/// ```
pub struct Notify {
    state: Mutex<State>,
    object: ObjectId,
}

impl Notify {
    /// A signal with nothing stored.
    pub fn new() -> Self {
        Self {
            state: Mutex::new(State {
                stored: Permits::new(0, WAITERS_MAX),
                rounds: 0,
            }),
            object: ObjectId::new(),
        }
    }

    /// Wakes the task that waits longest; if none waits, the next one to wait goes on at once. Any
    /// number of calls store one such notification.
    pub fn notify_one(&self) {
        release(self, 1, None);
    }

    /// Wakes every task that waits now, and every [`Notified`] made before this call. Stores nothing.
    pub fn notify_all(&self) {
        let mark = {
            let mut state = self.state.lock();
            state.rounds += 1;
            state.stored.waiters.mark()
        };
        loop {
            let mut batch = WakeBatch::new();
            let more = {
                let mut state = self.state.lock();
                let waiters = &mut state.stored.waiters;
                // A woken task that waits again is past the mark: this loop ends.
                batch.fill(|| {
                    waiters
                        .front_is_before(mark)
                        .then(|| waiters.grant_front(Grant::News))
                        .flatten()
                })
            };
            drop(batch);
            if !more {
                return;
            }
        }
    }

    /// Waits for a notification. Those of [`notify_all`](Self::notify_all) count from this call on,
    /// not only from the first poll.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: a notification from `notify_one` that it was given goes
    /// to the next who waits, or is stored.
    ///
    /// # Errors
    /// The future gives [`Cancelled`] if this task was asked to stop.
    ///
    /// # Panics
    /// The future panics if 2^32 - 2 tasks wait already.
    pub fn notified<'a>(&'a self, cx: &'a CxBase) -> Notified<'a> {
        let rounds = self.state.lock().rounds;
        Notified(Acquire::new(self, cx, rounds))
    }
}

impl Default for Notify {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for Notify {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notify").finish_non_exhaustive()
    }
}

impl Gate for Notify {
    const WAIT: WaitKind = WaitKind::Notify;
    type State = State;
    /// The rounds that the waiter knows of.
    type Ask = u64;
    type Taken = ();

    #[inline]
    fn lock(&self) -> impl DerefMut<Target = State> {
        self.state.lock()
    }

    fn object(&self) -> &ObjectId {
        &self.object
    }

    fn permits(state: &mut State) -> &mut Permits {
        &mut state.stored
    }

    fn units(_: u64) -> u32 {
        1
    }

    fn try_take(state: &mut State, rounds: u64) -> Result<(), Shut> {
        if state.rounds != rounds {
            return Ok(());
        }
        state.stored.try_take(1)
    }

    fn take(_: &mut State) {}

    fn put(state: &mut State, n: u32) -> Option<Waker> {
        if n > 0 {
            state.stored.set_free(1);
        }
        None
    }
}

/// Waits for a notification; see [`Notify::notified`].
#[must_use = "futures do nothing until polled"]
pub struct Notified<'a>(Acquire<'a, Notify>);

impl Future for Notified<'_> {
    type Output = Result<(), Cancelled>;

    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.0).poll(task).map(|result| match result {
            // The only refusal in this queue is the news of `notify_all`: it is never closed.
            Ok(()) | Err(Refusal::Closed) => Ok(()),
            Err(Refusal::Cancelled(token)) => Err(token),
            Err(Refusal::TooManyWaiters) => panic!("too many tasks wait for one Notify"),
        })
    }
}

impl fmt::Debug for Notified<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Notified").finish_non_exhaustive()
    }
}
