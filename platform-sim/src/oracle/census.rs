//! The census: who exists, of whom, and in which state, as far as the events say.
//!
//! Owns the shared picture of a run that the checkers judge from. It judges nothing; where events make no
//! sense it keeps what it can, and the checkers complain.

use alloc::collections::BTreeMap;

use asupersync_core::trace::{Event, EventKind};
use asupersync_core::{CancelKind, PathId, Phase, RegionState};

/// What is known of a task.
#[derive(Debug)]
pub(crate) struct TaskFacts {
    pub(crate) region: u64,
    pub(crate) phase: Phase,
    pub(crate) polls: u64,
    pub(crate) is_done: bool,
    /// It closes a region whose own future was dropped.
    pub(crate) is_closer: bool,
    /// It has used a mask.
    pub(crate) has_masked: bool,
    /// It was asked to stop, itself.
    pub(crate) is_asked: bool,
}

/// What is known of a region.
#[derive(Debug)]
pub(crate) struct RegionFacts {
    pub(crate) parent: u64,
    pub(crate) opener: u64,
    pub(crate) state: RegionState,
    pub(crate) live_tasks: u64,
    pub(crate) live_regions: u64,
    /// It was asked to stop.
    pub(crate) is_asked: bool,
}

/// Everybody.
#[derive(Debug)]
pub(crate) struct Census {
    pub(crate) tasks: BTreeMap<u64, TaskFacts>,
    pub(crate) regions: BTreeMap<u64, RegionFacts>,
    /// The closers of adopted regions, known before they are spawned.
    closers: BTreeMap<u64, ()>,
    /// How many polls there were.
    pub(crate) steps: u64,
}

impl Default for Census {
    fn default() -> Self {
        // The root is there from the beginning; no event opens it.
        let root = RegionFacts {
            parent: 0,
            opener: 0,
            state: RegionState::Open,
            live_tasks: 0,
            live_regions: 0,
            is_asked: false,
        };
        Self {
            tasks: BTreeMap::new(),
            regions: BTreeMap::from([(PathId::ROOT.as_u64(), root)]),
            closers: BTreeMap::new(),
            steps: 0,
        }
    }
}

impl Census {
    pub(crate) fn task(&self, path: u64) -> Option<&TaskFacts> {
        self.tasks.get(&path)
    }

    pub(crate) fn region(&self, path: u64) -> Option<&RegionFacts> {
        self.regions.get(&path)
    }

    /// Whether the task of this path closes an adopted region.
    pub(crate) fn is_closer(&self, task: u64) -> bool {
        self.closers.contains_key(&task)
    }

    /// The tasks that have not ended.
    pub(crate) fn live_tasks(&self) -> impl Iterator<Item = (u64, &TaskFacts)> {
        let tasks = self.tasks.iter().filter(|(_, facts)| !facts.is_done);
        tasks.map(|(path, facts)| (*path, facts))
    }

    /// The regions that are not closed.
    pub(crate) fn live_regions(&self) -> impl Iterator<Item = (u64, &RegionFacts)> {
        let regions = self
            .regions
            .iter()
            .filter(|(_, facts)| facts.state != RegionState::Closed);
        regions.map(|(path, facts)| (*path, facts))
    }

    /// Takes an event in. The checkers have seen it before, with the picture from before it.
    pub(crate) fn update(&mut self, event: &Event) {
        let (actor, object, arg) = (event.actor.as_u64(), event.object, event.arg);
        match event.kind {
            EventKind::TaskSpawned => {
                let facts = TaskFacts {
                    region: arg,
                    phase: Phase::Running,
                    polls: 0,
                    is_done: false,
                    is_closer: self.is_closer(object),
                    has_masked: false,
                    is_asked: false,
                };
                self.tasks.insert(object, facts);
                if let Some(region) = self.regions.get_mut(&arg) {
                    region.live_tasks += 1;
                }
            }
            EventKind::TaskPolled => {
                self.steps += 1;
                if let Some(task) = self.tasks.get_mut(&actor) {
                    task.polls += 1;
                }
            }
            EventKind::TaskDone => {
                let Some(task) = self.tasks.get_mut(&actor) else {
                    return;
                };
                if core::mem::replace(&mut task.is_done, true) {
                    return;
                }
                if let Some(region) = self.regions.get_mut(&task.region) {
                    region.live_tasks = region.live_tasks.saturating_sub(1);
                }
            }
            EventKind::PhaseChanged => {
                if let (Some(task), Some(phase)) = (self.tasks.get_mut(&actor), phase_of(arg)) {
                    task.phase = phase;
                }
            }
            EventKind::CancelRequested => {
                if let Some(region) = self.regions.get_mut(&object) {
                    region.is_asked = true;
                } else if let Some(task) = self.tasks.get_mut(&object) {
                    task.is_asked = true;
                }
            }
            EventKind::RegionOpened => {
                let facts = RegionFacts {
                    parent: arg,
                    opener: actor,
                    state: RegionState::Open,
                    live_tasks: 0,
                    live_regions: 0,
                    is_asked: false,
                };
                self.regions.insert(object, facts);
                if let Some(parent) = self.regions.get_mut(&arg) {
                    parent.live_regions += 1;
                }
            }
            EventKind::RegionState => self.move_region(object, arg),
            EventKind::RegionAdopted => {
                let closer = PathId::from_u64(object).child(u32::MAX);
                self.closers.insert(closer.as_u64(), ());
            }
            EventKind::MaskEntered => {
                if let Some(task) = self.tasks.get_mut(&actor) {
                    task.has_masked = true;
                }
            }
            _ => {}
        }
    }

    fn move_region(&mut self, path: u64, state: u64) {
        let (Some(region), Some(state)) = (self.regions.get_mut(&path), state_of(state)) else {
            return;
        };
        let before = core::mem::replace(&mut region.state, state);
        let parent = region.parent;
        if state == before || state != RegionState::Closed {
            return;
        }
        if let Some(parent) = self.regions.get_mut(&parent) {
            parent.live_regions = parent.live_regions.saturating_sub(1);
        }
    }
}

/// The phase with this number in a trace.
pub(crate) fn phase_of(number: u64) -> Option<Phase> {
    Phase::from_u8(u8::try_from(number).ok()?)
}

/// The region state with this number in a trace.
pub(crate) fn state_of(number: u64) -> Option<RegionState> {
    use RegionState::{Closed, Closing, Draining, Finalizing, Open};
    let states = [Open, Closing, Draining, Finalizing, Closed];
    states.into_iter().find(|state| *state as u64 == number)
}

/// The kind of request with this number in a trace.
pub(crate) fn kind_of(number: u64) -> Option<CancelKind> {
    CancelKind::from_u8(u8::try_from(number).ok()?)
}

/// A number of a trace as people see it.
pub(crate) fn name(path: u64) -> PathId {
    PathId::from_u64(path)
}
