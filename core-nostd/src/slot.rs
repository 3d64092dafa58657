//! A slot between two ends: one fills it, once or never, the other takes what is there.
//!
//! Owns the memory of a oneshot channel and the one word through which its ends talk. It knows neither
//! tasks nor cancellation: waiting with a `Cx` is the channel's matter.
//!
//! | bit, per end | meaning |
//! |---|---|
//! | `settled` | the end has said its last word: it filled the slot, or left |
//! | `waits` | the end's waker is in its place; it is the other end's if that settles now. Set after that, it means nothing: the waker goes with the slot |
//! | `gone` | the end never touches the slot again; who finds the other one gone frees it |
//!
//! Who may touch what:
//!
//! | field | access |
//! |---|---|
//! | `value` | the filler until it settles; after that the taker; the filler again if the taker had settled first |
//! | `wakers[end]` | that end while its `waits` is clear; the other end if it settled while `waits` was set |
//!
//! An end that has nobody to wake settles and goes in one step, so a value that is sent before anybody waits
//! costs one compare-and-swap to send and none to receive.

use alloc::boxed::Box;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use core::task::Waker;

use crate::mutants::mutant;
use crate::object::ObjectId;
use crate::sync::atomic::{AtomicU8, Ordering};
use crate::sync::{Tracked, UnsafeCell};

/// The bits of one end, and the place of its waker.
struct Side {
    settled: u8,
    waits: u8,
    gone: u8,
    place: usize,
}

const FILLER: Side = Side {
    settled: 1 << 0,
    waits: 1 << 1,
    gone: 1 << 2,
    place: 0,
};
const TAKER: Side = Side {
    settled: 1 << 3,
    waits: 1 << 4,
    gone: 1 << 5,
    place: 1,
};

struct Slot<T> {
    state: AtomicU8,
    object: ObjectId,
    value: UnsafeCell<Option<T>>,
    wakers: [UnsafeCell<Option<Waker>>; 2],
    _tracked: Tracked,
}

/// What an end found when it wanted to settle.
enum Settled {
    /// It was first, and is gone: the slot may be freed already.
    First,
    /// The other end had settled before. This one has yet to [go](End::go).
    Second,
}

/// One end of a slot: the filler's or the taker's.
pub(crate) struct End<T, const FILLS: bool>(NonNull<Slot<T>>);

/// The end that fills.
pub(crate) type Filler<T> = End<T, true>;
/// The end that takes.
pub(crate) type Taker<T> = End<T, false>;

// SAFETY: the two ends share values of `T` by moving them, and everything else as the table in the module
// header says.
unsafe impl<T: Send, const FILLS: bool> Send for End<T, FILLS> {}
// SAFETY: through a shared end only the state is read, and its own waker is never touched: that takes `&mut`.
unsafe impl<T: Send, const FILLS: bool> Sync for End<T, FILLS> {}

/// An empty slot.
#[inline]
pub(crate) fn slot<T>() -> (Filler<T>, Taker<T>) {
    let slot = NonNull::from(Box::leak(Box::new(Slot {
        state: AtomicU8::new(0),
        object: ObjectId::new(),
        value: UnsafeCell::new(None),
        wakers: [UnsafeCell::new(None), UnsafeCell::new(None)],
        _tracked: Tracked::new(()),
    })));
    (End(slot), End(slot))
}

impl<T, const FILLS: bool> End<T, FILLS> {
    const OWN: Side = if FILLS { FILLER } else { TAKER };
    const OTHER: Side = if FILLS { TAKER } else { FILLER };

    #[inline]
    fn slot(&self) -> &Slot<T> {
        // SAFETY: freed only when both ends are gone, and this one is not: `go` ends its life.
        unsafe { self.0.as_ref() }
    }

    /// The name of the slot in traces.
    pub(crate) fn object(&self) -> &ObjectId {
        &self.slot().object
    }

    /// Whether the other end has said its last word.
    #[inline]
    pub(crate) fn is_other_settled(&self) -> bool {
        self.slot().state.load(Ordering::Acquire) & Self::OTHER.settled != 0
    }

    /// Leaves a waker for the other end. `false`: that settled meanwhile, and wakes nobody.
    #[must_use = "there is nothing to wait for when the other end has settled"]
    pub(crate) fn register(&mut self, waker: &Waker) -> bool {
        if !self.take_back_waker() {
            return false;
        }
        let slot = self.slot();
        slot.wakers[Self::OWN.place].with_mut(|place| {
            // SAFETY: `waits` is clear, so the place is ours.
            let place = unsafe { &mut *place };
            if !place.as_ref().is_some_and(|old| old.will_wake(waker)) {
                *place = Some(waker.clone());
            }
        });
        // Release: the waker is in place for whoever sees the bit. Acquire: what the other end wrote.
        let before = slot.state.fetch_or(Self::OWN.waits, Ordering::AcqRel);
        before & Self::OTHER.settled == 0 || mutant!(WaitNotRechecked)
    }

    /// Takes the waker back, if the other end has not settled.
    pub(crate) fn unregister(&mut self) {
        if self.take_back_waker() {
            let waker = self.slot().wakers[Self::OWN.place].with_mut(|place| {
                // SAFETY: `waits` is clear, so the place is ours.
                unsafe { &mut *place }.take()
            });
            drop(waker);
        }
    }

