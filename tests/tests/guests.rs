//! The catalogue through other executors: the runtime is a guest in tokio and in embassy.

use asupersync_conformance::hosts::{EmbassyHarness, TokioHarness};
use asupersync_conformance::{Harness, Need, run_all, scenarios};

#[test]
fn a_guest_in_tokio_keeps_the_contract() {
    let lacks = [Need::Threads, Need::Io, Need::VirtualTime];
    keeps_the_contract(&mut TokioHarness::real_time(), &lacks);
}

#[test]
fn a_guest_in_tokio_on_its_virtual_clock_keeps_the_contract() {
    let lacks = [Need::Threads, Need::Io];
    keeps_the_contract(&mut TokioHarness::virtual_time(), &lacks);
}

#[test]
fn a_guest_in_embassy_keeps_the_contract() {
    let lacks = [Need::Threads, Need::Io, Need::VirtualTime];
    keeps_the_contract(&mut EmbassyHarness, &lacks);
}

/// All scenarios pass but those that need what the host lacks.
fn keeps_the_contract(harness: &mut dyn Harness, lacks: &[Need]) {
    let catalogue = scenarios::catalogue();
    let summary = run_all(harness, &catalogue);
    assert!(summary.failed.is_empty(), "{:#?}", summary.failed);
    let runnable = catalogue
        .iter()
        .filter(|scenario| !scenario.needs.iter().any(|need| lacks.contains(need)));
    let expected: Vec<_> = runnable.map(|scenario| scenario.name).collect();
    assert!(!expected.is_empty());
    assert_eq!(summary.passed, expected);
    println!(
        "{}: {} passed, {} skipped",
        harness.name(),
        summary.passed.len(),
        summary.skipped.len()
    );
}
