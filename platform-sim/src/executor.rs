//! The half of the lab's executor that wakers talk to.
//!
//! Owns the inbox. Who is polled next is the engine's choice (`strategy`).

use core::sync::atomic::{AtomicBool, Ordering};

use asupersync_core::queue::Inbox;
use asupersync_core::{Executor, Runnable};

pub(crate) struct SimExecutor {
    inbox: Inbox,
    capacity: usize,
    is_closed: AtomicBool,
}

impl SimExecutor {
    pub(crate) fn new(capacity: usize) -> Self {
        Self {
            inbox: Inbox::new(),
            capacity: capacity.min(asupersync_core::CHILDREN_MAX),
            is_closed: AtomicBool::new(false),
        }
    }

    pub(crate) fn drain(&self, each: impl FnMut(Runnable)) {
        self.inbox.drain(each);
    }

    /// The run is over. What is woken from now on, by drops, is handed back to its region at once:
    /// kept here it would outlive the driver that frees it.
    pub(crate) fn close(&self) {
        self.is_closed.store(true, Ordering::Relaxed);
        self.inbox.drain(drop);
    }
}

impl Executor for SimExecutor {
    fn schedule(&self, task: Runnable) {
        if self.is_closed.load(Ordering::Relaxed) {
            drop(task);
        } else {
            self.inbox.push(task);
        }
    }

    /// The engine never sleeps.
    fn interrupt(&self) {}

    fn capacity(&self) -> usize {
        self.capacity
    }
}
