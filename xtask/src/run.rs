//! Runs a child process with its output in a log file, a sign of life on the terminal, and test counts.

use std::fs::File;
use std::io::{BufRead, BufReader, Read, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use indicatif::{ProgressBar, ProgressStyle};

/// How often a run without a terminal says that it is alive.
const HEARTBEAT: Duration = Duration::from_secs(30);
/// How often the terminal line is redrawn.
const REDRAW: Duration = Duration::from_millis(200);

/// What `cargo test` reported.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub struct Counts {
    pub passed: u64,
    pub failed: u64,
    pub ignored: u64,
}

impl Counts {
    /// Adds the numbers of a line like `test result: ok. 3 passed; 0 failed; 1 ignored; ...`.
    fn add_line(&mut self, line: &str) {
        let Some((_, numbers)) = line
            .trim_start()
            .strip_prefix("test result: ")
            .and_then(|rest| rest.split_once(". "))
        else {
            return;
        };
        for part in numbers.split(';') {
            let mut words = part.split_whitespace();
            let Some(Ok(number)) = words.next().map(str::parse::<u64>) else {
                continue;
            };
            match words.next() {
                Some("passed") => self.passed += number,
                Some("failed") => self.failed += number,
                Some("ignored") => self.ignored += number,
                _ => {}
            }
        }
    }
}

/// How a child process ended.
pub struct Report {
    pub success: bool,
    pub elapsed: Duration,
    pub counts: Counts,
}

/// Runs `command` to its end, writing both its streams to `log`.
pub fn logged(label: &str, command: &mut Command, log: &Path) -> Result<Report> {
    if let Some(folder) = log.parent() {
        std::fs::create_dir_all(folder)?;
    }
    let mut log_file =
        File::create(log).with_context(|| format!("cannot write {}", log.display()))?;
    let start = Instant::now();
    let mut child = command
        .stdin(Stdio::null())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .with_context(|| format!("cannot start {:?}", command.get_program()))?;

    let (sender, lines) = mpsc::channel();
    let readers = [
        child.stdout.take().map(|pipe| read(pipe, sender.clone())),
        child.stderr.take().map(|pipe| read(pipe, sender.clone())),
    ];
    // The channel must close when both readers end, so no sender may stay here.
    drop(sender);

    let progress = Progress::new(label);
    let mut counts = Counts::default();
    let mut heartbeat = start;
    loop {
        match lines.recv_timeout(REDRAW) {
            Ok(line) => {
                writeln!(log_file, "{line}")?;
                counts.add_line(&line);
                progress.show(&line);
            }
            Err(RecvTimeoutError::Timeout) => {}
            Err(RecvTimeoutError::Disconnected) => break,
        }
        if heartbeat.elapsed() >= HEARTBEAT {
            heartbeat = Instant::now();
            progress.heartbeat(start.elapsed());
        }
    }
    for reader in readers.into_iter().flatten() {
        // A reader ends with its pipe; it has nothing to report.
        let _ = reader.join();
    }
    let status = child.wait()?;
    progress.clear();
    Ok(Report {
        success: status.success(),
        elapsed: start.elapsed(),
        counts,
    })
}

/// Reads a pipe line by line in a thread of its own, so that neither stream can fill up and block the child.
fn read(pipe: impl Read + Send + 'static, lines: Sender<String>) -> thread::JoinHandle<()> {
    thread::spawn(move || {
        for line in BufReader::new(pipe).split(b'\n') {
            let Ok(line) = line else { return };
            let line = String::from_utf8_lossy(&line).trim_end().to_owned();
            if lines.send(line).is_err() {
                return;
            }
        }
    })
}

/// A spinner with the last line on a terminal; elsewhere a line now and then.
struct Progress {
    bar: ProgressBar,
    label: String,
}

impl Progress {
    fn new(label: &str) -> Self {
        let bar = ProgressBar::new_spinner();
        let style = ProgressStyle::with_template("{spinner} {prefix} {elapsed} {wide_msg}");
        bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_spinner()));
        bar.set_prefix(label.to_owned());
        bar.enable_steady_tick(REDRAW);
        Self {
            bar,
            label: label.to_owned(),
        }
    }

    fn show(&self, line: &str) {
        let line = line.trim();
        if !line.is_empty() {
            self.bar.set_message(line.to_owned());
        }
    }

    fn heartbeat(&self, elapsed: Duration) {
        if self.bar.is_hidden() {
            let last = self.bar.message();
            println!(
                "      {} runs for {} s: {last}",
                self.label,
                elapsed.as_secs()
            );
        }
    }

    fn clear(&self) {
        self.bar.finish_and_clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counts_add_up_over_test_binaries() {
        let mut counts = Counts::default();
        counts.add_line("running 4 tests");
        counts.add_line(
            "test result: ok. 3 passed; 0 failed; 1 ignored; 0 measured; 0 filtered out; finished in 0.01s",
        );
        counts.add_line(
            "test result: FAILED. 1 passed; 2 failed; 0 ignored; 0 measured; 5 filtered out",
        );
        let expected = Counts {
            passed: 4,
            failed: 2,
            ignored: 1,
        };
        assert_eq!(counts, expected);
    }

    #[test]
    fn other_lines_count_nothing() {
        let mut counts = Counts::default();
        counts.add_line("test result");
        counts.add_line("12 passed; 3 failed");
        assert_eq!(counts, Counts::default());
    }
}
