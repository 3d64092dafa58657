//! Quiescence (PO-REG, R-REG-3, R-REG-4): a region goes forward only, and is empty where it must be.

use alloc::format;

use asupersync_core::RegionState;
use asupersync_core::trace::{Event, EventKind};

use super::census::{Census, name, state_of};
use super::{Findings, Oracle};

#[derive(Debug, Default)]
pub(super) struct Quiescence;

impl Quiescence {
    pub(super) fn see(&mut self, census: &Census, event: &Event, out: &mut Findings) {
        if event.kind != EventKind::RegionState {
            return;
        }
        let mut find = |message| out.add(Oracle::Quiescence, message);
        let path = name(event.object);
        let Some(region) = census.region(event.object) else {
            return find(format!(
                "region {path} changed its state and was never opened"
            ));
        };
        let Some(state) = state_of(event.arg) else {
            return find(format!("region {path} has the unknown state {}", event.arg));
        };
        if state <= region.state {
            find(format!(
                "region {path} went from {:?} to {state:?}; states only go forward",
                region.state
            ));
        }
        if state >= RegionState::Finalizing && (region.live_tasks > 0 || region.live_regions > 0) {
            let rule = if state == RegionState::Closed {
                "R-REG-4"
            } else {
                "R-REG-3"
            };
            find(format!(
                "region {path} is {state:?} while {} task(s) and {} region(s) in it live ({rule}); \
                 what was to wait for them?",
                region.live_tasks, region.live_regions
            ));
        }
    }
}
