//! Replays: a scenario's recorded run is followed event by event, also after it went through a file.

use asupersync_conformance::hosts::LabHarness;
use asupersync_conformance::hosts::lab::{record_trace, run_in};
use asupersync_conformance::{Harness, Scenario, scenarios};
use asupersync_sim::artifact::{Compression, Limits, Trace};
use asupersync_sim::{Replay, silence_panics};

/// What the lab can run.
fn catalogue() -> impl Iterator<Item = Scenario> {
    silence_panics();
    scenarios::catalogue().into_iter().filter(|scenario| {
        let harness = LabHarness::of(scenario, 0);
        scenario.needs.iter().all(|need| harness.offers(*need))
    })
}

fn record(scenario: &Scenario, seed: u64) -> Trace {
    record_trace(scenario, seed).unwrap_or_else(|wrong| panic!("{wrong}"))
}

/// Every scenario, recorded under a few seeds, exported and imported in both forms, is repeated byte by byte.
// replays: tests/src/scenarios/
// proves: RP-TRACE-001 R-DET-1 WVT-012 WVT-006
#[test]
fn every_recorded_scenario_is_repeated() {
    for scenario in catalogue() {
        for seed in [0, 1, 7] {
            let trace = record(&scenario, seed);
            let bytes = trace
                .to_binary(Compression::Lz4)
                .expect("it can be written");
            let read = Trace::from_bytes(&bytes).expect("it was just written");
            assert_eq!(
                read, trace,
                "{}: the binary form loses something",
                scenario.name
            );
            let lines = read.to_json_lines().expect("it can be written");
            let read = Trace::from_json_lines(lines.as_bytes(), &Limits::default());
            let read = read.expect("it was just written");
            assert_eq!(
                read, trace,
                "{}: the text form loses something",
                scenario.name
            );

            let replayed = Replay::new(read).run(|lab| run_in(lab, &scenario));
            assert!(
                replayed.is_faithful(),
                "{}, seed {seed}: {replayed}",
                scenario.name
            );
            assert!(replayed.same_settings && replayed.is_whole);
            assert!(replayed.report.is_clean(), "{replayed}");
        }
    }
}

/// The same seed and settings: the same bytes and the same fingerprint. Another seed: the same promises.
// proves: RP-DET-001 R-DET-1 R-DET-3 WVT-006
#[test]
fn the_same_seed_is_the_same_run() {
    for scenario in catalogue() {
        let (first, second) = (record(&scenario, 3), record(&scenario, 3));
        let section = Trace::deterministic_section;
        assert_eq!(section(&first), section(&second), "{}", scenario.name);
        assert_eq!(first.trailer(), second.trailer(), "{}", scenario.name);
    }
}

/// Where programs have a choice, seeds make different ones: the lab does explore.
// proves: WVT-006
#[test]
fn seeds_differ_where_order_is_free() {
    let scenario = catalogue()
        .find(|scenario| scenario.name == "lock/mutex_is_exclusive")
        .expect("it is in the catalogue");
    let mut traces: Vec<_> = (0..10)
        .map(|seed| record(&scenario, seed).events().to_vec())
        .collect();
    traces.sort_by_key(|events| events.iter().map(|e| e.encode()).collect::<Vec<_>>());
    traces.dedup();
    assert!(traces.len() > 5, "{} different runs of 10", traces.len());
}
