//! A bounded channel from many senders to one receiver.
//!
//! Owns the queue of values, the slots of its capacity and the two ends. Sending has two steps:
//! [`Sender::reserve`] waits for a slot, and [`Permit::send`] commits a value into it, which never
//! waits and never fails. So a task can do what must not be done in vain (take a job, read a socket)
//! between the two, and a cancelled one has either sent the whole value or kept it.
//!
//! - Slots are given first come, first served: nobody sends past a waiting sender.
//! - A permit is an obligation (R-OBL-3). A borrowed one stays in its task; an [`OwnedPermit`] may
//!   travel and has an entry in the region's ledger.
//! - Receiving has one step ([`Receiver::recv`]) or two ([`Receiver::peek`]).
//!
//! Cost: one atomic step to reserve, one lock to commit, one atomic step to receive; the receiver takes
//! the lock once for all that is queued. Where a task waits for a slot the lock counts the slots. Storage
//! grows with what was ever queued at once, twice (one half is the receiver's), and is made when a slot is
//! reserved, so a commit does not allocate.
//!
//! ```
//! use asupersync_core::{CxBase, Error, channel::mpsc};
//!
//! async fn forward(
//!     cx: &CxBase,
//!     from: &mut mpsc::Receiver<u32>,
//!     to: &mpsc::Sender<u32>,
//! ) -> Result<(), Error> {
//!     loop {
//!         // First the room, then the value: a cancel in either wait loses nothing.
//!         let permit = to.reserve(cx).await?;
//!         let value = from.recv(cx).await?;
//!         if let mpsc::Sent::Returned(value) = permit.send(value) {
//!             return Ok(drop(value)); // nobody listens any more
//!         }
//!     }
//! }
//! ```
//!
//! # Closing
//! | what happened | waiting senders | permits in hand | values in the queue |
//! |---|---|---|---|
//! | [`Receiver::close`] | `Closed` | still deliver | can be received |
//! | receiver dropped | `Closed` | give the value back | dropped |
//! | last sender dropped | (none) | (an owned permit is a sender) | can be received |

mod open;
mod permit;
mod receiver;
mod sender;

pub use super::{RecvError, Sent, TryRecvError};
pub use permit::{OwnedPermit, Permit};
pub use receiver::{Item, Receiver};
pub use sender::{ReserveError, SendError, Sender, TryReserveError, TrySendError};

use crate::cx::CxBase;
use crate::mutants::mutant;
use crate::object::ObjectId;
use crate::sync::Mutex;
use crate::sync::atomic::AtomicUsize;
use crate::wait::{Gate, Permits, Seat, WAITERS_MAX, WaitKind, release, wake_granted};
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use core::num::NonZeroUsize;
use core::ops::{Deref, DerefMut};
use core::task::Waker;
use open::OpenSlots;

/// The largest capacity of a channel. Larger requests get this one.
pub const CAPACITY_MAX: usize = (u32::MAX / 2) as usize;

/// A channel that holds up to `capacity` values, at most [`CAPACITY_MAX`].
///
/// The capacity is a bound, not an allocation: storage grows with use.
pub fn channel<T>(capacity: NonZeroUsize) -> (Sender<T>, Receiver<T>) {
    channel_with_waiters(capacity, WAITERS_MAX)
}

/// Like [`channel`], and at most `waiters_max` senders may wait for a slot at once; the next one
/// gets [`ReserveError::TooManyWaiters`].
pub fn channel_with_waiters<T>(
    capacity: NonZeroUsize,
    waiters_max: u32,
) -> (Sender<T>, Receiver<T>) {
    // Fits: the minimum is below 2^31.
    let capacity = capacity.get().min(CAPACITY_MAX) as u32;
    let shared = Arc::new(Shared {
        state: Mutex::new(State {
            slots: Permits::new(capacity, waiters_max),
            queue: VecDeque::new(),
            receiver: Seat::new(),
            senders_gone: false,
            receiver_gone: false,
            capacity,
        }),
        open: OpenSlots::new(),
        senders: AtomicUsize::new(1),
        object: ObjectId::new(),
        capacity,
    });
    (Sender::new(Arc::clone(&shared)), Receiver::new(shared))
}

pub(crate) struct State<T> {
    /// The free slots that are not open, and who waits for some. All slots that are neither here nor
    /// open hold a value, belong to a permit, or are granted to a waiter.
    slots: Permits,
    /// Values that the receiver has not fetched. Has room for every slot that is open or in use,
    /// hence a commit does not allocate.
    queue: VecDeque<T>,
    /// Where the receiver waits for a value.
    receiver: Seat,
    senders_gone: bool,
    receiver_gone: bool,
    capacity: u32,
}

impl<T> State<T> {
    /// How many slots are in use, while none is open.
    fn used(&self) -> u32 {
        self.capacity - self.slots.free()
    }

    /// Whether nothing is queued and nothing can come. A closed channel has no open slots.
    fn is_finished(&self) -> bool {
        self.queue.is_empty() && (self.senders_gone || (self.slots.is_closed() && self.used() == 0))
    }

