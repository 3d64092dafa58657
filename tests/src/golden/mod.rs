//! Golden traces: what the deterministic sections of the lab's runs hash to, the same on every target (R-DET-1).
//!
//! Owns the common set, the line that stands for a scenario, and the comparison with the committed file,
//! `tests/golden/traces.txt`. `no_std`: x86_64, wasm32 and a board call the same three functions and must find
//! the same bytes; `controls` shows that the comparison can fail. A host's files and arguments belong to the
//! binary `golden`.
//!
//! ```text
//! for scenario in golden::common_set() {
//!     match golden::check(&scenario) {
//!         Ok(line) => print(line),
//!         Err(why) => fail(why),
//!     }
//! }
//! ```
//!
//! The hash is taken while a run goes on, event by event, so that a board needs no room for a trace.

mod controls;

use alloc::collections::BTreeSet;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Write;
use core::ops::Range;

use asupersync_core::Fingerprint;
use asupersync_core::internal::Mutex;
use asupersync_core::trace::{Event, TraceSink};
use asupersync_sim::ENTROPY_VERSION;
use asupersync_sim::artifact::SchemaVersion;
use sha2::{Digest, Sha256};

pub use controls::Control;

use crate::hosts::LabHarness;
use crate::hosts::lab::record_trace;
use crate::{Harness, Need, Probe, Scenario, check as check_run, scenarios};

/// The seeds of the committed lines.
pub const SEEDS: Range<u64> = 0..100;

/// The committed file.
pub const COMMITTED: &str = include_str!("../../golden/traces.txt");

/// The scenarios that every target can run in the lab, also where a panic ends the process.
pub fn common_set() -> impl Iterator<Item = Scenario> {
    let is_common = |need: &Need| matches!(need, Need::Lanes | Need::VirtualTime);
    scenarios::catalogue()
        .into_iter()
        .filter(move |scenario| scenario.needs.iter().all(is_common))
}

/// Runs a scenario once for each seed; gives the line that stands for all of these runs.
///
/// Name, runs, events, distinct fingerprints, and the SHA-256 of the deterministic sections, one after the
/// other in the order of the seeds.
///
/// # Errors
/// The first run that is not as its scenario promises, in words.
pub fn line(scenario: &Scenario, seeds: Range<u64>) -> Result<String, String> {
    let sections = Arc::new(Sections::default());
    let mut fingerprints = BTreeSet::new();
    for seed in seeds.clone() {
        let probe = Probe::new();
        let mut harness = LabHarness::of(scenario, seed).sink(Arc::<Sections>::clone(&sections));
        let record = harness.run(scenario.setup(), scenario.body, &probe);
        let wrong = check_run(scenario, &record, &probe);
        if !wrong.is_empty() {
            let wrong = wrong.join("; ");
            return Err(format!("{}, seed {seed}: {wrong}", scenario.name));
        }
        fingerprints.insert(harness.seen().fingerprint);
    }
    let runs = seeds.end.saturating_sub(seeds.start);
    let (events, hash) = sections.finish();
    Ok(format!(
        "{:<50} {runs:>4} {events:>8} {:>4}  {hash}",
        scenario.name,
        fingerprints.len()
    ))
}

/// Runs a scenario under all [`SEEDS`] and compares with its committed line; gives the line.
///
/// # Errors
/// What is wrong, and what to do next.
pub fn check(scenario: &Scenario) -> Result<String, String> {
    compare(scenario.name, line(scenario, SEEDS)?, COMMITTED)
}

/// Compares a line with the one of that scenario in `golden`, a whole file.
///
/// # Errors
/// Expected and found line, and how to find the first event that differs.
pub fn compare(name: &str, found: String, golden: &str) -> Result<String, String> {
    let is_its_line = |line: &&str| line.split_whitespace().next() == Some(name);
    match golden.lines().find(is_its_line) {
        Some(expected) if expected == found => Ok(found),
        Some(expected) => Err(format!(
            "{name}: the deterministic sections differ from the golden ones\n  expected {expected}\n  found    {found}\n\
             to find the first event that differs: `golden each {name}` on both targets names the seed, \
             `golden dump {name} SEED` writes its trace, `golden diff A B` compares two of them"
        )),
        None => Err(format!(
            "{name}: has no golden line, found {found}; after a look at it, `golden write` adds it"
        )),
    }
}

/// The scenarios that have a line in the committed file, in its order: the common set, then controls.
pub fn with_lines() -> impl Iterator<Item = Scenario> {
    let controls = Control::ALL
        .into_iter()
        .filter(|control| control.is_committed());
    common_set().chain(controls.map(Control::scenario))
}

/// What is wrong with the committed file as a whole: another header, lines of scenarios that are no more.
pub fn stale() -> Vec<String> {
    let known: BTreeSet<&str> = with_lines().map(|scenario| scenario.name).collect();
    let mut wrong = Vec::new();
    if !COMMITTED.starts_with(&header()) {
        wrong.push(
            "the golden file is of other versions or seeds; `golden write` renews it".to_string(),
        );
    }
    for line in COMMITTED.lines().filter(|line| !line.starts_with('#')) {
        let name = line.split_whitespace().next().unwrap_or_default();
        if !known.contains(name) {
            wrong.push(format!(
                "{name}: a golden line without a scenario; `golden write` takes it out"
            ));
        }
    }
    wrong
}

/// Records one run of a scenario and gives its trace as JSON lines, to be compared with that of another target.
///
/// # Errors
/// What is wrong with the run or its artifact, in words.
pub fn dump(scenario: &Scenario, seed: u64) -> Result<String, String> {
    let trace = record_trace(scenario, seed)?;
    trace.to_json_lines().map_err(|error| error.to_string())
}

/// The lines above the first scenario: what the numbers are, and which versions they are of.
pub fn header() -> String {
    format!(
        "# Golden traces. Each line: a scenario, its runs in the lab with seeds {} to {}, their events, distinct\n\
         # fingerprints, and the SHA-256 of their deterministic sections, one after the other. Every target finds the\n\
         # same (R-DET-1). A line that changes means that a seed stands for another run than before: say why.\n\
         # Check: cargo run --release -p asupersync-conformance --bin golden -- check\n\
         # Rewrite: the same with `write`.\n\
         # trace schema {}, fingerprint version {}, entropy version {ENTROPY_VERSION}\n",
        SEEDS.start,
        SEEDS.end - 1,
        SchemaVersion::CURRENT,
        Fingerprint::VERSION,
    )
}

/// Hashes the events of many runs as they would stand in their artifacts.
#[derive(Default)]
struct Sections(Mutex<Hashed>);

#[derive(Default)]
struct Hashed {
    sha256: Sha256,
    events: u64,
}

impl Sections {
    /// How many events there were, and the hash in hexadecimal digits.
    fn finish(&self) -> (u64, String) {
        let hashed = core::mem::take(&mut *self.0.lock());
        let digest: Vec<u8> = hashed.sha256.finalize().to_vec();
        let digits = digest.iter().fold(String::new(), |mut digits, byte| {
            let _ = write!(digits, "{byte:02x}");
            digits
        });
        (hashed.events, digits)
    }
}

impl TraceSink for Sections {
    fn record(&self, event: &Event) {
        let mut hashed = self.0.lock();
        hashed.sha256.update(event.encode());
        hashed.events += 1;
    }
}
