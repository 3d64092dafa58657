//! The half that wakers talk to: the inbox and the sleep flag.

use alloc::sync::Arc;

use asupersync_core::queue::{Inbox, Sleep, Timed};
use asupersync_core::{Executor, Platform, Runnable};

/// Shared by every waker of the runtime and by its driver.
pub(crate) struct Shared {
    inbox: Inbox,
    /// The driver's timed lane; here for the room in it.
    pub(crate) timed: Timed,
    sleep: Sleep,
    platform: Arc<dyn Platform>,
    capacity: usize,
}

impl Shared {
    pub(crate) fn new(platform: Arc<dyn Platform>, capacity: usize) -> Self {
        Self {
            inbox: Inbox::new(),
            timed: Timed::new(),
            sleep: Sleep::new(),
            platform,
            capacity,
        }
    }

    pub(crate) fn inbox(&self) -> &Inbox {
        &self.inbox
    }

    /// The driver wants to sleep. `false`: something came in, take another turn.
    pub(crate) fn fall_asleep(&self) -> bool {
        self.sleep.fall_asleep(&self.inbox)
    }

    /// The driver takes a turn: wakes need not call the platform.
    pub(crate) fn wake_up(&self) {
        self.sleep.wake_up();
    }

    fn pend_if_asleep(&self) {
        if self.sleep.ends_here() {
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

    fn admit_timed(&self, _home: Option<usize>) -> bool {
        self.timed.admit()
    }

    fn release_timed(&self, _home: Option<usize>) {
        self.timed.release();
    }
}
