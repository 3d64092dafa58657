//! The targets that are not this machine: how cargo is called for them, and the check that the `no_std`
//! crates build there.
//!
//! Owns the choice of the toolchain, by way of `tools/wasm-toolchain.sh`: rustup's own where it has the
//! targets, else the one built from Debian's packages.

use std::ffi::OsString;
use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result, bail};

use crate::setup;
use crate::tools::{self, Need};
use crate::workspace;

/// The browser's and node's.
pub const WASM: &str = "wasm32-unknown-unknown";
/// Cortex-M3, as QEMU runs it.
pub const ARM: &str = "thumbv7m-none-eabi";

/// The script that finds or builds the toolchain; `xtask setup` runs it without arguments.
pub const TOOLCHAIN: &[&str] = &["bash", "tools/wasm-toolchain.sh"];
pub const WHICH_TOOLCHAIN: &[&str] = &["bash", "tools/wasm-toolchain.sh", "--which"];
/// The same for wasm whose panics unwind.
pub const UNWIND_TOOLCHAIN: &[&str] = &["bash", "tools/wasm-toolchain.sh", "--unwind"];
pub const WHICH_UNWIND_TOOLCHAIN: &[&str] =
    &["bash", "tools/wasm-toolchain.sh", "--unwind", "--which"];

/// How panics unwind in wasm: by its own exceptions, in the standard form. The linker makes the code, since the LLVM of
/// the compiler knows only the form before it.
const UNWIND_FLAGS: &str = "-Cpanic=unwind -Ctarget-feature=+exception-handling -Clinker-plugin-lto \
    -Clink-arg=-mllvm -Clink-arg=-exception-model=wasm \
    -Clink-arg=-mllvm -Clink-arg=-wasm-enable-eh \
    -Clink-arg=-mllvm -Clink-arg=-wasm-use-legacy-eh=false";

/// The libraries that know no host.
const NO_STD: &[&str] = &[
    "asupersync-core",
    "asupersync-local",
    "asupersync-embassy",
    "asupersync-sim",
    "asupersync-conformance",
];

/// A cargo that builds for both targets; in the root folder, and without what this process was started with.
pub fn cargo() -> Result<Command> {
    cargo_of(WHICH_TOOLCHAIN)
}

fn cargo_of(which: &[&str]) -> Result<Command> {
    let output = tools::command(which)
        .current_dir(workspace::root())
        .output()
        .context("cannot start bash")?;
    let line = String::from_utf8_lossy(&output.stdout);
    let words: Vec<&str> = line.split_whitespace().collect();
    let Some((program, args)) = words.split_first().filter(|_| output.status.success()) else {
        bail!("{}", String::from_utf8_lossy(&output.stderr).trim());
    };
    let mut command = Command::new(program);
    command.args(args).current_dir(workspace::root());
    // `cargo xtask` was started by another toolchain, whose choice would win over ours.
    for name in ["CARGO", "RUSTC", "RUSTDOC", "RUSTUP_TOOLCHAIN"] {
        command.env_remove(name);
    }
    Ok(command)
}

/// One thing that is built for another target.
pub struct Build {
    /// Where cargo is called, below the root: the folder of a workspace.
    pub folder: &'static str,
    pub args: &'static [&'static str],
    pub target: &'static str,
    /// The result, below the folder of the target.
    pub file: &'static str,
}

/// Builds it and says where it is.
pub fn build(build: &Build) -> Result<PathBuf> {
    build_by(cargo()?, build)
}

/// The same with panics that unwind; the build's profile says so, too.
pub fn build_unwinding(build: &Build) -> Result<PathBuf> {
    let mut cargo = cargo_of(WHICH_UNWIND_TOOLCHAIN)?;
    cargo.env("RUSTFLAGS", UNWIND_FLAGS);
    build_by(cargo, build)
}

fn build_by(mut cargo: Command, build: &Build) -> Result<PathBuf> {
    let folder = workspace::root().join(build.folder);
    cargo
        .current_dir(&folder)
        .args(["build", "--quiet", "--target", build.target])
        .args(build.args);
    if !cargo.status().context("cannot start cargo")?.success() {
        bail!("{} does not build for {}", build.file, build.target);
    }
    Ok(workspace::output_of(&folder)
        .join(build.target)
        .join(build.file))
}

/// A file or folder as the scripts of `tests/browser` take it.
pub fn module(name: &str, file: &Path) -> OsString {
    let mut word = OsString::from(format!("{name}="));
    word.push(file);
    word
}

/// `cargo xtask targets`: every `no_std` crate builds for every target, with the locks of bare metal.
pub fn run() -> Result<ExitCode> {
    setup::ensure(Need::Demo)?;
    for target in [WASM, ARM] {
        let mut cargo = cargo()?;
        cargo.args(["check", "--lib"]);
        for name in NO_STD {
            cargo.args(["-p", name]);
        }
        cargo.args(["--no-default-features", "--target", target]);
        cargo.args(["--features", "asupersync-core/critical-section"]);
        if !cargo.status().context("cannot start cargo")?.success() {
            bail!("a crate that promises no_std does not build for {target}");
        }
    }
    println!("{} crates build for {WASM} and {ARM}", NO_STD.len());
    Ok(ExitCode::SUCCESS)
}
