//! The catalogue on the platforms of this repository.

use asupersync_conformance::hosts::{LocalHarness, StdHarness};
use asupersync_conformance::{Harness, Probe, check, run_all, scenarios};

#[test]
fn std_on_one_thread_keeps_the_contract() {
    keeps_the_contract(&mut StdHarness::one_thread());
}

#[test]
fn std_with_one_worker_keeps_the_contract() {
    keeps_the_contract(&mut StdHarness::with_workers(1));
}

#[test]
fn std_with_two_workers_keeps_the_contract() {
    keeps_the_contract(&mut StdHarness::with_workers(2));
}

#[test]
fn std_with_eight_workers_keeps_the_contract() {
    keeps_the_contract(&mut StdHarness::with_workers(8));
}

#[test]
fn the_local_executor_keeps_the_contract() {
    keeps_the_contract(&mut LocalHarness::default());
}

fn keeps_the_contract(harness: &mut dyn Harness) {
    let summary = run_all(harness, &scenarios::catalogue());
    assert!(summary.failed.is_empty(), "{:#?}", summary.failed);
    assert!(!summary.passed.is_empty());
    println!(
        "{}: {} passed, {} skipped",
        harness.name(),
        summary.passed.len(),
        summary.skipped.len()
    );
}

/// Every scenario, run twice, traces the same bytes; with other entropy it still passes.
// proves: R-DET-1 RP-DET-001
#[test]
fn the_local_executor_repeats_itself() {
    for scenario in scenarios::catalogue() {
        let mut digests = Vec::new();
        for seed in [1, 1, 2] {
            let (mut harness, probe) = (LocalHarness::with_seed(seed), Probe::new());
            let record = harness.run(scenario.setup(), scenario.body, &probe);
            assert_eq!(
                check(&scenario, &record, &probe),
                [""; 0],
                "{}",
                scenario.name
            );
            digests.push(harness.digest());
        }
        assert_eq!(
            digests[0], digests[1],
            "{} differs from itself",
            scenario.name
        );
    }
}

#[test]
fn names_are_unique() {
    let mut names: Vec<_> = scenarios::catalogue().iter().map(|s| s.name).collect();
    names.sort_unstable();
    let count = names.len();
    names.dedup();
    assert_eq!(names.len(), count);
}
