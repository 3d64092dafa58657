//! `cargo xtask matrix`: docs/traceability.md, from the tags in the code. Nothing is run for it.

mod ids;
mod page;
mod tags;

use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::workspace;

const PAGE: &str = "docs/traceability.md";

#[derive(clap::Args)]
pub struct Args {
    /// Write nothing; fail when an id that is due lacks something, or when the page is not up to date
    #[arg(long)]
    check: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    let files = workspace::files(".rs")?;
    let mut faults = Vec::new();
    let tests: Vec<_> = files
        .iter()
        .flat_map(|file| tags::tests(file, &mut faults))
        .collect();
    let mutants = tags::mutants(&files, &mut faults);
    let rows = page::rows(&tests, &mutants);
    faults.extend(rows.iter().filter_map(page::Row::gaps));
    let new = page::render(&rows);

    let path = workspace::root().join(PAGE);
    if args.check {
        let old = std::fs::read_to_string(&path).unwrap_or_default();
        if old != new {
            faults.push(format!(
                "{PAGE} is not up to date: run `cargo xtask matrix`"
            ));
        }
    } else {
        std::fs::write(&path, new).with_context(|| format!("cannot write {}", path.display()))?;
    }

    for fault in &faults {
        println!("{fault}");
    }
    println!(
        "matrix: {} tagged tests, {} mutants, {} faults",
        tests.len(),
        mutants.len(),
        faults.len()
    );
    Ok(if args.check && !faults.is_empty() {
        ExitCode::FAILURE
    } else {
        ExitCode::SUCCESS
    })
}
