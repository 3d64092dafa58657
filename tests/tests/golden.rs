//! The golden traces: what a line is made of, that the committed ones hold, and that the check can fail.

use asupersync_conformance::Scenario;
use asupersync_conformance::golden::{self, Control};
use asupersync_conformance::hosts::lab::record_trace;
use asupersync_sim::artifact::{Compression, Trace};
use rayon::prelude::*;
use sha2::{Digest, Sha256};

/// A scenario with more events than this in all its runs is left to the command.
const EVENTS_MAX: u64 = 10_000;

/// A line's hash is taken of the very bytes that artifacts of the same runs carry: written, compressed, read back.
// proves: R-DET-1 WVT-012
#[test]
fn a_line_is_the_hash_of_the_sections_of_artifacts() {
    let seeds = 0..4;
    for scenario in golden::common_set().filter(|scenario| scenario.name.ends_with("/storm")) {
        let (mut sections, mut events) = (Sha256::new(), 0);
        for seed in seeds.clone() {
            let trace = record_trace(&scenario, seed).expect("the scenario keeps its promise");
            let artifact = trace
                .to_binary(Compression::Lz4)
                .expect("it can be written");
            let read = Trace::from_bytes(&artifact).expect("it can be read");
            events += read.events().len();
            sections.update(read.deterministic_section());
        }
        let line = golden::line(&scenario, seeds.clone()).expect("the scenario keeps its promise");
        let fields: Vec<&str> = line.split_whitespace().collect();
        let digits: String = sections
            .finalize()
            .iter()
            .map(|byte| format!("{byte:02x}"))
            .collect();
        assert_eq!(fields[1..3], ["4", &events.to_string()], "{line}");
        assert_eq!(fields[4], digits, "{line}");
    }
}

/// The short ones, since this build is slow; the command `golden check` takes all.
// proves: R-DET-1
#[test]
fn the_committed_lines_hold() {
    let is_short = |scenario: &Scenario| {
        let line = golden::COMMITTED
            .lines()
            .find(|line| line.starts_with(scenario.name));
        line.and_then(|line| line.split_whitespace().nth(2)?.parse().ok())
            .is_none_or(|events: u64| events < EVENTS_MAX)
    };
    let wrong: Vec<String> = golden::common_set()
        .filter(is_short)
        .collect::<Vec<_>>()
        .par_iter()
        .filter_map(|scenario| golden::check(scenario).err())
        .collect();
    assert_eq!(wrong, [""; 0]);
    assert_eq!(golden::stale(), [""; 0]);
}

/// An address shows here; the width of a pointer is at home on 64 bits, and caught by the same command on others.
// proves: R-DET-1
#[test]
fn the_controls_do_what_they_must_on_this_target() {
    for control in Control::ALL {
        let verdict = control.check();
        assert!(verdict.is_ok(), "{}: {verdict:?}", control.name());
    }
}

#[test]
fn a_difference_is_reported_with_both_lines_and_the_next_step() {
    let line = |hash: &str| format!("some/scenario 100 1 1 {hash}");
    let golden = format!("# header\n{}\nother/scenario 100 1 1 cc\n", line("aa"));
    let compare = |name, found| golden::compare(name, found, &golden);
    assert_eq!(compare("some/scenario", line("aa")), Ok(line("aa")));
    let wrong = compare("some/scenario", line("bb")).unwrap_err();
    for part in [
        &line("aa"),
        &line("bb"),
        "golden each some/scenario",
        "golden diff",
    ] {
        assert!(wrong.contains(part), "{wrong}");
    }
    // A name is a whole word: the beginning of another one is not it.
    assert!(
        compare("some/scen", line("aa"))
            .unwrap_err()
            .contains("no golden line")
    );
}
