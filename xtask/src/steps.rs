//! The steps of the test suite, as data. The order is: cheap checks first, long runs last.

use std::process::Command;

use crate::tools;
use crate::workspace;

/// What a step runs, and how its result is counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// A check that holds or not: counts as one.
    Check,
    /// `cargo test`: counts its tests.
    Tests,
}

/// One step.
pub struct Step {
    pub name: &'static str,
    /// What a green result means.
    pub proves: &'static str,
    pub kind: Kind,
    pub env: &'static [(&'static str, &'static str)],
    /// The command line; `cargo xtask` means this very program.
    pub words: &'static [&'static str],
    /// The step is reported as not run when this tool is missing.
    pub tool: Option<&'static str>,
}

/// `cfg(loom)` changes every crate that knows it, so its build lives apart from the normal one.
pub const LOOM_ENV: &[(&str, &str)] = &[
    // The seeded bugs are in the same build, unarmed: the suite shows that each model can fail.
    ("RUSTFLAGS", "--cfg loom --cfg asupersync_mutants"),
    ("CARGO_TARGET_DIR", "target/loom"),
    ("CARGO_PROFILE_RELEASE_DEBUG_ASSERTIONS", "true"),
    ("LOOM_MAX_PREEMPTIONS", "2"),
];
/// The models, optimised: exploring is what takes the time, not building.
pub const LOOM: &[&str] = &[
    "cargo",
    "test",
    "-p",
    "asupersync-loom-tests",
    "--release",
    "--no-fail-fast",
];

