//! `StallWatch`: tells of polls that last too long, once when that is found and once when such a poll is over.
//!
//! Owns the decision, which is pure: a look gets the time and the number of each driver's poll. It has no thread and
//! reads no task: whoever has one beside the drivers calls [`StallWatch::look`] now and then.

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use super::Inspector;
use super::polls::Polled;
use crate::diagnostic::Diagnostic;
use crate::kernel::Kernel;
use crate::sync::atomic::Ordering;
use crate::time::Time;
use crate::trace::EventKind;

/// In how many looks in a row a poll has to be seen: a process that was stopped, or a clock that jumped, is no stall.
const LOOKS_MIN: u32 = 4;

/// Looks for polls that last too long: tasks that do not yield.
///
/// A poll that lasted at least the time given is told once, as [`Diagnostic::Stalled`] through
/// [`Platform::report`](crate::Platform::report) and as the event `Stalled`, and once more when it is over. It is found
/// up to two [periods](Self::period) late, never early. Nothing is done to the task: a poll cannot be stopped.
pub struct StallWatch {
    kernel: Weak<Kernel>,
    after: Duration,
    drivers: Vec<Seen>,
}

/// What was seen of one driver.
#[derive(Debug, Clone, Copy, Default)]
struct Seen {
    /// The poll that is under way.
    number: Option<usize>,
    /// When it was seen first.
    since: Time,
    /// In how many looks.
    looks: u32,
    /// It was told of, as this.
    told: Option<Polled>,
}

/// What a look found at a driver.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Found {
    /// A poll lasts too long.
    Stalled(Polled, Duration),
    /// One that was told of is over.
    Ended(Polled, Duration),
}

impl Seen {
    /// Looks once: at `now` the driver is in the poll `number`, whose facts `read` gives.
    fn look(
        &mut self,
        after: Duration,
        now: Time,
        number: Option<usize>,
        read: impl FnOnce(usize) -> Option<Polled>,
    ) -> Option<Found> {
        let lasted = now.saturating_since(self.since);
        let Some(number) = number.filter(|_| number == self.number) else {
            let before = core::mem::take(self);
            self.number = number;
            self.since = now;
            self.looks = 1;
            return before.told.map(|polled| Found::Ended(polled, lasted));
        };
        self.looks = self.looks.saturating_add(1);
        if self.told.is_some() || self.looks < LOOKS_MIN || lasted < after {
            return None;
        }
        // It may be over by now; the next look finds that.
        self.told = read(number);
        self.told.map(|polled| Found::Stalled(polled, lasted))
    }
}

impl Inspector {
    /// A watch over polls that last `after` or longer. It sees polls of runtimes with
    /// [`Config::watch_polls`](crate::Config::watch_polls) only.
    pub fn stall_watch(&self, after: Duration) -> StallWatch {
        StallWatch {
            kernel: Weak::clone(&self.0),
            after,
            drivers: Vec::new(),
        }
    }
}

impl StallWatch {
    /// How often to [`look`](Self::look).
    pub fn period(&self) -> Duration {
        self.after / LOOKS_MIN
    }

    /// Looks at what every driver polls, and tells of what lasts too long or is over. `false`: the runtime is gone.
    ///
    /// Waits for no driver; costs a few loads for each.
    pub fn look(&mut self) -> bool {
        let Some(kernel) = self.kernel.upgrade() else {
            return false;
        };
        let now = kernel.now();
        let slots = kernel.polls.slots();
        self.drivers.resize_with(slots.len(), Seen::default);
        for (driver, (slot, seen)) in slots.iter().zip(&mut self.drivers).enumerate() {
            let found = seen.look(self.after, now, slot.number(), |number| slot.read(number));
            if let Some(found) = found {
                tell(&kernel, driver, found, now);
            }
        }
        true
    }
}

