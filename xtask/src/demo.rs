//! `cargo xtask demo`: the pipeline on every platform and one table; before it the server, loaded by other processes.
//!
//! Owns the order: the other platforms run first and leave their column as a line of JSON, then the host runs
//! and prints. A look at a single seed stays on the host. The page is `dashboard`'s affair.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::dashboard;
use crate::forward;
use crate::qemu;
use crate::setup;
use crate::targets;
use crate::tools::{self, Need};
use crate::wasm;
use crate::workspace;

/// How many seeds wasm runs: a second of work, each compared with the same seed on the host.
const WASM_SEEDS: &str = "100";
/// How many records a seed gets, as on the host.
const RECORDS: &str = "256";

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Serve the dashboard until Ctrl-C
    #[arg(long)]
    serve: bool,
    /// Use the dashboard in Chromium, Firefox and WebKit, and give each engine a column
    #[arg(long, conflicts_with = "serve")]
    headless: bool,
    /// Only the dashboard, without the pipeline
    #[arg(long, requires = "headless")]
    short: bool,
    /// Handed on as they are
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    rest: Vec<OsString>,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if args.serve {
        return dashboard::serve();
    }
    let folder = workspace::root().join("target/demo");
    std::fs::create_dir_all(&folder).context("cannot make target/demo")?;
    if args.headless {
        dashboard::headless(&folder)?;
        if args.short {
            return Ok(ExitCode::SUCCESS);
        }
        let mut files = dashboard::columns(&folder)?;
        files.push(board(&folder)?);
        let mut rest = with_columns(files);
        rest.extend(args.rest.iter().cloned());
        return forward::demo(rest);
    }
    setup::ensure(Need::Demo)?;
    let mut rest: Vec<OsString> = args.rest.clone();
    // With a seed, a number of records or a folder of one's own it is a look at the host's runs.
    if rest.is_empty() {
        rest = with_columns([wasm(&folder)?, board(&folder)?].into());
        server()?;
    }
    let code = forward::demo(rest)?;
    println!("the dashboard: cargo xtask demo --serve");
    Ok(code)
}

/// The arguments that hand these columns to the table.
fn with_columns(files: Vec<PathBuf>) -> Vec<OsString> {
    let words = files
        .into_iter()
        .map(|file| ["--column".into(), file.into()]);
    words.flatten().collect()
}

/// The column of wasm32, in node.
fn wasm(folder: &Path) -> Result<PathBuf> {
    println!("wasm32: building");
    let module = targets::build(&wasm::KIT)?;
    let mut node = Command::new("node");
    node.current_dir(workspace::root())
        .arg(wasm::RUN)
        .arg(module)
        .args(["demo", WASM_SEEDS, RECORDS]);
    column(&mut node, &folder.join("wasm.json"))
}

/// The column of the emulated board.
fn board(folder: &Path) -> Result<PathBuf> {
    println!("Cortex-M: building");
    let image = targets::build(&qemu::DEMO.build)?;
    column(&mut qemu::DEMO.emulator(&image), &folder.join("qemu.json"))
}

/// The program that serves, loads and judges; its own table stands above the pipeline's.
const SERVER: &[&str] = &[
    "cargo",
    "run",
    "--release",
    "-p",
    "asupersync-conformance",
    "--features",
    "server",
    "--bin",
    "server",
    "--",
    "run",
];

/// Runs the server under load until SIGTERM ends it; an error if its ledger does not balance.
fn server() -> Result<()> {
    println!("server: building");
    let mut run = tools::command(SERVER);
    let status = run.current_dir(workspace::root()).status();
    if !status.context("cannot start the server")?.success() {
        bail!("the demo's server failed; by itself: {}", SERVER.join(" "));
    }
    Ok(())
}

/// Keeps the last line that a program prints: its column.
fn column(program: &mut Command, file: &Path) -> Result<PathBuf> {
    let output = program
        .output()
        .with_context(|| format!("cannot start {:?}", program.get_program()))?;
    let text = String::from_utf8_lossy(&output.stdout);
    let Some(line) = text.lines().last().filter(|_| output.status.success()) else {
        let errors = String::from_utf8_lossy(&output.stderr);
        bail!("the demo failed: {program:?}\n{text}{errors}");
    };
    std::fs::write(file, line).with_context(|| format!("cannot write {}", file.display()))?;
    Ok(file.to_path_buf())
}
