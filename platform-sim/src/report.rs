//! `LabReport`: what came of a run, for programs and for people.
//!
//! Owns the record and its words: failure summary, violations, cause chain, and the command that
//! runs it again.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use asupersync_core::lanes::Arbiter;
use asupersync_core::{ChildEnded, Error, Severity, Stats, TaskError, Time};

use crate::artifact::{Divergence, Trace};
use crate::chaos::ChaosCounts;
use crate::oracle::{Oracle, Violation};
use crate::schedule::Schedule;

/// How many events before a violation are shown.
const CONTEXT: usize = 5;

/// What came of a run.
#[derive(Debug)]
#[must_use = "a report that nobody looks at finds no bug; see `assert_clean`"]
#[non_exhaustive]
pub struct LabReport<T = ()> {
    /// The seed.
    pub seed: u64,
    /// The program's name, if it was given one.
    pub scenario: String,
    /// What the body returned.
    pub result: Result<T, Error>,
    /// The result's place in the lattice of outcomes.
    pub severity: Severity,
    /// What the oracles found.
    pub violations: Vec<Violation>,
    /// Whether the root region was closed in the end.
    pub is_closed: bool,
    /// The kernel's counters after shutdown.
    pub stats: Stats,
    /// How many decisions were taken.
    pub steps: u64,
    /// The virtual time at the end.
    pub now: Time,
    /// How many events there were.
    pub event_count: u64,
    /// Equal for runs that differ only in the order of independent events (R-DET-3).
    pub fingerprint: u64,
    /// Equal for runs that are equal event by event.
    pub digest: u64,
    /// What chaos did.
    pub chaos: ChaosCounts,
    /// The lanes' counters, under the strategy `lanes`.
    pub arbiter: Option<Arbiter>,
    /// The decisions.
    pub schedule: Schedule,
    /// What the kernel had to say to a person.
    pub diagnostics: Vec<String>,
    /// The events, unless capturing was off.
    pub trace: Option<Trace>,
    /// The settings as names and values, for replay.
    pub(crate) options: Vec<(String, String)>,
}

impl<T> LabReport<T> {
    /// Whether every oracle is content. What the program itself returned is not judged.
    pub fn is_clean(&self) -> bool {
        self.violations.is_empty()
    }

    /// Whether this oracle found something.
    pub fn violates(&self, oracle: Oracle) -> bool {
        self.violations.iter().any(|found| found.oracle == oracle)
    }

    /// Panics with the whole report unless every oracle is content.
    ///
    /// # Panics
    /// See above; that is its use.
    #[track_caller]
    pub fn assert_clean(&self) {
        assert!(self.is_clean(), "{self}");
    }

    /// The body's value.
    ///
    /// # Panics
    /// With the whole report, unless every oracle is content and the body returned a value.
    #[track_caller]
    pub fn unwrap(self) -> T {
        assert!(self.is_clean() && self.result.is_ok(), "{self}");
        match self.result {
            Ok(value) => value,
            Err(error) => panic!("{error}"),
        }
    }

