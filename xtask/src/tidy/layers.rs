//! The dependency rule: which crate of ours may build on which.

use anyhow::{Context, Result};
use cargo_metadata::{DependencyKind, MetadataCommand};

use super::Finding;
use crate::workspace;

/// What a crate may use of ours.
enum May {
    Use(&'static [&'static str]),
    UseAll,
}

/// The layers, from the bottom. No library may use the conformance kit; only test and benchmark packages may.
const LAYERS: &[(&str, May)] = &[
    ("asupersync-core", May::Use(&[])),
    ("asupersync-io", May::Use(&["asupersync-core"])),
    ("asupersync-local", May::Use(&["asupersync-core"])),
    (
        "asupersync-embassy",
        May::Use(&["asupersync-core", "asupersync-local"]),
    ),
    ("asupersync-work-stealing", May::Use(&["asupersync-core"])),
    (
        "asupersync-std",
        May::Use(&[
            "asupersync-core",
            "asupersync-io",
            "asupersync-local",
            "asupersync-work-stealing",
        ]),
    ),
    (
        "asupersync-hyper",
        May::Use(&["asupersync-core", "asupersync-io"]),
    ),
    (
        "asupersync-rustls",
        May::Use(&["asupersync-core", "asupersync-io"]),
    ),
    (
        "asupersync-websocket",
        May::Use(&["asupersync-core", "asupersync-hyper"]),
    ),
    (
        "asupersync-cortex-m",
        May::Use(&["asupersync-core", "asupersync-local"]),
    ),
    (
        "asupersync-browser",
        May::Use(&["asupersync-core", "asupersync-local"]),
    ),
    (
        "asupersync-sim",
        May::Use(&["asupersync-core", "asupersync-local"]),
    ),
    (
        "asupersync",
        May::Use(&[
            "asupersync-core",
            "asupersync-local",
            "asupersync-std",
            "asupersync-sim",
            "asupersync-browser",
        ]),
    ),
    ("asupersync-core-min", May::Use(&["asupersync"])),
    (
        "asupersync-io-wasm",
        May::Use(&["asupersync-core", "asupersync-browser"]),
    ),
    (
        "asupersync-ticker",
        May::Use(&["asupersync-core", "asupersync-browser"]),
    ),
    (
        "asupersync-browser-bindings",
        May::Use(&["asupersync", "asupersync-core", "asupersync-browser"]),
    ),
    ("asupersync-conformance", May::UseAll),
    ("asupersync-conformance-wasm", May::UseAll),
    ("asupersync-loom-tests", May::UseAll),
    ("asupersync-benches", May::UseAll),
    ("asupersync-bench-browser", May::UseAll),
    ("asupersync-bench-browser-peer", May::Use(&[])),
    // The commands must build while a library does not.
    ("xtask", May::Use(&[])),
];

pub fn check(findings: &mut Vec<Finding>) -> Result<()> {
    let metadata = MetadataCommand::new()
        .current_dir(workspace::root())
        .no_deps()
        .exec()
        .context("cargo cannot read the workspace")?;
    for package in &metadata.packages {
        let Some((_, may)) = LAYERS
            .iter()
            .find(|(name, _)| *name == package.name.as_str())
        else {
            findings.push(Finding::new(
                &package.name,
                0,
                "is in no layer: add it to xtask/src/tidy/layers.rs",
            ));
            continue;
        };
        for dependency in &package.dependencies {
            let ours = LAYERS
                .iter()
                .any(|(name, _)| *name == dependency.name.as_str());
            // Tests of the core stay below everything else as well, so that it can be tested alone; the tests
            // of an upper crate may call the kit.
            let is_test_edge = dependency.kind == DependencyKind::Development
                && package.name.as_str() != "asupersync-core";
            let allowed = match may {
                May::UseAll => true,
                May::Use(names) => names.contains(&dependency.name.as_str()),
            };
            if ours && !allowed && !is_test_edge {
                let message = format!(
                    "may not depend on {}: see xtask/src/tidy/layers.rs",
                    dependency.name
                );
                findings.push(Finding::new(&package.name, 0, message));
            }
        }
    }
    Ok(())
}
