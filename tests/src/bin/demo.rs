//! `cargo xtask demo`: the order pipeline on std and under many seeds of the lab, and one table.
//!
//! Owns the command line, the progress and the exit code: 0 only if no run lost a record, no oracle
//! found anything, and every hundred seeds saw a cancel, a force and a timeout.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use anyhow::{Context, Result};
use asupersync_conformance::demo::column::Column;
use asupersync_conformance::demo::host::{self, on_std};
use asupersync_conformance::demo::lab::{in_lab, in_lab_twice};
use asupersync_conformance::demo::picture;
use asupersync_conformance::demo::report::{LEGEND, number, table, uneventful};
use asupersync_conformance::demo::run::{Input, Run};
use clap::Parser;
use indicatif::{ParallelProgressIterator, ProgressBar, ProgressStyle};
use rayon::prelude::*;

/// How many complaints are printed; the table counts all.
const SHOWN: usize = 10;

/// Runs an order pipeline over real data: in real time, and under many schedules of the lab.
#[derive(Parser)]
#[command(
    bin_name = "cargo xtask demo",
    after_help = "Instead of that, and alone: --serve shows the dashboard; --headless uses it in three browsers and adds their columns, \
                  with --short only the dashboard"
)]
struct Args {
    /// How many seeds the lab runs, from 0
    #[arg(long, value_name = "N", default_value_t = 1_000, value_parser = clap::value_parser!(u64).range(1..))]
    seeds: u64,
    /// Only this seed, only in the lab
    #[arg(long, value_name = "S", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// How many records a seed gets at most: its cut of the file
    #[arg(long, value_name = "N", default_value_t = 256, value_parser = clap::value_parser!(u32).range(1..))]
    records: u32,
    /// Where the picture goes
    #[arg(long, value_name = "DIR", default_value = "target/demo")]
    out: PathBuf,
    /// A column that another platform made, as a line of JSON; may be given again
    #[arg(long, value_name = "FILE")]
    column: Vec<PathBuf>,
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let input = host::read(&host::path())?;
    std::fs::create_dir_all(&args.out)
        .with_context(|| format!("cannot make the folder {}", args.out.display()))?;

    let mut columns = Vec::new();
    let mut runs = match args.seed {
        Some(seed) => vec![in_lab(&input, seed, args.records)],
        None => {
            columns.push(Column::new("std, real time", &[real_time(&input)]));
            virtual_time(&input, &args)
        }
    };
    let (run, picture) = look_at(&input, &mut runs, &args)?;
    columns.push(Column::new(title(&args), &runs));
    let mut complaints = Vec::new();
    for file in &args.column {
        let column = read_column(file)?;
        complaints.extend(differs(&column, &runs));
        columns.push(column);
    }

    println!("{}\n{LEGEND}\n", table(&columns));
    println!(
        "seed {run} as a picture: {} (open it at ui.perfetto.dev)",
        picture.display()
    );
    println!("seed {run} once more: {}", replay(run, &args));

    for column in &columns {
        let platform = column.platform();
        complaints.extend(column.wrong().iter().map(|(seed, what)| match seed {
            Some(seed) => format!(
                "{platform}, seed {seed}: {what}\n  see it: {}",
                replay(*seed, &args)
            ),
            None => format!("{platform}: {what}"),
        }));
    }
    complaints.extend(uneventful(&runs));
    for complaint in complaints.iter().take(SHOWN) {
        eprintln!("{complaint}");
    }
    if let Some(more @ 1..) = complaints.len().checked_sub(SHOWN) {
        eprintln!("and {more} more");
    }
    Ok(match complaints.len() {
        0 => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    })
}

fn read_column(file: &Path) -> Result<Column> {
    let name = file.display();
    let text = std::fs::read_to_string(file).with_context(|| format!("cannot read {name}"))?;
    Column::from_line(text.trim()).with_context(|| format!("{name} is not a column"))
}

/// Another platform's lab ran seeds that ran here, too: they have to be the same runs.
fn differs(column: &Column, runs: &[Run]) -> Option<String> {
    let here = runs.get(..column.runs()).map(|runs| Column::new("", runs));
    let is_lab = column.is_traced();
    let same = here.is_none_or(|here| here.same_runs(column));
    (is_lab && !same).then(|| {
        format!(
            "{}: its {} seeds are not the runs that they are here; compare traces with `golden diff`",
            column.platform(),
            column.runs()
        )
    })
}

fn real_time(input: &Input) -> Run {
    let spinner = ProgressBar::new_spinner().with_message("std: the whole file, in real time");
    spinner.enable_steady_tick(Duration::from_millis(100));
    let run = on_std(input);
    spinner.finish_and_clear();
    println!("std: {} records in {}", number(run.records), run.ended);
    run
}

fn virtual_time(input: &Input, args: &Args) -> Vec<Run> {
    let style = ProgressStyle::with_template("lab: {wide_bar} {pos} of {len} seeds, {eta} left");
    let bar =
        ProgressBar::new(args.seeds).with_style(style.unwrap_or(ProgressStyle::default_bar()));
    let runs: Vec<Run> = (0..args.seeds)
        .into_par_iter()
        .progress_with(bar.clone())
        .map(|seed| in_lab(input, seed, args.records))
        .collect();
    bar.finish_and_clear();
    let records = number(runs.iter().map(|run| run.records).sum());
    println!("lab: {records} records in {:.1?}", bar.elapsed());
    runs
}

/// Runs one seed again, twice: both runs must be the same, event by event. Draws it.
///
/// Takes the first one that went wrong, else the first in which everything happened that can.
fn look_at(input: &Input, runs: &mut [Run], args: &Args) -> Result<(u64, PathBuf)> {
    let is_wrong = |run: &Run| !run.wrong.is_empty();
    let is_rich =
        |run: &Run| run.tally.cancelled > 0 && run.tally.forced > 0 && run.tally.timed_out > 0;
    let index = runs.iter().position(is_wrong);
    let index = index.or(runs.iter().position(is_rich)).unwrap_or(0);
    let seed = runs[index].seed.context("the lab's runs have seeds")?;
    let (run, trace) = in_lab_twice(input, seed, args.records);
    let first = &mut runs[index];
    if first.fingerprint != run.fingerprint {
        first.wrong.push("another run when repeated".into());
    } else if first.wrong.is_empty() {
        first.wrong = run.wrong;
    }
    let file = args.out.join(format!("seed-{seed}.perfetto.json"));
    let trace = trace.context("the lab keeps a trace")?;
    std::fs::write(&file, picture::draw(&trace))
        .with_context(|| format!("cannot write {}", file.display()))?;
    Ok((seed, file))
}

fn title(args: &Args) -> String {
    match args.seed {
        Some(seed) => format!("lab, seed {seed}"),
        None => format!("lab, {} seeds", number(args.seeds)),
    }
}

fn replay(seed: u64, args: &Args) -> String {
    format!("cargo xtask demo --seed {seed} --records {}", args.records)
}
