//! `Receiver`: receiving in one step, in two, and in batches.

use super::{RecvError, Shared, State, TryRecvError};
use crate::cx::CxBase;
use crate::wait::{SeatWait, close, release, wake_granted};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::ops::Deref;
use core::task::Waker;

/// The receiving end. There is one; dropping it closes the channel and drops what is queued.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
}

/// Values that left the queue, and the sender whose turn it is for their slots.
struct Freed<V> {
    values: V,
    /// Was granted a slot under the lock; to be woken.
    next: Option<Waker>,
    /// More senders can be granted slots.
    more: bool,
}

impl<V> Freed<V> {
    /// Gives `n` slots back and grants the first of them.
    #[inline]
    fn new<T>(state: &mut State<T>, values: V, n: u32) -> Self {
        // Nobody waits in the receiver's seat: the receiver is here.
        state.slots.put(n);
        let next = state.slots.grant_next();
        Self {
            values,
            more: next.is_some() && state.slots.can_grant(),
            next,
        }
    }

    #[inline]
    fn wake<T>(self, shared: &Shared<T>, cx: Option<&CxBase>) -> V {
        if let Some(next) = self.next {
            wake_granted(shared, next, self.more, cx);
        }
        self.values
    }
}

/// The first value. `Some(None)`: nothing will come any more.
#[inline]
fn take_one<T>(state: &mut State<T>) -> Option<Option<Freed<T>>> {
    match state.queue.pop_front() {
        Some(value) => Some(Some(Freed::new(state, value, 1))),
        None => state.is_finished().then_some(None),
    }
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self { shared }
    }

    /// Waits for a value and takes it.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: a value is taken only by the poll that returns it.
    ///
    /// # Errors
    /// - [`RecvError::Cancelled`] if this task was asked to stop.
    /// - [`RecvError::Closed`] if nothing is queued and nothing can come.
    pub async fn recv(&mut self, cx: &CxBase) -> Result<T, RecvError> {
        match self.wait(cx, take_one).await? {
            Some(freed) => Ok(freed.wake(&self.shared, Some(cx))),
            None => Err(RecvError::closed(cx)),
        }
    }

    /// The next value, if one is there.
    ///
    /// # Errors
    /// - [`TryRecvError::Empty`] if nothing is queued.
    /// - [`TryRecvError::Closed`] if nothing is queued and nothing can come.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        let found = take_one(&mut self.shared.state.lock());
        match found {
            Some(Some(freed)) => Ok(freed.wake(&self.shared, None)),
            Some(None) => Err(TryRecvError::Closed),
            None => Err(TryRecvError::Empty),
        }
    }

    /// Waits for a value and shows it: the first of two steps. [`Item::take`] is the second.
    ///
    /// Until then the value keeps its slot, and dropping the [`Item`] puts it back in front.
    ///
    /// # Cancel safety
    /// Dropping the future, or the item, loses nothing.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub async fn peek(&mut self, cx: &CxBase) -> Result<Item<'_, T>, RecvError> {
        let found = self
            .wait(cx, |state| match state.queue.pop_front() {
                Some(value) => Some(Some(value)),
                None => state.is_finished().then_some(None),
            })
            .await?;
        match found {
            Some(value) => Ok(Item {
                receiver: self,
                value: Some(value),
            }),
            None => Err(RecvError::closed(cx)),
        }
    }

    /// Waits for at least one value and appends up to `max` to `buffer`. Returns how many; zero only
    /// if `max` is.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing: values are taken only by the poll that returns.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub async fn recv_many(
        &mut self,
        cx: &CxBase,
        buffer: &mut Vec<T>,
        max: usize,
    ) -> Result<usize, RecvError> {
        let found = self
            .wait(cx, |state| {
                let count = state.queue.len().min(max);
                if count > 0 {
                    buffer.extend(state.queue.drain(..count));
                    // Fits: no more than the capacity.
                    return Some(Some(Freed::new(state, count, count as u32)));
                }
                if max == 0 {
                    return Some(Some(Freed::new(state, 0, 0)));
                }
                state.is_finished().then_some(None)
            })
            .await?;
        match found {
            Some(freed) => Ok(freed.wake(&self.shared, Some(cx))),
            None => Err(RecvError::closed(cx)),
        }
    }

    /// Closes the channel to new values. What is queued, and what permits in hand still send, can be
    /// received; then come `Closed` errors.
    pub fn close(&mut self) {
        close(&*self.shared);
    }

    /// Whether this receiver closed the channel. It may still hold values.
    pub fn is_closed(&self) -> bool {
        self.shared.state.lock().slots.is_closed()
    }

    /// How many values are queued.
    pub fn len(&self) -> usize {
        self.shared.state.lock().queue.len()
    }

    /// Whether no value is queued.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values the channel holds at most.
    pub fn capacity(&self) -> usize {
        self.shared.capacity as usize
    }

    /// Takes the receiver's seat until `look` finds something.
    #[inline]
    fn wait<'a, F, R>(&'a self, cx: &'a CxBase, look: F) -> SeatWait<'a, State<T>, F>
    where
        F: FnMut(&mut State<T>) -> Option<R>,
    {
        SeatWait::new(
            &self.shared.state,
            &self.shared.object,
            cx,
            |state| &mut state.receiver,
            look,
        )
    }
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let _values = {
            let mut state = self.shared.state.lock();
            state.receiver_gone = true;
            state.slots.close();
            mem::take(&mut state.queue)
        };
        // Senders first: dropping the values runs foreign code.
        close(&*self.shared);
    }
}

impl<T> fmt::Debug for Receiver<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Receiver")
            .field("capacity", &self.shared.capacity)
            .finish_non_exhaustive()
    }
}

/// A value at the front of the channel, not yet taken. Dropping it leaves the value there.
#[must_use = "dropping an item puts the value back"]
pub struct Item<'a, T> {
    receiver: &'a mut Receiver<T>,
    /// Out of the queue while it is shown, so that no lock is held meanwhile; its slot stays taken.
    value: Option<T>,
}

impl<T> Item<'_, T> {
    /// Takes the value out of the channel. Never waits and never fails.
    pub fn take(mut self) -> T {
        let Some(value) = self.value.take() else {
            unreachable!("an item holds its value until it is taken")
        };
        release(&*self.receiver.shared, 1, None);
        value
    }
}

impl<T> Deref for Item<'_, T> {
    type Target = T;

    fn deref(&self) -> &T {
        match &self.value {
            Some(value) => value,
            None => unreachable!("an item holds its value until it is taken"),
        }
    }
}

impl<T> Drop for Item<'_, T> {
    fn drop(&mut self) {
        if let Some(value) = self.value.take() {
            self.receiver.shared.state.lock().queue.push_front(value);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Item<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Item").field(&**self).finish()
    }
}
