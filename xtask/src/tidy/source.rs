//! Rules about single source files: heading, length, words that may not stay, std in core, ambient time.

use super::tokens::{self, Placed, Token};
use super::{Exception, Finding, exception};
use crate::workspace::File;

/// Past this a file usually holds two roles.
const LINES_MAX: usize = 700;

/// Longer files, each one protocol.
const LONG: &[Exception] = &[];

/// Where the host's clock may be read.
const CLOCKS: &[Exception] = &[
    (
        "tests/src/bin/seeds.rs",
        "shows a person how fast the sweep goes; no decision depends on it",
    ),
    (
        "tests/src/bin/soak/host.rs",
        "how long the load lasts, and its rates; what is checked are counts",
    ),
    (
        "tests/src/bin/parity.rs",
        "shows a person how long the comparison took; no decision depends on it",
    ),
    (
        "tests/src/bin/server/market.rs",
        "quotes are numbered by the time of day, so that a server started again goes on where the one before would be",
    ),
    (
        "tests/src/hosts/guest.rs",
        "tokio's clock, which a run on virtual time stops",
    ),
    (
        "executors/embassy/tests/tokio.rs",
        "tokio's clock, as a host in tokio lends it",
    ),
];

/// Where a thread may sleep.
const SLEEPERS: &[Exception] = &[];

/// All tables of this module.
pub const EXCEPTIONS: &[&[Exception]] = &[LONG, CLOCKS, SLEEPERS];

/// Libraries that take time from their platform.
const CLOCKLESS: &[&str] = &[
    "core-nostd/",
    "executors/",
    "platform-",
    "src/",
    "tests/src/",
];
/// The one file per platform crate that asks the host for the time.
const CLOCK_FILE: &str = "/src/clock.rs";

/// Words that mark unfinished work; written in halves so that this file does not hold them.
const MARKS: &[&str] = &[
    concat!("FIX", "ME"),
    concat!("XX", "X"),
    concat!("TO", "DO"),
];
/// Macros that mark unfinished work.
const MACROS: &[&str] = &["dbg", "todo", "unimplemented"];

pub fn check(file: &File, findings: &mut Vec<Finding>) {
    let mut find = |line, message: String| findings.push(Finding::new(&file.path, line, message));
    if !file.text.starts_with("//!") && !file.text.starts_with("#!") {
        find(1, "starts without `//!`: say what the file owns".into());
    }
    let lines = file.text.lines().count();
    if lines > LINES_MAX && exception(LONG, &file.path).is_none() {
        find(
            0,
            format!(
                "has {lines} lines, more than {LINES_MAX}: two roles? If not, say why in xtask/src/tidy/source.rs"
            ),
        );
    }
    for (index, line) in file.text.lines().enumerate() {
        for mark in MARKS {
            if words(line).any(|word| word == *mark) {
                find(index + 1, format!("{mark}: finish it, or open an issue"));
            }
        }
    }

    let tokens = match tokens::of(&file.text) {
        Ok(tokens) => tokens,
        Err(message) => return find(0, message),
    };
    for (at, (token, line)) in tokens.iter().enumerate() {
        let Token::Ident(ident) = token else { continue };
        if MACROS.contains(&ident.as_str()) && tokens::spells(&tokens, at + 1, &["!"]) {
            find(*line, format!("{ident}! may not stay"));
        }
        if is_clock_read(&tokens, at) && !may_read_clock(&file.path) {
            find(
                *line,
                "reads the host's clock: only src/clock.rs of a platform crate may".into(),
            );
        }
        if tokens::spells(&tokens, at, &["thread", ":", ":", "sleep"])
            && exception(SLEEPERS, &file.path).is_none()
        {
            find(
                *line,
                "sleeps on real time: wait for an event, or say why in xtask/src/tidy/source.rs"
                    .into(),
            );
        }
    }
    if file.path.starts_with("core-nostd/src/") && !file.path.ends_with("/tests.rs") {
        for line in uses_of_std(&tokens) {
            find(
                line,
                "names `std`: core knows only core and alloc outside of cfg'd items".into(),
            );
        }
    }
}

fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(|c: char| !c.is_alphanumeric() && c != '_')
}

fn is_clock_read(tokens: &[Placed], at: usize) -> bool {
    ["Instant", "SystemTime"]
        .iter()
        .any(|clock| tokens::spells(tokens, at, &[clock, ":", ":", "now"]))
}

fn may_read_clock(path: &str) -> bool {
    let is_clockless = CLOCKLESS.iter().any(|start| path.starts_with(start));
    !is_clockless || path.ends_with(CLOCK_FILE) || exception(CLOCKS, path).is_some()
}

/// The lines of `std::` and `extern crate std` that no cfg switches off.
fn uses_of_std(tokens: &[Placed]) -> Vec<usize> {
    let kept = tokens::unconditional(tokens);
    (0..kept.len())
        .filter(|&at| {
            tokens::spells(&kept, at, &["std", ":", ":"])
                || tokens::spells(&kept, at, &["crate", "std"])
                || tokens::spells(&kept, at, &["use", "std", ";"])
        })
        .map(|at| kept[at].1)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn messages(path: &str, text: &str) -> Vec<String> {
        let mut findings = Vec::new();
        let file = File {
            path: path.into(),
            text: text.into(),
        };
        check(&file, &mut findings);
        findings.iter().map(ToString::to_string).collect()
    }

    #[test]
    fn a_plain_file_passes() {
        assert!(
            messages(
                "core-nostd/src/a.rs",
                "//! A.\n/// Like `std::vec`.\nuse core::fmt;\n"
            )
            .is_empty()
        );
    }

    #[test]
    fn each_rule_finds_its_fault() {
        let faults = [
            (
                "core-nostd/src/a.rs",
                "use core::fmt;".to_owned(),
                "starts without",
            ),
            (
                "core-nostd/src/a.rs",
                format!("//! A.\n// {}: later\n", MARKS[0]),
                "a.rs:2: ",
            ),
            (
                "tests/src/a.rs",
                "//! A.\nfn f() { dbg!(1); }".into(),
                "dbg!",
            ),
            (
                "core-nostd/src/a.rs",
                "//! A.\nuse std::vec;".into(),
                "names `std`",
            ),
            (
                "platform-std/src/a.rs",
                "//! A.\nfn f() { Instant::now(); }".into(),
                "clock",
            ),
            (
                "tests/tests/a.rs",
                "//! A.\nfn f() { std::thread::sleep(d); }".into(),
                "sleeps",
            ),
            ("src/a.rs", "//! A.\n".repeat(LINES_MAX + 1), "701 lines"),
            ("src/a.rs", "//! A.\nfn f( {}".into(), "does not parse"),
        ];
        for (path, text, expected) in faults {
            let found = messages(path, &text);
            assert_eq!(found.len(), 1, "{found:?}");
            assert!(found[0].contains(expected), "{found:?} lacks {expected}");
        }
    }

    #[test]
    fn std_under_a_cfg_and_the_clock_file_pass() {
        let text = "//! A.\n#[cfg(feature = \"std\")]\nextern crate std;\n";
        assert!(messages("core-nostd/src/a.rs", text).is_empty());
        let text = "//! A.\nfn f() { Instant::now(); }";
        assert!(messages("platform-std/src/clock.rs", text).is_empty());
        assert!(messages("benches/src/main.rs", text).is_empty());
    }
}
