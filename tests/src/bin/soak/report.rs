//! What a person sees: a line now and then, and the verdict at the end.

use std::fmt;
use std::time::Duration;

use comfy_table::{Table, presets};

use crate::host::Holdings;
use crate::ledger::{Ledger, Line};

/// How much more memory than after the first quarter a process may hold at the end, in KiB: what the allocator keeps.
const GROWTH_MAX: u64 = 16 * 1024;

/// The lines whose rates are told.
const TOLD: [&str; 6] = [
    "tasks",
    "messages",
    "timers",
    "races",
    "connections",
    "blocking",
];

/// Rates since the last time they were told.
#[derive(Debug, Default)]
pub struct Progress {
    last: Vec<u64>,
    at: Duration,
}

impl Progress {
    /// The next line.
    pub fn line(&mut self, ledger: &Ledger, at: Duration, round: u64) -> String {
        let counts: Vec<u64> = ledger.lines().iter().map(Line::whole).collect();
        let seconds = at.saturating_sub(self.at).as_secs_f64().max(0.001);
        self.last.resize(counts.len(), 0);
        let mut text = format!("{:5} s  round {round:3}", at.as_secs());
        for (index, line) in ledger.lines().iter().enumerate() {
            if TOLD.contains(&line.name) {
                let rate = counts[index].saturating_sub(self.last[index]) as f64 / seconds;
                text.push_str(&format!("  {} {rate:.0}/s", line.name));
            }
        }
        if let Some(held) = Holdings::now() {
            text.push_str(&format!("  {} MiB", held.memory / 1024));
        }
        (self.last, self.at) = (counts, at);
        text
    }
}

/// What the run was, and whether it was as it must be.
#[derive(Debug)]
pub struct Verdict {
    lines: Vec<Line>,
    /// What is held to what it may be: its name, what it was, whether that is right.
    checks: Vec<(&'static str, String, bool)>,
}

impl Verdict {
    /// Judges a run that held `before` at its start and `memory` KiB in its first quarter.
    pub fn of(ledger: &Ledger, before: Option<Holdings>, memory: Option<u64>) -> Self {
        let mut checks: Vec<_> = ledger
            .faults
            .all()
            .into_iter()
            .map(|(name, count)| (name, count.to_string(), count == 0))
            .collect();
        let after = before.and_then(|before| Holdings::settled(before.threads));
        if let (Some(before), Some(after), Some(memory)) = (before, after, memory) {
            let growth = after.memory.saturating_sub(memory);
            checks.extend([
                (
                    "threads",
                    format!(
                        "{} at the start, {} at the end",
                        before.threads, after.threads
                    ),
                    before.threads == after.threads,
                ),
                (
                    "open files",
                    format!("{} at the start, {} at the end", before.files, after.files),
                    before.files == after.files,
                ),
                (
                    "memory",
                    format!(
                        "{} KiB after the first quarter, {} at the end, {} at most",
                        memory, after.memory, after.memory_peak
                    ),
                    growth <= GROWTH_MAX,
                ),
            ]);
        }
        Self {
            lines: ledger.lines(),
            checks,
        }
    }

    /// Whether every line balances and every check holds.
    pub fn is_good(&self) -> bool {
        self.wrong().is_empty()
    }

    /// The names of what is not as it must be.
    fn wrong(&self) -> Vec<&'static str> {
        let lines = self.lines.iter().filter(|line| !line.is_balanced());
        let checks = self.checks.iter().filter(|(_, _, is_right)| !is_right);
        lines
            .map(|line| line.name)
            .chain(checks.map(|(name, _, _)| *name))
            .collect()
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mark = |is_right: bool| if is_right { "ok" } else { "WRONG" };
        let mut table = Table::new();
        table.load_preset(presets::UTF8_FULL_CONDENSED);
        table.set_header(["ledger", "", ""]);
        for line in &self.lines {
            table.add_row([line.name, &line.to_string(), mark(line.is_balanced())]);
        }
        for (name, was, is_right) in &self.checks {
            table.add_row([*name, was, mark(*is_right)]);
        }
        writeln!(f, "{table}")?;
        match self.wrong().as_slice() {
            [] => f.write_str("soak: every line balances"),
            wrong => write!(f, "soak: FAILED, these are wrong: {}", wrong.join(", ")),
        }
    }
}
