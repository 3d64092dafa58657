//! Scenarios as data, the seam a port implements, and the check of what came back.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;

use asupersync_core::{CleanupBudgets, Config, Error, LocalRegion, Spawner, Stats};

use crate::Probe;

/// A scenario's program, boxed: see [`Body`].
pub type Run<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;

/// A scenario's program: gets a region of its own and the probe.
pub type Body = for<'a> fn(&'a LocalRegion, &'a Probe) -> Run<'a>;

/// What a scenario spawns into the runtime's root region before its body starts.
pub type Root = fn(&Spawner<Error>, &Probe);

/// What a scenario needs beyond the common set.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Need {
    /// Panics unwind.
    Unwind,
    /// More than one thread.
    Threads,
    /// Host I/O.
    Io,
    /// The executor is the local one, or keeps its lane order.
    Lanes,
    /// Time passes only when nothing is runnable: a busy host cannot make a deadline pass.
    VirtualTime,
}

/// One program of the catalogue.
#[derive(Clone, Copy)]
pub struct Scenario {
    /// `section/name`.
    pub name: &'static str,
    /// The program.
    pub body: Body,
    /// What it needs beyond the common set.
    pub needs: &'static [Need],
    /// How many tasks the runtime admits.
    pub capacity: usize,
    /// What lives in the runtime's root region, and so outlives the body.
    pub root: Option<Root>,
    /// How many leaked obligations it ends with.
    pub leaks: u64,
    /// Whether chance decides which of many tasks end how: too many ways to tell them all.
    pub is_crowd: bool,
    /// What must hold once the runtime has shut down.
    pub after: Option<fn(&Probe, &Record)>,
}

impl Scenario {
    /// A scenario of the common set.
    pub const fn new(name: &'static str, body: Body) -> Self {
        Self {
            name,
            body,
            needs: &[],
            capacity: 4_096,
            root: None,
            leaks: 0,
            is_crowd: false,
            after: None,
        }
    }

    /// With needs.
    pub const fn needs(mut self, needs: &'static [Need]) -> Self {
        self.needs = needs;
        self
    }

    /// In a runtime of this capacity.
    pub const fn capacity(mut self, tasks: usize) -> Self {
        self.capacity = tasks;
        self
    }

    /// With tasks in the runtime's root region.
    pub const fn root(mut self, spawn: Root) -> Self {
        self.root = Some(spawn);
        self
    }

    /// Leaking this many obligations on purpose.
    pub const fn leaks(mut self, count: u64) -> Self {
        self.leaks = count;
        self
    }

    /// Of which it is compared what can happen, and neither to whom nor how often.
    pub const fn crowd(mut self) -> Self {
        self.is_crowd = true;
        self
    }

    /// With a check after shutdown.
    pub const fn after(mut self, check: fn(&Probe, &Record)) -> Self {
        self.after = Some(check);
        self
    }

    /// The runtime it wants.
    pub fn setup(&self) -> Setup {
        let mut config = Config::default();
        config.check_foreign_cx = true;
        // A hundredth of the defaults, so that forcing takes milliseconds where time is real.
        config.cleanup = CleanupBudgets::default().scaled(1, 100);
        config.finalizer_budget = core::time::Duration::from_millis(10);
        config.obligation_budget = core::time::Duration::from_millis(20);
        Setup {
            capacity: self.capacity,
            config,
            root: self.root,
        }
    }
}

/// How many times as long budgets are where the clock is real.
const PATIENCE: u32 = 15;

/// The runtime a scenario runs in.
pub struct Setup {
    /// How many tasks it admits.
    pub capacity: usize,
    /// Its settings.
    pub config: Config,
    /// What to spawn through the runtime's own spawner before the body starts.
    pub root: Option<Root>,
}

impl Setup {
    /// With the budgets of a clock that runs on while the host is busy with something else.
    pub fn in_real_time(self) -> Self {
        self.patient(PATIENCE)
    }

    /// With budgets that are this many times as long.
    pub fn patient(mut self, times: u32) -> Self {
        self.config.cleanup = CleanupBudgets::default().scaled(times, 100);
        self.config.finalizer_budget *= times;
        self.config.obligation_budget *= times;
        self
    }
}

/// What a harness hands back.
#[derive(Debug, Clone)]
pub struct Record {
    /// The body's result; the error as text.
    pub result: Result<(), String>,
    /// The counters after shutdown.
    pub stats: Stats,
    /// Whether shutdown closed the root region.
    pub closed: bool,
    /// What the platform itself found wrong: oracle violations of the lab, diagnostics.
    pub violations: Vec<String>,
}

/// A port under test.
pub trait Harness {
    /// The platform's name in reports.
    fn name(&self) -> &str;

    /// Whether it offers what a scenario needs.
    fn offers(&self, need: Need) -> bool;

    /// Runs one program in a fresh runtime, shuts that down, and says what it saw.
    fn run(&mut self, setup: Setup, body: Body, probe: &Probe) -> Record;
}

/// What is wrong with a run; empty if it passed.
pub fn check(scenario: &Scenario, record: &Record, probe: &Probe) -> Vec<String> {
    if let Some(after) = scenario.after {
        after(probe, record);
    }
    let mut wrong = probe.failures();
    wrong.extend(record.violations.iter().cloned());
    if let Err(error) = &record.result {
        wrong.push(format!("the body failed: {error}"));
    }
    if !record.closed {
        wrong.push(String::from("the root region is not closed after shutdown"));
    }
    if record.stats.live != 0 {
        wrong.push(format!("{} tasks outlive the runtime", record.stats.live));
    }
    if record.stats.timers != 0 {
        wrong.push(format!(
            "{} timers outlive the runtime",
            record.stats.timers
        ));
    }
    if record.stats.leaked != scenario.leaks {
        wrong.push(format!(
            "leaked obligations: found {}, expected {}",
            record.stats.leaked, scenario.leaks
        ));
    }
    wrong
}

/// The result of a catalogue on one harness.
#[derive(Debug, Clone, Default)]
pub struct Summary {
    /// Scenarios that passed.
    pub passed: Vec<&'static str>,
    /// Scenarios that failed, and why.
    pub failed: Vec<(&'static str, Vec<String>)>,
    /// Scenarios whose needs the harness does not offer.
    pub skipped: Vec<&'static str>,
}

/// Runs every scenario of a catalogue that the harness can run.
pub fn run_all(harness: &mut dyn Harness, catalogue: &[Scenario]) -> Summary {
    let mut summary = Summary::default();
    for scenario in catalogue {
        if !scenario.needs.iter().all(|need| harness.offers(*need)) {
            summary.skipped.push(scenario.name);
            continue;
        }
        let probe = Probe::new();
        let record = harness.run(scenario.setup(), scenario.body, &probe);
        let wrong = check(scenario, &record, &probe);
        if wrong.is_empty() {
            summary.passed.push(scenario.name);
        } else {
            summary.failed.push((scenario.name, wrong));
        }
    }
    summary
}
