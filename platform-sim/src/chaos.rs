//! Chaos: faults that a program must survive, drawn from the seed, bounded and counted.
//!
//! Owns which fault is injected when. Carrying it out is the engine's matter; every fault is an
//! event of the trace and part of the schedule, so a replay repeats it.

use alloc::collections::BTreeSet;
use core::time::Duration;

use asupersync_core::PathId;

use crate::entropy::{Random, Stream};
use crate::schedule::Fault;

/// Which faults a run injects, and how often.
///
/// Chaos ends when the body of the run has ended: shutting down is then undisturbed.
///
/// ```
/// use asupersync_sim::Chaos;
///
/// let chaos = Chaos { cancel_per_mille: 20, delay_per_mille: 50, ..Chaos::default() };
/// assert!(chaos.is_on());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Chaos {
    /// Of a thousand steps, how many ask the chosen task to stop (kind `User`) before they poll it.
    pub cancel_per_mille: u16,
    /// Of a thousand steps, how many hold the chosen task back instead of polling it.
    pub delay_per_mille: u16,
    /// The longest time a task is held back at once. At least one nanosecond.
    pub delay_max: Duration,
    /// How many faults a run has at most.
    pub faults_max: u64,
    /// Whether the main task, which runs the body, is left alone.
    pub spares_main: bool,
}

impl Default for Chaos {
    /// No faults; if rates are set, at most a thousand faults, delays up to 10 ms, and not to the main task.
    fn default() -> Self {
        Self {
            cancel_per_mille: 0,
            delay_per_mille: 0,
            delay_max: Duration::from_millis(10),
            faults_max: 1_000,
            spares_main: true,
        }
    }
}

impl Chaos {
    /// Whether any fault can happen.
    pub const fn is_on(&self) -> bool {
        self.cancel_per_mille > 0 || self.delay_per_mille > 0
    }
}

/// What was injected in a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ChaosCounts {
    /// Tasks asked to stop.
    pub cancels: u64,
    /// Times a task was held back.
    pub delays: u64,
    /// The sum of the times they were held back.
    pub delayed: Duration,
}

/// Draws faults.
pub(crate) struct Dice {
    chaos: Chaos,
    random: Random,
    left: u64,
    /// A second request would change nothing.
    cancelled: BTreeSet<PathId>,
}

impl Dice {
    pub(crate) fn new(chaos: Chaos, seed: u64) -> Self {
        Self {
            left: if chaos.is_on() { chaos.faults_max } else { 0 },
            chaos,
            random: Random::new(seed, Stream::Chaos),
            cancelled: BTreeSet::new(),
        }
    }

    /// No more faults.
    pub(crate) fn heal(&mut self) {
        self.left = 0;
    }

    /// The fault for a step on `task`.
    pub(crate) fn roll(&mut self, task: PathId, is_main: bool) -> Fault {
        if self.left == 0 || (is_main && self.chaos.spares_main) {
            return Fault::None;
        }
        let cancels = u64::from(self.chaos.cancel_per_mille);
        let drawn = self.random.below(1_000);
        let fault = if drawn < cancels {
            if self.cancelled.insert(task) {
                Fault::Cancel
            } else {
                Fault::None
            }
        } else if drawn < cancels + u64::from(self.chaos.delay_per_mille) {
            let max = u64::try_from(self.chaos.delay_max.as_nanos()).unwrap_or(u64::MAX);
            Fault::Delay(Duration::from_nanos(1 + self.random.below(max.max(1))))
        } else {
            Fault::None
        };
        self.left -= u64::from(fault != Fault::None);
        fault
    }
}
