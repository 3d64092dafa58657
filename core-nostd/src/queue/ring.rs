//! A fixed ring of runnable tasks: its owner pushes and pops, any other thread steals half.
//!
//! Owns the two indices and the slots between them. What happens to a task that finds the ring full, and when to
//! steal, is the executor's matter.
//!
//! `tail` is written by the owner alone. `head` is moved by whoever takes tasks out, owner or thief, by one
//! compare-and-swap for any number of them; the indices only grow, so that a swap that succeeds proves that nothing
//! was taken meanwhile. A thief copies the slots *before* its swap: the owner reuses a slot only when it has seen `head`
//! beyond it, hence not before the swap that makes the copies the thief's (the scheme of Go's scheduler,
//! `runqgrab` in `runtime/proc.go`).

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::fmt;
use core::ptr::{self, NonNull};

use crate::mutants::mutant;
use crate::sync::atomic::{AtomicPtr, AtomicUsize, Ordering};
use crate::task::{Header, Runnable};

/// How many tasks a ring holds. A model is small enough to be filled.
const SLOTS: usize = if cfg!(loom) { 4 } else { 256 };

/// Keeps what different threads write on lines of their own.
#[repr(align(64))]
struct Line<T>(T);

struct Shared {
    head: Line<AtomicUsize>,
    tail: Line<AtomicUsize>,
    slots: Box<[AtomicPtr<Header>]>,
}

/// The owner's end of a ring: first in, first out.
pub struct Ring {
    shared: Arc<Shared>,
}

/// Everybody else's end of a ring.
pub struct Stealer {
    shared: Arc<Shared>,
}

impl Default for Ring {
    fn default() -> Self {
        Self::new()
    }
}

impl Ring {
    /// How many tasks fit in.
    pub const CAPACITY: usize = SLOTS;

    /// An empty ring.
    pub fn new() -> Self {
        let slots = (0..SLOTS).map(|_| AtomicPtr::new(ptr::null_mut()));
        let shared = Shared {
            head: Line(AtomicUsize::new(0)),
            tail: Line(AtomicUsize::new(0)),
            slots: slots.collect(),
        };
        Self {
            shared: Arc::new(shared),
        }
    }

    /// The end to steal from.
    pub fn stealer(&self) -> Stealer {
        Stealer {
            shared: Arc::clone(&self.shared),
        }
    }

    /// Whether nothing waits in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many tasks wait in it; thieves may have taken some when this returns.
    #[inline]
    pub fn len(&self) -> usize {
        let tail = self.shared.tail.0.load(Ordering::Relaxed);
        tail.wrapping_sub(self.shared.head.0.load(Ordering::Relaxed))
    }

    /// Appends a task.
    ///
    /// # Errors
    /// Gives the task back if the ring is full.
    #[inline]
    pub fn push(&mut self, task: Runnable) -> Result<(), Runnable> {
        let shared = &*self.shared;
        let tail = shared.tail.0.load(Ordering::Relaxed);
        // Acquire: a thief that took the slot's last task has copied it before it moved `head`.
        let head = shared.head.0.load(Ordering::Acquire);
        if tail.wrapping_sub(head) >= SLOTS {
            return Err(task);
        }
        shared.put(tail, task.into_raw());
        // Release: whoever sees the new tail sees the slot, and the task behind it.
        let order = if mutant!(RingPushRelaxed) {
            Ordering::Relaxed
        } else {
            Ordering::Release
        };
        shared.tail.0.store(tail.wrapping_add(1), order);
        Ok(())
    }

    /// Takes the task that has waited longest.
    #[inline]
    pub fn pop(&mut self) -> Option<Runnable> {
        let shared = &*self.shared;
        let tail = shared.tail.0.load(Ordering::Relaxed);
        let mut head = shared.head.0.load(Ordering::Relaxed);
        while head != tail {
            let task = shared.get(head);
            if mutant!(RingPopLooksThenMoves) {
                shared.head.0.store(head.wrapping_add(1), Ordering::Release);
                return Some(shared.take(task));
            }
            match shared.take_from(head, 1) {
                Ok(()) => return Some(shared.take(task)),
                Err(now) => head = now,
            }
        }
        None
    }
}

