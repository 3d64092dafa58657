//! The demo: an order pipeline over real data, on std and in the lab.
//!
//! Read [`pipeline`] first: it is the program. [`carrier`] is the world it deals with, [`custody`] how
//! it loses no record, [`ledger`] the recount that would notice, [`orders`] the input, [`report`]
//! the table, [`picture`] the trace for the eye. Here is how one run is made and judged;
//! `bin/demo.rs` is the command line.

use std::format;
use std::ops::Range;
use std::path::{Path, PathBuf};
use std::prelude::rust_2024::*;
use std::time::Duration;

use asupersync_core::{Config, Error, LocalRegion, Stats, Time};
use asupersync_sim::artifact::Trace;
use asupersync_sim::{Chaos, Lab, LabReport};
use asupersync_std::Runtime;

pub mod carrier;
pub mod custody;
pub mod ledger;
pub mod orders;
pub mod picture;
pub mod pipeline;
pub mod report;

use ledger::Tally;
use orders::{BadLine, Order};
use pipeline::{Batches, Delivery};

/// The file, as text for the recount and as orders for the pipeline.
#[derive(Debug, Clone)]
pub struct Input {
    text: String,
    orders: Vec<Order>,
}

/// A part of the file: what a run is given.
#[derive(Debug, Clone)]
pub struct Cut<'a> {
    /// The lines, counted in the text and not by the reader, so that one that it lost would be noticed.
    pub ids: Range<u32>,
    /// The orders.
    pub orders: &'a [Order],
}

/// Why there is no input.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputError {
    /// The file could not be read.
    #[error("cannot read {path}")]
    File {
        /// Which file.
        path: PathBuf,
        /// Why not.
        source: std::io::Error,
    },
    /// A line of it is not an order.
    #[error("{path} is not a list of orders")]
    Line {
        /// Which file.
        path: PathBuf,
        /// Which line, and what is wrong with it.
        source: BadLine,
    },
}

impl Input {
    /// The file of this repository.
    pub fn path() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("../data/flights-airport.csv")
    }

    /// Reads and checks a file.
    ///
    /// # Errors
    /// If it cannot be read, or has a line that is not an order.
    pub fn read(path: &Path) -> Result<Self, InputError> {
        let text = std::fs::read_to_string(path).map_err(|source| InputError::File {
            path: path.into(),
            source,
        })?;
        let orders = orders::read(&text).map_err(|source| InputError::Line {
            path: path.into(),
            source,
        })?;
        Ok(Self { text, orders })
    }

    /// The whole file.
    pub fn all(&self) -> Cut<'_> {
        self.cut(0, u32::MAX)
    }

    /// At most `records` orders, at least one; consecutive seeds get consecutive cuts, round and round
    /// the file.
    pub fn cut(&self, seed: u64, records: u32) -> Cut<'_> {
        let lines = self.text.lines().skip(1).count() as u64;
        let length = u64::from(records.max(1));
        let cuts = lines.div_ceil(length).max(1);
        let first = seed % cuts * length + 1;
        let after_last = (first + length).min(lines + 1);
        // Fits: the reader numbers as many lines with 32 bits.
        let ids = first as u32..after_last as u32;
        let from = self.orders.partition_point(|order| order.id < ids.start);
        let to = self.orders.partition_point(|order| order.id < ids.end);
        let orders = &self.orders[from..to];
        Cut { ids, orders }
    }
}

/// One run of the pipeline, recounted.
#[derive(Debug, Clone)]
pub struct Run {
    /// The seed, in the lab.
    pub seed: Option<u64>,
    /// Records given to the pipeline.
    pub records: u64,
    /// What became of them; empty if the recount failed.
    pub tally: Tally,
    /// How the batches ended.
    pub batches: Batches,
    /// The runtime's counters after shutdown.
    pub stats: Stats,
    /// When the pipeline ended, by the runtime's clock.
    pub ended: Time,
    /// What identifies the schedule, where it is traced.
    pub fingerprint: Option<u64>,
    /// How much the oracles found, where there are any.
    pub violations: Option<u64>,
    /// Everything that is wrong with it, in words.
    pub wrong: Vec<String>,
}

