//! `golden`: checks and rewrites the committed golden traces, and finds where two targets part.
//!
//! Owns the arguments and the files; what a line is and how it is compared belongs to the kit's `golden`. `check`,
//! `each` and `dump` print the same on every target that has a runner of its own (`tests/wasm/run.mjs`).

use std::path::{Path, PathBuf};
use std::process::ExitCode;

use anyhow::{Context, Result, anyhow, bail};
use asupersync_conformance::Scenario;
use asupersync_conformance::golden::{self, Control};
use asupersync_sim::artifact::{Limits, Trace, diff};
use clap::Parser;
use rayon::prelude::*;

/// The committed file, as the workspace knows it.
const FILE: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/golden/traces.txt");

/// Golden traces: the same seeds give the same bytes on every target.
#[derive(Parser)]
#[command(bin_name = "golden")]
enum Args {
    /// Compares every scenario of the common set with the committed file, and runs the negative controls
    Check {
        /// Only scenarios whose name contains this
        #[arg(default_value = "")]
        only: String,
    },
    /// Runs every scenario and rewrites the committed file
    Write,
    /// Prints a line for each seed of a scenario: the first that two targets differ in is the one to dump
    Each { scenario: String },
    /// Prints the trace of one seed as JSON lines
    Dump { scenario: String, seed: u64 },
    /// Shows the first difference of two dumps
    Diff { expected: PathBuf, found: PathBuf },
}

fn main() -> Result<ExitCode> {
    match Args::parse() {
        Args::Check { only } => return check(&only),
        Args::Write => write()?,
        Args::Each { scenario } => {
            let scenario = find(&scenario)?;
            for seed in golden::SEEDS {
                let line =
                    golden::line(&scenario, seed..seed + 1).map_err(|wrong| anyhow!(wrong))?;
                println!("seed {seed:>3}  {line}");
            }
        }
        Args::Dump { scenario, seed } => {
            let dump = golden::dump(&find(&scenario)?, seed).map_err(|wrong| anyhow!(wrong))?;
            print!("{dump}");
        }
        Args::Diff { expected, found } => return difference(&expected, &found),
    }
    Ok(ExitCode::SUCCESS)
}

fn find(name: &str) -> Result<Scenario> {
    golden::with_lines()
        .find(|scenario| scenario.name == name)
        .with_context(|| format!("no scenario called {name} has a golden line"))
}

fn check(only: &str) -> Result<ExitCode> {
    let chosen: Vec<Scenario> = golden::common_set()
        .filter(|scenario| scenario.name.contains(only))
        .collect();
    let mut failed: Vec<String> = chosen
        .par_iter()
        .filter_map(|scenario| golden::check(scenario).err())
        .collect();
    println!(
        "{} of {} scenarios as committed, {} seeds each",
        chosen.len() - failed.len(),
        chosen.len(),
        golden::SEEDS.end
    );
    for control in Control::ALL {
        match control.check() {
            Ok(what) => println!("{}: {what}", control.name()),
            Err(wrong) => failed.push(format!("{}: {wrong}", control.name())),
        }
    }
    failed.extend(golden::stale());
    for wrong in &failed {
        eprintln!("{wrong}");
    }
    Ok(if failed.is_empty() {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

fn write() -> Result<()> {
    if usize::BITS != 64 {
        bail!("the lines of the controls are those of a 64-bit target: write them on one");
    }
    let scenarios: Vec<Scenario> = golden::with_lines().collect();
    let lines: Result<Vec<String>, String> = scenarios
        .par_iter()
        .map(|scenario| golden::line(scenario, golden::SEEDS))
        .collect();
    let lines = lines.map_err(|wrong| anyhow!("{wrong}; nothing was written"))?;
    let text = format!("{}{}\n", golden::header(), lines.join("\n"));
    std::fs::write(FILE, text).with_context(|| format!("cannot write {FILE}"))?;
    println!("{} lines written to {FILE}", lines.len());
    Ok(())
}

fn difference(expected: &Path, found: &Path) -> Result<ExitCode> {
    let (expected, found) = (read(expected)?, read(found)?);
    Ok(match diff(&expected, &found) {
        None => {
            println!("the same run, event by event");
            ExitCode::SUCCESS
        }
        Some(divergence) => {
            println!("{divergence}");
            ExitCode::FAILURE
        }
    })
}

fn read(path: &Path) -> Result<Trace> {
    Ok(Trace::read_file(path, &Limits::default())?)
}
