//! The runs of one platform added up: what a column of the table shows, and what travels there.
//!
//! Owns the sums and their form as a line of JSON, in which a board or a wasm module hands them to the host.

use alloc::collections::BTreeSet;
use alloc::string::String;
use alloc::vec::Vec;

use serde::{Deserialize, Serialize};

use super::ledger::Tally;
use super::pipeline::Batches;
use super::run::Run;

/// The runs of one platform, added up.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Column {
    pub(super) platform: String,
    pub(super) runs: usize,
    pub(super) records: u64,
    pub(super) tally: Tally,
    pub(super) batches: Batches,
    pub(super) forced: u64,
    pub(super) leaked: u64,
    pub(super) fingerprints: BTreeSet<u64>,
    pub(super) violations: Option<u64>,
    /// What went wrong, and with which seed.
    wrong: Vec<(Option<u64>, String)>,
}

impl Column {
    /// Adds up the runs of a platform.
    pub fn new(platform: impl Into<String>, runs: &[Run]) -> Self {
        let mut column = Self {
            platform: platform.into(),
            runs: runs.len(),
            ..Self::default()
        };
        for run in runs {
            column.records += run.records;
            column.tally.add(&run.tally);
            column.batches.add(&run.batches);
            column.forced += run.stats.forced;
            column.leaked += run.stats.leaked;
            column.fingerprints.extend(run.fingerprint);
            if let Some(found) = run.violations {
                *column.violations.get_or_insert(0) += found;
            }
            let wrong = run.wrong.iter().map(|what| (run.seed, what.clone()));
            column.wrong.extend(wrong);
        }
        column
    }

    /// What ran.
    pub fn platform(&self) -> &str {
        &self.platform
    }

    /// How many runs there were.
    pub fn runs(&self) -> usize {
        self.runs
    }

    /// Whether the runs have fingerprints: then a seed is the same run on every platform.
    pub fn is_traced(&self) -> bool {
        !self.fingerprints.is_empty()
    }

    /// What went wrong, and with which seed.
    pub fn wrong(&self) -> &[(Option<u64>, String)] {
        &self.wrong
    }

    /// As one line of JSON.
    ///
    /// # Errors
    /// None that its fields can cause.
    pub fn to_line(&self) -> Result<String, serde_json::Error> {
        serde_json::to_string(self)
    }

    /// Reads such a line.
    ///
    /// # Errors
    /// If it is not one; with the place in the line.
    pub fn from_line(line: &str) -> Result<Self, serde_json::Error> {
        serde_json::from_str(line)
    }

    /// Whether two platforms saw the same schedules.
    pub fn same_runs(&self, other: &Self) -> bool {
        let Self {
            records,
            tally,
            batches,
            fingerprints,
            ..
        } = self;
        (records, tally, batches, fingerprints)
            == (
                &other.records,
                &other.tally,
                &other.batches,
                &other.fingerprints,
            )
    }
}
