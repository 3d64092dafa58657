//! Obligations (PO-OBL, R-OBL-1, R-OBL-2): each is resolved once, and before its task's region closes.
//!
//! An event names the reserving task and the object: an id of its own for an owned token, the channel
//! or lock for a borrowed permit. What is counted is therefore reservations of a task on an object. A task that ended with
//! forgotten borrowed permits is named by `Leaked` as a whole, and not judged further.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;

use asupersync_core::RegionState;
use asupersync_core::trace::{Event, EventKind};

use super::census::{Census, name};
use super::{Findings, Oracle};

/// Task, object, kind.
type Key = (u64, u64, u64);

#[derive(Debug)]
pub(super) struct Obligations {
    open: BTreeMap<Key, u64>,
    leakers: BTreeSet<u64>,
    leaks_allowed: bool,
}

impl Obligations {
    pub(super) fn new(leaks_allowed: bool) -> Self {
        Self {
            open: BTreeMap::new(),
            leakers: BTreeSet::new(),
            leaks_allowed,
        }
    }

    /// The tasks that hold something of `object`.
    pub(super) fn holders(&self, object: u64) -> impl Iterator<Item = u64> {
        let open = self.open.keys();
        open.filter(move |(_, held, _)| *held == object)
            .map(|(task, _, _)| *task)
    }

    pub(super) fn see(&mut self, census: &Census, event: &Event, out: &mut Findings) {
        let (actor, object, kind) = (event.actor.as_u64(), event.object, event.arg);
        match event.kind {
            EventKind::Reserved => *self.open.entry((actor, object, kind)).or_default() += 1,
            EventKind::Committed | EventKind::Aborted | EventKind::Revoked => {
                self.resolve((actor, object, kind), event, out);
            }
            EventKind::Leaked => {
                if object == actor {
                    self.leakers.insert(actor);
                } else {
                    self.resolve((actor, object, kind), event, out);
                }
                if !self.leaks_allowed {
                    out.add(
                        Oracle::Leaks,
                        format!(
                            "{} {} reserved by task {} was never resolved; commit it, abort it, or drop \
                             it instead of forgetting it",
                            describe(kind),
                            name(object),
                            event.actor
                        ),
                    );
                }
            }
            EventKind::RegionState if event.arg == RegionState::Closed as u64 => {
                self.region_closed(census, object, out);
            }
            _ => {}
        }
    }

    fn resolve(&mut self, key: Key, event: &Event, out: &mut Findings) {
        match self.open.get_mut(&key) {
            Some(1) => {
                self.open.remove(&key);
            }
            Some(count) => *count -= 1,
            None => out.add(
                Oracle::Obligations,
                format!(
                    "{} {} of task {} was resolved ({}) and is not open: resolved twice, or never reserved (R-OBL-1)",
                    describe(key.2),
                    name(key.1),
                    event.actor,
                    event.kind
                ),
            ),
        }
    }

    fn region_closed(&mut self, census: &Census, region: u64, out: &mut Findings) {
        for ((task, object, kind), count) in &self.open {
            let is_inside = census.task(*task).is_some_and(|task| task.region == region);
            if is_inside && !self.leakers.contains(task) {
                out.add(
                    Oracle::Obligations,
                    format!(
                        "region {} is closed while {count} {} {} of its task {} is open (R-REG-4)",
                        name(region),
                        describe(*kind),
                        name(*object),
                        name(*task)
                    ),
                );
            }
        }
    }

    /// The run is over.
    pub(super) fn end(&mut self, out: &mut Findings) {
        for ((task, object, kind), count) in &self.open {
            if !self.leakers.contains(task) {
                out.add(
                    Oracle::Obligations,
                    format!(
                        "the run is over, and {count} {} {} of task {} is open",
                        describe(*kind),
                        name(*object),
                        name(*task)
                    ),
                );
            }
        }
    }
}

fn describe(kind: u64) -> &'static str {
    match kind {
        1 => "send permit",
        2 => "I/O operation",
        3 => "lease",
        _ => "obligation",
    }
}
