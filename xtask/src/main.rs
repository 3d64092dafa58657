//! The project's commands, `cargo xtask <command>`; there are no other scripts.
//!
//! One file per command. What they run is data: the tools are a table in `tools`, the steps of the suite a
//! table in `steps`, the rules of the matrix a table in `matrix::ids`.

mod abi;
mod browser;
mod dashboard;
mod demo;
mod forward;
mod matrix;
mod packages;
mod profiles;
mod qemu;
mod run;
mod setup;
mod sizes;
mod steps;
mod targets;
mod test;
mod tidy;
mod tools;
mod wasm;
mod workspace;

use std::process::ExitCode;

use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(
    name = "cargo xtask",
    bin_name = "cargo xtask",
    about = "The project's commands"
)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing; says what and why first
    Setup(setup::Args),
    /// Run the whole test suite, step by step
    Test(test::Args),
    /// Run the order pipeline on every platform and in the lab, and print its ledger; --serve: its dashboard
    Demo(demo::Args),
    /// Run the command line of the lab: run, replay, export
    Lab(forward::Args),
    /// Run a mixed load on the host for ten minutes and balance its ledger; --seconds N, --seed N
    Soak(forward::Args),
    /// Run the benchmarks side by side with their peers
    Bench(forward::Args),
    /// Check the models of the lock-free protocols
    Loom(forward::Args),
    /// Run the firmware on emulated Cortex-M boards: kit, golden traces, bad input, size
    Qemu(qemu::Args),
    /// Run the conformance kit and the golden traces in wasm, under node
    Wasm,
    /// Run the conformance kit, the golden traces and the tests of the event loop in real browsers
    Browser(browser::Args),
    /// Build the npm packages and test them: behaviour, types, publint
    Packages(packages::Args),
    /// Write the profiles of a browser build from the manifest, as code and as a page
    Profiles(profiles::Args),
    /// Measure what is downloaded or flashed, and hold it to its limits
    Sizes(sizes::Args),
    /// Check that the no_std crates build for wasm32 and Cortex-M
    Targets,
    /// Write docs/traceability.md: which test and which mutant stands behind each rule
    Matrix(matrix::Args),
    /// Check the source rules that no compiler checks
    Tidy,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::Setup(args) => setup::run(&args),
        Command::Test(args) => test::run(&args),
        Command::Demo(args) => demo::run(&args),
        Command::Lab(args) => forward::lab(&args),
        Command::Soak(args) => forward::soak(&args),
        Command::Bench(args) => forward::bench(&args),
        Command::Loom(args) => forward::loom(&args),
        Command::Sizes(args) => sizes::run(&args),
        Command::Qemu(args) => qemu::run(&args),
        Command::Wasm => wasm::run(),
        Command::Browser(args) => browser::run(&args),
        Command::Packages(args) => packages::run(&args),
        Command::Profiles(args) => profiles::run(&args),
        Command::Targets => targets::run(),
        Command::Matrix(args) => matrix::run(&args),
        Command::Tidy => tidy::run(),
    };
    match result {
        Ok(code) => code,
        Err(error) => {
            eprintln!("error: {error:#}");
            ExitCode::FAILURE
        }
    }
}
