//! `Pace`: when the next pump comes, as a microtask or as a macrotask.
//!
//! Owns the limits and the two flags that say which hops are under way. It calls nobody and reads no clock: time is
//! given to it, and it answers with the hop to ask for.
//!
//! A microtask is cheap (tens of nanoseconds) and runs before anything else that the page has to do; so it is the usual
//! hop, and timers, frames and messages starve for as long as it is the only one. A macrotask costs microseconds and
//! lets everybody else have a turn. A slice is what runs between two macrotasks.

/// A slice is over after this long,
const SLICE_NS: u64 = 5_000_000;
/// or after so many pumps by microtasks: each may be too short for the clock to move.
const SLICE_PUMPS: u32 = 1_024;
/// Where a macrotask that was asked for does not come, the timer looks after it: WebKit hands a worker's messages through
/// other processes, now and then late, now and then never.
const LATE_NS: u64 = 20_000_000;
/// While it is late the timer is the hop: another message would only stand in the same queue, before everybody else's.
const TIMER_HOP_NS: u64 = 1_000_000;
/// It will not come any more.
const LOST_NS: u64 = 1_000_000_000;

/// How control came from the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Entry {
    /// By the microtask that the loop asked for.
    Microtask,
    /// By the macrotask that the loop asked for.
    Macrotask,
    /// By the loop's timer.
    Timer,
    /// By a macrotask of somebody else: a DOM event, a message, a callback of a timer.
    Event,
    /// By a microtask of somebody else: a promise has settled.
    Settled,
}

/// What to ask the host for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Hop {
    Microtask,
    Macrotask,
}

/// Where the slice stands, and which hops are under way: of each kind at most one.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Pace {
    began: u64,
    /// The latest time that was read; free of charge, since a turn of the executor reads the clock anyway.
    seen: u64,
    pumps: u32,
    microtask: bool,
    macrotask: Option<Asked>,
}

/// A macrotask under way.
#[derive(Debug, Clone, Copy)]
struct Asked {
    at: u64,
    /// When the timer looks after it.
    look: u64,
    /// The timer came first.
    is_late: bool,
}

impl Pace {
    pub(crate) const fn new() -> Self {
        Self {
            began: 0,
            seen: 0,
            pumps: 0,
            microtask: false,
            macrotask: None,
        }
    }

    /// The clock was read.
    pub(crate) fn see(&mut self, now: u64) {
        self.seen = now;
    }

    /// Control came. Whoever calls has read the clock, if this is a macrotask. `false`: the slice is over, so this
    /// microtask has to leave.
    #[must_use]
    pub(crate) fn enter(&mut self, entry: Entry) -> bool {
        match entry {
            Entry::Microtask => self.microtask = false,
            Entry::Macrotask => self.macrotask = None,
            Entry::Timer => self.look_after(),
            Entry::Settled | Entry::Event => {}
        }
        if entry.is_macrotask() {
            self.began = self.seen;
            self.pumps = 0;
            return true;
        }
        self.pumps += 1;
        !self.is_slice_over()
    }

    fn look_after(&mut self) {
        let now = self.seen;
        self.macrotask = self
            .macrotask
            .filter(|asked| now < asked.at.saturating_add(LOST_NS));
        if let Some(asked) = &mut self.macrotask {
            asked.is_late = true;
            asked.look = asked.at.saturating_add(LOST_NS);
        }
    }

    fn is_slice_over(&self) -> bool {
        self.seen.saturating_sub(self.began) >= SLICE_NS || self.pumps >= SLICE_PUMPS
    }

    /// There is more to do. `None`: the hop for it is under way.
    #[must_use]
    pub(crate) fn hop(&mut self) -> Option<Hop> {
        if self.is_slice_over() {
            return self.macrotask();
        }
        let is_new = !core::mem::replace(&mut self.microtask, true);
        is_new.then_some(Hop::Microtask)
    }

