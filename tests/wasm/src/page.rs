//! The kit on the event loop of the host: the platform that ships, in real time or in the host's virtual time.
//!
//! Owns the harness of a platform that cannot block: a scenario is started, and the host is told when it has ended. So
//! it is no `Harness`, but it starts and judges as one.

use std::cell::RefCell;
use std::rc::Rc;

use asupersync_browser::{Options, Runtime};
use asupersync_conformance::{Need, Probe, Record, Scenario, check};
use asupersync_core::{Error, LocalRegion, Stats};

/// What the host's clock does while tasks run.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Clock {
    /// It runs on.
    Real,
    /// It stands, and jumps to the next timer when nothing is runnable.
    Virtual,
}

/// Whether a page has what a scenario needs: one thread, the local executor, panics that unwind or abort.
pub fn offers(need: Need, clock: Clock) -> bool {
    match need {
        Need::Lanes => true,
        Need::VirtualTime => clock == Clock::Virtual,
        Need::Unwind => cfg!(panic = "unwind"),
        Need::Threads | Need::Io => false,
    }
}

/// Runs a scenario in a fresh runtime, shuts that down, and calls `then` with what is wrong.
pub fn start(scenario: Scenario, clock: Clock, then: impl FnOnce(Vec<String>) + 'static) {
    let setup = match clock {
        Clock::Real => scenario.setup().in_real_time(),
        Clock::Virtual => scenario.setup(),
    };
    let runtime = Runtime::with_options(Options {
        capacity: setup.capacity,
        config: setup.config,
        ..Options::default()
    });
    let probe = Probe::new();
    if let Some(spawn) = setup.root {
        spawn(&runtime.spawner(), &probe);
    }
    let handle = Rc::new(RefCell::new(None));
    let (inside, owner) = (probe.clone(), Rc::clone(&handle));
    let body = async move |region: &LocalRegion| (scenario.body)(region, &inside).await;
    runtime.start(body, move |result: Result<(), Error>| {
        let result = result.map_err(|error| error.to_string());
        let runtime: Runtime = owner.take().expect("it is there while it runs");
        runtime.shut_down(move |stats: Stats| {
            let record = Record {
                result,
                stats,
                closed: true,
                violations: Vec::new(),
            };
            then(check(&scenario, &record, &probe));
        });
    });
    *handle.borrow_mut() = Some(runtime);
}
