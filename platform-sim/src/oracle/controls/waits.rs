//! Controls of who runs: polls, wakeups, futurelocks, deadlocks; and of the list of findings.

use super::*;

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
    assert_eq!(
        idle(&[spawned(REGION.child(1), REGION)]),
        [Oracle::LostWakeup]
    );
    let ended = of(EventKind::WaitEnded, CHILD, CHANNEL, 1);
    assert_eq!(
        idle(&[waits, granted, woken(CHILD), polled(CHILD), ended]),
        []
    );
    assert_eq!(
        idle(&[waits, granted, woken(CHILD), polled(CHILD)]),
        [],
        "not yet a futurelock"
    );
}

#[test]
fn a_futurelock_is_found_by_steps_and_when_stuck() {
    let waits = of(EventKind::WaitStarted, CHILD, CHANNEL, 0);
    let granted = of(EventKind::WaitGranted, MAIN, CHANNEL, 0);
    let holds = [waits, granted, woken(CHILD), polled(CHILD)];
    let peers = |count| vec![polled(MAIN); count];
    assert_eq!(
        names(&after(&[&holds[..], &peers(8)].concat()).findings.list),
        []
    );
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
    let mut itself = after(&[takes(MAIN, left), waits(MAIN, left)]);
    itself.stuck(Time::ZERO);
    let text = itself.findings.list[0].to_string();
    assert!(text.contains("of which it holds some itself"), "{text}");
    let mut plain = after(&[waits(MAIN, left)]);
    plain.stuck(Time::ZERO);
    let text = plain.findings.list[0].to_string();
    assert!(
        text.contains("2 task(s)") && text.contains("untraced"),
        "{text}"
    );
}

#[test]
fn a_flood_of_violations_is_cut_and_counted() {
    let strangers: Vec<_> = (100..200).map(|index| polled(ROOT.child(index))).collect();
    let found = check(&run(&strangers));
    assert_eq!(found.len(), crate::oracle::VIOLATIONS_MAX);
    let last = found.last().map(ToString::to_string).unwrap_or_default();
    assert!(last.ends_with("(and 68 more violations)"), "{last}");
}
