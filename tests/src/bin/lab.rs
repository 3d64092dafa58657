//! `lab`: the command line of the lab over the conformance kit: run, replay, show and export scenarios.

use std::process::ExitCode;

use asupersync_conformance::hosts::lab::run_in;
use asupersync_conformance::{Need, Scenario, scenarios};
use asupersync_sim::cli::{self, Program};
use asupersync_sim::{Lab, LabReport};

fn main() -> ExitCode {
    let programs: Vec<Program> = scenarios::catalogue()
        .iter()
        .map(|scenario| Program {
            name: scenario.name,
            about: about(scenario),
            run,
        })
        .collect();
    cli::main(&programs)
}

fn about(scenario: &Scenario) -> &'static str {
    if scenario.needs.contains(&Need::Lanes) {
        "a scenario of the conformance kit; needs --strategy lanes"
    } else {
        "a scenario of the conformance kit"
    }
}

/// Runs the scenario that the lab is named after.
fn run(lab: Lab) -> LabReport {
    let named = scenarios::catalogue()
        .into_iter()
        .find(|scenario| scenario.name == lab.name());
    match named {
        Some(scenario) => run_in(lab, &scenario),
        None => lab.run(async |_| Err(asupersync_core::Error::from(std::fmt::Error))),
    }
}
