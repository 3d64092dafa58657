//! `Time`: a point on the runtime's own clock, in nanoseconds since it began.
//!
//! Owns arithmetic and display. It is never wall clock, and nothing here reads a clock: the
//! [`Platform`](crate::Platform) does.

use core::fmt;
use core::time::Duration;

/// Nanoseconds since the runtime's epoch. Arithmetic saturates.
///
/// ```
/// use asupersync_core::Time;
/// use core::time::Duration;
///
/// let at = Time::ZERO.saturating_add(Duration::from_micros(1_500));
/// assert_eq!(at.as_nanos(), 1_500_000);
/// assert_eq!(at.to_string(), "1.500ms");
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default)]
pub struct Time(u64);

impl Time {
    /// The moment the runtime began.
    pub const ZERO: Self = Self(0);
    /// The end of the clock's range, 584 years on; a deadline here never comes.
    pub const MAX: Self = Self(u64::MAX);

    /// The moment `nanos` nanoseconds after the runtime began.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Nanoseconds since the runtime began.
    pub const fn as_nanos(self) -> u64 {
        self.0
    }

    /// The moment `duration` later, or [`Time::MAX`].
    #[must_use]
    pub fn saturating_add(self, duration: Duration) -> Self {
        // By hand: `Duration::as_nanos` counts in 128 bits.
        let seconds = duration.as_secs().saturating_mul(1_000_000_000);
        let nanos = seconds.saturating_add(u64::from(duration.subsec_nanos()));
        self.saturating_add_nanos(nanos)
    }

    pub(crate) const fn saturating_add_nanos(self, nanos: u64) -> Self {
        Self(self.0.saturating_add(nanos))
    }

    /// How long after `earlier` this is; zero if it is not.
    pub const fn saturating_since(self, earlier: Self) -> Duration {
        Duration::from_nanos(self.0.saturating_sub(earlier.0))
    }
}

impl fmt::Display for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, name) = match self.0 {
            0..1_000 => return write!(f, "{}ns", self.0),
            1_000..1_000_000 => (1_000, "us"),
            1_000_000..1_000_000_000 => (1_000_000, "ms"),
            _ => (1_000_000_000, "s"),
        };
        write!(
            f,
            "{}.{:03}{name}",
            self.0 / unit,
            self.0 % unit * 1_000 / unit
        )
    }
}

impl fmt::Debug for Time {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}
