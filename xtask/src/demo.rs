//! `cargo xtask demo`: the pipeline on every platform and one table; before it the server, loaded by other processes.
//!
//! Owns the order: the other platforms run first and leave their column as a line of JSON, then the host runs
//! and prints. A look at a single seed stays on the host.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

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

pub fn run(args: &forward::Args) -> Result<ExitCode> {
    setup::ensure(Need::Demo)?;
    let mut rest: Vec<OsString> = args.rest.clone();
    // With a seed, a number of records or a folder of one's own it is a look at the host's runs.
    if rest.is_empty() {
        for file in elsewhere()? {
            rest.extend(["--column".into(), file.into()]);
        }
        server()?;
    }
    forward::demo(rest)
}

/// Runs the demo on the other platforms and says where their columns are.
fn elsewhere() -> Result<Vec<PathBuf>> {
    let folder = workspace::root().join("target/demo");
    std::fs::create_dir_all(&folder).context("cannot make target/demo")?;
    println!("wasm32: building");
    let module = targets::build(&wasm::KIT)?;
    let mut node = Command::new("node");
    node.current_dir(workspace::root())
        .arg(wasm::RUN)
        .arg(module)
        .args(["demo", WASM_SEEDS, RECORDS]);
    let wasm = column(&mut node, &folder.join("wasm.json"))?;
    println!("Cortex-M: building");
    let image = targets::build(&qemu::DEMO.build)?;
    let board = column(&mut qemu::DEMO.emulator(&image), &folder.join("qemu.json"))?;
    Ok(vec![wasm, board])
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
