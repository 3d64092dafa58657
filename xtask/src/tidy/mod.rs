//! `cargo xtask tidy`: the house rules that no compiler checks.
//!
//! Each submodule holds one family of rules; the exceptions are tables with a reason per entry, beside the
//! rule. An exception that no longer excepts anything is a finding too, so the tables cannot rot.

mod closures;
mod layers;
mod manifests;
mod source;
mod tokens;
mod unsafe_code;

use std::fmt;
use std::process::ExitCode;

use anyhow::Result;

use crate::workspace::{self, File};

/// A place where a rule does not hold.
#[derive(Debug, PartialEq, Eq)]
pub struct Finding {
    path: String,
    /// 1-based; 0 when the whole file is meant.
    line: usize,
    message: String,
}

impl Finding {
    fn new(path: &str, line: usize, message: impl Into<String>) -> Self {
        Self {
            path: path.to_owned(),
            line,
            message: message.into(),
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => write!(f, "{}: {}", self.path, self.message),
            line => write!(f, "{}:{line}: {}", self.path, self.message),
        }
    }
}

/// A path, or the start of one, that a rule does not apply to, and why.
type Exception = (&'static str, &'static str);

/// The exception that covers this path.
fn exception(table: &'static [Exception], path: &str) -> Option<&'static Exception> {
    table.iter().find(|(start, _)| path.starts_with(start))
}

pub fn run() -> Result<ExitCode> {
    let rust = workspace::files(".rs")?;
    let manifests = workspace::files("Cargo.toml")?;
    let mut findings = Vec::new();
    for file in &rust {
        source::check(file, &mut findings);
        unsafe_code::check(file, &mut findings);
    }
    check_exceptions(&rust, &mut findings);
    for file in &manifests {
        manifests::check(file, &mut findings);
    }
    // A workspace that does not load is one more finding: it must not hide the others.
    for result in [layers::check(&mut findings), closures::check(&mut findings)] {
        if let Err(error) = result {
            findings.push(Finding::new("workspace", 0, format!("{error:#}")));
        }
    }

    for finding in &findings {
        println!("{finding}");
    }
    if findings.is_empty() {
        println!(
            "tidy: {} Rust files and {} manifests are in order",
            rust.len(),
            manifests.len()
        );
        return Ok(ExitCode::SUCCESS);
    }
    println!("tidy: {} findings", findings.len());
    Ok(ExitCode::FAILURE)
}

/// Every exception must still name a file.
fn check_exceptions(files: &[File], findings: &mut Vec<Finding>) {
    let tables = [source::EXCEPTIONS, &[unsafe_code::ALLOWED]].concat();
    for (start, _) in tables.into_iter().flatten() {
        if !files.iter().any(|file| file.path.starts_with(start)) {
            findings.push(Finding::new(
                start,
                0,
                "no file is here: remove the exception from xtask/src/tidy",
            ));
        }
    }
}
