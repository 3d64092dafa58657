//! Virtual time: a number that only the engine moves.
//!
//! Owns the current time of one run. It never looks at the host's clock; a year of sleeping takes no
//! longer than a millisecond of it.

use portable_atomic::{AtomicU64, Ordering};

use asupersync_core::Time;

/// The clock of one run. Starts at zero.
#[derive(Debug, Default)]
pub(crate) struct VirtualClock {
    now: AtomicU64,
}

impl VirtualClock {
    pub(crate) fn now(&self) -> Time {
        // Relaxed: the engine that moves it is on the thread that reads it.
        Time::from_nanos(self.now.load(Ordering::Relaxed))
    }

    /// Moves forward to `time`; never back.
    pub(crate) fn advance_to(&self, time: Time) {
        self.now.fetch_max(time.as_nanos(), Ordering::Relaxed);
    }
}
