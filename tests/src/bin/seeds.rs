//! `seeds N`: every scenario in the lab under N seeds. One table; exit code 1 and a replay command on failure.
//!
//! Each seed is another schedule. A sample of the seeds is run twice and must give identical bytes.

use std::collections::HashSet;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use asupersync_conformance::hosts::LabHarness;
use asupersync_conformance::{Harness, Need, Probe, Scenario, check, scenarios};
use clap::Parser;
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use indicatif::{ParallelProgressIterator, ProgressBar, ProgressDrawTarget, ProgressStyle};
use rayon::prelude::*;

/// Every how many seeds a run is repeated and compared.
const SAMPLE: u64 = 50;

/// How many seeds one worker takes at a time: enough that workers rarely meet.
const CHUNK: u64 = 250;

/// Runs every scenario of the conformance kit in the lab, under many seeds.
#[derive(Parser)]
struct Args {
    /// How many seeds
    #[arg(default_value_t = 200)]
    seeds: u64,
    /// Only scenarios whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// The first seed
    #[arg(long, default_value_t = 0)]
    from: u64,
}

fn main() -> ExitCode {
    let args = Args::parse();
    asupersync_sim::silence_panics();
    let (catalogue, skipped): (Vec<_>, Vec<_>) = scenarios::catalogue()
        .into_iter()
        .filter(|scenario| scenario.name.contains(&args.only))
        .partition(runs_in_the_lab);
    let work: Vec<(usize, u64)> = (args.from..args.from + args.seeds)
        .step_by(CHUNK as usize)
        .flat_map(|from| (0..catalogue.len()).map(move |index| (index, from)))
        .collect();
    let end = args.from + args.seeds;
    let began = Instant::now();
    let tallies: Vec<(usize, Tally)> = work
        .into_par_iter()
        .progress_with(progress())
        .map(|(index, from)| {
            let seeds = from..(from + CHUNK).min(end);
            (index, Tally::of(&catalogue[index], seeds))
        })
        .collect();
    let mut rows: Vec<Tally> = catalogue.iter().map(|_| Tally::default()).collect();
    for (index, tally) in tallies {
        rows[index].add(tally);
    }

    println!("{}", table(&catalogue, &rows));
    let runs: u64 = rows.iter().map(|row| row.seeds).sum();
    println!(
        "{runs} runs of {} scenarios in {:.1} s, every {SAMPLE}th repeated and compared byte for byte",
        catalogue.len(),
        began.elapsed().as_secs_f64(),
    );
    for scenario in &skipped {
        println!("skipped: {} needs {:?}", scenario.name, scenario.needs);
    }
    let failed = catalogue
        .iter()
        .zip(&rows)
        .filter_map(|(scenario, row)| Some((scenario, row.first_failure.as_ref()?)));
    let mut verdict = ExitCode::SUCCESS;
    for (scenario, (seed, wrong)) in failed {
        verdict = ExitCode::FAILURE;
        eprintln!("\n{}, seed {seed}:", scenario.name);
        for what in wrong {
            eprintln!("  {what}");
        }
        let strategy = if keeps_lanes(scenario) {
            " --strategy lanes"
        } else {
            ""
        };
        eprintln!(
            "to run it again: cargo run --release -p asupersync-conformance --bin lab -- \
             run {} --seed {seed}{strategy}",
            scenario.name
        );
    }
    verdict
}

fn runs_in_the_lab(scenario: &Scenario) -> bool {
    let harness = LabHarness::of(scenario, 0);
    scenario.needs.iter().all(|need| harness.offers(*need))
}

fn keeps_lanes(scenario: &Scenario) -> bool {
    scenario.needs.contains(&Need::Lanes)
}

fn progress() -> ProgressBar {
    let style =
        ProgressStyle::with_template("seeds: {bar:30} {percent:>3}% {elapsed} (left: {eta})");
    let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr());
    match style {
        Ok(style) => bar.with_style(style),
        Err(_) => bar,
    }
}

/// What came of the seeds of one scenario.
#[derive(Default)]
struct Tally {
    seeds: u64,
    fingerprints: HashSet<u64>,
    violations: u64,
    steps: u64,
    busy: Duration,
    first_failure: Option<(u64, Vec<String>)>,
}

impl Tally {
    fn of(scenario: &Scenario, seeds: core::ops::Range<u64>) -> Self {
        let mut tally = Self::default();
        for seed in seeds {
            tally.run(scenario, seed);
        }
        tally
    }

    fn run(&mut self, scenario: &Scenario, seed: u64) {
        let began = Instant::now();
        let (mut harness, probe) = (LabHarness::of(scenario, seed), Probe::new());
        let record = harness.run(scenario.setup(), scenario.body, &probe);
        let seen = harness.seen();
        self.seeds += 1;
        self.steps += seen.steps;
        self.busy += began.elapsed();
        self.fingerprints.insert(seen.fingerprint);
        let mut wrong = check(scenario, &record, &probe);
        if seed % SAMPLE == 0 {
            harness.run(scenario.setup(), scenario.body, &Probe::new());
            if harness.seen() != seen {
                wrong.push(format!(
                    "a second run differs: {seen:?}, then {:?}",
                    harness.seen()
                ));
            }
        }
        self.violations += wrong.len() as u64;
        if !wrong.is_empty() && self.first_failure.is_none() {
            self.first_failure = Some((seed, wrong));
        }
    }

    fn add(&mut self, other: Self) {
        self.seeds += other.seeds;
        self.fingerprints.extend(other.fingerprints);
        self.violations += other.violations;
        self.steps += other.steps;
        self.busy += other.busy;
        self.first_failure = [self.first_failure.take(), other.first_failure]
            .into_iter()
            .flatten()
            .min_by_key(|(seed, _)| *seed);
    }
}

fn table(catalogue: &[Scenario], rows: &[Tally]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header([
        "scenario",
        "seeds",
        "fingerprints",
        "violations",
        "steps a run",
        "steps/s",
    ]);
    for (scenario, row) in catalogue.iter().zip(rows) {
        table.add_row([
            scenario.name.to_string(),
            row.seeds.to_string(),
            row.fingerprints.len().to_string(),
            row.violations.to_string(),
            (row.steps / row.seeds.max(1)).to_string(),
            format!("{:.0}", row.steps as f64 / row.busy.as_secs_f64().max(1e-9)),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}
