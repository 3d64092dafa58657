//! The command line of the lab, as a library: `lab list | run | replay | export | show`.
//!
//! Owns arguments, files and words. It knows no program: whoever makes the binary passes a table of them,
//! since this library may not depend on scenarios.
//!
//! ```no_run
//! use std::process::ExitCode;
//! use asupersync_sim::{Lab, LabReport, LocalRegion, cli::{self, Program}};
//!
//! fn nap(lab: Lab) -> LabReport<()> {
//!     lab.run(async |region: &LocalRegion| Ok(region.sleep(core::time::Duration::from_secs(1)).await?))
//! }
//!
//! fn main() -> ExitCode {
//!     cli::main(&[Program { name: "nap", about: "sleeps for a second", run: nap }])
//! }
//! ```

use std::borrow::ToOwned;
use std::collections::BTreeSet;
use std::ffi::OsString;
use std::io::Write;
use std::path::PathBuf;
use std::process::ExitCode;
use std::string::{String, ToString};
use std::time::Duration;
use std::vec::Vec;
use std::{format, fs, io, write, writeln};

use clap::{Args, Parser, Subcommand, ValueEnum};

use crate::artifact::{Limits, Trace};
use crate::chaos::Chaos;
use crate::lab::{Lab, MAX_STEPS};
use crate::oracle;
use crate::perfetto::{Axis, to_chrome_json};
use crate::replay::Replay;
use crate::report::LabReport;
use crate::schedule::Schedule;
use crate::strategy::Strategy;

/// A program that the command line can run.
#[derive(Clone, Copy)]
pub struct Program {
    /// Its name; traces carry it.
    pub name: &'static str,
    /// What it does, in a line.
    pub about: &'static str,
    /// Runs it in the lab that it is given. What it configures itself is configured again on replay.
    pub run: fn(Lab) -> LabReport<()>,
}

/// A run or replay found something: a violation, a difference, or, where no faults were injected, a body
/// that ended with an error.
const FOUND: u8 = 1;
/// The command could not be carried out.
const REFUSED: u8 = 2;

/// Runs programs under virtual time with a seeded schedule, and repeats what it recorded.
#[derive(Debug, Parser)]
#[command(name = "lab", arg_required_else_help = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Names the programs.
    List,
    /// Runs a program with a seed, or with many.
    Run(Run),
    /// Runs the program of a trace again, decision by decision, and compares event by event.
    Replay {
        /// The trace.
        file: PathBuf,
    },
    /// Converts a trace for another tool.
    Export(Export),
    /// Describes a trace: header, counts, and what the oracles say of it.
    Show {
        /// The trace.
        file: PathBuf,
        /// How many events to print, from the first one.
        #[arg(long, default_value_t = 0)]
        events: usize,
    },
}

#[derive(Debug, Args)]
struct Run {
    /// Which program; see `lab list`.
    name: String,
    /// The seed, or the first of them.
    #[arg(long, default_value_t = 0)]
    seed: u64,
    /// How many seeds to run; the first that fails ends the series.
    #[arg(long, default_value_t = 1)]
    seeds: u64,
    /// Who chooses the next task.
    #[arg(long, value_enum, default_value_t = Chooser::Random)]
    strategy: Chooser,
    /// Of a thousand steps, how many ask the chosen task to stop.
    #[arg(long, default_value_t = 0)]
    chaos_cancel: u16,
    /// Of a thousand steps, how many hold the chosen task back.
    #[arg(long, default_value_t = 0)]
    chaos_delay: u16,
    /// The longest time a task is held back, in nanoseconds.
    #[arg(long, default_value_t = 10_000_000)]
    chaos_delay_max_ns: u64,
    /// How many faults a run has at most.
    #[arg(long, default_value_t = 1_000)]
    chaos_faults_max: u64,
    /// 1: faults may hit the main task too.
    #[arg(long, default_value_t = 0)]
    chaos_main: u8,
    /// How many steps a run may take.
    #[arg(long, default_value_t = MAX_STEPS)]
    max_steps: u64,
    /// Where to write the trace; JSON lines if the name ends in `.jsonl`. Of many runs the last.
    #[arg(long)]
    out: Option<PathBuf>,
}

