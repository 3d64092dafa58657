//! `cargo xtask sizes`: the bytes that people download or flash, per target and tier, with their limits.
//!
//! Owns the list of what is measured. What a program needs at run time (heap, stack) it measures itself,
//! in QEMU; see `qemu`.

use std::process::ExitCode;

use anyhow::{Context, Result, bail};
use flate2::Compression;
use flate2::write::GzEncoder;
use object::{Object, ObjectSection, SectionFlags, SectionKind, elf};
use serde::Serialize;
use std::io::Write;

use crate::packages;
use crate::qemu;
use crate::setup;
use crate::targets::{self, Build, WASM};
use crate::tools::Need;
use crate::wasm::CORE_MIN;
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
    /// What is in it.
    holds: &'static str,
    build: Build,
    /// The script that is downloaded with it.
    script: Option<&'static str>,
    /// The name of the number that counts.
    counts: &'static str,
    /// What it should be at most, in bytes.
    bar: u64,
    /// What it may be at most: the bar or, where that is missed, what was reached and 2 %.
    gate: u64,
}

const ARTIFACTS: &[Artifact] = &[
    Artifact {
        tier: "core-min",
        holds: "the browser platform with its script, gzip of both: one region, two tasks, cancel",
        build: CORE_MIN,
        script: Some("platform-browser/js/host.mjs"),
        counts: "together",
        bar: 16 * 1024,
        gate: 24 * 1024,
    },
    Artifact {
        tier: "size",
        holds: "core and local executor on Cortex-M3: 16 tasks, a timer, a channel",
        build: qemu::SIZE.build,
        script: None,
        counts: "text",
        bar: 24 * 1024,
        gate: 37_000,
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
    counts: &'static str,
    bar: u64,
    gate: u64,
    size: u64,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    setup::ensure(Need::Demo)?;
    let mut rows = ARTIFACTS
        .iter()
        .map(measure)
        .collect::<Result<Vec<Row>>>()?;
    rows.push(measure_package()?);
    if args.json {
        println!("{}", serde_json::to_string_pretty(&rows)?);
    } else {
        rows.iter().for_each(show);
    }
    Ok(match rows.iter().all(|row| row.size <= row.gate) {
        true => ExitCode::SUCCESS,
        false => ExitCode::FAILURE,
    })
}

fn measure(artifact: &Artifact) -> Result<Row> {
    let file = targets::build(&artifact.build)?;
    let image = std::fs::read(&file).with_context(|| format!("cannot read {}", file.display()))?;
    let bytes = match artifact.build.target {
        WASM => downloads(&image, artifact.script)?,
        _ => sections(&image)?,
    };
    let found = bytes.iter().find(|(name, _)| *name == artifact.counts);
    let Some(&(_, size)) = found else {
        bail!("{} has no number `{}`", artifact.tier, artifact.counts);
    };
    Ok(Row {
        target: artifact.build.target,
        tier: artifact.tier,
        holds: artifact.holds,
        bytes,
        counts: artifact.counts,
        bar: artifact.bar,
        gate: artifact.gate,
        size,
    })
}

/// What `@asupersync/browser-core` should be at most, after gzip, and what it may be: what was reached and 2 %.
const PACKAGE_BAR: u64 = 24 * 1024;
const PACKAGE_GATE: u64 = 68_400;

/// The npm package: its module as it is and after gzip, its scripts, and all that a page downloads: the module stands in
/// them as text.
fn measure_package() -> Result<Row> {
    let folder = packages::build()?;
    let module = std::fs::read(targets::build(&packages::BINDINGS)?)?;
    let (mut scripts, mut all) = (String::new(), String::new());
    let mut files: Vec<_> = std::fs::read_dir(&folder)?
        .map(|entry| Ok(entry?.path()))
        .collect::<Result<_>>()?;
    files.sort();
    let is_script = |name: &str| name.ends_with(".js") || name.ends_with(".mjs");
    for file in files {
        let name = file.to_string_lossy().into_owned();
        if !is_script(&name) {
            continue;
        }
        let text = without_comments(&std::fs::read_to_string(&file)?);
        all.push_str(&text);
        if !name.ends_with("/module.js") {
            scripts.push_str(&text);
        }
    }
    let package = gzipped(all.as_bytes())?;
    Ok(Row {
        target: WASM,
        tier: "browser-core",
        holds: "the npm package: scopes, tasks, timers for JavaScript; gzip of its scripts, the module in them as text",
        bytes: vec![
            ("wasm", module.len() as u64),
            ("gzip", gzipped(&module)?),
            ("script", gzipped(scripts.as_bytes())?),
            ("package", package),
        ],
        counts: "package",
        bar: PACKAGE_BAR,
        gate: PACKAGE_GATE,
        size: package,
    })
}

/// The module as it is and after gzip, its script after gzip, and what both weigh together.
fn downloads(module: &[u8], script: Option<&str>) -> Result<Vec<(&'static str, u64)>> {
    let mut bytes = vec![("wasm", module.len() as u64)];
    let packed = gzipped(module)?;
    bytes.push(("gzip", packed));
    if let Some(script) = script {
        let file = workspace::root().join(script);
        let text =
            std::fs::read_to_string(&file).with_context(|| format!("cannot read {script}"))?;
        let packed_script = gzipped(without_comments(&text).as_bytes())?;
        bytes.push(("script", packed_script));
        bytes.push(("together", packed + packed_script));
    }
    Ok(bytes)
}

/// The script without comments and indentation: the least that every bundler does.
fn without_comments(script: &str) -> String {
    let is_comment = |line: &&str| {
        ["//", "/*", "*"]
            .iter()
            .any(|start| line.starts_with(start))
    };
    let lines = script.lines().map(str::trim_start);
    let kept: Vec<&str> = lines.filter(|line| !is_comment(line)).collect();
    kept.join("\n")
}

fn gzipped(image: &[u8]) -> Result<u64> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::best());
    encoder.write_all(image)?;
    Ok(encoder.finish()?.len() as u64)
}

/// The bytes in flash, those of them that are copied to RAM, and those that only RAM has.
pub fn sections(image: &[u8]) -> Result<Vec<(&'static str, u64)>> {
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
    println!("  {}", listed(&row.bytes));
    println!("  {}", verdict(row));
}

/// Named numbers in a line.
pub fn listed(bytes: &[(&'static str, u64)]) -> String {
    let numbers: Vec<String> = bytes
        .iter()
        .map(|(name, size)| format!("{name} {size}"))
        .collect();
    numbers.join(", ")
}

fn verdict(row: &Row) -> String {
    let (counts, ratio) = (row.counts, row.size as f64 / row.bar as f64);
    if row.size > row.gate {
        format!("TOO LARGE: {counts} may be {} at most", row.gate)
    } else if row.size > row.bar {
        format!(
            "{counts} misses its bar of {} ({ratio:.2} of it), and keeps to its gate of {}",
            row.bar, row.gate
        )
    } else {
        format!("{counts} meets its bar of {}", row.bar)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_do_not_count() {
        let script = "// What.\nexport function f() {\n  /**\n   * Doc.\n   */\n  return 1;\n}\n";
        assert_eq!(
            without_comments(script),
            "export function f() {\nreturn 1;\n}"
        );
    }
}
