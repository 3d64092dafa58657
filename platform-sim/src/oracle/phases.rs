//! Cancel phases (PO-CAN, R-CAN-1, R-CAN-8): only along the listed edges, only when asked, and everybody who
//! is asked hears of it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;

use asupersync_core::trace::{Event, EventKind};
use asupersync_core::{Phase, RegionState};

use super::census::{Census, kind_of, name, phase_of};
use super::{Findings, Oracle};

/// In the argument of `TaskDone`.
const WAS_FORCED: u64 = 1 << 8;
/// In the argument of `TaskDone`.
const WAS_UNPOLLED: u64 = 1 << 9;

#[derive(Debug, Default)]
pub(super) struct Phases {
    /// The strongest request so far, by whom it was made to.
    ranks: BTreeMap<u64, u8>,
    /// Tasks that were asked to stop before their first poll, which has begun.
    unpolled: BTreeSet<u64>,
    forced: BTreeSet<u64>,
    /// Whether somebody was asked since the last look at everybody.
    is_news: bool,
}

impl Phases {
    pub(super) fn see(&mut self, census: &Census, event: &Event, out: &mut Findings) {
        let actor = event.actor.as_u64();
        match event.kind {
            EventKind::TaskPolled => self.see_poll(census, actor, out),
            EventKind::PhaseChanged => see_phase(census, event, out),
            EventKind::CancelRequested => self.see_request(event, out),
            EventKind::CancelObserved => {
                let Some(task) = census.task(event.object) else {
                    // A scope inside the task: what reached it from outside leaves no event of its own.
                    return;
                };
                if !is_asked(census, task.region, task.is_asked) {
                    out.add(
                        Oracle::CancelPhases,
                        format!(
                            "task {} observed a cancel that nobody requested",
                            event.actor
                        ),
                    );
                }
            }
            EventKind::Forced => {
                self.forced.insert(event.object);
            }
            EventKind::TaskDone => self.see_end(census, event, out),
            _ => {}
        }
    }

    fn see_poll(&mut self, census: &Census, actor: u64, out: &mut Findings) {
        let Some(task) = census.task(actor) else {
            return;
        };
        if self.unpolled.remove(&actor) {
            if task.phase == Phase::Finalizing {
                // What the closure that made it deferred still runs.
                return;
            }
            out.add(
                Oracle::CancelPhases,
                format!(
                    "task {} was asked to stop before its first poll, and goes on; it must end unpolled (R-CAN-8)",
                    name(actor)
                ),
            );
        } else if task.polls == 0
            && !task.is_closer
            && !task.is_done
            && is_asked(census, task.region, task.is_asked)
        {
            self.unpolled.insert(actor);
        }
    }

    fn see_request(&mut self, event: &Event, out: &mut Findings) {
        self.is_news = true;
        let Some(kind) = kind_of(event.arg) else {
            out.add(
                Oracle::CancelPhases,
                format!("a request has the unknown kind {}", event.arg),
            );
            return;
        };
        let before = self.ranks.insert(event.object, kind.rank());
        if before.is_some_and(|before| before > kind.rank()) {
            out.add(
                Oracle::CancelPhases,
                format!(
                    "the request {kind} replaced a stronger one on {}; requests are monotone (R-CAN-1)",
                    name(event.object)
                ),
            );
        }
    }

    fn see_end(&mut self, census: &Census, event: &Event, out: &mut Findings) {
        let actor = event.actor.as_u64();
        let Some(task) = census.task(actor) else {
            return;
        };
        let was_due_unpolled = self.unpolled.remove(&actor);
        if was_due_unpolled && event.arg & WAS_UNPOLLED == 0 {
            out.add(
                Oracle::CancelPhases,
                format!(
                    "task {} was asked to stop before its first poll, and was polled; it must end unpolled (R-CAN-8)",
                    event.actor
                ),
            );
        }
        if task.phase != Phase::Done {
            out.add(
                Oracle::CancelPhases,
                format!(
                    "task {} ended in phase {:?} instead of Done",
                    event.actor, task.phase
                ),
            );
        }
        let said_forced = self.forced.remove(&actor);
        if event.arg & WAS_FORCED != 0 && !said_forced {
            out.add(
                Oracle::CancelPhases,
                format!(
                    "task {} ended as forced, and nothing forced it",
                    event.actor
                ),
            );
        }
    }

    /// Nothing is runnable: whoever was asked to stop has been polled, hence knows.
    pub(super) fn idle(&mut self, census: &Census, out: &mut Findings) {
        if !core::mem::take(&mut self.is_news) {
            return;
        }
        for (path, task) in census.live_tasks() {
            if task.phase == Phase::Running && is_asked(census, task.region, task.is_asked) {
                out.add(
                    Oracle::CancelPhases,
                    format!(
                        "task {} of region {} was asked to stop and never told: it waits on (R-CAN-1)",
                        name(path),
                        name(task.region)
                    ),
                );
            }
        }
        for (path, region) in census.live_regions() {
            if !region.is_asked && must_hear(census, region.parent, region.opener) {
                out.add(
                    Oracle::CancelPhases,
                    format!(
                        "region {} was asked to stop, and region {} inside it never heard of it (R-CAN-1)",
                        name(region.parent),
                        name(path)
                    ),
                );
            }
        }
    }
}

/// Whether a region opened in `parent` by `opener` hears of a request to `parent`. Where a mask or a
/// finalizer may lie between them it need not.
fn must_hear(census: &Census, parent: u64, opener: u64) -> bool {
    let Some(parent) = census.region(parent) else {
        return false;
    };
    let Some(opener) = census.task(opener) else {
        return false;
    };
    parent.is_asked
        && parent.state < RegionState::Finalizing
        && !opener.has_masked
        && !opener.is_done
        && opener.phase != Phase::Finalizing
}

/// Whether a task was asked to stop, by itself or through its region.
fn is_asked(census: &Census, region: u64, itself: bool) -> bool {
    itself || census.region(region).is_some_and(|region| region.is_asked)
}

fn see_phase(census: &Census, event: &Event, out: &mut Findings) {
    let mut find = |message| out.add(Oracle::CancelPhases, message);
    // Arms of races and timeouts are not tasks; the loser-drain oracle looks at them.
    let Some(task) = census.task(event.actor.as_u64()) else {
        return;
    };
    let (Some(old), Some(new)) = (phase_of(event.object), phase_of(event.arg)) else {
        return find(format!(
            "task {} moved between phases {} and {}, which do not exist",
            event.actor, event.object, event.arg
        ));
    };
    if old != task.phase {
        find(format!(
            "task {} left phase {old:?}, but was in {:?}",
            event.actor, task.phase
        ));
    }
    if !is_edge(old, new) {
        find(format!(
            "task {} moved from {old:?} to {new:?}, which is no edge of the protocol (semantics section 4)",
            event.actor
        ));
    }
    if new == Phase::CancelRequested && !is_asked(census, task.region, task.is_asked) {
        find(format!(
            "task {} entered CancelRequested, and nobody asked it to stop",
            event.actor
        ));
    }
}

/// The edges of semantics section 4. A task with finalizers of its own passes through `Finalizing` from
/// wherever its body ended. Written out here again, so that a wrong edge of the kernel is one.
const fn is_edge(old: Phase, new: Phase) -> bool {
    use Phase::{CancelRequested, Done, Draining, Finalizing, Running};
    matches!(
        (old, new),
        (Running, CancelRequested | Finalizing | Done)
            | (CancelRequested, Draining | Finalizing | Done)
            | (Draining, Finalizing | Done)
            | (Finalizing, Done)
    )
}
