//! `Schedule`: the decisions of a run, which together with the seed are the run.
//!
//! Owns what one decision is and how decisions are found again in a trace: every poll and every
//! fault is an event, so a whole trace holds its schedule. Who decides is in `strategy` and `chaos`.

use alloc::vec::Vec;
use core::time::Duration;

use asupersync_core::PathId;
use asupersync_core::trace::{Event, EventKind};

/// What was done to the chosen task besides, or instead of, polling it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Fault {
    /// Nothing: it was polled.
    #[default]
    None,
    /// It was asked to stop, then polled.
    Cancel,
    /// It was held back for this long instead of being polled.
    Delay(Duration),
}

/// The numbers of faults in [`EventKind::Chaos`] events.
const CANCEL: u64 = 1;
const DELAY: u64 = 2;

impl Fault {
    /// The object and argument of the fault's event; `None` if there is nothing to tell.
    pub(crate) fn event(self) -> Option<(u64, u64)> {
        match self {
            Self::None => None,
            Self::Cancel => Some((CANCEL, 0)),
            Self::Delay(time) => {
                let nanos = u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
                Some((DELAY, nanos))
            }
        }
    }

    /// The fault that a [`EventKind::Chaos`] event tells of.
    pub(crate) fn of_event(event: &Event) -> Self {
        match event.object {
            CANCEL => Self::Cancel,
            DELAY => Self::Delay(Duration::from_nanos(event.arg)),
            _ => Self::None,
        }
    }
}

/// One step of a run: which of the runnable tasks was chosen, and what was done to it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decision {
    /// The chosen task.
    pub task: PathId,
    /// The fault injected with this step.
    pub fault: Fault,
}

/// The decisions of a run, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Schedule {
    decisions: Vec<Decision>,
}

impl Schedule {
    /// The schedule of a run whose whole trace this is.
    pub fn of_events(events: &[Event]) -> Self {
        let mut decisions = Vec::new();
        let mut cancelled = None;
        for event in events {
            let task = event.actor;
            match event.kind {
                EventKind::Chaos => match Fault::of_event(event) {
                    Fault::Cancel => cancelled = Some(task),
                    Fault::None => {}
                    fault => decisions.push(Decision { task, fault }),
                },
                EventKind::TaskPolled => {
                    let fault = match cancelled.take() {
                        Some(target) if target == task => Fault::Cancel,
                        _ => Fault::None,
                    };
                    decisions.push(Decision { task, fault });
                }
                _ => {}
            }
        }
        Self { decisions }
    }

    /// The decisions, in order.
    pub fn decisions(&self) -> &[Decision] {
        &self.decisions
    }

    /// How many decisions there are.
    pub fn len(&self) -> usize {
        self.decisions.len()
    }

    /// Whether nothing was decided.
    pub fn is_empty(&self) -> bool {
        self.decisions.is_empty()
    }

    pub(crate) fn push(&mut self, decision: Decision) {
        self.decisions.push(decision);
    }
}

impl FromIterator<Decision> for Schedule {
    fn from_iter<I: IntoIterator<Item = Decision>>(decisions: I) -> Self {
        Self {
            decisions: decisions.into_iter().collect(),
        }
    }
}
