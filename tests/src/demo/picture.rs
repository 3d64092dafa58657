//! The picture: a run's trace for <https://ui.perfetto.dev>, with tasks named by what they do.
//!
//! Owns the names. Who a task is it said itself, in an event of its own ([`Mark`]); whose region is
//! whose follows from the runtime's events.

use std::collections::BTreeMap;
use std::format;
use std::prelude::rust_2024::*;

use asupersync_core::PathId;
use asupersync_core::trace::EventKind;
use asupersync_sim::artifact::Trace;
use asupersync_sim::perfetto::{Axis, to_chrome_json};

use super::pipeline::Mark;

/// The trace as Chrome trace event JSON.
pub fn draw(trace: &Trace) -> String {
    let names = names(trace);
    to_chrome_json(trace, Axis::Time, |path| names.get(&path).cloned())
}

fn names(trace: &Trace) -> BTreeMap<PathId, String> {
    let mut names = BTreeMap::from([(PathId::ROOT, "root".into())]);
    let mut region_of = BTreeMap::new();
    for event in trace.events() {
        let object = PathId::from_u64(event.object);
        match event.kind {
            EventKind::TaskSpawned => {
                region_of.insert(object, PathId::from_u64(event.arg));
            }
            EventKind::RegionOpened => {
                if let Some(opener) = names.get(&event.actor) {
                    names.insert(object, format!("{opener}"));
                }
            }
            EventKind::User => {
                let around = region_of.get(&event.actor).and_then(|region| names.get(region));
                let around = around.map_or("a batch", String::as_str);
                let name = match event.object {
                    mark if mark == Mark::Clerk as u64 => "clerk".into(),
                    mark if mark == Mark::Batch as u64 => format!("batch from record {}", event.arg),
                    mark if mark == Mark::Worker as u64 => format!("{around}, worker {}", event.arg),
                    _ => continue,
                };
                names.insert(event.actor, name);
            }
            _ => {}
        }
    }
    names
}
