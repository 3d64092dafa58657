//! Controls of what tasks do: obligations, arms that lose, capabilities.

use super::*;

// proves: PO-OBL
#[test]
fn obligations_are_resolved_exactly_once() {
    let oracle = Oracle::Obligations;
    let on = |kind, object| of(kind, CHILD, object, SEND_PERMIT);
    let reserved = on(EventKind::Reserved, TOKEN);
    for end in [EventKind::Committed, EventKind::Aborted, EventKind::Revoked] {
        clean(&[reserved, on(end, TOKEN)]);
        trips(
            oracle,
            "not open",
            &run(&[reserved, on(end, TOKEN), on(end, TOKEN)]),
        );
        trips(oracle, "not open", &run(&[on(end, TOKEN)]));
    }
    // Two permits of one channel are two.
    let permit = on(EventKind::Reserved, CHANNEL);
    clean(&[
        permit,
        permit,
        on(EventKind::Committed, CHANNEL),
        on(EventKind::Aborted, CHANNEL),
    ]);
    trips(
        oracle,
        "is closed while 1 send permit",
        &run(&[permit, permit, on(EventKind::Committed, CHANNEL)]),
    );
    trips(oracle, "the run is over, and 1", &run(&[permit]));
}

// proves: PO-OBL
#[test]
fn leaks_are_found_unless_they_are_expected() {
    let reserved = of(EventKind::Reserved, CHILD, TOKEN, SEND_PERMIT);
    let leaked = of(EventKind::Leaked, CHILD, TOKEN, SEND_PERMIT);
    let owned = run(&[reserved, leaked]);
    trips(Oracle::Leaks, "never resolved", &owned);
    // Borrowed permits that were forgotten are told by the task as a whole.
    let permit = of(EventKind::Reserved, CHILD, CHANNEL, SEND_PERMIT);
    let borrowed = run(&[
        permit,
        permit,
        of(EventKind::Leaked, CHILD, CHILD, SEND_PERMIT),
    ]);
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

// proves: WVT-004
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
    trips(
        Oracle::LoserDrain,
        "(RaceLost)",
        &run(&[asked, phase(arm, Phase::CancelRequested, Phase::Done)]),
    );
}

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
    trips(
        oracle,
        "does not hold it",
        &run(&[denied_to(REGION, time), used(time)]),
    );
    // What is around denies too, unless it is granted again.
    trips(
        oracle,
        "does not hold it",
        &run(&[denied_to(ROOT, time), used(time)]),
    );
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
