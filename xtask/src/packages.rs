//! `cargo xtask packages`: the npm packages, built and tested under node.
//!
//! Owns the order: the module, the compiled sources around it, then what looks at both. What npm installs is in the lock
//! file of `platform-browser/packages`.

use std::path::PathBuf;
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::setup;
use crate::targets::{self, Build, WASM};
use crate::workspace;

/// Where the npm workspaces are.
const FOLDER: &str = "platform-browser/packages";

/// The module inside `@asupersync/browser-core`.
pub const BINDINGS: Build = Build {
    folder: ".",
    args: &["-p", "asupersync-browser-bindings", "--profile", "min"],
    target: WASM,
    file: "min/asupersync_browser_bindings.wasm",
};

/// The same, but that it panics on demand. Compiled for a quick build, and where it does not replace the other.
pub const PANICKY: Build = Build {
    folder: ".",
    args: &[
        "-p",
        "asupersync-browser-bindings",
        "--features",
        "test-internals",
        "--profile",
        "wasm",
    ],
    target: WASM,
    file: "wasm/asupersync_browser_bindings.wasm",
};

/// The same with panics that unwind.
pub const UNWINDING: Build = Build {
    folder: ".",
    args: &[
        "-p",
        "asupersync-browser-bindings",
        "--features",
        "test-internals,unwind",
        "--profile",
        "wasm-unwind",
    ],
    target: WASM,
    file: "wasm-unwind/asupersync_browser_bindings.wasm",
};

/// Jobs of `tests/browser` that need no page.
const JOBS: &[&str] = &["panics.mjs", "threats.mjs"];

/// What looks at a built package: scripts of its `package.json`.
const SCRIPTS: &[&str] = &["test", "test:types", "lint"];

pub fn run() -> Result<ExitCode> {
    let core = build()?;
    for script in SCRIPTS {
        npm(&["run", script, "--workspaces"])?;
    }
    let panicky = targets::build(&PANICKY)?;
    let mut node = Command::new("node");
    node.current_dir(workspace::root())
        .arg("tests/browser/node.mjs")
        .arg(targets::module("core", &core))
        .arg(targets::module("panicky", &panicky))
        .arg("--")
        .args(JOBS);
    succeed(&mut node, "a job failed under node")?;
    Ok(ExitCode::SUCCESS)
}

/// Builds `@asupersync/browser-core` and says where its files are.
pub fn build() -> Result<PathBuf> {
    for tool in ["C compiler", "targets", "node", "npm"] {
        setup::ensure_tool(tool)?;
    }
    let module = targets::build(&BINDINGS)?;
    npm(&["ci", "--no-audit", "--no-fund"])?;
    let package = folder().join("browser-core");
    let mut node = Command::new("node");
    node.arg(package.join("build.mjs")).arg(module);
    succeed(&mut node, "browser-core does not build")?;
    Ok(package.join("dist"))
}

/// Runs npm in the folder of the packages.
fn npm(args: &[&str]) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.current_dir(folder()).arg("--silent").args(args);
    succeed(&mut npm, &format!("npm {} failed", args.join(" ")))
}

fn folder() -> PathBuf {
    workspace::root().join(FOLDER)
}

fn succeed(command: &mut Command, failed: &str) -> Result<()> {
    if !command.status().context("cannot start node")?.success() {
        bail!("{failed}");
    }
    Ok(())
}