impl Run {
    /// Recounts what the pipeline gave and looks at what the runtime has left.
    fn judge(input: &Input, ids: Range<u32>, ended: Result<Delivery, Error>, stats: Stats) -> Self {
        let mut run = Self {
            seed: None,
            records: ids.len() as u64,
            tally: Tally::default(),
            batches: Batches::default(),
            stats,
            ended: Time::ZERO,
            fingerprint: None,
            violations: None,
            wrong: Vec::new(),
        };
        match ended {
            Ok(delivery) => {
                run.batches = delivery.batches;
                run.ended = delivery.ended;
                match ledger::audit(&input.text, ids, &delivery.book) {
                    Ok(tally) => run.tally = tally,
                    Err(found) => run.wrong.extend(found.iter().map(ToString::to_string)),
                }
            }
            Err(error) => run.wrong.push(format!("the pipeline failed: {error}")),
        }
        if run.tally.forced > stats.forced {
            let (records, dropped) = (run.tally.forced, stats.forced);
            run.wrong.push(format!(
                "{records} records forced, but only {dropped} things dropped"
            ));
        }
        for (left, what) in [
            (stats.live as u64, "tasks outlive the runtime"),
            (stats.timers as u64, "timers outlive the runtime"),
            (stats.leaked, "obligations leaked"),
        ] {
            if left > 0 {
                run.wrong.push(format!("{left} {what}"));
            }
        }
        run
    }
}

/// The kernel's settings, the same on every platform: a hundredth of the usual clean-up budgets, so
/// that a run on a real clock takes seconds. Finalizers have longer than any stall of a busy machine.
fn config() -> Config {
    let mut config = Config::default();
    config.cleanup = config.cleanup.scaled(1, 100);
    config.finalizer_budget = Duration::from_secs(30);
    config
}

/// Runs the pipeline on one thread of this machine, in real time, over the whole file.
pub fn on_std(input: &Input) -> Run {
    let Cut { ids, orders } = input.all();
    let mut runtime = Runtime::builder().config(config()).build();
    let ended = runtime.block_on(async |region: &LocalRegion| pipeline::run(region, orders).await);
    Run::judge(input, ids, ended, runtime.shut_down())
}

/// Runs the pipeline in the lab, in virtual time, over a cut of the file.
pub fn in_lab(input: &Input, seed: u64, records: u32) -> Run {
    let Cut { ids, orders } = input.cut(seed, records);
    let report = lab(seed)
        .capture_trace(false)
        .run(async |region: &LocalRegion| pipeline::run(region, orders).await);
    judge_report(input, ids, report)
}

/// [`in_lab`] twice: also checks that both runs are the same, event by event, and keeps the trace.
pub fn in_lab_twice(input: &Input, seed: u64, records: u32) -> (Run, Option<Trace>) {
    let Cut { ids, orders } = input.cut(seed, records);
    let mut report =
        lab(seed).run_twice(|| async |region: &LocalRegion| pipeline::run(region, orders).await);
    let trace = report.trace.take();
    (judge_report(input, ids, report), trace)
}

/// A lab that now and then holds a task back for a while, whatever it is in the middle of.
fn lab(seed: u64) -> Lab {
    let chaos = Chaos {
        delay_per_mille: 5,
        delay_max: Duration::from_millis(20),
        ..Chaos::default()
    };
    Lab::new(seed)
        .scenario("demo")
        .config(config())
        .chaos(chaos)
}

fn judge_report(input: &Input, ids: Range<u32>, report: LabReport<Delivery>) -> Run {
    let mut run = Run::judge(input, ids, report.result, report.stats);
    run.seed = Some(report.seed);
    run.fingerprint = Some(report.fingerprint);
    run.violations = Some(report.violations.len() as u64);
    let violations = report.violations.iter().map(ToString::to_string);
    run.wrong.extend(violations);
    run
}
