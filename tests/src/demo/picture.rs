//! The picture: a run's trace for <https://ui.perfetto.dev>, with tasks named by what they do.
//!
//! Owns the names. What a task is it said itself, in an event of its own ([`Mark`]); whose region it
//! is in follows from the runtime's events.

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
    let cast = Cast::of(trace);
    to_chrome_json(trace, Axis::Time, |path| cast.name(path))
}

/// Who is who in a trace.
#[derive(Default)]
struct Cast {
    /// What a task said that it is, and its number.
    roles: BTreeMap<PathId, (Mark, u64)>,
    /// The region of a task.
    regions: BTreeMap<PathId, PathId>,
    /// The task that opened a region.
    openers: BTreeMap<PathId, PathId>,
}

impl Cast {
    fn of(trace: &Trace) -> Self {
        let mut cast = Self::default();
        for event in trace.events() {
            let object = PathId::from_u64(event.object);
            match event.kind {
                EventKind::TaskSpawned => {
                    cast.regions.insert(object, PathId::from_u64(event.arg));
                }
                EventKind::RegionOpened => {
                    cast.openers.insert(object, event.actor);
                }
                EventKind::User => {
                    if let Some(mark) = Mark::ROLES
                        .iter()
                        .find(|mark| **mark as u64 == event.object)
                    {
                        cast.roles.insert(event.actor, (*mark, event.arg));
                    }
                }
                _ => {}
            }
        }
        cast
    }

    /// A region is called by its opener.
    fn name(&self, path: PathId) -> Option<String> {
        let task = *self.openers.get(&path).unwrap_or(&path);
        let (mark, number) = *self.roles.get(&task)?;
        Some(match mark {
            Mark::Main => "main".into(),
            Mark::Clerk => "clerk".into(),
            Mark::Batch => format!("batch of {number}"),
            Mark::Worker => format!("{}, worker {number}", self.batch(task)?),
            Mark::Recall => format!("{}, recall", self.batch(task)?),
            Mark::Settled => return None,
        })
    }

    fn batch(&self, task: PathId) -> Option<String> {
        self.name(*self.regions.get(&task)?)
    }
}