    #[inline]
    fn push(&mut self, value: T) -> Option<Waker> {
        self.queue.push_back(value);
        self.receiver.take()
    }
}

pub(crate) struct Shared<T> {
    state: Mutex<State<T>>,
    open: OpenSlots,
    /// How many senders there are, owned permits included.
    senders: AtomicUsize,
    object: ObjectId,
    capacity: u32,
}

impl<T> Shared<T> {
    /// Puts `value` into a slot that the caller holds.
    #[inline]
    fn commit(&self, value: T) -> Sent<T> {
        let waker = {
            let mut state = self.state.lock();
            if state.receiver_gone {
                // The slot stays taken: nobody can want it.
                return Sent::Returned(value);
            }
            if mutant!(CommitLooksThenDelivers) {
                drop(state);
                state = self.state.lock();
            }
            state.push(value)
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        Sent::Delivered
    }

    /// Gives `n` slots back.
    #[inline]
    fn give(&self, n: u32, cx: Option<&CxBase>) {
        if self.open.give(n) {
            self.grant_given(cx);
        }
    }

    /// The slot was given back to a channel that is shut: looks who gets it.
    #[cold]
    fn grant_given(&self, cx: Option<&CxBase>) {
        release(self, 0, cx);
    }

    /// [`give`](Self::give) for who holds the lock already.
    #[inline]
    fn give_locked(&self, state: &mut State<T>, n: u32) -> Given {
        if !self.open.is_shut() {
            // Nobody waits, and it stays open as long as we hold the lock.
            let _ = self.open.give(n);
            return Given::default();
        }
        // Nobody waits in the receiver's seat: the receiver is here.
        state.slots.put(n);
        let next = state.slots.grant_next();
        self.settle(state);
        Given(next)
    }

    /// Opens the free slots if nobody waits for them and there is storage.
    #[inline]
    fn settle(&self, state: &mut State<T>) {
        let free = state.slots.free();
        if free > 0 && !state.slots.is_closed() && state.slots.waiters.is_empty() {
            let room = state.queue.capacity().saturating_sub(state.used() as usize);
            // Fits: no more than `free`.
            let open = room.min(free as usize) as u32;
            if open > 0 {
                state.slots.set_free(free - open);
                self.open.open(open);
            }
        }
    }
}

/// Slots were given back under the lock; this is the sender that got the first of them.
#[derive(Default)]
#[must_use = "somebody was granted a slot and is to be woken"]
struct Given(Option<Waker>);

impl Given {
    /// `more`: several slots were given back, so there may be others to grant.
    #[inline]
    fn wake<T>(self, shared: &Shared<T>, more: bool, cx: Option<&CxBase>) {
        if let Some(next) = self.0 {
            wake_granted(shared, next, more, cx);
        }
    }
}

/// The locked state with no slot open. Unlocking opens what is free.
struct Counted<'a, T, G: DerefMut<Target = State<T>>> {
    shared: &'a Shared<T>,
    state: G,
}

impl<T, G: DerefMut<Target = State<T>>> Deref for Counted<'_, T, G> {
    type Target = State<T>;

    #[inline]
    fn deref(&self) -> &State<T> {
        &self.state
    }
}

impl<T, G: DerefMut<Target = State<T>>> DerefMut for Counted<'_, T, G> {
    #[inline]
    fn deref_mut(&mut self) -> &mut State<T> {
        &mut self.state
    }
}

impl<T, G: DerefMut<Target = State<T>>> Drop for Counted<'_, T, G> {
    #[inline]
    fn drop(&mut self) {
        self.shared.settle(&mut self.state);
    }
}

impl<T> Gate for Shared<T> {
    const WAIT: WaitKind = WaitKind::Reserve;
    type State = State<T>;
    type Ask = ();
    type Taken = ();

    #[inline]
    fn lock(&self) -> impl DerefMut<Target = State<T>> {
        let mut state = self.state.lock();
        state.slots.put(self.open.shut());
        Counted {
            shared: self,
            state,
        }
    }

    #[inline]
    fn object(&self) -> &ObjectId {
        &self.object
    }

    #[inline]
    fn permits(state: &mut State<T>) -> &mut Permits {
        &mut state.slots
    }

    #[inline]
    fn units((): ()) -> u32 {
        1
    }

    #[inline]
    fn take_open(&self, (): ()) -> Option<()> {
        self.open.take().then_some(())
    }

    fn take(state: &mut State<T>) {
        let used = state.used() as usize;
        if state.queue.capacity() < used {
            // The receiver's half holds values too, so the queue may be shorter than `used`.
            state.queue.reserve(used - state.queue.len());
        }
    }

    fn put(state: &mut State<T>, n: u32) -> Option<Waker> {
        state.slots.put(n);
        // The last permit of a closed channel went: the receiver waits for nothing.
        if state.is_finished() {
            state.receiver.take()
        } else {
            None
        }
    }
}
