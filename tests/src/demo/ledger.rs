//! The ledger: what became of each record, and the recount that proves that none is lost or doubled.
//!
//! Owns the verdicts and [`audit`]. The audit shares nothing with the pipeline: it numbers the raw
//! lines of the input file itself, and strikes each out once.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::ops::Range;

use serde::{Deserialize, Serialize};

use super::carrier::Carrier;
use super::orders::Order;

/// One line of the ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Entry {
    /// The record.
    pub order: Order,
    /// What became of it.
    pub verdict: Verdict,
}

/// What became of a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Verdict {
    /// This carrier takes it.
    Acknowledged(Carrier),
    /// Nobody does.
    Rejected(Rejection),
}

/// Why a record was rejected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Rejection {
    /// No carrier answered in time, each time.
    TimedOut,
    /// A carrier answered that it would not, each time.
    CarrierFailed,
    /// Its batch was cancelled first, by hand or by its deadline.
    Cancelled,
    /// Its worker had to be dropped with the record in hand.
    Forced,
}

/// How many records had which verdict.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Tally {
    /// Acknowledged ones.
    pub acknowledged: u64,
    /// Rejected: timed out.
    pub timed_out: u64,
    /// Rejected: the carrier failed.
    pub carrier_failed: u64,
    /// Rejected: cancelled.
    pub cancelled: u64,
    /// Rejected: forced.
    pub forced: u64,
}

impl Tally {
    fn count(&mut self, verdict: Verdict) {
        *match verdict {
            Verdict::Acknowledged(_) => &mut self.acknowledged,
            Verdict::Rejected(Rejection::TimedOut) => &mut self.timed_out,
            Verdict::Rejected(Rejection::CarrierFailed) => &mut self.carrier_failed,
            Verdict::Rejected(Rejection::Cancelled) => &mut self.cancelled,
            Verdict::Rejected(Rejection::Forced) => &mut self.forced,
        } += 1;
    }

    /// All of them.
    pub fn total(&self) -> u64 {
        let rejected = self.timed_out + self.carrier_failed + self.cancelled + self.forced;
        self.acknowledged + rejected
    }

    /// Adds those of another ledger.
    pub fn add(&mut self, other: &Self) {
        self.acknowledged += other.acknowledged;
        self.timed_out += other.timed_out;
        self.carrier_failed += other.carrier_failed;
        self.cancelled += other.cancelled;
        self.forced += other.forced;
    }
}

/// Where ledger and file disagree.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Discrepancy {
    /// A record of the file is not in the ledger.
    #[error("record {0} is lost: it is in the file, not in the ledger")]
    Lost(u32),
    /// A record is in the ledger again.
    #[error("record {0} is in the ledger twice")]
    Duplicate(u32),
    /// The ledger has a record that was not given to the pipeline.
    #[error("record {0} is in the ledger, but not among those given to the pipeline")]
    Unknown(u32),
    /// The ledger has another text than the file.
    #[error("record {id} is `{file}` in the file and `{ledger}` in the ledger")]
    Altered {
        /// Which record.
        id: u32,
        /// What the file says.
        file: String,
        /// What the ledger says.
        ledger: String,
    },
}

/// Recounts the ledger against the raw lines of the file, of which `ids` were given to the pipeline.
///
/// # Errors
/// Every disagreement: a record that is lost, doubled, unknown or altered.
pub fn audit(file: &str, ids: Range<u32>, entries: &[Entry]) -> Result<Tally, Vec<Discrepancy>> {
    // The header is line 0, so a record's line number is its id.
    let mut open: BTreeMap<u32, &str> = (0..)
        .zip(file.lines())
        .filter(|(id, _)| *id > 0 && ids.contains(id))
        .collect();
    let given = open.clone();
    let mut tally = Tally::default();
    let mut wrong = Vec::new();
    for Entry { order, verdict } in entries {
        let id = order.id;
        match open.remove(&id) {
            Some(line) if line == order.to_string() => tally.count(*verdict),
            Some(line) => wrong.push(Discrepancy::Altered {
                id,
                file: line.into(),
                ledger: order.to_string(),
            }),
            None if given.contains_key(&id) => wrong.push(Discrepancy::Duplicate(id)),
            None => wrong.push(Discrepancy::Unknown(id)),
        }
    }
    wrong.extend(open.into_keys().map(Discrepancy::Lost));
    if wrong.is_empty() {
        Ok(tally)
    } else {
        Err(wrong)
    }
}
