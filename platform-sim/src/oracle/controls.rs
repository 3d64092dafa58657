//! Negative controls: for every oracle, runs that must trip it, each one event away from a run that
//! must not. An oracle that cannot fail proves nothing.

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
    event(EventKind::TaskSpawned, region, task.as_u64(), region.as_u64())
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
    event(EventKind::RegionOpened, opener, region.as_u64(), parent.as_u64())
}

fn state(region: PathId, state: u64) -> Event {
    event(EventKind::RegionState, region, region.as_u64(), state)
}

fn requested(target: PathId, kind: CancelKind) -> Event {
    event(EventKind::CancelRequested, target, target.as_u64(), kind as u64)
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
    if !inside.iter().any(|event| event.kind == EventKind::RegionState) {
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
    violations.iter().map(|violation| violation.oracle).collect()
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

#[test]
fn a_run_that_keeps_the_rules_is_clean() {
    clean(&[]);
}

// proves: R-OWN-1
#[test]
fn ownership_wants_an_owner_for_each_task_and_region() {
    let oracle = Oracle::Ownership;
    let stranger = ROOT.child(5);
    trips(oracle, "has no owner", &run(&[polled(stranger)]));
    trips_among_others(oracle, "was never spawned", &run(&[done(stranger, ROOT, 0)]));
    trips_among_others(oracle, "which is unknown", &run(&[spawned(INNER, stranger)]));
    trips_among_others(oracle, "a second task has the id", &run(&[spawned(CHILD, REGION)]));
    trips_among_others(oracle, "a second region has the id", &run(&[opened(REGION, MAIN, ROOT)]));
    trips_among_others(oracle, "nobody closes it", &run(&[opened(INNER, CHILD, stranger)]));
    trips_among_others(oracle, "counted out of region", &run(&[
        phase(CHILD, Phase::Running, Phase::Done),
        done(CHILD, ROOT, 0),
    ]));
    let mut cut = run(&[]);
    cut.truncate(5);
    trips(oracle, "outlive the run", &cut);
    trips(oracle, "never closed", &cut);
}

// proves: R-OWN-2
#[test]
fn ownership_wants_closed_regions_to_refuse() {
    let late = CHILD.child(1);
    let mut events = run(&[]);
    events.insert(8, spawned(late, REGION));
    assert_eq!(events[7], state(REGION, CLOSING));
    trips_among_others(Oracle::Ownership, "which is closing", &events);
}

// proves: R-OWN-3
#[test]
fn ownership_wants_adoption_by_the_parent() {
    let closer = INNER.child(u32::MAX);
    let adoption = |parent: PathId| {
        run(&[
            opened(INNER, CHILD, REGION),
            requested(INNER, CancelKind::ParentCancelled),
            state(INNER, DRAINING),
            of(EventKind::RegionAdopted, CHILD, INNER, parent.as_u64()),
            spawned(closer, parent),
            phase(CHILD, Phase::Running, Phase::Done),
            done(CHILD, REGION, 0),
            polled(closer),
            state(INNER, FINALIZING),
            state(INNER, CLOSED),
            phase(closer, Phase::Running, Phase::Done),
            done(closer, parent, 0),
            state(REGION, CLOSING),
            state(REGION, FINALIZING),
            state(REGION, CLOSED),
        ])
    };
    assert_eq!(check(&adoption(REGION)), []);
    trips(Oracle::Ownership, "instead of its parent", &adoption(ROOT));
}

// proves: R-CAN-1
#[test]
fn phases_go_along_the_listed_edges() {
    use Phase::{CancelRequested, Done, Draining, Finalizing, Running};
    let oracle = Oracle::CancelPhases;
    let ask = requested(CHILD, CancelKind::User);
    let end = [done(CHILD, REGION, 2)];
    let with = |steps: &[Event]| run(&[&[ask], steps, &end].concat());
    let good = [
        phase(CHILD, Running, CancelRequested),
        of(EventKind::CancelObserved, CHILD, CHILD, 1),
        phase(CHILD, CancelRequested, Draining),
        phase(CHILD, Draining, Finalizing),
        phase(CHILD, Finalizing, Done),
    ];
    assert_eq!(check(&with(&good)), []);
    trips(oracle, "no edge", &with(&[
        phase(CHILD, Running, Draining),
        phase(CHILD, Draining, Done),
    ]));
    trips(oracle, "no edge", &with(&[
        phase(CHILD, Running, Finalizing),
        phase(CHILD, Finalizing, Draining),
        phase(CHILD, Draining, Done),
    ]));
    trips(oracle, "but was in Running", &with(&[phase(CHILD, CancelRequested, Done)]));
    trips(oracle, "do not exist", &with(&[
        event(EventKind::PhaseChanged, CHILD, 0, 9),
        phase(CHILD, Running, Done),
    ]));
    trips(oracle, "instead of Done", &with(&good[..3]));
    trips(oracle, "nobody asked it", &run(&[
        phase(CHILD, Running, CancelRequested),
        phase(CHILD, CancelRequested, Done),
        end[0],
    ]));
    trips(oracle, "nobody requested", &run(&[of(EventKind::CancelObserved, CHILD, CHILD, 1)]));
    trips(oracle, "nothing forced it", &run(&[
        phase(CHILD, Running, Done),
        done(CHILD, REGION, 2 | FORCED),
    ]));
}

// proves: R-CAN-1
#[test]
fn requests_are_monotone_and_reach_everybody() {
    let oracle = Oracle::CancelPhases;
    let weaker = [
        requested(CHILD, CancelKind::Shutdown),
        requested(CHILD, CancelKind::User),
    ];
    trips(oracle, "replaced a stronger one", &run(&weaker));
    clean(&[weaker[1], weaker[0]]);
    trips(oracle, "unknown kind", &run(&[of(EventKind::CancelRequested, CHILD, CHILD, 77)]));

    // Nothing is runnable, so whoever was asked should know.
    let mut oracles = Oracles::new(Expectations::default());
    for event in &run(&[])[..5] {
        oracles.event(event);
    }
    oracles.idle(Time::ZERO);
    oracles.event(&opened(INNER, CHILD, REGION));
    oracles.event(&requested(REGION, CancelKind::User));
    oracles.event(&state(REGION, DRAINING));
    oracles.idle(Time::ZERO);
    let found = oracles.finish();
    let text: String = found.iter().map(ToString::to_string).collect();
    assert!(text.contains("never told") && text.contains("never heard of it"), "{text}");
}

// proves: R-CAN-8
#[test]
fn who_is_asked_before_its_first_poll_ends_unpolled() {
    let second = REGION.child(1);
    let with = |flags: u64, polls: usize| {
        let mut inside = vec![
            spawned(second, REGION),
            requested(second, CancelKind::User),
        ];
        inside.extend(vec![polled(second); polls]);
        inside.extend([
            phase(second, Phase::Running, Phase::CancelRequested),
            phase(second, Phase::CancelRequested, Phase::Done),
            done(second, REGION, 2 | flags),
            phase(CHILD, Phase::Running, Phase::Done),
            done(CHILD, REGION, 0),
        ]);
        run(&inside)
    };
    assert_eq!(check(&with(UNPOLLED, 1)), []);
    trips(Oracle::CancelPhases, "and was polled", &with(0, 1));
    trips(Oracle::CancelPhases, "goes on", &with(UNPOLLED, 2));
}

// proves: R-REG-3, R-REG-4
#[test]
fn regions_are_quiet_before_they_finalize_and_go_forward_only() {
    let oracle = Oracle::Quiescence;
    let whole = run(&[]);
    let without_end: Vec<_> = whole
        .iter()
        .copied()
        .filter(|event| event.actor != CHILD || event.kind != EventKind::TaskDone)
        .collect();
    trips_among_others(oracle, "Finalizing while 1 task(s)", &without_end);
    trips_among_others(oracle, "Closed while 1 task(s)", &without_end);
    trips_among_others(oracle, "and 1 region(s)", &run(&[opened(INNER, CHILD, REGION)]));
    let backwards = [
        phase(CHILD, Phase::Running, Phase::Done),
        done(CHILD, REGION, 0),
        state(REGION, FINALIZING),
        state(REGION, CLOSING),
        state(REGION, CLOSED),
    ];
    trips(oracle, "only go forward", &run(&backwards));
    let again = [&backwards[..3], &[state(REGION, CLOSED), state(REGION, CLOSED)]].concat();
    trips(oracle, "only go forward", &run(&again));
    trips_among_others(oracle, "only go forward", &run(&[state(REGION, OPEN_TO)]));
    trips_among_others(oracle, "never opened", &run(&[state(INNER, CLOSING)]));
    trips_among_others(oracle, "unknown state", &run(&[state(REGION, 9)]));
}

// proves: R-REG-3
#[test]
fn finalizers_run_once_each_last_in_first_out() {
    let oracle = Oracle::Finalizers;
    let added = |index| of(EventKind::FinalizerAdded, CHILD, CHILD, index);
    let started = |index| of(EventKind::FinalizerStarted, CHILD, CHILD, index);
    let ended = |index: u64| of(EventKind::FinalizerDone, CHILD, CHILD, index | 1_u64 << 32);
    clean(&[
        added(0),
        added(1),
        started(1),
        ended(1),
        started(0),
        ended(0),
    ]);
    trips(oracle, "last in first out", &run(&[
        added(0),
        added(1),
        started(0),
        ended(0),
        started(1),
        ended(1),
    ]));
    trips(oracle, "1 of its finalizers did not run", &run(&[added(0)]));
    trips(oracle, "did not run to their end", &run(&[added(0), started(0)]));
    trips(oracle, "last in first out", &run(&[added(0), started(0), ended(0), started(0), ended(0)]));
    trips(oracle, "while finalizer 1 runs", &run(&[
        added(0),
        added(1),
        started(1),
        started(0),
        ended(0),
    ]));
    trips(oracle, "was not the one that runs", &run(&[ended(3)]));
    // A region's own run before it is closed.
    trips(oracle, "region", &run(&[of(EventKind::FinalizerAdded, MAIN, REGION, 0)]));
}

// proves: R-OBL-1, R-OBL-2
#[test]
fn obligations_are_resolved_exactly_once() {
    let oracle = Oracle::Obligations;
    let on = |kind, object| of(kind, CHILD, object, SEND_PERMIT);
    let reserved = on(EventKind::Reserved, TOKEN);
    for end in [EventKind::Committed, EventKind::Aborted, EventKind::Revoked] {
        clean(&[reserved, on(end, TOKEN)]);
        trips(oracle, "not open", &run(&[reserved, on(end, TOKEN), on(end, TOKEN)]));
        trips(oracle, "not open", &run(&[on(end, TOKEN)]));
    }
    // Two permits of one channel are two.
    let permit = on(EventKind::Reserved, CHANNEL);
    clean(&[permit, permit, on(EventKind::Committed, CHANNEL), on(EventKind::Aborted, CHANNEL)]);
    trips(oracle, "is closed while 1 send permit", &run(&[permit, permit, on(EventKind::Committed, CHANNEL)]));
    trips(oracle, "the run is over, and 1", &run(&[permit]));
}

// proves: R-OBL-2
#[test]
fn leaks_are_found_unless_they_are_expected() {
    let reserved = of(EventKind::Reserved, CHILD, TOKEN, SEND_PERMIT);
    let leaked = of(EventKind::Leaked, CHILD, TOKEN, SEND_PERMIT);
    let owned = run(&[reserved, leaked]);
    trips(Oracle::Leaks, "never resolved", &owned);
    // Borrowed permits that were forgotten are told by the task as a whole.
    let permit = of(EventKind::Reserved, CHILD, CHANNEL, SEND_PERMIT);
    let borrowed = run(&[permit, permit, of(EventKind::Leaked, CHILD, CHILD, SEND_PERMIT)]);
    trips(Oracle::Leaks, "never resolved", &borrowed);
    for events in [owned, borrowed] {
        let mut oracles = Oracles::new(Expectations {
            leaks_allowed: true,
            ..Expectations::default()
        });
        events.iter().for_each(|event| oracles.event(event));
        assert_eq!(oracles.finish(), []);
    }
}

// proves: R-CAN-6
#[test]
fn a_race_that_leaves_its_loser_behind_is_found() {
    let arm = CHILD.child(3);
    let asked = requested(arm, CancelKind::RaceLost);
    clean(&[
        asked,
        phase(arm, Phase::CancelRequested, Phase::Finalizing),
        phase(arm, Phase::Finalizing, Phase::Done),
    ]);
    // Dropped with everything around it: nobody went on.
    clean(&[asked]);
    trips(Oracle::LoserDrain, "(RaceLost)", &run(&[
        asked,
        phase(arm, Phase::CancelRequested, Phase::Done),
    ]));
}

// proves: R-IO-4
#[test]
fn capabilities_are_used_only_where_they_are_held() {
    let oracle = Oracle::Capabilities;
    let (time, mail) = (hash("time"), hash("mail"));
    let region = REGION.as_u64();
    let used = |name| event(EventKind::CapabilityUsed, CHILD, name, region);
    let refused = |name| event(EventKind::CapabilityDenied, CHILD, name, region);
    let granted_to = |region, name| event(EventKind::CapabilityUsed, region, name, 0);
    let denied_to = |region, name| event(EventKind::CapabilityDenied, region, name, 0);
    clean(&[used(time), refused(mail)]);
    trips(oracle, "does not hold it", &run(&[used(mail)]));
    trips(oracle, "`time` of region", &run(&[refused(time)]));
    clean(&[granted_to(REGION, mail), used(mail)]);
    clean(&[denied_to(REGION, time), refused(time)]);
    trips(oracle, "does not hold it", &run(&[denied_to(REGION, time), used(time)]));
    // What is around denies too, unless it is granted again.
    trips(oracle, "does not hold it", &run(&[denied_to(ROOT, time), used(time)]));
    clean(&[denied_to(ROOT, time), granted_to(REGION, time), used(time)]);
    let second = REGION.child(1);
    let spawn = run(&[
        denied_to(REGION, hash("spawn")),
        spawned(second, REGION),
        polled(second),
        phase(second, Phase::Running, Phase::Done),
        done(second, REGION, 0),
        phase(CHILD, Phase::Running, Phase::Done),
        done(CHILD, REGION, 0),
    ]);
    trips(oracle, "denied `spawn`", &spawn);
}

#[test]
fn a_task_that_is_done_is_left_alone() {
    let oracle = Oracle::PollAfterCompletion;
    let mut events = run(&[]);
    events.insert(7, polled(CHILD));
    assert_eq!(events[6], done(CHILD, REGION, 0));
    trips(oracle, "polled after it has ended", &events);
    let mut events = run(&[]);
    events.insert(7, done(CHILD, REGION, 0));
    trips(oracle, "completed after it has ended", &events);
}

/// The oracles after these events of a run that has not ended.
fn after(inside: &[Event]) -> Oracles {
    let mut oracles = Oracles::new(Expectations {
        futurelock_steps: 10,
        ..Expectations::default()
    });
    for event in run(&[])[..5].iter().chain(inside) {
        oracles.event(event);
    }
    oracles
}

#[test]
fn a_lost_wakeup_is_found_when_nothing_is_runnable() {
    let waits = of(EventKind::WaitStarted, CHILD, CHANNEL, 0);
    let granted = of(EventKind::WaitGranted, MAIN, CHANNEL, 0);
    let idle = |inside: &[Event]| {
        let mut oracles = after(inside);
        oracles.idle(Time::ZERO);
        names(&oracles.findings.list)
    };
    assert_eq!(idle(&[waits]), []);
    assert_eq!(idle(&[waits, granted]), [Oracle::LostWakeup]);
    assert_eq!(idle(&[woken(CHILD)]), [Oracle::LostWakeup]);
    assert_eq!(idle(&[spawned(REGION.child(1), REGION)]), [Oracle::LostWakeup]);
    let ended = of(EventKind::WaitEnded, CHILD, CHANNEL, 1);
    assert_eq!(idle(&[waits, granted, woken(CHILD), polled(CHILD), ended]), []);
    assert_eq!(idle(&[waits, granted, woken(CHILD), polled(CHILD)]), [], "not yet a futurelock");
}

#[test]
fn a_futurelock_is_found_by_steps_and_when_stuck() {
    let waits = of(EventKind::WaitStarted, CHILD, CHANNEL, 0);
    let granted = of(EventKind::WaitGranted, MAIN, CHANNEL, 0);
    let holds = [waits, granted, woken(CHILD), polled(CHILD)];
    let peers = |count| vec![polled(MAIN); count];
    assert_eq!(names(&after(&[&holds[..], &peers(8)].concat()).findings.list), []);
    let late = after(&[&holds[..], &peers(30)].concat());
    assert_eq!(names(&late.findings.list), [Oracle::Futurelock]);
    // Woken and never chosen is not the program's fault.
    let starved = after(&[&holds[..3], &peers(30)].concat());
    assert_eq!(names(&starved.findings.list), []);
    let mut stuck = after(&holds);
    stuck.idle(Time::ZERO);
    stuck.stuck(Time::ZERO);
    assert_eq!(names(&stuck.findings.list), [Oracle::Futurelock]);
}

#[test]
fn a_deadlock_is_printed_as_its_cycle() {
    let (left, right) = (MAIN.child(1), MAIN.child(2));
    let takes = |task, object| of(EventKind::Reserved, task, object, 3);
    let waits = |task, object| of(EventKind::WaitStarted, task, object, 0);
    let mut circle = after(&[
        takes(MAIN, left),
        takes(CHILD, right),
        waits(MAIN, right),
        waits(CHILD, left),
    ]);
    circle.idle(Time::ZERO);
    circle.stuck(Time::ZERO);
    let [found] = &circle.findings.list[..] else {
        panic!("{:?}", circle.findings.list)
    };
    assert_eq!(found.oracle, Oracle::Deadlock);
    assert_eq!(found.message.matches("holds").count(), 2, "{found}");
    let mut plain = after(&[waits(MAIN, left)]);
    plain.stuck(Time::ZERO);
    let text = plain.findings.list[0].to_string();
    assert!(text.contains("2 task(s)") && text.contains("untraced"), "{text}");
}

#[test]
fn a_flood_of_violations_is_cut_and_counted() {
    let strangers: Vec<_> = (100..200).map(|index| polled(ROOT.child(index))).collect();
    let found = check(&run(&strangers));
    assert_eq!(found.len(), super::VIOLATIONS_MAX);
    let last = found.last().map(ToString::to_string).unwrap_or_default();
    assert!(last.ends_with("(and 68 more violations)"), "{last}");
}