    /// Somebody waits for a macrotask. `None`: it is under way; set the timer by [`watchdog`](Self::watchdog).
    #[must_use]
    pub(crate) fn macrotask(&mut self) -> Option<Hop> {
        let now = self.seen;
        match &mut self.macrotask {
            Some(asked) if asked.is_late => asked.look = now.saturating_add(TIMER_HOP_NS),
            Some(_) => {}
            none => {
                *none = Some(Asked {
                    at: now,
                    look: now.saturating_add(LATE_NS),
                    is_late: false,
                });
                return Some(Hop::Macrotask);
            }
        }
        None
    }

    /// The latest time that was read.
    pub(crate) fn seen(&self) -> u64 {
        self.seen
    }

    /// When a timer has to look after the macrotask that is under way.
    pub(crate) fn watchdog(&self) -> Option<u64> {
        self.macrotask.map(|asked| asked.look)
    }
}

impl Entry {
    /// Whether the page had a turn before it.
    pub(crate) fn is_macrotask(self) -> bool {
        matches!(self, Self::Macrotask | Self::Timer | Self::Event)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn begun(at: u64) -> Pace {
        let mut pace = Pace::new();
        pace.see(at);
        assert!(pace.enter(Entry::Event));
        pace
    }

    #[test]
    fn one_hop_of_a_kind_is_under_way() {
        let mut pace = begun(7);
        assert_eq!(pace.hop(), Some(Hop::Microtask));
        assert_eq!(pace.hop(), None);
        assert_eq!(pace.macrotask(), Some(Hop::Macrotask));
        assert_eq!(pace.macrotask(), None);
        assert!(pace.enter(Entry::Microtask));
        assert_eq!(pace.hop(), Some(Hop::Microtask));
    }

    #[test]
    fn a_slice_ends_by_the_clock() {
        let mut pace = begun(1_000);
        pace.see(1_000 + SLICE_NS - 1);
        assert_eq!(pace.hop(), Some(Hop::Microtask));
        assert!(pace.enter(Entry::Microtask));
        pace.see(1_000 + SLICE_NS);
        assert_eq!(pace.hop(), Some(Hop::Macrotask));
        assert!(!pace.enter(Entry::Settled), "a promise has to leave, too");
        assert!(pace.enter(Entry::Macrotask));
        assert_eq!(pace.hop(), Some(Hop::Microtask), "a new slice");
    }

    #[test]
    fn a_slice_ends_by_count_where_the_clock_stands() {
        let mut pace = begun(0);
        for _ in 1..SLICE_PUMPS {
            assert_eq!(pace.hop(), Some(Hop::Microtask));
            assert!(pace.enter(Entry::Microtask));
        }
        assert_eq!(pace.hop(), Some(Hop::Microtask));
        assert!(!pace.enter(Entry::Microtask));
        assert_eq!(pace.hop(), Some(Hop::Macrotask));
    }

    #[test]
    fn a_late_message_is_made_good_by_the_timer_and_not_sent_twice() {
        let mut pace = begun(0);
        assert_eq!(pace.macrotask(), Some(Hop::Macrotask));
        assert_eq!(pace.watchdog(), Some(LATE_NS));
        assert!(
            pace.enter(Entry::Event),
            "an event says nothing of the message"
        );
        assert_eq!((pace.macrotask(), pace.watchdog()), (None, Some(LATE_NS)));
        pace.see(LATE_NS);
        assert!(pace.enter(Entry::Timer));
        assert_eq!(pace.macrotask(), None, "the timer is the hop");
        assert_eq!(pace.watchdog(), Some(LATE_NS + TIMER_HOP_NS));
        assert!(pace.enter(Entry::Macrotask), "there it is");
        assert_eq!(pace.watchdog(), None);
        assert_eq!(pace.macrotask(), Some(Hop::Macrotask));
    }

    #[test]
    fn a_lost_message_is_sent_again() {
        let mut pace = begun(0);
        assert_eq!(pace.macrotask(), Some(Hop::Macrotask));
        pace.see(LATE_NS);
        assert!(pace.enter(Entry::Timer));
        assert_eq!(pace.watchdog(), Some(LOST_NS), "nobody waits for it");
        pace.see(LOST_NS);
        assert!(pace.enter(Entry::Timer));
        assert_eq!(
            (pace.watchdog(), pace.macrotask()),
            (None, Some(Hop::Macrotask))
        );
    }
}
