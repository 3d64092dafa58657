//! `parity`: compares what live runs leave behind with what the lab allows. One table; exit code 1 and the difference on
//! failure.
//!
//! Owns the arguments, the repetitions and the words; what an outcome is, and which are allowed, belongs to the kit.

use std::collections::BTreeSet;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Instant;

use asupersync_conformance::hosts::{LabHarness, StdHarness};
use asupersync_conformance::parity::{self, Allowed};
use asupersync_conformance::{Harness, Outcome, Scenario, Witness, scenarios};
use clap::Parser;
use comfy_table::presets::ASCII_MARKDOWN;
use comfy_table::{CellAlignment, Table};
use rayon::ThreadPoolBuilder;
use rayon::prelude::*;

/// How often a run is repeated that waited for a budget and was not as promised: a host that stands still for some
/// milliseconds does that. The table counts these runs; the tests of the kit do not repeat.
const AGAIN: u32 = 5;

/// How many scenarios run at once: live runs mostly wait for their clock.
const THREADS: usize = 6;

/// How many times as often what can end in several ways is run live.
const CONTESTED: u64 = 10;

/// Compares live runs of the conformance kit with the outcomes that the lab allows.
#[derive(Parser)]
struct Args {
    /// How many live runs on each runtime; ten times as many of what can end in several ways
    #[arg(default_value_t = 3)]
    repeats: u64,
    /// Only scenarios whose name contains this
    #[arg(long, default_value = "")]
    only: String,
    /// Runtimes, as their number of workers; 0 is the one-thread runtime
    #[arg(long, num_args = 1.., default_values_t = [0, 1, 2, 8])]
    workers: Vec<usize>,
    /// How many seeds of the lab at first
    #[arg(long, default_value_t = 200)]
    seeds: u64,
    /// How many seeds of the lab at most, to find a live outcome
    #[arg(long, default_value_t = 20_000)]
    limit: u64,
    /// Print every outcome that the lab allows
    #[arg(long)]
    show: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    // Panics are the scenarios' business; the harness sees those that matter.
    std::panic::set_hook(Box::new(|_| ()));
    let began = Instant::now();
    let catalogue: Vec<Scenario> = scenarios::catalogue()
        .into_iter()
        .filter(|scenario| scenario.name.contains(&args.only) && runs_in_the_lab(scenario))
        .filter(|scenario| {
            args.workers
                .iter()
                .any(|workers| offers(*workers, scenario))
        })
        .collect();
    let pool = ThreadPoolBuilder::new().num_threads(THREADS).build();
    let run = || {
        let rows = catalogue
            .par_iter()
            .map(|scenario| Row::of(scenario, &args));
        rows.collect()
    };
    let rows: Vec<Row> = match pool {
        Ok(pool) => pool.install(run),
        Err(_) => run(),
    };
    println!("{}", table(&rows));
    if args.show {
        rows.iter().for_each(Row::show);
    }
    summarize(&rows, began);
    let wrong: Vec<&String> = rows.iter().flat_map(|row| &row.wrong).collect();
    for wrong in &wrong {
        eprintln!("\n{wrong}");
    }
    if wrong.is_empty() && !rows.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    }
}

fn runs_in_the_lab(scenario: &Scenario) -> bool {
    let lab = LabHarness::of(scenario, 0);
    scenario.needs.iter().all(|need| lab.offers(*need))
}

fn host(workers: usize) -> StdHarness {
    match workers {
        0 => StdHarness::one_thread(),
        workers => StdHarness::with_workers(workers),
    }
}

fn offers(workers: usize, scenario: &Scenario) -> bool {
    let host = host(workers);
    scenario.needs.iter().all(|need| host.offers(*need))
}

/// What came of one scenario.
struct Row {
    name: &'static str,
    allowed: Option<Allowed>,
    live: BTreeSet<Outcome>,
    runs: u64,
    too_slow: u64,
    wrong: Vec<String>,
}

impl Row {
    fn of(scenario: &Scenario, args: &Args) -> Self {
        let mut row = Self {
            name: scenario.name,
            allowed: None,
            live: BTreeSet::new(),
            runs: 0,
            too_slow: 0,
            wrong: Vec::new(),
        };
        match Allowed::explore(*scenario, args.seeds) {
            Ok(mut allowed) => {
                for workers in args.workers.iter().filter(|n| offers(**n, scenario)) {
                    row.live(scenario, *workers, &mut allowed, args);
                }
                row.allowed = Some(allowed);
            }
            Err(wrong) => row.wrong.push(format!("{}: {wrong}", scenario.name)),
        }
        row
    }

