//! `Receiver`: receiving in one step, in two, and in batches.

use super::{Given, RecvError, Shared, State, TryRecvError};
use crate::cx::CxBase;
use crate::wait::{Gate, SeatWait, close};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::mem;
use core::ops::Deref;

/// The receiving end. There is one; dropping it closes the channel and drops what is queued.
pub struct Receiver<T> {
    shared: Arc<Shared<T>>,
    /// The front of the queue, fetched under one lock. These values keep their slots until they are
    /// taken one by one.
    batch: VecDeque<T>,
}

/// Fetches what is queued into `batch`, which is empty, and gives `n` slots back. `Some(None)`: nothing
/// will come any more.
#[inline]
fn fetch<T>(
    shared: &Shared<T>,
    batch: &mut VecDeque<T>,
    state: &mut State<T>,
    n: u32,
) -> Option<Option<Given>> {
    if state.queue.is_empty() {
        return state.is_finished().then_some(None);
    }
    // The storage of the queue may not get smaller: commits rely on it.
    if batch.capacity() < state.queue.capacity() {
        batch.reserve_exact(state.queue.capacity());
    }
    mem::swap(batch, &mut state.queue);
    Some(Some(shared.give_locked(state, n)))
}

impl<T> Receiver<T> {
    pub(super) fn new(shared: Arc<Shared<T>>) -> Self {
        Self {
            shared,
            batch: VecDeque::new(),
        }
    }

    /// The first value of the batch, which is not empty.
    #[inline]
    fn pop(&mut self) -> T {
        match self.batch.pop_front() {
            Some(value) => value,
            None => unreachable!("a fetch that succeeds brings a value"),
        }
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
        if !self.batch.is_empty() {
            cx.poll_cancelled()?;
            let value = self.pop();
            self.shared.give(1, Some(cx));
            return Ok(value);
        }
        let Self { shared, batch } = &mut *self;
        match wait(shared, cx, |state| fetch(shared, batch, state, 1)).await? {
            Some(given) => {
                let value = self.pop();
                given.wake(&self.shared, false, Some(cx));
                Ok(value)
            }
            None => Err(RecvError::closed(cx)),
        }
    }

    /// The next value, if one is there.
    ///
    /// # Errors
    /// - [`TryRecvError::Empty`] if nothing is queued.
    /// - [`TryRecvError::Closed`] if nothing is queued and nothing can come.
    pub fn try_recv(&mut self) -> Result<T, TryRecvError> {
        if !self.batch.is_empty() {
            let value = self.pop();
            self.shared.give(1, None);
            return Ok(value);
        }
        let found = fetch(
            &self.shared,
            &mut self.batch,
            &mut self.shared.state.lock(),
            1,
        );
        match found {
            Some(Some(given)) => {
                let value = self.pop();
                given.wake(&self.shared, false, None);
                Ok(value)
            }
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
        cx.poll_cancelled()?;
        if self.batch.is_empty() {
            let Self { shared, batch } = &mut *self;
            match wait(shared, cx, |state| fetch(shared, batch, state, 0)).await? {
                Some(given) => given.wake(shared, false, Some(cx)),
                None => return Err(RecvError::closed(cx)),
            }
        }
        let value = Some(self.pop());
        Ok(Item {
            receiver: self,
            value,
        })
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
        let Self { shared, batch } = self;
        let look = |state: &mut State<T>| {
            let count = drain(batch, buffer, max);
            let count = count + drain(&mut state.queue, buffer, max - count);
            if count == 0 && max > 0 {
                return state.is_finished().then_some(None);
            }
            // Fits: no more than the capacity.
            Some(Some((count, shared.give_locked(state, count as u32))))
        };
        match wait(shared, cx, look).await? {
            Some((count, given)) => {
                given.wake(shared, count > 1, Some(cx));
                Ok(count)
            }
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
        self.batch.len() + self.shared.state.lock().queue.len()
    }

    /// Whether no value is queued.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many values the channel holds at most.
    pub fn capacity(&self) -> usize {
        self.shared.capacity as usize
    }
}

/// Moves the first `max` values.
#[inline]
fn drain<T>(from: &mut VecDeque<T>, to: &mut Vec<T>, max: usize) -> usize {
    let count = from.len().min(max);
    if count > 0 {
        to.extend(from.drain(..count));
    }
    count
}

/// Takes the receiver's seat until `look` finds something.
#[inline]
fn wait<'a, T, F, R>(shared: &'a Shared<T>, cx: &'a CxBase, look: F) -> SeatWait<'a, State<T>, F>
where
    F: FnMut(&mut State<T>) -> Option<R>,
{
    SeatWait::new(
        &shared.state,
        &shared.object,
        cx,
        |state| &mut state.receiver,
        look,
    )
}

impl<T> Drop for Receiver<T> {
    fn drop(&mut self) {
        let _values = {
            let mut state = self.shared.lock();
            state.receiver_gone = true;
            state.slots.close();
            mem::take(&mut state.queue)
        };
        // Senders first: dropping the values, here and in the batch, runs foreign code.
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
    /// Out of the batch while it is shown; its slot stays taken.
    value: Option<T>,
}

impl<T> Item<'_, T> {
    /// Takes the value out of the channel. Never waits and never fails.
    pub fn take(mut self) -> T {
        let Some(value) = self.value.take() else {
            unreachable!("an item holds its value until it is taken")
        };
        self.receiver.shared.give(1, None);
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
            self.receiver.batch.push_front(value);
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for Item<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Item").field(&**self).finish()
    }
}
