//! The conformance kit and the golden traces as a wasm module: plain exports and imports, no binding.
//!
//! Owns the suites for the host: the kit on the local executor with virtual time, the kit on the host's own event loop in
//! virtual and in real time, the golden traces, and their negative controls. The host (`suites.mjs`, under node or in a browser) runs
//! them case by case, since a panic ends the instance, and counts. Empty on other targets.

#![cfg(target_arch = "wasm32")]

mod event_loop;
#[path = "../export.rs"]
mod export;
mod page;

use asupersync_conformance::demo::column::Column;
use asupersync_conformance::demo::lab::in_lab;
use asupersync_conformance::demo::run::Input;
use asupersync_conformance::golden::{self, Control};
use asupersync_conformance::hosts::LocalHarness;
use asupersync_conformance::{Harness, Need, Scenario, run_all, scenarios};
use export::export;
use page::Clock;

// SAFETY: the host's `print` has this signature, and reads the memory only during the call.
#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Shows lines to a person.
    safe fn print(text: *const u8, len: usize);
    /// A case that was started has ended.
    safe fn ended(verdict: u32);
}

fn say(text: &str) {
    print(text.as_ptr(), text.len());
}

/// The records of the demo.
const ORDERS: &str = include_str!("../../../data/flights-airport.csv");

const PASSED: u32 = 0;
const FAILED: u32 = 1;
const SKIPPED: u32 = 2;
const STARTED: u32 = 3;

/// Shows a result; gives its number.
fn judge(result: Result<String, String>) -> u32 {
    match result {
        Ok(what) => {
            say(&format!("ok      {what}"));
            PASSED
        }
        Err(wrong) => {
            say(&format!("FAILED  {wrong}"));
            FAILED
        }
    }
}

/// Whether a scenario can run where this is offered; shows what it needs, if not.
fn runs(scenario: &Scenario, offers: impl Fn(Need) -> bool) -> bool {
    let can = scenario.needs.iter().all(|need| offers(*need));
    if !can {
        say(&format!(
            "skipped {}, which needs {:?}",
            scenario.name, scenario.needs
        ));
    }
    can
}

fn on_the_page(index: u32, clock: Clock) -> u32 {
    let scenario = scenarios::catalogue()[index as usize];
    if !runs(&scenario, |need| page::offers(need, clock)) {
        return SKIPPED;
    }
    page::start(scenario, clock, move |wrong| {
        ended(verdict(&scenario, wrong))
    });
    STARTED
}

/// Shows how a scenario went; gives its number.
fn verdict(scenario: &Scenario, wrong: Vec<String>) -> u32 {
    judge(match wrong.is_empty() {
        true => Ok(scenario.name.into()),
        false => Err(format!("{}: {}", scenario.name, wrong.join("; "))),
    })
}

/// Shows what was asked for, or why it cannot be.
fn answer(result: Result<String, String>) -> u32 {
    match result {
        Ok(text) => {
            say(&text);
            PASSED
        }
        Err(wrong) => judge(Err(wrong)),
    }
}

fn nth(mut scenarios: impl Iterator<Item = Scenario>, index: u32) -> Scenario {
    let found = scenarios.nth(index as usize);
    found.expect("the host counts before it asks")
}

export! {
    /// Makes panics visible. Called once, before everything else.
    fn prepare() {
        std::panic::set_hook(Box::new(|info| say(&format!("PANIC   {info}"))));
    }

    /// How many scenarios the kit has.
    fn kit_count() -> u32 {
        scenarios::catalogue().len() as u32
    }

    /// Runs one scenario of the kit on the local executor.
    fn kit_run(index: u32) -> u32 {
        let scenario = scenarios::catalogue()[index as usize];
        let mut harness = LocalHarness::default();
        if !runs(&scenario, |need| harness.offers(need)) {
            return SKIPPED;
        }
        let failed = run_all(&mut harness, &[scenario]).failed;
        verdict(&scenario, failed.into_iter().flat_map(|(_, wrong)| wrong).collect())
    }

    /// Starts one scenario of the kit on the host's event loop. 3: `ended` tells how it went.
    fn page_start(index: u32) -> u32 {
        on_the_page(index, Clock::Real)
    }

    /// The same, where the host's clock is virtual.
    fn page_start_virtual(index: u32) -> u32 {
        on_the_page(index, Clock::Virtual)
    }

    /// How many scenarios have golden traces.
    fn golden_count() -> u32 {
        golden::common_set().count() as u32
    }

    /// Compares the traces of one scenario with its golden line.
    fn golden_run(index: u32) -> u32 {
        judge(golden::check(&nth(golden::common_set(), index)))
    }

    /// How many negative controls there are.
    fn control_count() -> u32 {
        Control::ALL.len() as u32
    }

    /// Runs one negative control.
    fn control_run(index: u32) -> u32 {
        let control = Control::ALL[index as usize];
        let name = |what| format!("{}: {what}", control.name());
        judge(control.check().map(name).map_err(name))
    }

    /// Runs the demo in the lab, seeds 0 to `seeds`, and shows its column as a line of JSON.
    fn demo(seeds: u64, records: u32) -> u32 {
        let column = Input::parse(ORDERS).map_err(|error| error.to_string()).and_then(|input| {
            let runs: Vec<_> = (0..seeds).map(|seed| in_lab(&input, seed, records)).collect();
            let column = Column::new("wasm32 in node, the lab", &runs);
            column.to_line().map_err(|error| error.to_string())
        });
        answer(column)
    }

    /// How many scenarios have a line, controls among them.
    fn line_count() -> u32 {
        golden::with_lines().count() as u32
    }

    /// Shows the name of a scenario that has a line.
    fn line_name(index: u32) {
        say(nth(golden::with_lines(), index).name);
    }

    /// Shows the line of one seed of a scenario.
    fn line_seed(index: u32, seed: u64) -> u32 {
        let line = golden::line(&nth(golden::with_lines(), index), seed..seed + 1);
        answer(line.map(|line| format!("seed {seed:>3}  {line}")))
    }

    /// Shows the trace of one seed of a scenario as JSON lines.
    fn line_dump(index: u32, seed: u64) -> u32 {
        let dump = golden::dump(&nth(golden::with_lines(), index), seed);
        answer(dump.map(|lines| lines.trim_end().into()))
    }
}
