//! The tools that the commands call: what each is for, how to find it, how to install it.

use std::process::{Command, Stdio};

use crate::targets;
use crate::workspace;

/// Which command cannot do without a tool.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Need {
    /// Everything that builds.
    Demo,
    /// Only the test suite.
    Test,
    /// Nothing: the suite says so plainly when it is missing. Installed by `setup --extra`.
    Extra,
}

/// How a missing tool is installed.
pub enum Install {
    /// A component of the Rust toolchain.
    Rustup(&'static str),
    /// Packages of Debian and its descendants.
    Apt(&'static [&'static str]),
    /// A binary crate, built from source with its own lock file.
    Cargo(&'static str),
    /// The same with what the registry has: its lock file may name versions that a mirror lacks.
    CargoUnlocked(&'static str),
    /// A script of this repository.
    Script(&'static [&'static str]),
}

/// One tool.
pub struct Tool {
    pub name: &'static str,
    pub why: &'static str,
    pub need: Need,
    /// A command that succeeds exactly if the tool is there.
    pub check: &'static [&'static str],
    pub install: Install,
}

/// All tools, most needed first.
pub const TOOLS: &[Tool] = &[
    Tool {
        name: "C compiler",
        why: "rustc links every program through it",
        need: Need::Demo,
        check: &["cc", "--version"],
        install: Install::Apt(&["gcc", "libc6-dev"]),
    },
    Tool {
        name: "targets",
        why: "std for wasm32 and Cortex-M: the same programs run there",
        need: Need::Demo,
        check: targets::WHICH_TOOLCHAIN,
        install: Install::Script(targets::TOOLCHAIN),
    },
    Tool {
        name: "unwinding",
        why: "std for wasm32 whose panics unwind, by standard exceptions",
        need: Need::Test,
        check: targets::WHICH_UNWIND_TOOLCHAIN,
        install: Install::Script(targets::UNWIND_TOOLCHAIN),
    },
    Tool {
        name: "node",
        why: "runs what is built for wasm32",
        need: Need::Demo,
        check: &["node", "--version"],
        install: Install::Apt(&["nodejs"]),
    },
    Tool {
        name: "npm",
        why: "builds the packages of the browser edition",
        need: Need::Test,
        check: &["npm", "--version"],
        install: Install::Apt(&["npm"]),
    },
    Tool {
        name: "qemu",
        why: "runs what is built for Cortex-M",
        need: Need::Demo,
        check: &["qemu-system-arm", "--version"],
        install: Install::Apt(&["qemu-system-arm"]),
    },
    Tool {
        name: "wrk",
        why: "loads the demo's server",
        need: Need::Demo,
        check: &["sh", "-c", "command -v wrk"],
        install: Install::Apt(&["wrk"]),
    },
    Tool {
        name: "rustfmt",
        why: "the suite checks that the code is formatted",
        need: Need::Test,
        check: &["cargo", "fmt", "--version"],
        install: Install::Rustup("rustfmt"),
    },
    Tool {
        name: "clippy",
        why: "the suite allows no lint",
        need: Need::Test,
        check: &["cargo", "clippy", "--version"],
        install: Install::Rustup("clippy"),
    },
    Tool {
        name: "curl",
        why: "peer of the HTTP bridge",
        need: Need::Test,
        check: &["curl", "--version"],
        install: Install::Apt(&["curl"]),
    },
    Tool {
        name: "nginx",
        why: "peer of the HTTP client",
        need: Need::Test,
        check: &["/usr/sbin/nginx", "-v"],
        install: Install::Apt(&["nginx-light"]),
    },
    Tool {
        name: "h2load",
        why: "peer of the HTTP bridge: many streams on one connection",
        need: Need::Test,
        check: &["h2load", "--version"],
        install: Install::Apt(&["nghttp2-client"]),
    },
    Tool {
        name: "openssl",
        why: "peer of the TLS bridge",
        need: Need::Test,
        check: &["openssl", "version"],
        install: Install::Apt(&["openssl"]),
    },
    Tool {
        name: "websockets",
        why: "peer of the WebSocket bridge, in Python",
        need: Need::Test,
        check: &["/usr/bin/python3", "-c", "import websockets"],
        install: Install::Apt(&["python3-websockets"]),
    },
    Tool {
        name: "chromium",
        why: "one of the three engines that the browser edition is tested in",
        need: Need::Test,
        check: &["sh", "-c", "command -v chromium && chromedriver --version"],
        install: Install::Apt(&["chromium", "chromium-driver"]),
    },
    Tool {
        name: "firefox",
        why: "the second engine",
        need: Need::Test,
        check: &["sh", "-c", "command -v firefox-esr"],
        install: Install::Apt(&["firefox-esr"]),
    },
    Tool {
        name: "geckodriver",
        why: "drives Firefox; Debian has no package of it",
        need: Need::Test,
        check: &["geckodriver", "--version"],
        install: Install::Cargo("geckodriver@0.37.1"),
    },
    Tool {
        name: "webkit",
        why: "the third engine, on a screen of its own",
        need: Need::Test,
        check: &[
            "sh",
            "-c",
            "command -v WebKitWebDriver && command -v xvfb-run && command -v xauth && command -v dbus-run-session",
        ],
        install: Install::Apt(&["webkit2gtk-driver", "xvfb", "xauth", "dbus"]),
    },
    Tool {
        name: "wasm-bindgen",
        why: "binds the peer of the browser bench; nothing that ships needs it",
        need: Need::Extra,
        check: &["sh", "-c", "wasm-bindgen --version | grep -q 0.2.130"],
        install: Install::CargoUnlocked("wasm-bindgen-cli@0.2.130"),
    },
    Tool {
        name: "cargo-deny",
        why: "checks licences and sources of the dependencies; `tidy` covers the hard bans without it",
        need: Need::Extra,
        check: &["cargo", "deny", "--version"],
        install: Install::Cargo("cargo-deny"),
    },
];

impl Tool {
    /// Whether the tool is there.
    pub fn is_present(&self) -> bool {
        command(self.check)
            .current_dir(workspace::root())
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .status()
            .is_ok_and(|status| status.success())
    }

    /// The commands that install it, in order.
    pub fn install_commands(&self) -> Vec<Vec<&'static str>> {
        match self.install {
            Install::Rustup(component) => vec![vec!["rustup", "component", "add", component]],
            Install::Script(words) => vec![words.to_vec()],
            Install::Cargo(name) => vec![vec!["cargo", "install", "--locked", name]],
            Install::CargoUnlocked(name) => vec![vec!["cargo", "install", name]],
            Install::Apt(packages) => {
                let sudo: &[&str] = if is_root() { &[] } else { &["sudo"] };
                let update = [sudo, &["apt-get", "update"]].concat();
                let install = [
                    sudo,
                    &["apt-get", "install", "--yes", "--no-install-recommends"],
                    packages,
                ]
                .concat();
                vec![update, install]
            }
        }
    }
}

/// The tool of this name.
pub fn named(name: &str) -> Option<&'static Tool> {
    TOOLS.iter().find(|tool| tool.name == name)
}

/// A command from words; `cargo` is the one that started us.
pub fn command(words: &[&str]) -> Command {
    let (program, args) = words.split_first().unwrap_or((&"true", &[]));
    let mut command = match *program {
        "cargo" => workspace::cargo(),
        other => Command::new(other),
    };
    command.args(args);
    command
}

fn is_root() -> bool {
    Command::new("id")
        .arg("-u")
        .output()
        .is_ok_and(|output| output.stdout.trim_ascii() == b"0")
}
