//! `cargo xtask packages`: the npm packages, built and tested under node.
//!
//! Owns the order: the module, the compiled sources around it, then what looks at both. What npm installs is in the lock
//! file of `platform-browser/packages`.

use std::path::{Path, PathBuf};
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

/// What looks at a built package: scripts of its `package.json`.
const SCRIPTS: &[&str] = &["test", "test:types", "lint"];

pub fn run() -> Result<ExitCode> {
    build()?;
    for script in SCRIPTS {
        npm(&["run", script, "--workspaces"])?;
    }
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

/// Bundles the work of `tests/browser/bench-js`, each file with its library, and says where.
pub fn bundle_bench() -> Result<PathBuf> {
    build()?;
    let out = workspace::root().join("target/browser/bench-js");
    let work = workspace::root().join("tests/browser/bench-js");
    let mut esbuild = Command::new(folder().join("node_modules/.bin/esbuild"));
    esbuild
        .env("NODE_PATH", folder().join("node_modules"))
        .args(["ours", "plain", "effect", "effection"].map(|name| work.join(format!("{name}.mjs"))))
        .args(["--bundle", "--format=esm", "--log-level=error"])
        // What effection asks for under node only.
        .args(["--external:node:*", "--out-extension:.js=.mjs"])
        .arg(format!("--outdir={}", out.display()));
    succeed(&mut esbuild, "the work of the bench cannot be bundled")?;
    Ok(out)
}

/// Builds the dashboard around it and says where the page is.
pub fn build_dashboard() -> Result<PathBuf> {
    build()?;
    let page = workspace::root().join("platform-browser/apps/dashboard");
    npm_in(&page, &["ci", "--no-audit", "--no-fund"])?;
    npm_in(&page, &["run", "build"])?;
    Ok(page.join("dist"))
}

/// Runs npm in the folder of the packages.
fn npm(args: &[&str]) -> Result<()> {
    npm_in(&folder(), args)
}

fn npm_in(folder: &Path, args: &[&str]) -> Result<()> {
    let mut npm = Command::new("npm");
    npm.current_dir(folder).arg("--silent").args(args);
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
