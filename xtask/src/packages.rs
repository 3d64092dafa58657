//! `cargo xtask packages`: the npm packages, built and tested under node.
//!
//! Owns the order: the module, what makes it small, the compiled sources around it, then what looks at both. What npm
//! installs is in the lock file of `platform-browser/packages`.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::abi;
use crate::setup;
use crate::targets::{self, Build, WASM};
use crate::workspace;

/// Where the npm workspaces are.
const FOLDER: &str = "platform-browser/packages";

/// The module inside `@asupersync/browser-core`.
const BINDINGS: Build = Build {
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
        "--no-default-features",
        "--features",
        "wasm-browser-dev,test-internals",
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
        "--no-default-features",
        "--features",
        "wasm-browser-dev,test-internals,unwind",
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

#[derive(clap::Args)]
pub struct Args {
    /// The module's imports or exports have changed: write the next version of its ABI
    #[arg(long)]
    new_abi: bool,
    /// Instead of the tests: pack them, install that into fresh projects, and run what each bundler builds
    #[arg(long)]
    matrix: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if args.new_abi {
        let module = targets::build(&BINDINGS)?;
        abi::write_next(&std::fs::read(module)?)?;
    }
    let packages = build()?;
    if args.matrix {
        return matrix();
    }
    for script in SCRIPTS {
        npm(&["run", script, "--workspaces"])?;
    }
    let panicky = targets::build(&PANICKY)?;
    let mut node = Command::new("node");
    node.current_dir(workspace::root())
        .arg("tests/browser/node.mjs")
        .arg(targets::module("core", &packages.core))
        .arg(targets::module("panicky", &panicky))
        .arg("--")
        .args(JOBS);
    succeed(&mut node, "a job failed under node")?;
    Ok(ExitCode::SUCCESS)
}

/// Where the projects of the bundlers are made.
const PROJECTS: &str = "target/bundlers";

fn matrix() -> Result<ExitCode> {
    for browser in ["chromium", "firefox", "geckodriver", "webkit"] {
        setup::ensure_tool(browser)?;
    }
    let packed = workspace::root().join(PROJECTS).join("packed");
    if packed.exists() {
        std::fs::remove_dir_all(&packed)?;
    }
    std::fs::create_dir_all(&packed)?;
    let folder = packed.to_string_lossy();
    npm(&["pack", "--workspaces", "--pack-destination", &folder])?;
    let mut node = Command::new("node");
    node.current_dir(workspace::root())
        .args(["tests/bundlers/run.mjs", PROJECTS]);
    for entry in std::fs::read_dir(&packed)? {
        node.arg(entry?.path());
    }
    succeed(&mut node, "a bundle fails")?;
    Ok(ExitCode::SUCCESS)
}

/// Where the files of the built packages are.
pub struct Packages {
    pub core: PathBuf,
    pub browser: PathBuf,
}

/// Builds every package.
pub fn build() -> Result<Packages> {
    let module = optimised(&BINDINGS, "browser-core")?;
    abi::check(&std::fs::read(&module)?)?;
    for name in names()? {
        let mut node = Command::new("node");
        node.arg(folder().join(&name).join("build.mjs"));
        // One has the module in it; the others build on that one.
        if name == "browser-core" {
            node.arg(&module);
        }
        succeed(&mut node, &format!("{name} does not build"))?;
    }
    Ok(Packages {
        core: folder().join("browser-core/dist"),
        browser: folder().join("browser/dist"),
    })
}

/// Builds a module and takes out of it what no engine needs; says where the result is: a file of this name.
pub fn optimised(build: &Build, name: &str) -> Result<PathBuf> {
    install()?;
    let module = targets::build(build)?;
    let result = module.with_file_name(format!("{name}.opt.wasm"));
    if !is_older(&result, &module) && !is_older(&result, &lock_file()) {
        return Ok(result);
    }
    let mut node = Command::new("node");
    node.arg(folder().join("node_modules/binaryen/bin/wasm-opt"));
    // Nothing is at the addresses below 1,024 but the far end of the stack.
    node.args(["-Oz", "--low-memory-unused"]);
    node.args(["--strip-debug", "--strip-producers"]);
    // The last: it is by this section that the passes before know what the engines have.
    node.arg("--strip-target-features");
    node.arg(&module).arg("-o").arg(&result);
    succeed(&mut node, &format!("{} cannot be optimised", build.file))?;
    Ok(result)
}

/// Bundles and minifies an entry of `@asupersync/browser-core` as a page would have it.
pub fn bundled(entry: &Path) -> Result<Vec<u8>> {
    let mut esbuild = Command::new(folder().join("node_modules/.bin/esbuild"));
    esbuild.args(["--bundle", "--minify", "--format=esm", "--target=es2022"]);
    let output = esbuild.arg(entry).output();
    let output = output.context("cannot start esbuild")?;
    if !output.status.success() {
        bail!("{}", String::from_utf8_lossy(&output.stderr));
    }
    Ok(output.stdout)
}

/// The packages, in an order in which they build.
fn names() -> Result<Vec<String>> {
    let text = std::fs::read_to_string(folder().join("package.json"))?;
    let manifest: serde_json::Value = serde_json::from_str(&text)?;
    serde_json::from_value(manifest["workspaces"].clone())
        .context("package.json lists no workspaces")
}

/// Installs what the lock file says, unless it is there.
fn install() -> Result<()> {
    for tool in ["C compiler", "targets", "node", "npm"] {
        setup::ensure_tool(tool)?;
    }
    if is_older(
        &folder().join("node_modules/.package-lock.json"),
        &lock_file(),
    ) {
        npm(&["ci", "--no-audit", "--no-fund"])?;
    }
    Ok(())
}

fn lock_file() -> PathBuf {
    folder().join("package-lock.json")
}

/// Whether a result is missing, or from before its source.
fn is_older(result: &Path, source: &Path) -> bool {
    let modified = |file: &Path| file.metadata().and_then(|data| data.modified()).ok();
    match (modified(result), modified(source)) {
        (Some(result), Some(source)) => result < source,
        _ => true,
    }
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
