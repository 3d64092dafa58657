//! The commands that build a program of ours and hand the rest of the line to it.

use std::ffi::OsString;
use std::path::Path;
use std::process::ExitCode;

use anyhow::{Context, Result};

use crate::steps::{LOOM, LOOM_ENV};
use crate::tools;
use crate::workspace;

#[derive(clap::Args)]
#[command(disable_help_flag = true)]
pub struct Args {
    /// Handed on as they are
    #[arg(trailing_var_arg = true, allow_hyphen_values = true)]
    pub rest: Vec<OsString>,
}

const DEMO: &[&str] = &[
    "cargo",
    "run",
    "--release",
    "-p",
    "asupersync-conformance",
    "--bin",
    "demo",
    "--",
];
const LAB: &[&str] = &[
    "cargo",
    "run",
    "--quiet",
    "-p",
    "asupersync-sim",
    "--bin",
    "lab",
    "--",
];
const SOAK: &[&str] = &[
    "cargo",
    "run",
    "--release",
    "-p",
    "asupersync-conformance",
    "--bin",
    "soak",
    "--",
];
const BENCH: &[&str] = &[
    "cargo",
    "run",
    "--release",
    "-p",
    "asupersync-benches",
    "--",
];

pub fn demo(rest: Vec<OsString>) -> Result<ExitCode> {
    forward(DEMO, &[], &Args { rest }, &workspace::root())
}

pub fn lab(args: &Args) -> Result<ExitCode> {
    // The user's folder, since the arguments name files.
    forward(LAB, &[], args, &std::env::current_dir()?)
}

pub fn soak(args: &Args) -> Result<ExitCode> {
    forward(SOAK, &[], args, &workspace::root())
}

pub fn bench(args: &Args) -> Result<ExitCode> {
    forward(BENCH, &[], args, &workspace::root())
}

/// What follows is handed to `cargo test`, so a name picks single models.
pub fn loom(args: &Args) -> Result<ExitCode> {
    forward(LOOM, LOOM_ENV, args, &workspace::root())
}

/// Runs the command on our own terminal and ends with its exit code.
fn forward(words: &[&str], env: &[(&str, &str)], args: &Args, folder: &Path) -> Result<ExitCode> {
    let mut command = tools::command(words);
    command
        .current_dir(folder)
        .envs(env.iter().copied())
        .args(&args.rest);
    let status = command
        .status()
        .with_context(|| format!("cannot start `{}`", words.join(" ")))?;
    let code = status.code().and_then(|code| u8::try_from(code).ok());
    Ok(ExitCode::from(code.unwrap_or(1)))
}
