//! The one place that reads the host's clock.

use std::time::{Duration, Instant};

use asupersync_core::Time;

/// The monotonic clock, counted from when it was made.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Clock {
    epoch: Instant,
}

impl Clock {
    pub(crate) fn start() -> Self {
        Self {
            epoch: Instant::now(),
        }
    }

    pub(crate) fn now(&self) -> Time {
        let elapsed = self.epoch.elapsed();
        Time::ZERO.saturating_add(elapsed)
    }

    /// The host's instant for a time of this clock; `None` beyond the host's range.
    pub(crate) fn instant(&self, at: Time) -> Option<Instant> {
        self.epoch.checked_add(at.saturating_since(Time::ZERO))
    }
}

/// How long it is until an instant of the host; zero once it has passed.
pub(crate) fn time_left(until: Instant) -> Duration {
    until.saturating_duration_since(Instant::now())
}
