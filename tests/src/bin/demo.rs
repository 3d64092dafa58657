//! `cargo xtask demo`: the order pipeline on std and under many seeds of the lab, and one table.
//!
//! Owns the command line, the progress bar and the exit code: 0 only if no run lost a record, no
//! oracle found anything, and every hundred seeds saw a cancel, a force and a timeout.

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result};
use asupersync_conformance::demo::report::{Column, LEGEND, table, uneventful};
use asupersync_conformance::demo::{Input, Run, in_lab, in_lab_traced, on_std, picture};
use clap::Parser;
use indicatif::{ParallelProgressIterator, ProgressBar, ProgressStyle};
use rayon::prelude::*;

/// How many wrong things are printed; the table counts all.
const SHOWN: usize = 10;

/// Runs an order pipeline over real data, in real time and under many schedules of the lab.
#[derive(Parser)]
#[command(name = "cargo xtask demo")]
struct Args {
    /// How many seeds the lab runs, from 0
    #[arg(long, value_name = "N", default_value_t = 1_000)]
    seeds: u64,
    /// Only this seed, in the lab, twice: both runs must be the same
    #[arg(long, value_name = "S", conflicts_with = "seeds")]
    seed: Option<u64>,
    /// How many records each seed gets: a cut of the file that depends on the seed
    #[arg(long, value_name = "N", default_value_t = 64, value_parser = at_least_one)]
    records: usize,
    /// Where the trace goes
    #[arg(long, value_name = "DIR", default_value = "target/demo")]
    out: PathBuf,
}

fn at_least_one(text: &str) -> Result<usize, String> {
    match text.parse() {
        Ok(0) => Err("at least one record".into()),
        Ok(number) => Ok(number),
        Err(error) => Err(format!("{error}")),
    }
}

fn main() -> Result<ExitCode> {
    let args = Args::parse();
    let input = Input::read(&Input::path())?;
    let mut columns = Vec::new();
    let mut complaints = Vec::new();

    let runs = match args.seed {
        Some(seed) => vec![in_lab(&input, seed, args.records)],
        None => {
            let run = real_time(&input);
            columns.push(Column::new("std, real time", &[run]));
            let runs = virtual_time(&input, &args);
            complaints = uneventful(&runs);
            runs
        }
    };
    let traced = best_to_look_at(&runs);
    let trace = match traced {
        Some(seed) => {
            let (run, file) = write_trace(&input, seed, &args)?;
            complaints.extend(run.wrong.iter().map(|what| format!("seed {seed}, traced: {what}")));
            Some((seed, file))
        }
        None => None,
    };
    columns.push(Column::new(lab_title(&args), &runs));

    println!("{}\n{LEGEND}\n", table(&columns));
    if let Some((seed, file)) = trace {
        println!("seed {seed} as a picture: {} (open it at ui.perfetto.dev)", file.display());
        println!("seed {seed} again: {}", replay(seed, &args));
    }
    for column in &columns {
        for (seed, what) in column.wrong().iter().take(SHOWN) {
            match seed {
                Some(seed) => eprintln!("seed {seed}: {what}; to see it: {}", replay(*seed, &args)),
                None => eprintln!("std: {what}"),
            }
        }
    }
    complaints.iter().take(SHOWN).for_each(|what| eprintln!("{what}"));
    let is_right = complaints.is_empty() && columns.iter().all(|column| column.wrong().is_empty());
    Ok(if is_right { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

fn real_time(input: &Input) -> Run {
    let spinner = ProgressBar::new_spinner().with_message("std: the whole file, in real time");
    spinner.enable_steady_tick(std::time::Duration::from_millis(100));
    let run = on_std(input);
    spinner.finish_and_clear();
    println!("std: {} records in {}", run.records, run.ended);
    run
}

fn virtual_time(input: &Input, args: &Args) -> Vec<Run> {
    let style = ProgressStyle::with_template("lab: {wide_bar} seed {pos} of {len}, {eta} left")
        .unwrap_or_else(|_| ProgressStyle::default_bar());
    let bar = ProgressBar::new(args.seeds).with_style(style);
    let runs: Vec<Run> = (0..args.seeds)
        .into_par_iter()
        .progress_with(bar.clone())
        .map(|seed| in_lab(input, seed, args.records))
        .collect();
    let records: u64 = runs.iter().map(|run| run.records).sum();
    println!("lab: {} seeds, {records} records in {:.1?}", args.seeds, bar.elapsed());
    bar.finish_and_clear();
    runs
}

/// The seed of the first run in which everything happened that can, or of the first one.
fn best_to_look_at(runs: &[Run]) -> Option<u64> {
    let is_rich = |run: &&Run| {
        run.tally.cancelled > 0 && run.tally.forced > 0 && run.tally.timed_out > 0
    };
    runs.iter().find(is_rich).or(runs.first())?.seed
}

fn write_trace(input: &Input, seed: u64, args: &Args) -> Result<(Run, PathBuf)> {
    let (run, trace) = in_lab_traced(input, seed, args.records);
    let trace = trace.context("the lab kept no trace")?;
    let file = args.out.join(format!("seed-{seed}.perfetto.json"));
    write(&file, &picture::draw(&trace))?;
    Ok((run, file))
}

fn write(file: &Path, text: &str) -> Result<()> {
    if let Some(folder) = file.parent() {
        std::fs::create_dir_all(folder)
            .with_context(|| format!("cannot make the folder {}", folder.display()))?;
    }
    std::fs::write(file, text).with_context(|| format!("cannot write {}", file.display()))
}

fn lab_title(args: &Args) -> String {
    match args.seed {
        Some(seed) => format!("lab, seed {seed}"),
        None => format!("lab, {} seeds", args.seeds),
    }
}

fn replay(seed: u64, args: &Args) -> String {
    format!("cargo xtask demo --seed {seed} --records {}", args.records)
}