#[derive(Debug, Clone, Copy, ValueEnum)]
enum Chooser {
    /// Any runnable task, by the seed.
    Random,
    /// The lanes of the reference executor.
    Lanes,
}

#[derive(Debug, Args)]
struct Export {
    /// Writes Chrome trace event JSON here; open it in Perfetto.
    #[arg(long, value_name = "OUT")]
    perfetto: PathBuf,
    /// Spreads events by virtual time instead of by their number.
    #[arg(long)]
    by_time: bool,
    /// The trace.
    file: PathBuf,
}

/// Runs the command line of this process. Exits with 0 if all is well, 1 if something was found, 2 if the
/// command could not be carried out.
pub fn main(programs: &[Program]) -> ExitCode {
    crate::silence_panics();
    ExitCode::from(run(programs, std::env::args_os(), &mut io::stdout().lock()))
}

/// Carries out one command line (the first argument is the name of the binary) and writes to `out`;
/// gives the exit code.
pub fn run(
    programs: &[Program],
    arguments: impl IntoIterator<Item = OsString>,
    out: &mut dyn Write,
) -> u8 {
    let cli = match Cli::try_parse_from(arguments) {
        Ok(cli) => cli,
        Err(error) => {
            // Help and version are errors to clap, and no failures.
            let code = if error.use_stderr() { REFUSED } else { 0 };
            return write!(out, "{error}").map_or(REFUSED, |()| code);
        }
    };
    let done = match cli.command {
        Command::List => list(programs, out),
        Command::Run(command) => command.run(programs, out),
        Command::Replay { file } => replay(programs, &file, out),
        Command::Export(command) => command.run(out),
        Command::Show { file, events } => show(&file, events, out),
    };
    match done {
        Ok(code) => code,
        Err(error) => writeln!(out, "lab: {error}").map_or(REFUSED, |()| REFUSED),
    }
}

/// Why a command could not be carried out, in words.
type Refusal = String;

fn words(error: impl core::fmt::Display) -> Refusal {
    error.to_string()
}

fn list(programs: &[Program], out: &mut dyn Write) -> Result<u8, Refusal> {
    let width = programs.iter().map(|program| program.name.len()).max();
    let width = width.unwrap_or(0);
    for program in programs {
        writeln!(out, "{:width$}  {}", program.name, program.about).map_err(words)?;
    }
    Ok(0)
}

fn find(programs: &[Program], name: &str) -> Result<Program, Refusal> {
    let found = programs.iter().find(|program| program.name == name);
    found
        .copied()
        .ok_or_else(|| format!("there is no program `{name}`; `lab list` names them"))
}

fn read(file: &PathBuf) -> Result<Trace, Refusal> {
    Trace::read_file(file, &Limits::default()).map_err(words)
}

impl Run {
    fn lab(&self, seed: u64) -> Lab {
        let strategy = match self.strategy {
            Chooser::Random => Strategy::Random,
            Chooser::Lanes => Strategy::Lanes,
        };
        Lab::new(seed)
            .scenario(self.name.clone())
            .strategy(strategy)
            .max_steps(self.max_steps)
            .chaos(Chaos {
                cancel_per_mille: self.chaos_cancel,
                delay_per_mille: self.chaos_delay,
                delay_max: Duration::from_nanos(self.chaos_delay_max_ns),
                faults_max: self.chaos_faults_max,
                spares_main: self.chaos_main == 0,
            })
    }

