//! Negative controls: for every oracle, runs that must trip it, each one event away from a run that
//! must not. An oracle that cannot fail proves nothing.

mod effects;
mod tree;
mod waits;

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;

use asupersync_core::trace::{Event, EventKind};
use asupersync_core::{CancelKind, ObligationKind, PathId, Phase, RegionState, Time};

use super::capabilities::hash;
use super::{Expectations, Oracle, Oracles, Violation, check};

const ROOT: PathId = PathId::ROOT;
/// The main task.
const MAIN: PathId = ROOT.child(0);
/// A region that the main task opens.
const REGION: PathId = MAIN.child(0);
/// A task in that region.
const CHILD: PathId = REGION.child(0);
/// A region in that region.
const INNER: PathId = REGION.child(7);
const CHANNEL: PathId = MAIN.child(99);
const TOKEN: PathId = CHILD.child(42);

const OPEN_TO: u64 = RegionState::Open as u64;
const DRAINING: u64 = RegionState::Draining as u64;
const CLOSING: u64 = RegionState::Closing as u64;
const FINALIZING: u64 = RegionState::Finalizing as u64;
const CLOSED: u64 = RegionState::Closed as u64;
const SEND_PERMIT: u64 = ObligationKind::SendPermit as u64;
const UNPOLLED: u64 = 1 << 9;
const FORCED: u64 = 1 << 8;

fn event(kind: EventKind, actor: PathId, object: u64, arg: u64) -> Event {
    Event {
        at: Time::ZERO,
        actor,
        kind,
        object,
        arg,
    }
}

fn spawned(task: PathId, region: PathId) -> Event {
    event(
        EventKind::TaskSpawned,
        region,
        task.as_u64(),
        region.as_u64(),
    )
}

fn polled(task: PathId) -> Event {
    event(EventKind::TaskPolled, task, 0, 2)
}

fn woken(task: PathId) -> Event {
    event(EventKind::TaskWoken, task, task.as_u64(), 0)
}

fn phase(task: PathId, old: Phase, new: Phase) -> Event {
    event(EventKind::PhaseChanged, task, old as u64, new as u64)
}

fn done(task: PathId, region: PathId, flags: u64) -> Event {
    event(EventKind::TaskDone, task, region.as_u64(), flags)
}

fn opened(region: PathId, opener: PathId, parent: PathId) -> Event {
    event(
        EventKind::RegionOpened,
        opener,
        region.as_u64(),
        parent.as_u64(),
    )
}

fn state(region: PathId, state: u64) -> Event {
    event(EventKind::RegionState, region, region.as_u64(), state)
}

fn requested(target: PathId, kind: CancelKind) -> Event {
    event(
        EventKind::CancelRequested,
        target,
        target.as_u64(),
        kind as u64,
    )
}

fn of(kind: EventKind, actor: PathId, object: PathId, arg: u64) -> Event {
    event(kind, actor, object.as_u64(), arg)
}

/// A whole clean run: the main task opens a region, `inside` happens, everything closes.
fn run(inside: &[Event]) -> Vec<Event> {
    let mut events = vec![
        spawned(MAIN, ROOT),
        polled(MAIN),
        opened(REGION, MAIN, ROOT),
        spawned(CHILD, REGION),
        polled(CHILD),
    ];
    events.extend_from_slice(inside);
    if !inside.iter().any(|event| event.kind == EventKind::TaskDone) {
        events.push(phase(CHILD, Phase::Running, Phase::Done));
        events.push(done(CHILD, REGION, 0));
    }
    if !inside
        .iter()
        .any(|event| event.kind == EventKind::RegionState)
    {
        events.extend([
            state(REGION, CLOSING),
            state(REGION, FINALIZING),
            state(REGION, CLOSED),
        ]);
    }
    events.extend([
        phase(MAIN, Phase::Running, Phase::Done),
        done(MAIN, ROOT, 0),
        requested(ROOT, CancelKind::Shutdown),
        state(ROOT, DRAINING),
        state(ROOT, CLOSED),
    ]);
    events
}

fn names(violations: &[Violation]) -> Vec<Oracle> {
    violations
        .iter()
        .map(|violation| violation.oracle)
        .collect()
}

#[track_caller]
fn clean(inside: &[Event]) {
    assert_eq!(check(&run(inside)), []);
}

/// The oracle, and only that one, finds something whose message has these words.
#[track_caller]
fn trips(oracle: Oracle, words: &str, events: &[Event]) {
    let violations = check(events);
    assert!(
        !violations.is_empty() && violations.iter().all(|found| found.oracle == oracle),
        "{violations:#?}"
    );
    let text: Vec<String> = violations.iter().map(ToString::to_string).collect();
    assert!(text.iter().any(|text| text.contains(words)), "{text:#?}");
}

/// Also others may find something; one bug often breaks several rules.
#[track_caller]
fn trips_among_others(oracle: Oracle, words: &str, events: &[Event]) {
    let violations = check(events);
    let found = violations
        .iter()
        .any(|found| found.oracle == oracle && found.message.contains(words));
    assert!(found, "{violations:#?}");
}
