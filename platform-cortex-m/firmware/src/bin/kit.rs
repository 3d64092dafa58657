//! The conformance kit on the port: one line per scenario, then the counts and what was skipped.
//!
//! Two rounds: on the port, whose time is real; and those that need virtual time on the local executor
//! with a clock that jumps. Exits with failure if a scenario failed.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::string::ToString;
use alloc::vec::Vec;
use core::panic::PanicInfo;

use asupersync_conformance::hosts::LocalHarness;
use asupersync_conformance::{Body, Harness, Need, Probe, Record, Scenario, Setup};
use asupersync_conformance::{check, scenarios};
use asupersync_core::{Error, LocalRegion};
use asupersync_cortex_m::{Port, Runtime};
use asupersync_firmware::{board, console, heap, stack};
use cortex_m::Peripherals;
use cortex_m_rt::{entry, exception};
use semihosting::println;

static PORT: Port = Port::new(board::describe(|diagnostic| println!("{diagnostic}")));

#[exception]
fn SysTick() {
    PORT.on_tick();
}

#[panic_handler]
fn on_panic(info: &PanicInfo<'_>) -> ! {
    console::panicked(info)
}

#[entry]
fn main() -> ! {
    heap::init();
    let Some(peripherals) = Peripherals::take() else {
        panic!("the firmware was started twice");
    };
    PORT.start(peripherals.SYST);
    let mut counts = Counts::default();
    for scenario in catalogue() {
        let needs_virtual_time = scenario.needs.contains(&Need::VirtualTime);
        match needs_virtual_time {
            false => run(&mut PortHarness, &scenario, &mut counts),
            true => run(&mut LocalHarness::default(), &scenario, &mut counts),
        }
    }
    println!(
        "kit: {} passed, {} failed, {} skipped; heap peak {}, stack worst {} of {}",
        counts.passed,
        counts.failed,
        counts.skipped.len(),
        heap::peak(),
        stack::worst(),
        stack::size(),
    );
    println!("kit: skipped: {}", counts.skipped.join(" "));
    console::exit(counts.failed == 0)
}

/// All of them, where they fit.
#[cfg(feature = "mps2-an385")]
fn catalogue() -> Vec<Scenario> {
    scenarios::catalogue()
}

/// The sections that fit 256 KiB of flash: one of each part of the kernel.
#[cfg(not(feature = "mps2-an385"))]
fn catalogue() -> Vec<Scenario> {
    [
        scenarios::cancellation::SCENARIOS,
        scenarios::time::SCENARIOS,
        scenarios::channels::SCENARIOS,
    ]
    .concat()
}

/// What became of the scenarios.
#[derive(Default)]
struct Counts {
    passed: usize,
    failed: usize,
    skipped: Vec<&'static str>,
}

fn run(harness: &mut dyn Harness, scenario: &Scenario, counts: &mut Counts) {
    let name = scenario.name;
    if !scenario.needs.iter().all(|need| harness.offers(*need)) {
        println!("skip {name}");
        counts.skipped.push(name);
        return;
    }
    let before = heap::used();
    let probe = Probe::new();
    let record = harness.run(scenario.setup(), scenario.body, &probe);
    let mut wrong = check(scenario, &record, &probe);
    drop((record, probe));
    let kept = heap::used() - before;
    // What a token holds that was forgotten on purpose is lost.
    if kept > 0 && scenario.leaks == 0 {
        wrong.push(alloc::format!("{kept} bytes of heap were never given back"));
    }
    if wrong.is_empty() {
        println!("pass {name}, on {}", harness.name());
        counts.passed += 1;
    } else {
        println!("FAIL {name}, on {}: {}", harness.name(), wrong.join("; "));
        counts.failed += 1;
    }
}

/// The port, with its own clock.
struct PortHarness;

impl Harness for PortHarness {
    fn name(&self) -> &str {
        "the port"
    }

    /// One core, panics end the run, and time passes by itself.
    fn offers(&self, need: Need) -> bool {
        matches!(need, Need::Lanes)
    }

    fn run(&mut self, setup: Setup, body: Body, probe: &Probe) -> Record {
        let mut runtime = Runtime::with_config(&PORT, setup.capacity, setup.config, None);
        if let Some(spawn) = setup.root {
            spawn(&runtime.spawner(), probe);
        }
        let result: Result<(), Error> =
            runtime.block_on(async |region: &LocalRegion| body(region, probe).await);
        Record {
            result: result.map_err(|error| error.to_string()),
            stats: runtime.shut_down(),
            closed: true,
            violations: Vec::new(),
        }
    }
}
