//! A first-in-first-out list of runnable tasks, owned by one driver.

use core::ptr::NonNull;

use crate::sync::atomic::Ordering;
use crate::task::{Header, Runnable};

/// An intrusive FIFO: push and pop in O(1), no allocation.
///
/// Dropping it drops the tasks in it as [`Runnable`]s.
#[derive(Debug, Default)]
pub struct Fifo {
    ends: Option<(NonNull<Header>, NonNull<Header>)>,
    len: usize,
}

// SAFETY: the list owns the `Runnable`s it links, and those may move between threads.
unsafe impl Send for Fifo {}

impl Fifo {
    /// An empty queue.
    pub const fn new() -> Self {
        Self { ends: None, len: 0 }
    }

    /// How many tasks wait in it.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether nothing waits in it.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.ends.is_none()
    }

    /// Appends a task.
    #[inline]
    pub fn push_back(&mut self, task: Runnable) {
        let header = task.into_raw();
        // SAFETY: `task` was exclusively ours, and its runtime reference keeps the header alive.
        // Its link is used by one queue at a time: the one that owns the `Runnable`.
        let link = unsafe { &header.as_ref().next };
        link.store(core::ptr::null_mut(), Ordering::Relaxed);
        self.ends = Some(match self.ends {
            None => (header, header),
            Some((first, last)) => {
                // SAFETY: `last` is in this list, so the list owns its reference and its link.
                unsafe { last.as_ref() }
                    .next
                    .store(header.as_ptr(), Ordering::Relaxed);
                (first, header)
            }
        });
        self.len += 1;
    }

    /// Takes the task that has waited longest.
    #[inline]
    pub fn pop_front(&mut self) -> Option<Runnable> {
        let (first, last) = self.ends?;
        // SAFETY: `first` is in this list, so the list owns its reference and its link.
        let next = unsafe { first.as_ref() }.next.load(Ordering::Relaxed);
        self.ends = if first == last {
            None
        } else {
            NonNull::new(next).map(|next| (next, last))
        };
        self.len -= 1;
        // SAFETY: `push_back` took ownership of exactly this reference; it leaves the list here.
        Some(unsafe { Runnable::from_raw(first) })
    }
}

impl Drop for Fifo {
    fn drop(&mut self) {
        while let Some(task) = self.pop_front() {
            drop(task);
        }
    }
}