    /// The live runs on one runtime. The first that is not allowed ends them.
    fn live(&mut self, scenario: &Scenario, workers: usize, allowed: &mut Allowed, args: &Args) {
        let is_contested = allowed.outcomes().len() > 1;
        let repeats = args.repeats * if is_contested { CONTESTED } else { 1 };
        for _ in 0..repeats {
            let (live, wrong) = self.live_run(scenario, workers, allowed);
            match judge(allowed, &live, wrong, args.limit) {
                Ok(()) => self.live.extend(allowed.split(live)),
                Err(wrong) => {
                    let name = scenario.name;
                    self.wrong.push(format!(
                        "{name} on {}: {wrong}\nto look for it again: cargo run --release -p asupersync-conformance \
                         --bin parity -- 1000 --only {name} --workers {workers}",
                        host(workers).name(),
                    ));
                    return;
                }
            }
        }
    }

    /// One live run, repeated while the host was too slow for it.
    fn live_run(
        &mut self,
        scenario: &Scenario,
        workers: usize,
        allowed: &Allowed,
    ) -> (Outcome, Vec<String>) {
        let mut again = if allowed.spends_time() { AGAIN } else { 0 };
        loop {
            let witness = Arc::new(Witness::new());
            let host = host(workers).patience(allowed.patience());
            let mut host = host.sink(Arc::<Witness>::clone(&witness));
            let (live, wrong) = parity::run(&mut host, scenario, &witness);
            self.runs += 1;
            if wrong.is_empty() || again == 0 {
                return (live, wrong);
            }
            again -= 1;
            self.too_slow += 1;
        }
    }

    fn allows(&self) -> usize {
        self.allowed
            .as_ref()
            .map_or(0, |allowed| allowed.outcomes().len())
    }

    fn show(&self) {
        let outcomes = self.allowed.iter().flat_map(Allowed::outcomes);
        for (number, (outcome, seed)) in outcomes.enumerate() {
            let seen = if self.live.contains(outcome) {
                ", seen live"
            } else {
                ""
            };
            println!(
                "{}, outcome {}, first by seed {seed}{seen}",
                self.name,
                number + 1
            );
            for line in outcome.lines() {
                println!("    {line}");
            }
        }
    }
}

/// What is wrong with a live run: by itself, or beside those of the lab.
fn judge(
    allowed: &mut Allowed,
    live: &Outcome,
    wrong: Vec<String>,
    limit: u64,
) -> Result<(), String> {
    if !wrong.is_empty() {
        return Err(wrong.join("; "));
    }
    if allowed.admits(live, limit)? {
        Ok(())
    } else {
        Err(allowed.difference(live).to_string())
    }
}

fn table(rows: &[Row]) -> Table {
    let mut table = Table::new();
    table.load_preset(ASCII_MARKDOWN).set_header([
        "scenario",
        "lab seeds",
        "outcomes",
        "live runs",
        "seen live",
        "too slow",
        "not allowed",
    ]);
    for row in rows {
        table.add_row([
            row.name.to_string(),
            row.allowed.as_ref().map_or(0, Allowed::seeds).to_string(),
            row.allows().to_string(),
            row.runs.to_string(),
            row.live.len().to_string(),
            row.too_slow.to_string(),
            row.wrong.len().to_string(),
        ]);
    }
    for column in table.column_iter_mut().skip(1) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

fn summarize(rows: &[Row], began: Instant) {
    let several: Vec<&Row> = rows.iter().filter(|row| row.allows() > 1).collect();
    let outcomes: usize = several.iter().map(|row| row.allows()).sum();
    let seen: usize = several.iter().map(|row| row.live.len()).sum();
    let runs: u64 = rows.iter().map(|row| row.runs).sum();
    let wrong: usize = rows.iter().map(|row| row.wrong.len()).sum();
    println!(
        "{} scenarios, {} of them with several outcomes: {outcomes} in the lab, {seen} of those seen live; {runs} live \
         runs, {wrong} not allowed; {:.1} s",
        rows.len(),
        several.len(),
        began.elapsed().as_secs_f64(),
    );
}