impl Stealer {
    /// Whether nothing waits in the ring. `SeqCst`, as [`Injector::is_empty`](super::Injector::is_empty).
    #[inline]
    pub fn is_empty(&self) -> bool {
        let head = self.shared.head.0.load(Ordering::SeqCst);
        head == self.shared.tail.0.load(Ordering::SeqCst)
    }

    /// Takes half of the tasks, rounded up, the oldest first: one is returned, the others go into `into`.
    ///
    /// Takes less where `into` has no room, and nothing from the ring that `into` itself owns.
    pub fn steal_into(&self, into: &mut Ring) -> Option<Runnable> {
        if Arc::ptr_eq(&self.shared, &into.shared) {
            return None;
        }
        let theirs = &*self.shared;
        let ours = &*into.shared;
        let base = ours.tail.0.load(Ordering::Relaxed);
        // Acquire: as in `push`.
        let room = SLOTS - base.wrapping_sub(ours.head.0.load(Ordering::Acquire));
        let mut head = theirs.head.0.load(Ordering::Acquire);
        loop {
            // Acquire: pairs with the push that filled the slots. Read after `head`, so never behind it by more than
            // what is gone by now.
            let tail = theirs.tail.0.load(Ordering::Acquire);
            let waiting = tail.wrapping_sub(head);
            if waiting == 0 {
                return None;
            }
            if waiting > SLOTS {
                // `head` is older than `tail` by more than a round: look again.
                head = theirs.head.0.load(Ordering::Acquire);
                continue;
            }
            let take = waiting.div_ceil(2).min(room + 1);
            // Nobody sees the copies before our own tail moves.
            for offset in 1..take {
                let task = theirs.get(head.wrapping_add(offset));
                ours.slot(base.wrapping_add(offset - 1))
                    .store(task, Ordering::Relaxed);
            }
            let first = theirs.get(head);
            match theirs.take_from(head, take) {
                Ok(()) => {
                    let end = base.wrapping_add(take - 1);
                    ours.tail.0.store(end, Ordering::Release);
                    return Some(theirs.take(first));
                }
                Err(now) => head = now,
            }
        }
    }
}

impl Shared {
    fn slot(&self, index: usize) -> &AtomicPtr<Header> {
        &self.slots[index % SLOTS]
    }

    fn get(&self, index: usize) -> *mut Header {
        self.slot(index).load(Ordering::Relaxed)
    }

    fn put(&self, index: usize, task: NonNull<Header>) {
        self.slot(index).store(task.as_ptr(), Ordering::Relaxed);
    }

    /// Makes `count` tasks from `head` on the caller's, or says where `head` is by now.
    fn take_from(&self, head: usize, count: usize) -> Result<(), usize> {
        let next = head.wrapping_add(count);
        // Release: the copies were read before. (A load that is late for its slot is beyond what loom explores.)
        self.head
            .0
            .compare_exchange(head, next, Ordering::AcqRel, Ordering::Acquire)
            .map(drop)
    }

    /// A task that `take_from` made the caller's.
    fn take(&self, task: *mut Header) -> Runnable {
        let task = NonNull::new(task).expect("a slot between head and tail is full");
        // SAFETY: `push` took ownership of exactly this reference; the swap of `head` over its slot succeeded for the
        // caller alone, and no slot is read for a second time before it is filled again.
        unsafe { Runnable::from_raw(task) }
    }
}

impl Drop for Ring {
    /// Drops the tasks that wait. Thieves may be at work: what they take is theirs.
    fn drop(&mut self) {
        while let Some(task) = self.pop() {
            drop(task);
        }
    }
}

impl fmt::Debug for Ring {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ring of {} tasks", self.len())
    }
}

impl fmt::Debug for Stealer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stealer").finish_non_exhaustive()
    }
}
