//! Loser drain (R-CAN-6): a race, join or timeout goes on only when the arm it asked to stop has ended.
//!
//! Arms are scopes inside a task. The kernel tells their phases only once they were asked to stop:
//! `Finalizing` when the body is gone, `Done` when what waited goes on. An arm whose combinator was dropped
//! with everything around it says nothing, which is right: nobody went on.

use alloc::collections::BTreeMap;
use alloc::format;

use asupersync_core::Phase;
use asupersync_core::trace::{Event, EventKind};

use super::census::{Census, kind_of, name};
use super::{Findings, Oracle};

#[derive(Debug, Default)]
pub(super) struct Losers {
    /// Arms that were asked to stop: the kind of the request, and whether their body is gone.
    asked: BTreeMap<u64, (u64, bool)>,
}

impl Losers {
    pub(super) fn see(&mut self, census: &Census, event: &Event, out: &mut Findings) {
        match event.kind {
            EventKind::CancelRequested => {
                let target = event.object;
                if census.task(target).is_none() && census.region(target).is_none() {
                    self.asked.entry(target).or_insert((event.arg, false));
                }
            }
            EventKind::PhaseChanged => {
                let Some((_, has_ended)) = self.asked.get_mut(&event.actor.as_u64()) else {
                    return;
                };
                *has_ended |= event.arg == Phase::Finalizing as u64;
                if event.arg != Phase::Done as u64 {
                    return;
                }
                if let Some((kind, false)) = self.asked.remove(&event.actor.as_u64()) {
                    let kind = kind_of(kind).map_or("?", |kind| kind.name());
                    out.add(
                        Oracle::LoserDrain,
                        format!(
                            "what waited for {} went on after asking it to stop ({kind}), before it had ended (R-CAN-6)",
                            name(event.actor.as_u64())
                        ),
                    );
                }
            }
            _ => {}
        }
    }
}