    /// Clears `waits`. `false`: the other end has settled.
    #[inline]
    fn take_back_waker(&mut self) -> bool {
        let state = &self.slot().state;
        let mut now = state.load(Ordering::Acquire);
        while now & Self::OTHER.settled == 0 {
            if now & Self::OWN.waits == 0 || mutant!(SlotWakerNotTakenBack) {
                return true;
            }
            match state.compare_exchange_weak(
                now,
                now & !Self::OWN.waits,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return true,
                Err(changed) => now = changed,
            }
        }
        false
    }

    /// Says the last word of this end and, if it is the first to, goes.
    #[inline]
    fn settle(&mut self) -> Settled {
        let state = &self.slot().state;
        let mut now = state.load(Ordering::Acquire);
        loop {
            if now & Self::OTHER.settled != 0 {
                return Settled::Second;
            }
            if now & Self::OTHER.waits != 0 {
                return self.settle_and_wake();
            }
            let leaving = Self::OWN.settled | Self::OWN.gone;
            if mutant!(CommitLooksThenDelivers) {
                state.fetch_or(leaving, Ordering::AcqRel);
                return Settled::First;
            }
            // Release: the value, for the end that sees the bit. The other end is not gone, so it frees.
            match state.compare_exchange_weak(
                now,
                now | leaving,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return Settled::First,
                Err(changed) => now = changed,
            }
        }
    }

    /// The other end waits: its waker is taken while this one is not gone yet, since the slot holds it.
    #[cold]
    fn settle_and_wake(&mut self) -> Settled {
        let slot = self.slot();
        let before = slot.state.fetch_or(Self::OWN.settled, Ordering::AcqRel);
        if before & Self::OTHER.settled != 0 {
            return Settled::Second;
        }
        let waker = if before & Self::OTHER.waits != 0 {
            slot.wakers[Self::OTHER.place].with_mut(|place| {
                // SAFETY: we settled while `waits` was set: the other end leaves its place alone from then on.
                unsafe { &mut *place }.take()
            })
        } else {
            None
        };
        // SAFETY: this end is not used again.
        unsafe { self.go() };
        if let Some(waker) = waker {
            waker.wake();
        }
        Settled::First
    }

    /// Leaves for good, and frees the slot if the other end has left.
    ///
    /// # Safety
    /// Called at most once, and the end is not used after it.
    #[inline]
    unsafe fn go(&mut self) {
        let state = &self.slot().state;
        // Acquire, here and below: what the other end did with the slot happens before it is freed.
        let mut now = state.load(Ordering::Acquire);
        if now & Self::OTHER.gone == 0 {
            let before = state.fetch_or(Self::OWN.gone, Ordering::AcqRel);
            if !mutant!(SlotLooksThenGoes) {
                now = before;
            }
        }
        if now & Self::OTHER.gone != 0 {
            // SAFETY: both ends are gone, and of two only the second sees that; made by `Box` in `slot`.
            drop(unsafe { Box::from_raw(self.0.as_ptr()) });
        }
    }

    /// # Safety
    /// It is this end's turn to touch the value; see the module header.
    #[inline]
    unsafe fn take_value(&mut self) -> Option<T> {
        self.slot().value.with_mut(|value| {
            // SAFETY: exclusive by the caller's contract.
            unsafe { &mut *value }.take()
        })
    }
}

impl<T> Filler<T> {
    /// Fills the slot, or gives the value back if the taker has left.
    #[inline]
    pub(crate) fn fill(self, value: T) -> Result<(), T> {
        let mut end = ManuallyDrop::new(self);
        if end.is_other_settled() {
            // SAFETY: `ManuallyDrop` ends this end here.
            unsafe { end.go() };
            return Err(value);
        }
        end.slot().value.with_mut(|place| {
            // SAFETY: the filler has not settled, so the value is its own.
            unsafe { *place = Some(value) };
        });
        match end.settle() {
            Settled::First => Ok(()),
            Settled::Second => {
                // SAFETY: the taker settled first, hence never looks at the value.
                let value = unsafe { end.take_value() };
                // SAFETY: `ManuallyDrop` ends this end here.
                unsafe { end.go() };
                value.map_or(Ok(()), Err)
            }
        }
    }
}

impl<T> Taker<T> {
    /// Takes what is there. `None`: the filler has not settled; `Some(None)`: nothing will come any more.
    #[inline]
    pub(crate) fn take(&mut self) -> Option<Option<T>> {
        self.is_other_settled().then(|| {
            // SAFETY: the filler has settled before we did, so the value is the taker's.
            unsafe { self.take_value() }
        })
    }
}

impl<T, const FILLS: bool> Drop for End<T, FILLS> {
    #[inline]
    fn drop(&mut self) {
        match self.settle() {
            Settled::First => {}
            Settled::Second => {
                // A value that nobody took goes with the taker, whoever frees the slot.
                let value = if FILLS {
                    None
                } else {
                    // SAFETY: the filler settled first, so the value is the taker's.
                    unsafe { self.take_value() }
                };
                // SAFETY: the end is being dropped.
                unsafe { self.go() };
                drop(value);
            }
        }
    }
}
