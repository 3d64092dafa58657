//! The half that wakers talk to: the inbox and the sleep flag.

use alloc::sync::Arc;
use core::sync::atomic::{AtomicBool, Ordering};

use asupersync_core::queue::Inbox;
use asupersync_core::{Executor, Platform, Runnable};

/// Shared by every waker of the runtime and by its driver.
///
/// The sleep protocol has no lost wake: a waker pushes, then looks at `sleeping`; the driver sets
/// `sleeping`, then looks at the inbox. All four steps are `SeqCst`, so at least one of the two
/// sees the other (loom model `park_unpark`).
pub(crate) struct Shared {
    inbox: Inbox,
    sleeping: AtomicBool,
    platform: Arc<dyn Platform>,
    capacity: usize,
}

impl Shared {
    pub(crate) fn new(platform: Arc<dyn Platform>, capacity: usize) -> Self {
        Self {
            inbox: Inbox::new(),
            sleeping: AtomicBool::new(false),
            platform,
            capacity,
        }
    }

    pub(crate) fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// The driver wants to sleep. `false`: something came in, take another turn.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.sleeping.store(true, Ordering::SeqCst);
        let sleeps = self.inbox.is_empty();
        if !sleeps {
            self.wake_up();
        }
        sleeps
    }

    /// The driver takes a turn: wakes need not call the platform.
    pub(crate) fn wake_up(&self) {
        self.sleeping.store(false, Ordering::SeqCst);
    }

    fn pend_if_asleep(&self) {
        // The plain load keeps the flag's line shared while the driver is awake.
        if self.sleeping.load(Ordering::SeqCst) && self.sleeping.swap(false, Ordering::SeqCst) {
            self.platform.pend();
        }
    }
}

impl Executor for Shared {
    fn schedule(&self, task: Runnable) {
        self.inbox.push(task);
        self.pend_if_asleep();
    }

    fn interrupt(&self) {
        self.pend_if_asleep();
    }

    fn capacity(&self) -> usize {
        self.capacity
    }
}
