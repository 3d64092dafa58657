//! Strategies: which of the runnable tasks is polled next.
//!
//! Owns the runnable set, in the shape that each strategy wants, and the choice. It polls nothing and
//! injects nothing.

use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;
use core::cmp::Reverse;

use asupersync_core::lanes::{Arbiter, Lane, Waiting};
use asupersync_core::queue::Fifo;
use asupersync_core::{PathId, Runnable, Time};

use crate::entropy::{Random, Stream};
use crate::schedule::{Decision, Fault, Schedule};

/// How the next task is chosen.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub enum Strategy {
    /// Any runnable task, each with the same chance, from the seed. Finds what depends on order.
    #[default]
    Random,
    /// The order of the reference executor: three lanes and their arbiter.
    Lanes,
    /// The decisions of an earlier run, faults included; after their end, first in first out. A
    /// decision that cannot be followed is a violation (the program is not deterministic, or not the same).
    Recorded(Schedule),
}

impl Strategy {
    /// The name in trace headers and on the command line.
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Random => "random",
            Self::Lanes => "lanes",
            Self::Recorded(_) => "recorded",
        }
    }
}

/// A recorded decision that could not be followed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Mismatch {
    /// Which decision.
    pub(crate) step: usize,
    /// The task that was to be chosen, and was not runnable.
    pub(crate) expected: PathId,
    /// How many others were.
    pub(crate) runnable: usize,
}

/// The runnable set and the choice.
pub(crate) enum Picker {
    Random {
        random: Random,
        tasks: Vec<Runnable>,
    },
    Lanes(Lanes),
    Recorded(Recorded),
}

/// The queues of the reference executor.
pub(crate) struct Lanes {
    pub(crate) arbiter: Arbiter,
    cancel: Fifo,
    /// Earliest deadline first, ties by priority, then by path; frozen when queued.
    timed: BTreeMap<(Time, Reverse<u8>, PathId), Runnable>,
    ready: Fifo,
}

pub(crate) struct Recorded {
    tasks: VecDeque<Runnable>,
    decisions: Vec<Decision>,
    next: usize,
    pub(crate) mismatch: Option<Mismatch>,
}

impl Picker {
    pub(crate) fn new(strategy: &Strategy, seed: u64, streak_limit: u32) -> Self {
        match strategy {
            Strategy::Random => Self::Random {
                random: Random::new(seed, Stream::Schedule),
                tasks: Vec::new(),
            },
            Strategy::Lanes => Self::Lanes(Lanes {
                arbiter: Arbiter::new(streak_limit),
                cancel: Fifo::new(),
                timed: BTreeMap::new(),
                ready: Fifo::new(),
            }),
            Strategy::Recorded(schedule) => Self::Recorded(Recorded {
                tasks: VecDeque::new(),
                decisions: schedule.decisions().to_vec(),
                next: 0,
                mismatch: None,
            }),
        }
    }

    pub(crate) fn is_empty(&self) -> bool {
        match self {
            Self::Random { tasks, .. } => tasks.is_empty(),
            Self::Lanes(lanes) => {
                lanes.cancel.is_empty() && lanes.timed.is_empty() && lanes.ready.is_empty()
            }
            Self::Recorded(recorded) => recorded.tasks.is_empty(),
        }
    }

    pub(crate) fn push(&mut self, task: Runnable) {
        match self {
            Self::Random { tasks, .. } => tasks.push(task),
            Self::Lanes(lanes) => lanes.push(task),
            Self::Recorded(recorded) => recorded.tasks.push_back(task),
        }
    }

    /// The next task; the fault too where that is recorded.
    pub(crate) fn pick(&mut self) -> Option<(Runnable, Option<Fault>)> {
        match self {
            Self::Random { random, tasks } => {
                let index = match tasks.len() {
                    0 => return None,
                    // Nothing to choose, nothing drawn.
                    1 => 0,
                    len => random.below(len as u64) as usize,
                };
                Some((tasks.swap_remove(index), None))
            }
            Self::Lanes(lanes) => Some((lanes.pop()?, None)),
            Self::Recorded(recorded) => recorded.pop(),
        }
    }
}

impl Lanes {
    fn push(&mut self, task: Runnable) {
        match task.lane() {
            Lane::Cancel => self.cancel.push_back(task),
            Lane::Timed => {
                let key = (task.deadline(), Reverse(task.priority()), task.path());
                self.timed.insert(key, task);
            }
            Lane::Ready => self.ready.push_back(task),
        }
    }

    fn pop(&mut self) -> Option<Runnable> {
        let waiting = Waiting {
            cancel: !self.cancel.is_empty(),
            timed: !self.timed.is_empty(),
            ready: !self.ready.is_empty(),
        };
        match self.arbiter.pick(waiting)? {
            Lane::Cancel => self.cancel.pop_front(),
            Lane::Timed => self.timed.pop_first().map(|(_, task)| task),
            Lane::Ready => self.ready.pop_front(),
        }
    }
}

impl Recorded {
    fn pop(&mut self) -> Option<(Runnable, Option<Fault>)> {
        let decision = self.decisions.get(self.next).copied();
        if let Some(decision) = decision.filter(|_| !self.tasks.is_empty()) {
            let found = self
                .tasks
                .iter()
                .position(|task| task.path() == decision.task);
            if let Some(task) = found.and_then(|index| self.tasks.remove(index)) {
                self.next += 1;
                return Some((task, Some(decision.fault)));
            }
            self.mismatch.get_or_insert(Mismatch {
                step: self.next,
                expected: decision.task,
                runnable: self.tasks.len(),
            });
            // The rest of the schedule belongs to a run that this one has left.
            self.decisions.clear();
        }
        Some((self.tasks.pop_front()?, Some(Fault::None)))
    }
}
