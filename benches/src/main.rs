//! Side-by-side benchmarks: every workload, every runtime, in one process, interleaved round by round.
//!
//! `cargo run --release -p asupersync-benches -- [FILTER..] [--rounds N] [--warmup N] [--json FILE] [--list]`
//!
//! Reading order: [`harness`] (rounds and statistics), [`host`] (how peers are driven), [`workload`] (one file per
//! workload, peers side by side), `ours` (asupersync's side), this file (command line and table).

mod harness;
mod heap;
mod host;
mod machine;
mod ours;
mod ours_hyper;
mod ours_net;
mod workload;

use clap::Parser;
use comfy_table::{Cell, CellAlignment, Table, presets};
use harness::{Figure, Report, Role};
use std::path::PathBuf;
use std::process::ExitCode;

#[global_allocator]
static HEAP: heap::Counting = heap::Counting;

/// Compares asupersync with its peers, all in this process, and prints ratios.
#[derive(Parser)]
struct Args {
    /// Run only workloads whose name contains one of these words.
    filter: Vec<String>,
    /// Run only contestants whose name contains this, e.g. under a profiler; without the others there is no ratio.
    #[arg(long, value_name = "WORD")]
    runtime: Option<String>,
    /// Counted rounds per workload.
    #[arg(long, default_value_t = 15, value_parser = clap::value_parser!(u16).range(1..))]
    rounds: u16,
    /// Rounds before those, not counted.
    #[arg(long, default_value_t = 3)]
    warmup: u16,
    /// Also write every round's figure to this file.
    #[arg(long, value_name = "FILE")]
    json: Option<PathBuf>,
    /// Print the names of the workloads and stop.
    #[arg(long)]
    list: bool,
}

fn main() -> ExitCode {
    let args = Args::parse();
    let chosen: Vec<_> = workload::all()
        .into_iter()
        .filter(|(name, _)| {
            args.filter.is_empty() || args.filter.iter().any(|word| name.contains(word.as_str()))
        })
        .collect();
    if args.list {
        chosen.iter().for_each(|(name, _)| println!("{name}"));
        return ExitCode::SUCCESS;
    }
    if chosen.is_empty() {
        eprintln!(
            "no workload's name contains any of {:?}; --list prints them",
            args.filter
        );
        return ExitCode::FAILURE;
    }
    if cfg!(debug_assertions) {
        eprintln!("note: this is a debug build; its figures mean nothing, run with --release");
    }

    let before = machine::Machine::now();
    println!(
        "{before}\n{} rounds after {} of warm-up; ratios are taken round by round\n",
        args.rounds, args.warmup
    );
    let mut reports = Vec::new();
    for (name, build) in chosen {
        eprintln!("running {name}");
        let mut workload = build();
        if let Some(word) = &args.runtime {
            workload
                .contestants
                .retain(|contestant| contestant.name.contains(word.as_str()));
        }
        reports.push(harness::run(
            workload,
            args.rounds.into(),
            args.warmup.into(),
        ));
    }
    println!("{}", table(&reports));
    println!("load at the end: {}", machine::load());

    if let Some(path) = &args.json {
        let document = serde_json::json!({
            "machine": before, "rounds": args.rounds, "warmup": args.warmup, "workloads": reports,
        });
        if let Err(error) = std::fs::write(path, format!("{document:#}\n")) {
            eprintln!("cannot write {}: {error}", path.display());
            return ExitCode::FAILURE;
        }
    }
    ExitCode::SUCCESS
}

/// One line per contestant, a rule between workloads.
fn table(reports: &[Report]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::ASCII_MARKDOWN);
    table.set_header([
        "workload",
        "runtime",
        "median",
        "quartiles",
        "best round",
        "to best peer",
        "bar",
    ]);
    for report in reports {
        for (line, figure) in report.figures.iter().enumerate() {
            let title = match line {
                0 => format!(
                    "{}, {} per {}",
                    report.name,
                    report.unit.label(),
                    report.per
                ),
                _ => String::new(),
            };
            table.add_row([
                Cell::new(title),
                Cell::new(name(figure)),
                number(figure.median),
                Cell::new(format!(
                    "[{:.1} {:.1}]",
                    figure.quartile_low, figure.quartile_high
                )),
                number(figure.min),
                figure
                    .ratio
                    .map_or(Cell::new(""), |ratio| right(format!("{ratio:.2}"))),
                Cell::new(verdict(report, figure)),
            ]);
        }
    }
    table
}

fn name(figure: &Figure) -> String {
    match figure.role {
        Role::Ours => format!("**{}**", figure.name),
        Role::Named => figure.name.to_owned(),
        Role::Other => format!("({})", figure.name),
        Role::Limit => format!("limit: {}", figure.name),
    }
}

fn verdict(report: &Report, figure: &Figure) -> String {
    let judged = report.ours().is_some_and(|ours| std::ptr::eq(ours, figure));
    match (report.bar, figure.ratio) {
        (Some(bar), Some(ratio)) if judged && ratio <= bar => format!("<= {bar:.1} met"),
        (Some(bar), Some(_)) if judged => format!("<= {bar:.1} missed"),
        _ if report.best_peer == Some(figure.name) => "best peer".to_owned(),
        _ => String::new(),
    }
}

fn number(value: f64) -> Cell {
    right(format!("{value:.1}"))
}

fn right(text: String) -> Cell {
    Cell::new(text).set_alignment(CellAlignment::Right)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// One round of everything: each contestant's own checks say whether it did the work.
    #[test]
    fn every_contestant_does_its_work() {
        for (name, build) in workload::all() {
            let report = harness::run(build(), 1, 0);
            assert_eq!(report.name, name);
            assert!(
                report.figures.iter().all(|figure| figure.median > 0.0),
                "{name}: {:?}",
                report.figures
            );
        }
    }
}
