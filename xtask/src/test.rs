//! `cargo xtask test`: the whole suite, one step after the other, stopping at the first that fails.
//!
//! The last line is always `N passed, N failed`: tests, and one for each step that is not a test run.

use std::path::Path;
use std::process::ExitCode;
use std::time::{Duration, Instant};

use anyhow::{Result, bail};

use crate::run::{self, Counts};
use crate::setup;
use crate::steps::{Kind, STEPS, Step};
use crate::tools::{self, Need};
use crate::workspace;

/// How much of a failed step's log is shown; the whole log stays in its file.
const TAIL_LINES: usize = 120;

#[derive(clap::Args)]
pub struct Args {
    /// Run only these steps
    #[arg(long, value_name = "STEP", num_args = 1..)]
    only: Vec<String>,
    /// List the steps with their commands
    #[arg(long)]
    list: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    for name in &args.only {
        if STEPS.iter().all(|step| step.name != name) {
            let names: Vec<_> = STEPS.iter().map(|step| step.name).collect();
            bail!("no step is named `{name}`; there are {}", names.join(", "));
        }
    }
    let chosen: Vec<&Step> = STEPS
        .iter()
        .filter(|step| args.only.is_empty() || args.only.iter().any(|name| name == step.name))
        .collect();
    if args.list {
        for step in chosen {
            println!("{:8} {}\n         {}", step.name, step.proves, step.line());
        }
        return Ok(ExitCode::SUCCESS);
    }
    setup::ensure(Need::Test)?;

    let start = Instant::now();
    let mut total = Counts::default();
    let mut green = true;
    for (index, step) in chosen.iter().enumerate() {
        let place = format!("[{:2}/{}] {:8}", index + 1, chosen.len(), step.name);
        green = run_step(step, &place, &mut total).unwrap_or_else(|error| {
            println!("{place} FAILED: {error:#}");
            total.failed += 1;
            false
        });
        if !green {
            break;
        }
    }
    println!("total {}", seconds(start.elapsed()));
    println!("{} passed, {} failed", total.passed, total.failed);
    Ok(if green {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}

/// Runs one step, prints its row and adds to the total; false when it failed.
fn run_step(step: &Step, place: &str, total: &mut Counts) -> Result<bool> {
    let tool = step.tool.and_then(tools::named);
    if let Some(tool) = tool.filter(|tool| !tool.is_present()) {
        println!(
            "{place} not run: {} is not installed (`cargo xtask setup --extra`)",
            tool.name
        );
        return Ok(true);
    }
    let log = workspace::root().join(format!("target/xtask/{}.log", step.name));
    let report = run::logged(place, &mut step.command(), &log)?;
    let mut counts = match step.kind {
        Kind::Check => Counts {
            passed: u64::from(report.success),
            ..Counts::default()
        },
        Kind::Tests => report.counts,
    };
    // A run without tests proves nothing: a filter or a cfg has left them all out.
    let success = report.success && counts.passed > 0;
    if !success {
        // A step that fails without a failed test did not build, or crashed.
        counts.failed = counts.failed.max(1);
    }
    total.passed += counts.passed;
    total.failed += counts.failed;

    let result = match (success, step.kind) {
        (true, Kind::Check) => "ok".to_owned(),
        (true, Kind::Tests) => {
            let ignored = match counts.ignored {
                0 => String::new(),
                ignored => format!(", {ignored} ignored"),
            };
            format!("ok, {} tests{ignored}", counts.passed)
        }
        (false, _) if report.success => "FAILED: it has no tests".to_owned(),
        (false, _) => "FAILED".to_owned(),
    };
    println!("{place} {:>8}  {result}", seconds(report.elapsed));
    if !success {
        show_failure(step, &log)?;
    }
    Ok(success)
}

fn show_failure(step: &Step, log: &Path) -> Result<()> {
    let text = std::fs::read_to_string(log)?;
    let lines: Vec<&str> = text.lines().collect();
    let tail = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    println!("---- the end of {}", log.display());
    for line in tail {
        println!("{line}");
    }
    println!("----");
    println!("{}: did not hold: {}", step.name, step.proves);
    println!("repeat it:  cargo xtask test --only {}", step.name);
    println!("by itself:  {}", step.line());
    Ok(())
}

fn seconds(time: Duration) -> String {
    format!("{:.1} s", time.as_secs_f64())
}