/// The whole suite.
pub const STEPS: &[Step] = &[
    Step {
        name: "fmt",
        proves: "the code is formatted",
        kind: Kind::Check,
        env: &[],
        words: &["cargo", "fmt", "--all", "--check"],
        tool: None,
    },
    Step {
        name: "tidy",
        proves: "source rules, layering and dependency closures hold",
        kind: Kind::Check,
        env: &[],
        words: &["cargo", "xtask", "tidy"],
        tool: None,
    },
    Step {
        name: "matrix",
        proves: "every rule that is due has its tests and its mutant, and the page is up to date",
        kind: Kind::Check,
        env: &[],
        words: &["cargo", "xtask", "matrix", "--check"],
        tool: None,
    },
    Step {
        name: "deny",
        proves: "licences and sources of all dependencies are allowed",
        kind: Kind::Check,
        env: &[],
        words: &["cargo", "deny", "check", "bans", "licenses", "sources"],
        tool: Some("cargo-deny"),
    },
    Step {
        name: "clippy",
        proves: "no lint in any target",
        kind: Kind::Check,
        env: &[],
        words: &[
            "cargo",
            "clippy",
            "--workspace",
            "--all-targets",
            "--features",
            "asupersync-conformance/guests,asupersync-conformance/server",
            "--",
            "-D",
            "warnings",
        ],
        tool: None,
    },
    Step {
        name: "no_std",
        proves: "what promises no_std builds for wasm32 and Cortex-M, by the oldest compiler we support",
        kind: Kind::Check,
        env: &[],
        words: &["cargo", "xtask", "targets"],
        tool: None,
    },
    Step {
        name: "profiles",
        proves: "every profile of a browser build compiles, every illegal combination is refused by name, the table is up to date",
        kind: Kind::Check,
        env: &[],
        words: &["cargo", "xtask", "profiles", "--check"],
        tool: None,
    },
    Step {
        name: "tests",
        proves: "unit tests, laws, the conformance kit on std, in the lab, and as a guest of tokio and embassy",
        kind: Kind::Tests,
        env: &[],
        words: &[
            "cargo",
            "test",
            "--workspace",
            "--exclude",
            "asupersync-loom-tests",
            "--exclude",
            "asupersync-benches",
            "--features",
            "asupersync-conformance/guests,asupersync-conformance/server",
            "--lib",
            "--bins",
            "--tests",
            "--examples",
            "--no-fail-fast",
        ],
        tool: None,
    },
    Step {
        name: "doc",
        proves: "the examples in the documentation run",
        kind: Kind::Tests,
        env: &[],
        words: &[
            "cargo",
            "test",
            "--workspace",
            "--exclude",
            "asupersync-loom-tests",
            "--exclude",
            "asupersync-benches",
            "--features",
            "asupersync-conformance/guests,asupersync-conformance/server",
            "--doc",
            "--no-fail-fast",
        ],
        tool: None,
    },
    Step {
        name: "wasm",
        proves: "the kit passes under node, and wasm32 leaves the golden traces to the byte",
        kind: Kind::Check,
        env: &[],
        words: &["cargo", "xtask", "wasm"],
        tool: None,
    },
    Step {
        name: "browser",
        proves: "the kit passes in Chromium, Firefox and WebKit, window and worker, golden traces to the byte; pages stay responsive",
        kind: Kind::Check,
        env: &[],
        words: &["cargo", "xtask", "browser"],
        tool: None,
    },
    Step {
        name: "packages",
        proves: "the npm packages build, behave, are typed as promised and packed well; the module has the ABI that is written down",
        kind: Kind::Check,
        env: &[],
        words: &["cargo", "xtask", "packages"],
        tool: None,
    },
    Step {
        name: "dashboard",
        proves: "the demo's page follows the real server in three engines: switch, restart, cancel, nothing left on either side",
        kind: Kind::Check,
        env: &[],
        words: &["cargo", "xtask", "demo", "--headless", "--short"],
        tool: None,
    },
    Step {
        name: "bundlers",
        proves: "the packed packages run from esbuild, Vite, webpack and Next, and say so where a policy forbids them",
        kind: Kind::Check,
        env: &[],
        words: &["cargo", "xtask", "packages", "--matrix"],
        tool: None,
    },
    Step {
        name: "qemu",
        proves: "the port passes the kit, takes bad input and leaves the golden traces on Cortex-M3",
        kind: Kind::Check,
        env: &[],
        words: &["cargo", "xtask", "qemu"],
        tool: None,
    },
    Step {
        name: "sizes",
        proves: "what is downloaded or flashed keeps to its gates",
        kind: Kind::Check,
        env: &[],
        words: &["cargo", "xtask", "sizes"],
        tool: None,
    },
    Step {
        name: "loom",
        proves: "the lock-free protocols hold in every interleaving of the models, and the models can fail",
        kind: Kind::Tests,
        env: LOOM_ENV,
        words: LOOM,
        tool: None,
    },
    Step {
        name: "mutants",
        proves: "the kit kills every seeded bug of the kernel, and oracles name theirs",
        kind: Kind::Tests,
        env: &[
            ("RUSTFLAGS", "--cfg asupersync_mutants"),
            ("CARGO_TARGET_DIR", "target/mutants"),
        ],
        words: &[
            "cargo",
            "test",
            "-p",
            "asupersync-conformance",
            "-p",
            "asupersync-sim",
            "--test",
            "mutants",
            "--test",
            "parity",
            "--test",
            "seeded_bugs",
            "--no-fail-fast",
        ],
        tool: None,
    },
    Step {
        name: "seeds",
        proves: "10,000 lab seeds of the scenarios, no oracle fails",
        kind: Kind::Check,
        env: &[],
        words: &[
            "cargo",
            "run",
            "--release",
            "-p",
            "asupersync-conformance",
            "--bin",
            "seeds",
            "--",
            "10000",
        ],
        tool: None,
    },
    Step {
        name: "parity",
        proves: "live runs on one thread and on 1, 2 and 8 workers end as the lab allows",
        kind: Kind::Check,
        env: &[],
        words: &[
            "cargo",
            "run",
            "--release",
            "-p",
            "asupersync-conformance",
            "--bin",
            "parity",
        ],
        tool: None,
    },
    Step {
        name: "soak",
        proves: "a minute of mixed load on threads: every line of the ledger balances, nothing is left or leaked",
        kind: Kind::Check,
        env: &[],
        words: &["cargo", "xtask", "soak", "--seconds", "60"],
        tool: None,
    },
];

impl Step {
    /// The process that runs the step.
    pub fn command(&self) -> Command {
        let mut command = match self.words {
            ["cargo", "xtask", args @ ..] => {
                let mut command = match std::env::current_exe() {
                    Ok(this) => Command::new(this),
                    Err(_) => tools::command(&["cargo", "xtask"]),
                };
                command.args(args);
                command
            }
            words => tools::command(words),
        };
        command
            .current_dir(workspace::root())
            .envs(self.env.iter().copied());
        command
    }

    /// The command line as a user would type it in the root folder.
    pub fn line(&self) -> String {
        let mut line = String::new();
        for (name, value) in self.env {
            line.push_str(&format!("{name}='{value}' "));
        }
        line + &self.words.join(" ")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_unique_and_tools_exist() {
        for (index, step) in STEPS.iter().enumerate() {
            assert!(STEPS[..index].iter().all(|other| other.name != step.name));
            assert!(step.tool.is_none_or(|name| tools::named(name).is_some()));
        }
    }
}
