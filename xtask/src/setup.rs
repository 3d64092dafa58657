//! `cargo xtask setup`: says what is missing and why it is needed, then installs it.
//!
//! Quick and silent about what is there, so `demo` and `test` call it each time.

use std::process::ExitCode;

use anyhow::{Result, bail};

use crate::run;
use crate::tools::{self, Need, TOOLS, Tool};
use crate::workspace;

#[derive(clap::Args)]
pub struct Args {
    /// Also install what the suite can do without
    #[arg(long)]
    extra: bool,
    /// Only list the tools and whether they are there
    #[arg(long)]
    list: bool,
}

pub fn run(args: &Args) -> Result<ExitCode> {
    if args.list {
        for tool in TOOLS {
            let state = if tool.is_present() {
                "there"
            } else {
                "missing"
            };
            println!("{state:8} {:12} {}", tool.name, tool.why);
        }
        return Ok(ExitCode::SUCCESS);
    }
    let most = if args.extra { Need::Extra } else { Need::Test };
    if ensure(most)? == 0 {
        println!("setup: nothing is missing");
    }
    Ok(ExitCode::SUCCESS)
}

/// Installs every missing tool up to this need and returns how many there were.
pub fn ensure(most: Need) -> Result<usize> {
    ensure_those(|tool| tool.need <= most)
}

/// Installs one tool, if it is missing.
pub fn ensure_tool(name: &str) -> Result<usize> {
    ensure_those(|tool| tool.name == name)
}

fn ensure_those(is_needed: impl Fn(&Tool) -> bool) -> Result<usize> {
    let missing: Vec<&Tool> = TOOLS
        .iter()
        .filter(|tool| is_needed(tool) && !tool.is_present())
        .collect();
    if missing.is_empty() {
        return Ok(0);
    }
    println!("setup: missing");
    for tool in &missing {
        println!("  {:12} {}", tool.name, tool.why);
        for words in tool.install_commands() {
            println!("  {:12} -> {}", "", words.join(" "));
        }
    }
    for (index, tool) in missing.iter().enumerate() {
        install(
            tool,
            &format!("[{}/{}] {}", index + 1, missing.len(), tool.name),
        )?;
    }
    Ok(missing.len())
}

fn install(tool: &Tool, label: &str) -> Result<()> {
    let log = workspace::root().join("target/xtask/setup.log");
    for words in tool.install_commands() {
        let line = words.join(" ");
        let mut command = tools::command(&words);
        command.current_dir(workspace::root());
        let report = match run::logged(label, &mut command, &log) {
            Ok(report) => report,
            Err(error) => bail!(
                "{error:#}; install {} by hand, then run this again",
                tool.name
            ),
        };
        if !report.success {
            bail!(
                "`{line}` failed, see {}; install {} by hand, then run this again",
                log.display(),
                tool.name
            );
        }
    }
    if !tool.is_present() {
        bail!(
            "{} was installed, but `{}` still fails",
            tool.name,
            tool.check.join(" ")
        );
    }
    println!("{label}: installed");
    Ok(())
}
