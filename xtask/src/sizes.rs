//! `cargo xtask sizes`: the bytes that people download or flash, per target and tier, with their limits.
//!
//! Owns the list of what is measured. What a program needs at run time (heap, stack) it measures itself,
//! in QEMU; see `qemu`.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use object::{Object, ObjectSection, SectionFlags, SectionKind, elf};
use serde::Serialize;
use std::io::Write;

use crate::setup;
use crate::targets::{self, ARM, WASM};
use crate::tools::Need;
use crate::workspace;

#[derive(clap::Args)]
pub struct Args {
    /// Print JSON instead of the table
    #[arg(long)]
    json: bool,
}

/// Something that is built to be small.
struct Artifact {
    tier: &'static str,
    target: &'static str,
    /// What is in it.
    holds: &'static str,
    /// Where cargo is called, below the root.
    folder: &'static str,
    build: &'static [&'static str],
    /// Where the result is, below the target folder of `folder`'s workspace.
    file: &'static str,
    /// The name of the number that is limited, and its limit in bytes.
    limit: (&'static str, u64),
}

const ARTIFACTS: &[Artifact] = &[
    Artifact {
        tier: "core-min",
        target: WASM,
        holds: "core and local executor behind raw imports: one region, two tasks, cancel",
        folder: ".",
        build: &["-p", "asupersync-core-min", "--profile", "min"],
        file: "wasm32-unknown-unknown/min/asupersync_core_min.wasm",
        limit: ("gzip", 14 * 1024),
    },
    Artifact {
        tier: "size",
        target: ARM,
        holds: "core and local executor on Cortex-M3: 16 tasks, a timer, a channel",
        folder: "platform-cortex-m/firmware",
        build: &["--release", "--bin", "size"],
        file: "thumbv7m-none-eabi/release/size",
        limit: ("text", 24 * 1024),
    },
];

/// One row of the table.
#[derive(Serialize)]
struct Row {
    target: &'static str,
    tier: &'static str,
    holds: &'static str,
    /// Named numbers of bytes, in the order they are shown.
    bytes: Vec<(&'static str, u64)>,
    limited: &'static str,
    limit: u64,
    within: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    setup::ensure(Need::Demo)?;
    let rows = ARTIFACTS
        .iter()
        .map(measure)
        .collect::<Result<Vec<Row>>>()?;
    if args.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        rows.iter().for_each(show);
    }
    Ok(match rows.iter().all(|row| row.within) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn measure(artifact: &Artifact) -> Result<Row> {
    let file = build(artifact)?;
    let image = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let bytes = match artifact.target {
        WASM => vec![("wasm", image.len() as u64), ("gzip", gzipped(&image)?)],
        _ => sections(&image)?,
    };
    let (limited, limit) = artifact.limit;
    let Some((_, size)) = bytes.iter().find(|(name, _)| *name == limited) else {
        bail!("{} has no number `{limited}`", artifact.tier);
    };
    Ok(Row {
        target: artifact.target,
        tier: artifact.tier,
        holds: artifact.holds,
        within: *size <= limit,
        bytes,
        limited,
        limit,
    })
}

/// Builds an artifact and says where it is.
fn build(artifact: &Artifact) -> Result<PathBuf> {
    let folder = workspace::root().join(artifact.folder);
    let mut cargo = targets::cargo()?;
    cargo.current_dir(&folder).arg("build").arg("--quiet");
    cargo
        .args(artifact.build)
        .args(["--target", artifact.target]);
    if !cargo.status().context("cannot start cargo")?.success() {
        bail!("{} does not build for {}", artifact.tier, artifact.target);
    }
    let target = std::env::var_os("CARGO_TARGET_DIR").map_or_else(
        || folder.join("target"),
        |target| workspace::root().join(target),
    );
    Ok(target.join(artifact.file))
}

fn gzipped(image: &[u8]) -> Result<u64> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(image)?;
    Ok(encoder.finish()?.len() as u64)
}

/// The bytes in flash, those of them that are copied to RAM, and those that only RAM has.
fn sections(image: &[u8]) -> Result<Vec<(&'static str, u64)>> {
    let file = object::File::parse(image).context("this is no ELF file")?;
    let (mut text, mut data, mut bss) = (0, 0, 0);
    for section in file.sections() {
        let SectionFlags::Elf { sh_flags } = section.flags() else {
            continue;
        };
        // Debug information and notes are in the file, not on the board.
        if sh_flags & u64::from(elf::SHF_ALLOC) == 0 {
            continue;
        }
        match section.kind() {
            SectionKind::UninitializedData => bss += section.size(),
            SectionKind::Data => data += section.size(),
            _ => text += section.size(),
        }
    }
    Ok(vec![("text", text), ("data", data), ("bss", bss)])
}

fn show(row: &Row) {
    println!("{} on {}: {}", row.tier, row.target, row.holds);
    let numbers: Vec<String> = row
        .bytes
        .iter()
        .map(|(name, size)| format!("{name} {size}"))
        .collect();
    let verdict = if row.within { "within" } else { "OVER" };
    println!(
        "  {}; {verdict} the limit of {} bytes of {}",
        numbers.join(", "),
        row.limit,
        row.limited
    );
}
