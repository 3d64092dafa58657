//! Ownership (PO-OWN, R-OWN-1..3): every task and region has one owner, which admits it while it may, and
//! nothing is left when the run is over.

use alloc::format;

use asupersync_core::trace::{Event, EventKind};
use asupersync_core::{PathId, RegionState};

use super::census::{Census, name};
use super::{Findings, Oracle};

#[derive(Debug)]
pub(super) struct Ownership {
    live: usize,
    capacity: usize,
}

impl Ownership {
    pub(super) fn new(capacity: usize) -> Self {
        Self { live: 0, capacity }
    }

    pub(super) fn see(&mut self, census: &Census, event: &Event, out: &mut Findings) {
        let (actor, object, arg) = (event.actor, event.object, event.arg);
        let mut find = |message| out.add(Oracle::Ownership, message);
        match event.kind {
            EventKind::TaskSpawned => {
                if census.task(object).is_some() || census.region(object).is_some() {
                    find(format!(
                        "the new task {} has the id of another task or region; what one maker makes must be \
                         numbered by one counter",
                        name(object)
                    ));
                }
                let state = census.region(arg).map(|region| region.state);
                let admits = match state {
                    Some(RegionState::Open) => true,
                    // What closes an adopted region has its place reserved.
                    Some(RegionState::Closed) | None => false,
                    Some(_) => census.is_closer(object),
                };
                if !admits {
                    find(format!(
                        "task {} was admitted to region {}, which is {}; only an open region may admit (R-OWN-2)",
                        name(object),
                        name(arg),
                        describe(state)
                    ));
                }
                // The kernel counts a task out after it has told its end, so it can only refuse earlier.
                if self.live >= self.capacity && !census.is_closer(object) {
                    find(format!(
                        "task {} was admitted although {} tasks live and {} may (R-OWN-2)",
                        name(object),
                        self.live,
                        self.capacity
                    ));
                }
                self.live += 1;
            }
            EventKind::RegionOpened => {
                if census.task(object).is_some() || census.region(object).is_some() {
                    find(format!(
                        "the new region {} has the id of another task or region",
                        name(object)
                    ));
                }
                let state = census.region(arg).map(|region| region.state);
                if matches!(state, None | Some(RegionState::Closed)) {
                    find(format!(
                        "region {} was opened in region {}, which is {}; nobody closes it",
                        name(object),
                        name(arg),
                        describe(state)
                    ));
                }
            }
            EventKind::RegionAdopted => match census.region(object) {
                Some(region) if region.parent == arg => {
                    let parent = census.region(arg).map(|parent| parent.state);
                    if matches!(parent, None | Some(RegionState::Closed)) {
                        find(format!(
                            "region {} was adopted by region {}, which is {}",
                            name(object),
                            name(arg),
                            describe(parent)
                        ));
                    }
                }
                Some(region) => find(format!(
                    "region {} was adopted by region {} instead of its parent {}, which may close before it (R-OWN-3)",
                    name(object),
                    name(arg),
                    name(region.parent)
                )),
                None => find(format!(
                    "region {} was adopted and never opened",
                    name(object)
                )),
            },
            EventKind::TaskPolled if census.task(actor.as_u64()).is_none() => {
                find(format!(
                    "task {actor} is polled and was never spawned: it has no owner"
                ));
            }
            EventKind::TaskDone => {
                self.live = self.live.saturating_sub(1);
                match census.task(actor.as_u64()) {
                    None => find(format!("task {actor} ended and was never spawned")),
                    Some(task) if task.region != object => find(format!(
                        "task {actor} of region {} was counted out of region {}",
                        name(task.region),
                        name(object)
                    )),
                    Some(_) => {}
                }
            }
            _ => {}
        }
    }

    /// The run is over.
    pub(super) fn end(&mut self, census: &Census, out: &mut Findings) {
        let tasks = census.live_tasks().count();
        if let Some((path, task)) = census.live_tasks().next() {
            out.add(
                Oracle::Ownership,
                format!(
                    "{tasks} task(s) outlive the run, first {} of region {} in phase {:?}; who was to wait for it?",
                    name(path),
                    name(task.region),
                    task.phase
                ),
            );
        }
        let regions = census.live_regions().count();
        if let Some((path, region)) = census.live_regions().next() {
            out.add(
                Oracle::Ownership,
                format!(
                    "{regions} region(s) never closed, first {} with {} live task(s) and {} live region(s), {:?}",
                    name(path),
                    region.live_tasks,
                    region.live_regions,
                    region.state
                ),
            );
        }
    }
}

fn describe(state: Option<RegionState>) -> &'static str {
    match state {
        None => "unknown",
        Some(RegionState::Open) => "open",
        Some(RegionState::Closing) => "closing",
        Some(RegionState::Draining) => "draining",
        Some(RegionState::Finalizing) => "finalizing",
        Some(RegionState::Closed) => "closed",
    }
}

/// The root's path, as a number.
pub(super) const ROOT: u64 = PathId::ROOT.as_u64();
