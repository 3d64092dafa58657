//! `cargo xtask wasm`: the conformance kit, the golden traces and the smallest module, under node.

use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::setup;
use crate::targets::{self, Build, WASM};
use crate::tools::Need;
use crate::workspace;

/// A module and the program that runs it.
struct Module {
    build: Build,
    script: &'static str,
}

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

const MODULES: &[Module] = &[
    Module {
        build: KIT,
        script: RUN,
    },
    Module {
        build: CORE_MIN,
        script: "tests/wasm/core-min.mjs",
    },
];

/// The core behind raw imports, as small as it gets.
pub const CORE_MIN: Build = Build {
    folder: ".",
    args: &["-p", "asupersync-core-min", "--profile", "min"],
    target: WASM,
    file: "min/asupersync_core_min.wasm",
};

pub fn run() -> Result<ExitCode> {
    setup::ensure(Need::Demo)?;
    for module in MODULES {
        let file = targets::build(&module.build)?;
        let mut node = Command::new("node");
        node.current_dir(workspace::root())
            .arg(module.script)
            .arg(file);
        if !node.status().context("cannot start node")?.success() {
            bail!("{} failed", module.script);
        }
    }
    Ok(ExitCode::SUCCESS)
}
