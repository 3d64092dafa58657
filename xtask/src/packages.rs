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

/// Where the files of the built packages are.
pub struct Packages {
    pub core: PathBuf,
    pub browser: PathBuf,
}

/// Builds the packages, each after those that it needs.
pub fn build() -> Result<Packages> {
    for tool in ["C compiler", "targets", "node", "npm"] {
        setup::ensure_tool(tool)?;
    }
    let module = targets::build(&BINDINGS)?;
    npm(&["ci", "--no-audit", "--no-fund"])?;
    Ok(Packages {
        core: package("browser-core", Some(&module))?,
        browser: package("browser", None)?,
    })
}

/// Builds one package, around a module if it has one.
fn package(name: &str, module: Option<&Path>) -> Result<PathBuf> {
    let package = folder().join(name);
    let mut node = Command::new("node");
    node.arg(package.join("build.mjs")).args(module);
    succeed(&mut node, &format!("{name} does not build"))?;
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
