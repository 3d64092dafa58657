//! What a build may never contain, asked of `cargo tree` for the target and features in question.

use anyhow::{Context, Result, bail};

use super::Finding;
use crate::tools;

/// Crates that need a host: absent wherever there is none.
const HOST_CRATES: &[&str] = &[
    "tokio",
    "libc",
    "nix",
    "errno",
    "signal-hook",
    "socket2",
    "polling",
    "tempfile",
];

/// One build and what it may not contain.
struct Closure {
    name: &'static str,
    /// Package, features and target, as `cargo tree` takes them.
    args: &'static [&'static str],
    banned: &'static [&'static str],
}

const CLOSURES: &[Closure] = &[
    Closure {
        name: "core on bare metal",
        args: &[
            "-p",
            "asupersync-core",
            "--no-default-features",
            "--features",
            "critical-section",
            "--target",
            "thumbv7m-none-eabi",
        ],
        banned: HOST_CRATES,
    },
    Closure {
        name: "core in the browser",
        args: &[
            "-p",
            "asupersync-core",
            "--target",
            "wasm32-unknown-unknown",
        ],
        banned: HOST_CRATES,
    },
    Closure {
        name: "the network types on bare metal",
        args: &[
            "-p",
            "asupersync-io",
            "--no-default-features",
            "--target",
            "thumbv7m-none-eabi",
        ],
        banned: HOST_CRATES,
    },
    Closure {
        name: "the network types in the browser",
        args: &[
            "-p",
            "asupersync-io",
            "--no-default-features",
            "--target",
            "wasm32-unknown-unknown",
        ],
        banned: HOST_CRATES,
    },
    Closure {
        name: "the local executor on bare metal",
        args: &[
            "-p",
            "asupersync-local",
            "--no-default-features",
            "--target",
            "thumbv7m-none-eabi",
        ],
        banned: HOST_CRATES,
    },
    Closure {
        name: "the local executor in the browser",
        args: &[
            "-p",
            "asupersync-local",
            "--target",
            "wasm32-unknown-unknown",
        ],
        banned: HOST_CRATES,
    },
    Closure {
        name: "the browser platform",
        args: &[
            "-p",
            "asupersync-browser",
            "--target",
            "wasm32-unknown-unknown",
        ],
        banned: &["tokio", "libc", "wasm-bindgen", "js-sys", "web-sys"],
    },
    Closure {
        name: "the facade in the browser",
        args: &[
            "-p",
            "asupersync",
            "--no-default-features",
            "--features",
            "wasm-browser-prod,browser-trace",
            "--target",
            "wasm32-unknown-unknown",
        ],
        banned: &["tokio", "libc", "wasm-bindgen", "js-sys", "web-sys"],
    },
    Closure {
        name: "the guest on bare metal",
        args: &[
            "-p",
            "asupersync-embassy",
            "--no-default-features",
            "--features",
            "embassy-time",
            "--target",
            "thumbv7m-none-eabi",
        ],
        banned: HOST_CRATES,
    },
    Closure {
        name: "the facade with its default features",
        args: &["-p", "asupersync"],
        banned: &["tokio"],
    },
    Closure {
        // hyper uses tokio's channels; the system calls of its reactor come with mio.
        name: "the HTTP bridge",
        args: &["-p", "asupersync-hyper"],
        banned: &["mio", "tokio-macros"],
    },
    Closure {
        name: "the TLS bridge",
        args: &["-p", "asupersync-rustls"],
        banned: &["tokio", "aws-lc-sys"],
    },
    Closure {
        name: "the WebSocket bridge",
        args: &["-p", "asupersync-websocket"],
        banned: &["mio", "tokio-macros", "async-std"],
    },
];

pub fn check(findings: &mut Vec<Finding>) -> Result<()> {
    for closure in CLOSURES {
        for name in packages(closure)? {
            if closure.banned.contains(&name.as_str()) {
                let repeat = format!(
                    "cargo tree --edges normal {} -i {name}",
                    closure.args.join(" ")
                );
                findings.push(Finding::new(
                    closure.name,
                    0,
                    format!("contains {name}; who brings it: {repeat}"),
                ));
            }
        }
    }
    Ok(())
}

/// The names of all packages in a closure.
fn packages(closure: &Closure) -> Result<Vec<String>> {
    let mut words = vec![
        "cargo", "tree", "--edges", "normal", "--prefix", "none", "--format", "{p}",
    ];
    words.extend(closure.args);
    let output = tools::command(&words)
        .output()
        .context("cannot start cargo tree")?;
    if !output.status.success() {
        bail!(
            "`{}` failed:\n{}",
            words.join(" "),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    let text = String::from_utf8_lossy(&output.stdout);
    let names = text.lines().filter_map(|line| line.split(' ').next());
    Ok(names.map(str::to_owned).collect())
}
