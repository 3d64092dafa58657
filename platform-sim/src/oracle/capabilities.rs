//! Capabilities (R-IO-4): nothing is used that the region does not hold, and nothing refused that it does.
//!
//! A region says when it is opened what it was granted and denied; what it says nothing of it
//! has from its parent, and the root has what the core offers.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};

use asupersync_core::trace::{Event, EventKind};
use asupersync_core::{Capability, Entropy, Io, Spawn, Timing, Tracing};

use super::census::{Census, name};
use super::ownership::ROOT;
use super::{Findings, Oracle};

/// What the root holds.
const CORE: [&str; 5] = [
    Spawn::NAME,
    Timing::NAME,
    Entropy::NAME,
    Io::NAME,
    Tracing::NAME,
];

#[derive(Debug, Default)]
pub(super) struct CapabilityUse {
    /// By region and capability: whether it was granted; else it was denied.
    edits: BTreeMap<(u64, u64), bool>,
}

impl CapabilityUse {
    pub(super) fn see(&mut self, census: &Census, event: &Event, out: &mut Findings) {
        let actor = event.actor.as_u64();
        let is_used = match event.kind {
            EventKind::CapabilityUsed => true,
            EventKind::CapabilityDenied => false,
            // To be admitted is to use the capability to spawn. Closers need none.
            EventKind::TaskSpawned if !self.edits.is_empty() => {
                let spawn = hash(Spawn::NAME);
                if !census.is_closer(event.object) && !self.is_held(census, event.arg, spawn) {
                    out.add(
                        Oracle::Capabilities,
                        format!(
                            "task {} was spawned into region {}, which was denied `spawn` (R-IO-4)",
                            name(event.object),
                            name(event.arg)
                        ),
                    );
                }
                return;
            }
            _ => return,
        };
        if census.region(actor).is_some() {
            self.edits.insert((actor, event.object), is_used);
            return;
        }
        let is_held = self.is_held(census, event.arg, event.object);
        if is_used != is_held {
            let what = if is_used {
                "used, and region does not hold it"
            } else {
                "refused, and the region holds it"
            };
            out.add(
                Oracle::Capabilities,
                format!(
                    "the capability {} of region {} was {what}: task {} (R-IO-4)",
                    describe(event.object),
                    name(event.arg),
                    event.actor
                ),
            );
        }
    }

    /// Whether a region holds a capability: what the nearest region around it says that says anything.
    fn is_held(&self, census: &Census, region: u64, capability: u64) -> bool {
        let mut at = region;
        loop {
            if let Some(granted) = self.edits.get(&(at, capability)) {
                return *granted;
            }
            match census.region(at) {
                Some(facts) if at != ROOT => at = facts.parent,
                _ => return CORE.iter().any(|name| hash(name) == capability),
            }
        }
    }
}

fn describe(capability: u64) -> String {
    match CORE.iter().find(|name| hash(name) == capability) {
        Some(name) => format!("`{name}`"),
        None => name(capability).to_string(),
    }
}

/// The FNV-1a hash by which traces name capabilities.
pub(super) fn hash(name: &str) -> u64 {
    name.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}
