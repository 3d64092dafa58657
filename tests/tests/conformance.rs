//! The catalogue on the platforms of this repository.

use asupersync_conformance::hosts::StdHarness;
use asupersync_conformance::{run_all, scenarios};

#[test]
fn std_on_one_thread_keeps_the_contract() {
    let summary = run_all(&mut StdHarness, &scenarios::catalogue());
    assert!(summary.failed.is_empty(), "{:#?}", summary.failed);
    assert!(!summary.passed.is_empty());
}
