//! A lock-free stack that any context pushes to and one driver drains, oldest first.

use core::ptr::{self, NonNull};

use super::Fifo;
use crate::sync::atomic::{AtomicPtr, Ordering};
use crate::task::{Header, Runnable};

/// Where wakers put tasks: one compare-and-swap to push, one swap to take everything.
///
/// Any thread and any interrupt handler may push. The order of pushes is the order in which
/// [`drain_into`](Self::drain_into) hands tasks over.
#[derive(Debug)]
pub struct Inbox {
    newest: AtomicPtr<Header>,
}

impl Default for Inbox {
    fn default() -> Self {
        Self::new()
    }
}

impl Inbox {
    /// An empty inbox.
    pub fn new() -> Self {
        Self {
            newest: AtomicPtr::new(ptr::null_mut()),
        }
    }

    /// Whether nothing waits in it. `SeqCst`: part of the protocol of [`Sleep`](super::Sleep).
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.newest.load(Ordering::SeqCst).is_null()
    }

    /// Adds a task.
    #[inline]
    pub fn push(&self, task: Runnable) {
        let header = task.into_raw();
        // SAFETY: `task` was exclusively ours and its runtime reference keeps the header alive
        // until it is popped; its link belongs to the one queue that owns the `Runnable`.
        let link = unsafe { &header.as_ref().next };
        let mut newest = self.newest.load(Ordering::Relaxed);
        loop {
            link.store(newest, Ordering::Relaxed);
            // Release publishes the link to the drainer; SeqCst orders the push before the
            // pusher's look at the driver's sleep flag. There is no ABA: nothing is popped singly.
            match self.newest.compare_exchange_weak(
                newest,
                header.as_ptr(),
                Ordering::SeqCst,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => newest = now,
            }
        }
    }

    /// Calls `each` with every task that waits, oldest first.
    #[inline]
    pub fn drain(&self, mut each: impl FnMut(Runnable)) {
        if self.newest.load(Ordering::Relaxed).is_null() {
            return;
        }
        let mut newest = self.newest.swap(ptr::null_mut(), Ordering::Acquire);
        // Reverse the chain in place, then hand it out.
        let mut oldest: *mut Header = ptr::null_mut();
        while let Some(header) = NonNull::new(newest) {
            // SAFETY: the swap made the whole chain ours; each link was published by its push.
            let link = unsafe { &header.as_ref().next };
            newest = link.load(Ordering::Relaxed);
            link.store(oldest, Ordering::Relaxed);
            oldest = header.as_ptr();
        }
        while let Some(header) = NonNull::new(oldest) {
            // SAFETY: as above; the link is read before the task is given away.
            oldest = unsafe { header.as_ref() }.next.load(Ordering::Relaxed);
            // SAFETY: `push` took ownership of exactly this reference.
            each(unsafe { Runnable::from_raw(header) });
        }
    }

    /// Moves every task that waits to the end of `queue`, oldest first.
    pub fn drain_into(&self, queue: &mut Fifo) {
        self.drain(|task| queue.push_back(task));
    }
}

impl Drop for Inbox {
    fn drop(&mut self) {
        self.drain(drop);
    }
}
