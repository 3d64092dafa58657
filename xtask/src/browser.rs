//! `cargo xtask browser`: the conformance kit, the golden traces and the tests of the event loop in real browsers.
//!
//! Owns which job runs where: every job in every engine, in the window and in a module worker. How an engine is started
//! is `tests/browser/webdriver.mjs`'s affair.

use std::path::Path;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::packages;
use crate::setup;
use crate::targets::{self, Build, WASM};
use crate::tools::Need;
use crate::wasm::{KIT, UNWIND_KIT};
use crate::workspace;

#[derive(clap::Args)]
pub struct Args {
    /// Run only in these engines
    #[arg(long, value_name = "ENGINE", num_args = 1..)]
    only: Vec<Engine>,
    /// Run only these jobs: kit, loop, fair, ticker, packages, io, panics, threats, unwind
    #[arg(long, value_name = "JOB", num_args = 1..)]
    jobs: Vec<String>,
    /// Instead of the tests measure in Chromium: the pump beside wasm-bindgen-futures, the npm package beside its peers
    #[arg(long)]
    bench: bool,
    /// Instead of the tests serve the sample page
    #[arg(long)]
    serve: bool,
}

/// An engine that `tests/browser/webdriver.mjs` can start.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Engine {
    Chromium,
    Firefox,
    Webkit,
}

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Self::Chromium => "chromium",
            Self::Firefox => "firefox",
            Self::Webkit => "webkit",
        }
    }
}

/// A file of `tests/browser` that exports `run`, and where it runs.
struct Job {
    name: &'static str,
    places: &'static [&'static str],
}

const JOBS: &[Job] = &[
    Job {
        name: "kit",
        places: &["window", "worker"],
    },
    Job {
        name: "loop",
        places: &["window", "worker"],
    },
    Job {
        name: "fair",
        places: &["window", "worker"],
    },
    Job {
        name: "ticker",
        places: &["window"],
    },
    Job {
        name: "packages",
        places: &["window", "worker"],
    },
    Job {
        name: "io",
        places: &["window", "worker"],
    },
    Job {
        name: "panics",
        places: &["window", "worker"],
    },
    Job {
        name: "threats",
        places: &["window", "worker"],
    },
    Job {
        name: "unwind",
        places: &["window", "worker"],
    },
];

/// The sample page.
const TICKER: Build = Build {
    folder: ".",
    args: &["-p", "asupersync-ticker", "--profile", "web"],
    target: WASM,
    file: "web/asupersync_ticker.wasm",
};

/// Programs that use the feature `browser-io`.
const IO: Build = Build {
    folder: ".",
    args: &["-p", "asupersync-io-wasm", "--profile", "wasm"],
    target: WASM,
    file: "wasm/asupersync_io_wasm.wasm",
};

pub fn run(args: &Args) -> Result<ExitCode> {
    if args.bench {
        return bench();
    }
    if args.serve {
        return serve();
    }
    let is_known = |name: &String| JOBS.iter().any(|job| job.name == name);
    if let Some(unknown) = args.jobs.iter().find(|name| !is_known(name)) {
        let names: Vec<_> = JOBS.iter().map(|job| job.name).collect();
        bail!(
            "there is no job `{unknown}`; there are {}",
            names.join(", ")
        );
    }
    setup::ensure(Need::Test)?;
    let (kit, ticker) = (targets::build(&KIT)?, targets::build(&TICKER)?);
    let io = targets::build(&IO)?;
    let packages = packages::build()?;
    let mut jobs = Vec::new();
    for engine in Engine::value_variants() {
        if !args.only.is_empty() && !args.only.contains(engine) {
            continue;
        }
        for job in JOBS {
            if args.jobs.is_empty() || args.jobs.iter().any(|name| name == job.name) {
                let line = |place| format!("{}:{place}:{}.mjs", engine.name(), job.name);
                jobs.extend(job.places.iter().map(line));
            }
        }
    }
    let panicky = targets::build(&packages::PANICKY)?;
    let unwind_kit = targets::build_unwinding(&UNWIND_KIT)?;
    let unwinding = targets::build_unwinding(&packages::UNWINDING)?;
    let modules = [
        ("kit", kit.as_path()),
        ("ticker", &ticker),
        ("io", &io),
        ("core", &packages.core),
        ("browser", &packages.browser),
        ("panicky", &panicky),
        ("unwind-kit", &unwind_kit),
        ("unwinding", &unwinding),
    ];
    in_browsers("target/browser", &modules, &jobs)?;
    Ok(ExitCode::SUCCESS)
}

/// Serves the sample page until it is ended.
fn serve() -> Result<ExitCode> {
    setup::ensure(Need::Demo)?;
    let ticker = targets::build(&TICKER)?;
    let mut node = Command::new("node");
    node.current_dir(workspace::root())
        .arg("tests/browser/show.mjs")
        .arg(targets::module("ticker", &ticker));
    node.status().context("cannot start node")?;
    Ok(ExitCode::SUCCESS)
}

/// The two modules of the bench.
const OURS: Build = Build {
    folder: ".",
    args: &["-p", "asupersync-bench-browser", "--profile", "web"],
    target: WASM,
    file: "web/asupersync_bench_browser.wasm",
};
const PEER: Build = Build {
    folder: ".",
    args: &["-p", "asupersync-bench-browser-peer", "--profile", "web"],
    target: WASM,
    file: "web/asupersync_bench_browser_peer.wasm",
};

/// Prints ratios to wasm-bindgen-futures, and of the npm package to its peers, in Chromium.
fn bench() -> Result<ExitCode> {
    setup::ensure(Need::Test)?;
    setup::ensure_tool("wasm-bindgen")?;
    let (ours, peer) = (targets::build(&OURS)?, targets::build(&PEER)?);
    let folder = peer.with_file_name("bench-peer");
    let mut bindgen = Command::new("wasm-bindgen");
    bindgen
        .args(["--target", "web", "--no-typescript", "--out-name", "peer"])
        .arg("--out-dir")
        .arg(&folder)
        .arg(&peer);
    if !bindgen
        .status()
        .context("cannot start wasm-bindgen")?
        .success()
    {
        bail!("wasm-bindgen cannot bind {}", peer.display());
    }
    let packages = packages::bundle_bench()?;
    let jobs = ["bench", "bench-js"].map(|name| format!("chromium:window:{name}.mjs"));
    let modules = [
        ("ours", ours.as_path()),
        ("peer", &folder),
        ("bench-js", &packages),
    ];
    in_browsers("target/browser", &modules, &jobs)?;
    Ok(ExitCode::SUCCESS)
}

/// Runs jobs `ENGINE:WHERE:FILE` with these modules at hand; an error if one fails. What they leave is in the folder.
pub fn in_browsers(folder: &str, modules: &[(&str, &Path)], jobs: &[String]) -> Result<()> {
    let mut node = Command::new("node");
    node.current_dir(workspace::root())
        .args(["tests/browser/run.mjs", folder]);
    node.args(
        modules
            .iter()
            .map(|(name, file)| targets::module(name, file)),
    );
    node.arg("--").args(jobs);
    if !node.status().context("cannot start node")?.success() {
        bail!("a job failed in a browser; pictures of the pages are in {folder}");
    }
    Ok(())
}
