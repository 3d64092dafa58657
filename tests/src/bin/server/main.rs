//! The demo's server: market data over HTTP and WebSockets, its clients, and the run that judges both.
//!
//! `serve` is the service, `load` a process of clients, `run` starts both, and wrk, and prints what they saw. Exit code 0
//! only if every accepted request is accounted for and nothing is left.

mod load;
mod market;
mod page;
mod run;
mod service;

use std::net::SocketAddr;
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

/// The market-data service of the demo.
#[derive(Parser)]
struct Args {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serve until SIGTERM; print the address first and the ledger last
    Serve {
        /// Where; port 0 takes a free one
        #[arg(long, default_value = "127.0.0.1:0")]
        at: SocketAddr,
        /// The folder of the dashboard, as its build leaves it
        #[arg(long, value_name = "DIR")]
        page: Option<PathBuf>,
    },
    /// Be many clients of a server at once
    Load(load::Args),
    /// Start a server, load it from other processes, end it with SIGTERM, and judge its ledger
    Run {
        /// How long wrk runs
        #[arg(long, default_value_t = 3)]
        seconds: u32,
    },
}

fn main() -> Result<ExitCode> {
    let is_right = match Args::parse().command {
        Command::Serve { at, page } => service::serve(at, page.as_deref())?,
        Command::Load(args) => load::run(&args)?,
        Command::Run { seconds } => run::run(seconds)?,
    };
    Ok(if is_right {
        ExitCode::SUCCESS
    } else {
        ExitCode::FAILURE
    })
}
