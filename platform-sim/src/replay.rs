//! `Replay`: follows the decisions of a recorded run and shows the first difference.
//!
//! Owns how settings stand in a trace's header and what a replay finds. A program that depends on
//! something the lab does not control diverges here.

use alloc::string::{String, ToString};
use alloc::vec;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::artifact::{Divergence, Trace, diff};
use crate::chaos::Chaos;
use crate::lab::{Lab, MAX_STEPS};
use crate::report::LabReport;
use crate::schedule::Schedule;
use crate::strategy::Strategy;

/// The note of a header that says which version of the entropy its seed is for.
pub(crate) const ENTROPY_NOTE: &str = "entropy";

/// The settings of a lab as they stand in the header of its traces: the long options of the command line.
/// What has its default is left out, except the strategy.
pub(crate) fn options_of(lab: &Lab) -> Vec<(String, String)> {
    let mut options = vec![("strategy".to_string(), lab.strategy.name().to_string())];
    let mut add = |name: &str, value: u64, default: u64| {
        if value != default {
            options.push((name.to_string(), value.to_string()));
        }
    };
    let (chaos, none) = (lab.chaos, Chaos::default());
    let nanos = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    add("chaos-cancel", chaos.cancel_per_mille.into(), 0);
    add("chaos-delay", chaos.delay_per_mille.into(), 0);
    add(
        "chaos-delay-max-ns",
        nanos(chaos.delay_max),
        nanos(none.delay_max),
    );
    add("chaos-faults-max", chaos.faults_max, none.faults_max);
    add("chaos-main", u64::from(!chaos.spares_main), 0);
    add("max-steps", lab.max_steps, MAX_STEPS);
    options
}

/// The settings in a header, over the defaults. Notes of other names are left alone.
pub(crate) fn lab_of(trace: &Trace) -> Lab {
    let header = trace.header();
    let mut lab = Lab::new(header.seed).scenario(header.scenario.clone());
    for (name, value) in &header.notes {
        if name == "strategy" && value == "lanes" {
            lab.strategy = Strategy::Lanes;
        }
        let Ok(number) = value.parse::<u64>() else {
            continue;
        };
        let small = u16::try_from(number).unwrap_or(u16::MAX);
        match name.as_str() {
            "chaos-cancel" => lab.chaos.cancel_per_mille = small,
            "chaos-delay" => lab.chaos.delay_per_mille = small,
            "chaos-delay-max-ns" => lab.chaos.delay_max = Duration::from_nanos(number),
            "chaos-faults-max" => lab.chaos.faults_max = number,
            "chaos-main" => lab.chaos.spares_main = number == 0,
            "max-steps" => lab.max_steps = number,
            _ => {}
        }
    }
    lab
}

/// A recorded run, to be run again.
#[derive(Debug, Clone)]
#[must_use = "a replay does nothing until it is given the program"]
pub struct Replay {
    trace: Trace,
}

impl Replay {
    /// A replay of the run whose whole trace this is.
    pub fn new(trace: Trace) -> Self {
        Self { trace }
    }

    /// The recorded run.
    pub fn trace(&self) -> &Trace {
        &self.trace
    }

    /// Runs the program again with the recorded seed, settings and decisions, and compares event by event.
    ///
    /// `program` is given the lab to run in; settings that it makes itself it makes again.
    pub fn run<T>(&self, program: impl FnOnce(Lab) -> LabReport<T>) -> ReplayReport<T> {
        let schedule = Schedule::of_events(self.trace.events());
        let mut lab = lab_of(&self.trace);
        let strategy = core::mem::replace(&mut lab.strategy, Strategy::Recorded(schedule));
        let mut report = program(lab.capture_trace(true));
        for (name, value) in &mut report.options {
            if name == "strategy" {
                *value = strategy.name().to_string();
            }
        }
        let settings = |trace: &Trace| {
            let notes = &trace.header().notes;
            let entropy = notes.iter().find(|(name, _)| name == ENTROPY_NOTE);
            (trace.header().config_hash, entropy.cloned())
        };
        let found = report.trace.as_ref();
        let same_settings = found.map(settings) == Some(settings(&self.trace));
        let divergence = found.and_then(|found| diff(&self.trace, found));
        ReplayReport {
            is_whole: self.trace.header().dropped == 0,
            same_settings,
            divergence,
            report,
        }
    }
}

/// What a replay found.
#[derive(Debug)]
#[must_use = "a replay that nobody looks at finds no difference"]
#[non_exhaustive]
pub struct ReplayReport<T = ()> {
    /// The run made now.
    pub report: LabReport<T>,
    /// The first event that differs from the recording; `None`: the same run.
    pub divergence: Option<Divergence>,
    /// Whether the kernel is configured as it was then, and the seed means what it meant.
    pub same_settings: bool,
    /// Whether the recording is whole; one whose beginning was dropped cannot be followed.
    pub is_whole: bool,
}

impl<T> ReplayReport<T> {
    /// Whether the run was repeated event by event.
    pub fn is_faithful(&self) -> bool {
        self.divergence.is_none()
    }
}

impl<T> fmt::Display for ReplayReport<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.divergence {
            None => writeln!(f, "the same run, event by event")?,
            Some(divergence) => writeln!(f, "{divergence}")?,
        }
        if self.divergence.is_some() {
            let hint = if !self.is_whole {
                "the recording lacks its beginning, so its decisions cannot be followed; record without a bound"
            } else if !self.same_settings {
                "the settings of the kernel differ from the recorded ones; make them the same first"
            } else {
                "the program has changed, or depends on something the lab does not control"
            };
            writeln!(f, "{hint}")?;
        }
        self.report.fmt(f)
    }
}