    fn run(self, programs: &[Program], out: &mut dyn Write) -> Result<u8, Refusal> {
        let program = find(programs, &self.name)?;
        let mut fingerprints = BTreeSet::new();
        let mut last = None;
        let end = self.seed.saturating_add(self.seeds.max(1));
        for seed in self.seed..end {
            let report = (program.run)(self.lab(seed));
            fingerprints.insert(report.fingerprint);
            let is_well = self.is_well(&report);
            last = Some(report);
            if !is_well {
                break;
            }
        }
        let Some(report) = last else {
            return Err("there is no seed beyond the last one".into());
        };
        if self.seeds > 1 {
            let runs = report.seed - self.seed + 1;
            writeln!(
                out,
                "{runs} runs, {} distinct fingerprints",
                fingerprints.len()
            )
            .map_err(words)?;
        }
        if let (Some(file), Some(trace)) = (&self.out, &report.trace) {
            trace.write_file(file).map_err(words)?;
        }
        writeln!(out, "{report}").map_err(words)?;
        if let Some(file) = &self.out {
            writeln!(out, "or: lab replay {}", file.display()).map_err(words)?;
        }
        Ok(if self.is_well(&report) { 0 } else { FOUND })
    }

    /// Faults may end a body with an error; nothing else should.
    fn is_well(&self, report: &LabReport) -> bool {
        let is_disturbed = self.chaos_cancel > 0 || self.chaos_delay > 0;
        report.is_clean() && (is_disturbed || report.result.is_ok())
    }
}

fn replay(programs: &[Program], file: &PathBuf, out: &mut dyn Write) -> Result<u8, Refusal> {
    let trace = read(file)?;
    let name = &trace.header().scenario;
    if name.is_empty() {
        return Err(format!(
            "{}: the trace names no program; record it with `lab run --out`",
            file.display()
        ));
    }
    let program = find(programs, name)?;
    let replayed = Replay::new(trace).run(program.run);
    writeln!(out, "{replayed}").map_err(words)?;
    let is_well = replayed.is_faithful() && replayed.report.is_clean();
    Ok(if is_well { 0 } else { FOUND })
}

impl Export {
    fn run(self, out: &mut dyn Write) -> Result<u8, Refusal> {
        let trace = read(&self.file)?;
        let axis = if self.by_time {
            Axis::Time
        } else {
            Axis::Steps
        };
        let json = to_chrome_json(&trace, axis, |_| None);
        fs::write(&self.perfetto, json)
            .map_err(|error| format!("{}: {error}", self.perfetto.display()))?;
        let events = trace.events().len();
        writeln!(
            out,
            "{events} events written to {}; open it at https://ui.perfetto.dev",
            self.perfetto.display()
        )
        .map_err(words)?;
        Ok(0)
    }
}

fn show(file: &PathBuf, events: usize, out: &mut dyn Write) -> Result<u8, Refusal> {
    let trace = read(file)?;
    let text = describe(&trace, events);
    out.write_all(text.as_bytes()).map_err(words)?;
    let is_whole = trace.header().dropped == 0;
    let violations = if is_whole {
        oracle::check(trace.events())
    } else {
        Vec::new()
    };
    for violation in &violations {
        writeln!(out, "{violation}").map_err(words)?;
    }
    let verdict = match (is_whole, violations.is_empty()) {
        (false, _) => "the oracles cannot judge a trace without its beginning",
        (true, true) => "the oracles that need only events are content",
        (true, false) => "the oracles found something",
    };
    writeln!(out, "{verdict}").map_err(words)?;
    Ok(if violations.is_empty() { 0 } else { FOUND })
}

fn describe(trace: &Trace, events: usize) -> String {
    let (header, trailer) = (trace.header(), trace.trailer());
    let mut lines = std::vec![
        format!("program      {}", header.scenario),
        format!("seed         {}", header.seed),
        format!(
            "runtime      {} ({})",
            header.runtime_version, header.profile
        ),
        format!("target       {}", header.target),
        format!(
            "events       {} ({} dropped)",
            header.event_count, header.dropped
        ),
        format!("decisions    {}", Schedule::of_events(trace.events()).len()),
        format!("fingerprint  {:016x}", trailer.fingerprint),
        format!("checksum     {:08x}", trailer.checksum),
    ];
    if let Some(last) = trace.events().last() {
        lines.push(format!("ends at      {}", last.at));
    }
    for (name, value) in &header.notes {
        lines.push(format!("{name:<12} {value}"));
    }
    for (index, event) in trace.events().iter().take(events).enumerate() {
        lines.push(format!("{index:>8}  {event}"));
    }
    lines.push(String::new());
    lines.join("\n")
}