fn tell(kernel: &Arc<Kernel>, driver: usize, found: Found, now: Time) {
    let (kind, polled, lasted) = match found {
        Found::Stalled(polled, lasted) => (EventKind::Stalled, polled, lasted),
        Found::Ended(polled, lasted) => (EventKind::StallEnded, polled, lasted),
    };
    let (task, name, region) = (polled.task, polled.name, polled.region);
    let diagnostic = match kind {
        EventKind::Stalled => {
            kernel.stats.stalls.fetch_add(1, Ordering::Relaxed);
            Diagnostic::Stalled {
                task,
                name,
                site: kernel.inspect.site(task),
                region,
                driver,
                lasted,
                message: polled.message,
                overdue: (polled.deadline < now).then(|| now.saturating_since(polled.deadline)),
            }
        }
        _ => Diagnostic::StallEnded {
            task,
            name,
            driver,
            lasted,
        },
    };
    kernel.report(&diagnostic);
    kernel.emit(kind, task, region.as_u64(), || {
        u64::try_from(lasted.as_nanos()).unwrap_or(u64::MAX)
    });
}

impl fmt::Debug for StallWatch {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StallWatch")
            .field("after", &self.after)
            .finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::PathId;

    const AFTER: Duration = Duration::from_secs(4);

    fn polled(number: usize) -> Polled {
        Polled {
            task: PathId::ROOT.child(number as u32),
            region: PathId::ROOT,
            deadline: Time::MAX,
            name: None,
            message: None,
        }
    }

    /// Looks at these times, in seconds, at a driver in these polls.
    fn looks(looks: &[(u64, Option<usize>)]) -> Vec<(u64, Found)> {
        let mut seen = Seen::default();
        let look = |(at, number): &(u64, Option<usize>)| {
            let now = Time::ZERO.saturating_add(Duration::from_secs(*at));
            let found = seen.look(AFTER, now, *number, |number| Some(polled(number)));
            found.map(|found| (*at, found))
        };
        looks.iter().filter_map(look).collect()
    }

    fn stalled(number: usize, secs: u64) -> Found {
        Found::Stalled(polled(number), Duration::from_secs(secs))
    }

    fn ended(number: usize, secs: u64) -> Found {
        Found::Ended(polled(number), Duration::from_secs(secs))
    }

    #[test]
    fn a_long_poll_is_told_once_and_its_end_once() {
        let found = looks(&[
            (10, Some(7)),
            (11, Some(7)),
            (12, Some(7)),
            (13, Some(7)),
            (14, Some(7)),
            (15, Some(7)),
            (16, None),
            (17, None),
        ]);
        assert_eq!(found, [(14, stalled(7, 4)), (16, ended(7, 6))]);
    }

    #[test]
    fn polls_that_follow_each_other_are_no_stall() {
        let busy: Vec<_> = (0..20).map(|at| (at, Some(2 * at as usize + 1))).collect();
        assert_eq!(looks(&busy), []);
        let idle: Vec<_> = (0..20).map(|at| (at, None)).collect();
        assert_eq!(looks(&idle), []);
        // Three looks at each.
        let slow: Vec<_> = (0..21)
            .map(|at| (at, Some(2 * (at as usize / 3) + 1)))
            .collect();
        assert_eq!(looks(&slow), []);
    }

    #[test]
    fn a_stall_right_after_another_is_told_too() {
        let mut polls: Vec<_> = (0..6).map(|at| (at, Some(1))).collect();
        polls.extend((6..12).map(|at| (at, Some(3))));
        let found = looks(&polls);
        let expected = [(4, stalled(1, 4)), (6, ended(1, 6)), (10, stalled(3, 4))];
        assert_eq!(found, expected);
    }

    #[test]
    fn a_clock_that_jumps_or_a_process_that_was_stopped_is_no_stall() {
        let found = looks(&[
            (10, Some(1)),
            (9_000, Some(1)),
            (9_001, Some(3)),
            (9_002, None),
        ]);
        assert_eq!(found, []);
        // Unless the poll is still seen afterwards.
        let found = looks(&[
            (10, Some(1)),
            (9_000, Some(1)),
            (9_001, Some(1)),
            (9_002, Some(1)),
        ]);
        assert_eq!(found, [(9_002, stalled(1, 8_992))]);
    }

    #[test]
    fn a_poll_that_ends_while_it_is_looked_at_is_not_told() {
        let mut seen = Seen::default();
        for at in 0..10 {
            let now = Time::ZERO.saturating_add(Duration::from_secs(at));
            assert_eq!(seen.look(AFTER, now, Some(1), |_| None), None);
        }
        assert_eq!(seen.look(AFTER, Time::MAX, None, |_| None), None);
    }
}
