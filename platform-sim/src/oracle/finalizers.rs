//! Finalizers (R-REG-3): each runs once, last in first out, one at a time, before its owner is done.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::vec::Vec;

use asupersync_core::RegionState;
use asupersync_core::trace::{Event, EventKind};

use super::census::name;
use super::{Findings, Oracle};

/// The clean-up that an owner has left to do.
#[derive(Debug, Default)]
struct Pending {
    waiting: Vec<u64>,
    running: Option<u64>,
}

#[derive(Debug, Default)]
pub(super) struct FinalizerOrder {
    owners: BTreeMap<u64, Pending>,
}

impl FinalizerOrder {
    pub(super) fn see(&mut self, event: &Event, out: &mut Findings) {
        let owner = event.object;
        let mut find = |message| out.add(Oracle::Finalizers, message);
        match event.kind {
            EventKind::FinalizerAdded => {
                self.owners
                    .entry(owner)
                    .or_default()
                    .waiting
                    .push(event.arg);
            }
            EventKind::FinalizerStarted => {
                let pending = self.owners.entry(owner).or_default();
                if let Some(running) = pending.running {
                    find(format!(
                        "finalizer {} of {} began while finalizer {running} runs",
                        event.arg,
                        name(owner)
                    ));
                }
                match pending.waiting.pop() {
                    Some(last) if last == event.arg => {}
                    last => find(format!(
                        "finalizer {} of {} began, and the last one added and not yet run is {last:?}; \
                         they run once each, last in first out (R-REG-3)",
                        event.arg,
                        name(owner)
                    )),
                }
                pending.running = Some(event.arg);
            }
            EventKind::FinalizerDone => {
                let index = event.arg & 0xffff_ffff;
                let pending = self.owners.entry(owner).or_default();
                if pending.running.take() != Some(index) {
                    find(format!(
                        "finalizer {index} of {} ended, and was not the one that runs",
                        name(owner)
                    ));
                }
            }
            EventKind::TaskDone => self.owner_ended(event.actor.as_u64(), "task", out),
            EventKind::RegionState if event.arg == RegionState::Closed as u64 => {
                self.owner_ended(owner, "region", out);
            }
            _ => {}
        }
    }

    fn owner_ended(&mut self, owner: u64, what: &str, out: &mut Findings) {
        // Most owners have none.
        if self.owners.is_empty() {
            return;
        }
        let Some(pending) = self.owners.remove(&owner) else {
            return;
        };
        let left = pending.waiting.len() + usize::from(pending.running.is_some());
        if left > 0 {
            out.add(
                Oracle::Finalizers,
                format!(
                    "{what} {} is over, and {left} of its finalizers did not run to their end (R-REG-3)",
                    name(owner)
                ),
            );
        }
    }
}
