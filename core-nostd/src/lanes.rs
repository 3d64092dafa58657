//! The three lanes and the arbiter that decides whose turn it is.
//!
//! Owns the policy and its counters (R-SCH-1); the queues behind the lanes belong to an executor.
//! Work that ends things goes first, but never alone: after `streak_limit` turns in a row the
//! lanes that waited get one.

use crate::mutants::mutant;

/// Where a runnable task belongs. Read once, when it is queued.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Lane {
    /// Tasks that were asked to stop, or finalize.
    Cancel = 0,
    /// Tasks with a deadline: the earliest first, ties by priority, then path.
    Timed = 1,
    /// Everything else, first in first out.
    Ready = 2,
}

/// Which lanes have work.
#[derive(Debug, Clone, Copy, Default)]
pub struct Waiting {
    /// The cancel lane is not empty.
    pub cancel: bool,
    /// The timed lane is not empty.
    pub timed: bool,
    /// The ready lane is not empty.
    pub ready: bool,
}

/// Picks lanes so that none starves: the others get a turn at least every `streak_limit + 1`.
///
/// ```
/// use asupersync_core::lanes::{Arbiter, Lane, Waiting};
///
/// let mut arbiter = Arbiter::new(2);
/// let all = Waiting { cancel: true, timed: false, ready: true };
/// let turns: Vec<_> = (0..4).filter_map(|_| arbiter.pick(all)).collect();
/// assert_eq!(turns, [Lane::Cancel, Lane::Cancel, Lane::Ready, Lane::Cancel]);
/// ```
#[derive(Debug, Clone)]
pub struct Arbiter {
    streak_limit: u32,
    cancel_streak: u32,
    timed_streak: u32,
    fairness_yields: u64,
    max_cancel_streak: u32,
}

impl Arbiter {
    /// An arbiter that serves at most `streak_limit` cancel turns in a row while others wait.
    pub const fn new(streak_limit: u32) -> Self {
        Self {
            streak_limit,
            cancel_streak: 0,
            timed_streak: 0,
            fairness_yields: 0,
            max_cancel_streak: 0,
        }
    }

    /// The lane whose turn it is; `None` when nothing waits.
    #[inline]
    pub fn pick(&mut self, waiting: Waiting) -> Option<Lane> {
        let others = waiting.timed || waiting.ready;
        if waiting.cancel {
            let starving = others && self.cancel_streak >= self.streak_limit;
            if !starving || mutant!(CancelStarves) {
                // Only turns that somebody waited through count towards the streak.
                self.cancel_streak = if others { self.cancel_streak + 1 } else { 0 };
                self.max_cancel_streak = self.max_cancel_streak.max(self.cancel_streak);
                return Some(Lane::Cancel);
            }
            self.fairness_yields += 1;
        }
        self.cancel_streak = 0;
        let lane = match (waiting.timed, waiting.ready) {
            (false, false) => return None,
            (true, false) => Lane::Timed,
            (false, true) => Lane::Ready,
            (true, true) if self.timed_streak < self.streak_limit => Lane::Timed,
            (true, true) => Lane::Ready,
        };
        self.timed_streak = match lane {
            Lane::Timed if waiting.ready => self.timed_streak + 1,
            _ => 0,
        };
        Some(lane)
    }

    /// How often another lane was served although cancel work waited.
    pub const fn fairness_yields(&self) -> u64 {
        self.fairness_yields
    }

    /// The longest run of cancel turns that others waited through.
    pub const fn max_cancel_streak(&self) -> u32 {
        self.max_cancel_streak
    }
}
