//! `cargo xtask qemu`: the firmware on emulated Cortex-M3 boards, one program after the other.
//!
//! Owns which program runs on which board, and how it has to end. A program says by its exit code whether it
//! passed; one that waits for ever is stopped.

use std::io::Read;
use std::path::Path;
use std::process::{Child, Command, ExitCode, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use wait_timeout::ChildExt;

use crate::setup;
use crate::sizes;
use crate::targets::{self, ARM, Build};
use crate::tools::Need;

/// The longest program takes a minute here.
const LIMIT: Duration = Duration::from_secs(600);

const FIRMWARE: &str = "platform-cortex-m/firmware";
/// 256 KiB of flash, 64 KiB of RAM.
const SMALL: &str = "lm3s6965evb";
/// 4 MiB of both: what does not fit the small one.
const LARGE: &str = "mps2-an385";

/// A firmware image, and the board that it is for.
pub struct Program {
    name: &'static str,
    board: &'static str,
    pub build: Build,
    ends: Ends,
}

/// How a program has to end.
enum Ends {
    /// With success.
    Well,
    /// With failure, and these words.
    Saying(&'static str),
}

/// A program for the small board, with the features that it needs.
macro_rules! small {
    ($name:literal, $features:literal, $ends:expr) => {
        Program {
            name: $name,
            board: SMALL,
            build: Build {
                folder: FIRMWARE,
                args: &["--release", "--bin", $name, "--features", $features],
                target: ARM,
                file: concat!("release/", $name),
            },
            ends: $ends,
        }
    };
}

/// A program for the large board.
macro_rules! large {
    ($name:literal) => {
        Program {
            name: $name,
            board: LARGE,
            build: Build {
                folder: FIRMWARE,
                args: &[
                    "--profile",
                    "large",
                    "--bin",
                    $name,
                    "--features",
                    "kit,mps2-an385",
                ],
                target: ARM,
                file: concat!("large/", $name),
            },
            ends: Ends::Well,
        }
    };
}

/// A cut of the demo, on the port.
pub const DEMO: Program = large!("demo");
/// The example of the size bar.
pub const SIZE: Program = small!("size", "", Ends::Well);

const PROGRAMS: &[Program] = &[
    Program {
        name: "min-platform",
        board: SMALL,
        build: Build {
            folder: "examples/min-platform",
            args: &["--release"],
            target: ARM,
            file: "release/min-platform",
        },
        ends: Ends::Well,
    },
    SIZE,
    small!("bad_input", "", Ends::Well),
    large!("bad_input"),
    small!("logging", "defmt", Ends::Well),
    small!("overflow", "", Ends::Saying("stack overflow")),
    small!("kit", "kit", Ends::Well),
    large!("kit"),
    large!("golden"),
];

#[derive(clap::Args)]
pub struct Args {
    /// Run only these programs
    only: Vec<String>,
    /// Print all that they say
    #[arg(long)]
    verbose: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    setup::ensure(Need::Demo)?;
    let chosen = PROGRAMS.iter().filter(|program| {
        args.only.is_empty() || args.only.iter().any(|name| name == program.name)
    });
    let mut count = 0;
    for program in chosen {
        let image = targets::build(&program.build)?;
        let said = program.run(&image)?;
        let bytes = sizes::sections(&std::fs::read(&image)?)?;
        println!(
            "{} on {}: {}",
            program.name,
            program.board,
            sizes::listed(&bytes)
        );
        // What begins with its name are a program's sums.
        let is_shown = |line: &&str| args.verbose || line.starts_with(program.name);
        for line in said.lines().filter(is_shown) {
            println!("  {line}");
        }
        count += 1;
    }
    if count == 0 {
        let names: Vec<_> = PROGRAMS.iter().map(|program| program.name).collect();
        bail!("no such program; there are {}", names.join(", "));
    }
    println!("{count} programs passed in QEMU");
    Ok(ExitCode::SUCCESS)
}

impl Program {
    /// The emulator with this image, not started.
    pub fn emulator(&self, image: &Path) -> Command {
        let mut qemu = Command::new("qemu-system-arm");
        qemu.args(["-M", self.board, "-nographic", "-monitor", "none"])
            .args(["-serial", "none"])
            .args(["-semihosting-config", "enable=on,target=native"])
            // Time is a function of the instructions, 32 ns each: two runs print the same bytes.
            .args(["-icount", "shift=5,sleep=off"])
            .arg("-kernel")
            .arg(image)
            .stdin(Stdio::null());
        qemu
    }

    /// Runs the image to its end and says what it said.
    fn run(&self, image: &Path) -> Result<String> {
        let mut child = self
            .emulator(image)
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .context("cannot start qemu-system-arm")?;
        let outputs = [read(child.stdout.take()), read(child.stderr.take())];
        let status = child.wait_timeout(LIMIT)?;
        if status.is_none() {
            stop(&mut child);
        }
        let said: Vec<String> = outputs
            .into_iter()
            .filter_map(|reader| reader.join().ok())
            .collect();
        let said = said.concat();
        let is_right = match (&self.ends, status) {
            (_, None) => bail!(
                "{} on {} did not end within {} s: a wake was lost?\n{said}",
                self.name,
                self.board,
                LIMIT.as_secs()
            ),
            (Ends::Well, Some(status)) => status.success(),
            (Ends::Saying(words), Some(status)) => !status.success() && said.contains(words),
        };
        if !is_right {
            bail!("{} failed on {}:\n{said}", self.name, self.board);
        }
        Ok(said)
    }
}

/// Reads a pipe to its end in a thread of its own.
fn read(pipe: Option<impl Read + Send + 'static>) -> thread::JoinHandle<String> {
    thread::spawn(move || {
        let mut bytes = Vec::new();
        if let Some(mut pipe) = pipe {
            // What was read before an error is worth showing.
            let _ = pipe.read_to_end(&mut bytes);
        }
        String::from_utf8_lossy(&bytes).into_owned()
    })
}

fn stop(child: &mut Child) {
    // It may just have ended by itself.
    let _ = child.kill();
    let _ = child.wait();
}

#[cfg(test)]
mod tests {
    use crate::workspace;

    /// The promise of `docs/porting.md`: what a porter writes is small. The file is all that is counted.
    #[test]
    fn the_port_to_copy_has_at_most_120_lines() {
        let port = workspace::root().join("examples/min-platform/src/port.rs");
        let text = std::fs::read_to_string(port).expect("the example is there");
        assert!(
            text.lines().count() <= 120,
            "{} lines",
            text.lines().count()
        );
    }
}
