//! The page of `cargo xtask demo`: served for a person, or used in three browsers, against the real server.
//!
//! Owns what is built for it, and the engines' columns. What is clicked and checked is in `tests/browser/dashboard.mjs`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};
use clap::ValueEnum;

use crate::browser::{self, Engine};
use crate::packages;
use crate::setup;
use crate::targets;
use crate::tools::Need;
use crate::wasm::KIT;
use crate::workspace;

/// Where a person finds the page: always there, so that it finds the server again after a restart.
const ADDRESS: &str = "127.0.0.1:8780";

/// Serves the page until Ctrl-C.
pub fn serve() -> Result<ExitCode> {
    setup::ensure(Need::Demo)?;
    let (server, page) = (build_server()?, packages::build_dashboard()?);
    println!(
        "the dashboard is at http://{ADDRESS} (end it with Ctrl-C; start it again and look what the page does)"
    );
    let mut serve = Command::new(server);
    let status = serve
        .args(["serve", "--at", ADDRESS, "--page"])
        .arg(page)
        .status()
        .context("cannot start the server")?;
    if !status.success() {
        bail!("the server failed; is {ADDRESS} taken?");
    }
    Ok(ExitCode::SUCCESS)
}

/// Uses the page in each engine; an error if one does not do what it should. Pictures and traces go to `folder`.
pub fn headless(folder: &Path) -> Result<()> {
    setup::ensure(Need::Test)?;
    let (server, page) = (build_server()?, packages::build_dashboard()?);
    let mut node = Command::new("node");
    node.current_dir(workspace::root())
        .arg("tests/browser/dashboard.mjs")
        .args([folder, &server, &page])
        .args(Engine::value_variants().iter().map(|engine| engine.name()));
    if !node.status().context("cannot start node")?.success() {
        bail!("the dashboard failed in a browser; pictures are in target/demo");
    }
    Ok(())
}

/// The columns of the engines: the pipeline in the lab, in a page.
pub fn columns(folder: &Path) -> Result<Vec<PathBuf>> {
    println!("wasm32: building");
    let kit = targets::build(&KIT)?;
    let names = Engine::value_variants().iter().map(|engine| engine.name());
    let jobs: Vec<_> = names
        .clone()
        .map(|name| format!("{name}:window:demo.mjs"))
        .collect();
    browser::in_browsers("target/demo", &[("kit", &kit)], &jobs)?;
    Ok(names
        .map(|name| folder.join(format!("{name}-window-demo.json")))
        .collect())
}

/// Builds the server for the host and says where it is. Unoptimised: a page is no load, and the test suite builds it so, too.
fn build_server() -> Result<PathBuf> {
    let mut cargo = workspace::cargo();
    cargo.args(["build", "--quiet", "-p", "asupersync-conformance"]);
    cargo.args(["--features", "guests,server", "--bin", "server"]);
    if !cargo.status().context("cannot start cargo")?.success() {
        bail!("the demo's server does not build");
    }
    Ok(workspace::output_of(&workspace::root()).join("debug/server"))
}