    /// The report of a run whose value is mapped.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> LabReport<U> {
        LabReport {
            seed: self.seed,
            scenario: self.scenario,
            result: self.result.map(f),
            severity: self.severity,
            violations: self.violations,
            is_closed: self.is_closed,
            stats: self.stats,
            steps: self.steps,
            now: self.now,
            event_count: self.event_count,
            fingerprint: self.fingerprint,
            digest: self.digest,
            chaos: self.chaos,
            arbiter: self.arbiter,
            schedule: self.schedule,
            diagnostics: self.diagnostics,
            trace: self.trace,
            options: self.options,
        }
    }

    /// One line that runs it again: a command for programs of the command line, else the code.
    pub fn replay_command(&self) -> String {
        if self.scenario.is_empty() {
            return format!("Lab::new({}) with the same settings and program", self.seed);
        }
        let mut command = format!("lab run {} --seed {}", self.scenario, self.seed);
        for (name, value) in &self.options {
            if name != "strategy" || value != "random" {
                command.push_str(&format!(" --{name} {value}"));
            }
        }
        command
    }

    /// Adds a violation of determinism.
    pub(crate) fn note_divergence(&mut self, divergence: Option<&Divergence>) {
        let message = match divergence {
            Some(divergence) => format!(
                "the same seed gave another run: {divergence}; look for state that outlives a run, \
                 host time, host entropy, or the order of a hash map"
            ),
            None => {
                "the same seed gave another run; capture traces to see where they part".to_string()
            }
        };
        self.violations.push(Violation {
            oracle: Oracle::Determinism,
            at: self.now,
            event: divergence.map_or(self.event_count, |divergence| divergence.index as u64),
            message,
        });
    }

    /// The events that led to a violation.
    fn context(&self, violation: &Violation) -> impl Iterator<Item = (usize, String)> {
        let end = usize::try_from(violation.event).unwrap_or(usize::MAX);
        let events = self.trace.as_ref().map_or(&[][..], |trace| trace.events());
        let end = end.min(events.len());
        let begin = end.saturating_sub(CONTEXT);
        (begin..end)
            .zip(events.get(begin..end).unwrap_or_default())
            .map(|(index, event)| (index, event.to_string()))
    }
}

/// The place of a result in the lattice of outcomes.
pub(crate) fn severity_of<T>(result: &Result<T, Error>) -> Severity {
    let Err(error) = result else {
        return Severity::Ok;
    };
    match error.downcast_ref::<ChildEnded>() {
        Some(ChildEnded::Panicked(_)) => Severity::Panicked,
        Some(ChildEnded::Cancelled(_)) => Severity::Cancelled,
        _ if error.cancelled().is_some() => Severity::Cancelled,
        _ => Severity::Err,
    }
}

/// For people: failure summary, violations, cause chain, replay command.
impl<T> fmt::Display for LabReport<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = if self.scenario.is_empty() {
            "the program"
        } else {
            &self.scenario
        };
        let verdict = match self.violations.len() {
            0 => "clean".to_string(),
            1 => "1 violation".to_string(),
            many => format!("{many} violations"),
        };
        writeln!(f, "{name}, seed {}: {verdict}", self.seed)?;
        writeln!(
            f,
            "  {} steps, {} events, {} of virtual time, fingerprint {:016x}",
            self.steps, self.event_count, self.now, self.fingerprint
        )?;
        let chaos = self.chaos;
        if chaos.cancels + chaos.delays > 0 {
            writeln!(
                f,
                "  chaos: {} tasks asked to stop, {} held back for {:?} in all",
                chaos.cancels, chaos.delays, chaos.delayed
            )?;
        }
        for (index, violation) in self.violations.iter().enumerate() {
            writeln!(f, "violation {}: {violation}", index + 1)?;
            for (index, event) in self.context(violation) {
                writeln!(f, "    {index:>6}  {event}")?;
            }
        }
        if let Err(error) = &self.result {
            writeln!(f, "the body ended with: {error}")?;
            for reason in causes(error) {
                writeln!(f, "  because of {reason}")?;
            }
        }
        for diagnostic in &self.diagnostics {
            writeln!(f, "the runtime says: {diagnostic}")?;
        }
        write!(f, "to run it again: {}", self.replay_command())
    }
}

/// The links of the chain of causes behind an error, first the latest.
fn causes(error: &Error) -> Vec<String> {
    let reason = match error.downcast_ref::<ChildEnded>() {
        Some(ended) => ended.reason(),
        None => error.cancelled().map(|token| token.reason()),
    };
    reason.map_or_else(Vec::new, |reason| {
        reason
            .chain()
            .map(|link| {
                let what = format!("{} at {} by {}", link.kind(), link.at(), link.origin());
                match link.message() {
                    "" => what,
                    message => format!("{what}: {message}"),
                }
            })
            .collect()
    })
}
