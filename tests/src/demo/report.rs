//! The report: one table, a column for each platform, and what went wrong.
//!
//! Owns adding up runs and printing. Whether a run is right was decided before, in [`Run`].

use std::prelude::rust_2024::*;
use std::{format, vec};

use comfy_table::{Cell, CellAlignment, Row, Table, presets};

use super::column::Column;
use super::ledger::Tally;
use super::run::Run;

/// How many seeds must show, between them, everything that can happen to a record.
pub const HUNDRED: usize = 100;

impl Column {
    fn cells(&self) -> Vec<String> {
        let Self { tally, batches, .. } = self;
        let outcome = match self.wrong().len() {
            0 => "ok".into(),
            count => format!("{} wrong", number(count as u64)),
        };
        let fingerprints = match self.fingerprints.len() {
            0 => "not traced".into(),
            count => format!("{} of {}", number(count as u64), number(self.runs as u64)),
        };
        let violations = self.violations.map_or("not watched".into(), number);
        vec![
            outcome,
            number(self.records),
            number(tally.acknowledged),
            number(tally.timed_out),
            number(tally.carrier_failed),
            number(tally.cancelled),
            number(tally.forced),
            number(batches.finished),
            number(batches.recalled),
            number(batches.overdue),
            number(self.forced),
            number(self.leaked),
            fingerprints,
            violations,
        ]
    }
}

/// The names of a column's cells, in their order.
const ROWS: [&str; 14] = [
    "outcome",
    "records in",
    "  = acknowledged",
    "  + rejected: timed out",
    "  + rejected: carrier failed",
    "  + rejected: cancelled",
    "  + rejected: forced",
    "batches finished",
    "batches cancelled by hand",
    "batches cancelled by deadline",
    "dropped past their clean-up budget",
    "leaked obligations",
    "distinct fingerprints",
    "oracle violations",
];

/// How to read the table, in three lines.
pub const LEGEND: &str = "\
Every record given to the pipeline is in its ledger once, acknowledged or rejected; recounted from the raw file.
A cancelled batch settles its records; a task or race arm that does not stop in time is dropped, a record it holds forced.
A seed is one schedule of the same program, in virtual time; distinct fingerprints are schedules that truly differ.";

/// The table.
pub fn table(columns: &[Column]) -> Table {
    let mut table = Table::new();
    table.load_preset(presets::UTF8_FULL_CONDENSED);
    table.set_header(
        std::iter::once("platform").chain(columns.iter().map(|column| column.platform.as_str())),
    );
    let cells: Vec<_> = columns.iter().map(Column::cells).collect();
    for (index, name) in ROWS.iter().enumerate() {
        let mut row = Row::from([*name]);
        for column in &cells {
            row.add_cell(Cell::new(&column[index]).set_alignment(CellAlignment::Right));
        }
        table.add_row(row);
    }
    table
}

/// The hundreds of runs in which something never happened: they prove less than they claim. What is
/// left over of the last hundred is not judged.
pub fn uneventful(runs: &[Run]) -> Vec<String> {
    let mut dull = Vec::new();
    for (index, hundred) in runs.chunks_exact(HUNDRED).enumerate() {
        let mut all = Tally::default();
        hundred.iter().for_each(|run| all.add(&run.tally));
        for (count, event) in [
            (all.cancelled, "cancel"),
            (all.forced, "force"),
            (all.timed_out, "timeout"),
        ] {
            if count == 0 {
                let first = index * HUNDRED;
                let last = first + HUNDRED - 1;
                dull.push(format!("seeds {first} to {last} saw no {event}"));
            }
        }
    }
    dull
}

/// With commas between the thousands.
pub fn number(value: u64) -> String {
    match value / 1_000 {
        0 => value.to_string(),
        thousands => format!("{},{:03}", number(thousands), value % 1_000),
    }
}
