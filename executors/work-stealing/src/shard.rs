//! What belongs to one driver and is open to all of them.

use asupersync_core::Runnable;
use asupersync_core::queue::{Inbox, Injector, Ring, Stealer, Timed};

use crate::counts::Published;

/// One driver's queues, as others see them.
#[derive(Debug)]
pub(crate) struct Shard {
    pub(crate) ring: Stealer,
    /// Tasks from threads that drive nothing, and those that found the ring full.
    pub(crate) ready: Injector,
    /// Tasks that were asked to stop, or finalize.
    pub(crate) cancel: Injector,
    /// Tasks that only this driver may poll.
    pub(crate) pinned: Inbox,
    /// The timed lane of those; filled by the driver itself.
    pub(crate) pinned_timed: Timed,
    /// What the driver has counted.
    pub(crate) published: Published,
}

impl Shard {
    /// The queues of a driver that owns `ring`.
    pub(crate) fn of(ring: &Ring) -> Self {
        Self {
            ring: ring.stealer(),
            ready: Injector::new(),
            cancel: Injector::new(),
            pinned: Inbox::new(),
            pinned_timed: Timed::new(),
            published: Published::default(),
        }
    }

    /// Whether there is nothing here that anybody may take. Part of how a driver falls asleep.
    pub(crate) fn is_empty(&self) -> bool {
        self.ring.is_empty() && self.ready.is_empty() && self.cancel.is_empty()
    }

    /// Takes something for another driver: what ends things first, then half of the ring, then what came from outside.
    pub(crate) fn steal_into(&self, ring: &mut Ring) -> Option<Runnable> {
        self.cancel
            .pop()
            .or_else(|| self.ring.steal_into(ring))
            .or_else(|| self.ready.pop_into(ring, Ring::CAPACITY / 2))
    }
}
