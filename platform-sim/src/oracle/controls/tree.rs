//! Controls of what owns what and how it ends: ownership, phases, quiescence, finalizers.

use super::*;

#[test]
fn a_run_that_keeps_the_rules_is_clean() {
    clean(&[]);
}

// proves: PO-OWN
#[test]
fn ownership_wants_an_owner_for_each_task_and_region() {
    let oracle = Oracle::Ownership;
    let stranger = ROOT.child(5);
    trips(oracle, "has no owner", &run(&[polled(stranger)]));
    trips_among_others(
        oracle,
        "was never spawned",
        &run(&[done(stranger, ROOT, 0)]),
    );
    trips_among_others(
        oracle,
        "which is unknown",
        &run(&[spawned(INNER, stranger)]),
    );
    trips_among_others(
        oracle,
        "has the id of another",
        &run(&[spawned(CHILD, REGION)]),
    );
    trips_among_others(
        oracle,
        "has the id of another",
        &run(&[opened(REGION, MAIN, ROOT)]),
    );
    trips_among_others(
        oracle,
        "has the id of another",
        &run(&[opened(CHILD, MAIN, ROOT)]),
    );
    trips_among_others(
        oracle,
        "nobody closes it",
        &run(&[opened(INNER, CHILD, stranger)]),
    );
    trips_among_others(
        oracle,
        "counted out of region",
        &run(&[
            phase(CHILD, Phase::Running, Phase::Done),
            done(CHILD, ROOT, 0),
        ]),
    );
    let mut cut = run(&[]);
    cut.truncate(5);
    trips(oracle, "outlive the run", &cut);
    trips(oracle, "never closed", &cut);
}

// proves: PO-OWN
#[test]
fn ownership_wants_closed_regions_to_refuse() {
    let late = CHILD.child(1);
    let mut events = run(&[]);
    events.insert(8, spawned(late, REGION));
    assert_eq!(events[7], state(REGION, CLOSING));
    trips_among_others(Oracle::Ownership, "which is closing", &events);
}

// proves: PO-OWN
#[test]
fn ownership_wants_the_limit_kept() {
    let mut oracles = Oracles::new(Expectations {
        capacity: 1,
        ..Expectations::default()
    });
    run(&[]).iter().for_each(|event| oracles.event(event));
    let found = oracles.finish();
    assert_eq!(names(&found), [Oracle::Ownership]);
    assert!(found[0].message.contains("although 1 tasks live and 1 may"));
}

// proves: PO-OWN
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

// proves: PO-CAN
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
    trips(
        oracle,
        "no edge",
        &with(&[
            phase(CHILD, Running, Draining),
            phase(CHILD, Draining, Done),
        ]),
    );
    trips(
        oracle,
        "no edge",
        &with(&[
            phase(CHILD, Running, Finalizing),
            phase(CHILD, Finalizing, Draining),
            phase(CHILD, Draining, Done),
        ]),
    );
    trips(
        oracle,
        "but was in Running",
        &with(&[phase(CHILD, CancelRequested, Done)]),
    );
    trips(
        oracle,
        "do not exist",
        &with(&[
            event(EventKind::PhaseChanged, CHILD, 0, 9),
            phase(CHILD, Running, Done),
        ]),
    );
    trips(oracle, "instead of Done", &with(&good[..3]));
    trips(
        oracle,
        "nobody asked it",
        &run(&[
            phase(CHILD, Running, CancelRequested),
            phase(CHILD, CancelRequested, Done),
            end[0],
        ]),
    );
    trips(
        oracle,
        "nobody requested",
        &run(&[of(EventKind::CancelObserved, CHILD, CHILD, 1)]),
    );
    trips(
        oracle,
        "nothing forced it",
        &run(&[phase(CHILD, Running, Done), done(CHILD, REGION, 2 | FORCED)]),
    );
}

// proves: PO-CAN
#[test]
fn requests_are_monotone_and_reach_everybody() {
    let oracle = Oracle::CancelPhases;
    let weaker = [
        requested(CHILD, CancelKind::Shutdown),
        requested(CHILD, CancelKind::User),
    ];
    trips(oracle, "replaced a stronger one", &run(&weaker));
    clean(&[weaker[1], weaker[0]]);
    trips(
        oracle,
        "unknown kind",
        &run(&[of(EventKind::CancelRequested, CHILD, CHILD, 77)]),
    );

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
    assert!(
        text.contains("never told") && text.contains("never heard of it"),
        "{text}"
    );
}

// proves: PO-CAN
#[test]
fn who_is_asked_before_its_first_poll_ends_unpolled() {
    let second = REGION.child(1);
    let with = |flags: u64, polls: usize| {
        let mut inside = vec![spawned(second, REGION), requested(second, CancelKind::User)];
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

// proves: PO-REG
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
    trips_among_others(
        oracle,
        "and 1 region(s)",
        &run(&[opened(INNER, CHILD, REGION)]),
    );
    let backwards = [
        phase(CHILD, Phase::Running, Phase::Done),
        done(CHILD, REGION, 0),
        state(REGION, FINALIZING),
        state(REGION, CLOSING),
        state(REGION, CLOSED),
    ];
    trips(oracle, "only go forward", &run(&backwards));
    let again = [
        &backwards[..3],
        &[state(REGION, CLOSED), state(REGION, CLOSED)],
    ]
    .concat();
    trips(oracle, "only go forward", &run(&again));
    trips_among_others(oracle, "only go forward", &run(&[state(REGION, OPEN_TO)]));
    trips_among_others(oracle, "never opened", &run(&[state(INNER, CLOSING)]));
    trips_among_others(oracle, "unknown state", &run(&[state(REGION, 9)]));
}

// proves: PO-REG
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
    trips(
        oracle,
        "last in first out",
        &run(&[
            added(0),
            added(1),
            started(0),
            ended(0),
            started(1),
            ended(1),
        ]),
    );
    trips(oracle, "1 of its finalizers did not run", &run(&[added(0)]));
    trips(
        oracle,
        "did not run to their end",
        &run(&[added(0), started(0)]),
    );
    trips(
        oracle,
        "last in first out",
        &run(&[added(0), started(0), ended(0), started(0), ended(0)]),
    );
    trips(
        oracle,
        "while finalizer 1 runs",
        &run(&[added(0), added(1), started(1), started(0), ended(0)]),
    );
    trips(oracle, "was not the one that runs", &run(&[ended(3)]));
    // A region's own run before it is closed.
    trips(
        oracle,
        "region",
        &run(&[of(EventKind::FinalizerAdded, MAIN, REGION, 0)]),
    );
}
