//! The deterministic lab: the same scenarios under any schedule, with every oracle watching.

use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use asupersync_core::Error;
use asupersync_core::trace::TraceSink;
use asupersync_sim::artifact::Trace;
use asupersync_sim::{Chaos, Lab, LabReport, LocalRegion, Strategy};

use crate::{Body, Harness, Need, Probe, Record, Scenario, Setup, check};

/// Runs scenarios in a [`Lab`].
#[derive(Debug)]
pub struct LabHarness {
    lab: Lab,
    keeps_lanes: bool,
    allows_leaks: bool,
    seen: Seen,
}

/// What a run left behind besides its record.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Seen {
    /// Equal for runs that differ only in the order of independent events.
    pub fingerprint: u64,
    /// Equal for runs that are equal event by event.
    pub digest: u64,
    /// How many decisions were taken.
    pub steps: u64,
}

impl LabHarness {
    /// Any runnable task may be next; the seed decides.
    pub fn random(seed: u64) -> Self {
        Self::with_lab(Lab::new(seed).capture_trace(false))
    }

    /// The lane order of the local executor; the seed decides entropy alone.
    pub fn lanes(seed: u64) -> Self {
        Self {
            keeps_lanes: true,
            ..Self::with_lab(
                Lab::new(seed)
                    .capture_trace(false)
                    .strategy(Strategy::Lanes),
            )
        }
    }

    /// The harness that `scenario` wants for this seed.
    pub fn of(scenario: &Scenario, seed: u64) -> Self {
        let mut harness = if scenario.needs.contains(&Need::Lanes) {
            Self::lanes(seed)
        } else {
            Self::random(seed)
        };
        harness.allows_leaks = scenario.leaks > 0;
        harness.lab = harness.lab.scenario(scenario.name);
        harness
    }

    fn with_lab(lab: Lab) -> Self {
        Self {
            lab,
            keeps_lanes: false,
            allows_leaks: true,
            seen: Seen::default(),
        }
    }

    /// Tells `sink` of every event.
    pub fn sink(mut self, sink: Arc<dyn TraceSink>) -> Self {
        self.lab = self.lab.sink(sink);
        self
    }

    /// With faults.
    pub fn chaos(mut self, chaos: Chaos) -> Self {
        self.lab = self.lab.chaos(chaos);
        self
    }

    /// What the last run left behind.
    pub const fn seen(&self) -> Seen {
        self.seen
    }
}

impl Harness for LabHarness {
    fn name(&self) -> &str {
        if self.keeps_lanes {
            "lab, lanes"
        } else {
            "lab, random"
        }
    }

    fn offers(&self, need: Need) -> bool {
        match need {
            Need::Unwind => cfg!(all(feature = "hosts", panic = "unwind")),
            Need::VirtualTime => true,
            Need::Lanes => self.keeps_lanes,
            Need::Threads | Need::Io => false,
        }
    }

    fn run(&mut self, setup: Setup, body: Body, probe: &Probe) -> Record {
        let lab = self.lab.clone().allow_leaks(self.allows_leaks);
        let report = with_setup(lab, setup, probe)
            .run(async |region: &LocalRegion| body(region, probe).await);
        self.seen = Seen {
            fingerprint: report.fingerprint,
            digest: report.digest,
            steps: report.steps,
        };
        record(&report)
    }
}

fn with_setup(lab: Lab, setup: Setup, probe: &Probe) -> Lab {
    let lab = lab.capacity(setup.capacity).config(setup.config);
    match setup.root {
        Some(spawn) => {
            let probe = probe.clone();
            lab.root(move |spawner| spawn(spawner, &probe))
        }
        None => lab,
    }
}

fn record(report: &LabReport) -> Record {
    Record {
        result: report.result.as_ref().copied().map_err(Error::to_string),
        stats: report.stats,
        closed: report.is_closed,
        violations: report.violations.iter().map(ToString::to_string).collect(),
    }
}

/// Runs a scenario in a lab as it stands, for the command line and for replays.
///
/// What [`check`] finds wrong beyond the oracles becomes the error of the report.
pub fn run_in(lab: Lab, scenario: &Scenario) -> LabReport {
    let probe = Probe::new();
    let lab = with_setup(lab, scenario.setup(), &probe)
        .allow_leaks(scenario.leaks > 0)
        .scenario(scenario.name);
    let mut report = lab.run(async |region: &LocalRegion| (scenario.body)(region, &probe).await);
    let found = record(&report);
    let wrong: Vec<String> = check(scenario, &found, &probe)
        .into_iter()
        .filter(|wrong| !found.violations.contains(wrong))
        .collect();
    if report.result.is_ok() && !wrong.is_empty() {
        report.result = Err(Error::from(NotKept(wrong)));
    }
    report
}

/// Records one run of a scenario with its whole trace.
///
/// # Errors
/// What is wrong with the run, as text.
pub fn record_trace(scenario: &Scenario, seed: u64) -> Result<Trace, String> {
    let report = run_in(lab_of(scenario, seed), scenario);
    if !report.is_clean() || report.result.is_err() {
        return Err(report.to_string());
    }
    report
        .trace
        .ok_or_else(|| String::from("the lab kept no trace"))
}

fn lab_of(scenario: &Scenario, seed: u64) -> Lab {
    let lab = Lab::new(seed);
    if scenario.needs.contains(&Need::Lanes) {
        lab.strategy(Strategy::Lanes)
    } else {
        lab
    }
}

/// What a scenario promised and did not keep.
#[derive(Debug)]
struct NotKept(Vec<String>);

impl core::fmt::Display for NotKept {
    fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
        f.write_str(&self.0.join("; "))
    }
}

impl core::error::Error for NotKept {}
