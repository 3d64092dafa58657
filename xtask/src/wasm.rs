//! `cargo xtask wasm`: the conformance kit, the golden traces and the smallest module in each tier, under node.

use std::ffi::OsStr;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::packages;
use crate::setup;
use crate::targets::{self, Build, WASM};
use crate::tools::Need;
use crate::workspace;

/// The conformance kit, the golden traces and the demo.
pub const KIT: Build = Build {
    folder: ".",
    args: &["-p", "asupersync-conformance-wasm", "--profile", "wasm"],
    target: WASM,
    file: "wasm/asupersync_conformance_wasm.wasm",
};
/// The same with panics that unwind; for browsers, since the node of Debian knows only the legacy form of exceptions.
pub const UNWIND_KIT: Build = Build {
    folder: ".",
    args: &[
        "-p",
        "asupersync-conformance-wasm",
        "--features",
        "unwind",
        "--profile",
        "wasm-unwind",
    ],
    target: WASM,
    file: "wasm-unwind/asupersync_conformance_wasm.wasm",
};
/// What runs them in node.
pub const RUN: &str = "tests/wasm/run.mjs";

/// The facade behind raw imports, as small as it gets, in one profile.
pub struct Tier {
    pub name: &'static str,
    pub build: Build,
}

const fn tier(name: &'static str, args: &'static [&'static str]) -> Tier {
    Tier {
        name,
        build: Build {
            folder: ".",
            args,
            target: WASM,
            file: "min/asupersync_core_min.wasm",
        },
    }
}

macro_rules! core_min {
    ($feature:literal) => {
        &[
            "-p",
            "asupersync-core-min",
            "--profile",
            "min",
            "--no-default-features",
            "--features",
            $feature,
        ]
    };
}

/// The profile `wasm-browser-minimal`.
pub const CORE_MIN: Tier = tier("core-min", core_min!("minimal"));
/// The profile `wasm-browser-prod` with trace events.
pub const CORE_TRACE: Tier = tier("core-trace", core_min!("trace"));
/// The profile `wasm-browser-dev` with trace events, diagnostics and panics as text.
pub const FULL_DEV: Tier = tier("full-dev", core_min!("full"));

pub fn run() -> Result<ExitCode> {
    setup::ensure(Need::Demo)?;
    node(&[RUN.as_ref(), targets::build(&KIT)?.as_ref()])?;
    for tier in [CORE_MIN, CORE_TRACE, FULL_DEV] {
        let module = packages::optimised(&tier.build, tier.name)?;
        let script = "tests/wasm/core-min.mjs";
        node(&[script.as_ref(), module.as_ref(), tier.name.as_ref()])?;
    }
    Ok(ExitCode::SUCCESS)
}

fn node(words: &[&OsStr]) -> Result<()> {
    let mut node = Command::new("node");
    node.current_dir(workspace::root()).args(words);
    if !node.status().context("cannot start node")?.success() {
        bail!("{} failed", words[0].to_string_lossy());
    }
    Ok(())
}
