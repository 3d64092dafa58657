//! The smallest module that runs on the browser platform: one region, two tasks, cancel; raw imports, no binding. With the
//! features `trace` and `full` the same program in the two larger tiers.
//!
//! Owns a program that really runs (`core-min.mjs` drives it and looks at the result), so that its size says what a
//! user pays for. Empty on other targets.
//!
//! A `Program` that the host passes is the one that `start` gave it, one call at a time.

#![cfg(target_arch = "wasm32")]
#![no_std]

extern crate alloc;

#[path = "../../export.rs"]
mod export;
mod host;
// Last wins: a build with two tiers has two profiles, which the facade refuses.
#[cfg_attr(feature = "minimal", path = "tier/minimal.rs")]
#[cfg_attr(feature = "trace", path = "tier/trace.rs")]
#[cfg_attr(feature = "full", path = "tier/full.rs")]
mod tier;

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use asupersync::browser::{Entry, Options, Runtime, enter};
use asupersync::{
    Cancelled, ChildEnded, Cx, Error, Region, RegionOptions, SpawnError, Task, TaskError, TimeError,
};
use export::export;
use tier::{Tier, tier};

/// How many tasks the runtime admits.
const CAPACITY: usize = 16;

/// A runtime, and the task that holds the region.
pub struct Program {
    runtime: Runtime,
    main: Task<(), Error>,
    counts: Arc<Counts>,
    tier: Tier,
}

#[derive(Default)]
struct Counts {
    ticks: AtomicU32,
    cancelled: AtomicU32,
}

impl Counts {
    /// Passes on how a sleep ended, after a look at it.
    fn note<E>(&self, slept: Result<(), E>) -> Result<(), E> {
        let count = if slept.is_ok() {
            &self.ticks
        } else {
            &self.cancelled
        };
        count.fetch_add(1, Ordering::Relaxed);
        slept
    }
}

/// Why a task of this program ends early. An error of its own, since whoever boxes errors for people to read pays for
/// the formatting of all of them.
enum Stop {
    Asked(Cancelled),
    Refused,
}

impl From<Cancelled> for Stop {
    fn from(token: Cancelled) -> Self {
        Self::Asked(token)
    }
}

impl From<SpawnError> for Stop {
    fn from(_: SpawnError) -> Self {
        Self::Refused
    }
}

impl From<ChildEnded> for Stop {
    fn from(_: ChildEnded) -> Self {
        Self::Refused
    }
}

impl From<TimeError> for Stop {
    fn from(error: TimeError) -> Self {
        match error {
            TimeError::Cancelled(token) => Self::Asked(token),
            _ => Self::Refused,
        }
    }
}

impl TaskError for Stop {
    fn cancelled(&self) -> Option<&Cancelled> {
        match self {
            Self::Asked(token) => Some(token),
            Self::Refused => None,
        }
    }
}

/// Counts milliseconds until it is asked to stop.
async fn tick(cx: Cx<Stop>, counts: Arc<Counts>) -> Result<(), Stop> {
    loop {
        counts.note(cx.sleep(Duration::from_millis(1)).await)?;
    }
}

/// Sleeps for an hour, or until it is asked to stop.
async fn sleep(cx: Cx<Stop>, counts: Arc<Counts>) -> Result<(), Stop> {
    Ok(counts.note(cx.sleep(Duration::from_secs(3600)).await)?)
}

export! {
    /// Makes a runtime with one task, whose region holds two more. Null if they do not fit.
    fn start() -> Option<Box<Program>> {
        if !host::has_heap() {
            return None;
        }
        let (tier, options) = tier();
        let runtime = Runtime::with_options(Options { capacity: CAPACITY, ..options });
        let counts = Arc::new(Counts::default());
        let inside = Arc::clone(&counts);
        let main = runtime.spawner().spawn(async move |cx| {
            let region = async |region: &Region<Stop>| {
                let (ticker, sleeper) = (Arc::clone(&inside), Arc::clone(&inside));
                region.spawn(move |cx| tick(cx, ticker))?;
                region.spawn(move |cx| sleep(cx, sleeper))?;
                Ok(())
            };
            // How it ended is seen in the counts.
            let _ended = cx.region_of(RegionOptions::new(), region).await;
            Ok(())
        });
        Some(Box::new(Program { runtime, main: main.ok()?, counts, tier }))
    }

    /// Asks the task, hence its region and everything inside, to stop.
    fn cancel(program: &Program) {
        enter(Entry::Event, || program.main.cancel("the page closes"));
    }

    /// How many tasks live.
    fn live(program: &Program) -> u32 {
        program.runtime.stats().map_or(0, |stats| stats.live as u32)
    }

    /// How often the first of the two tasks has slept.
    fn ticks(program: &Program) -> u32 {
        program.counts.ticks.load(Ordering::Relaxed)
    }

    /// How many events were recorded since the last call, in a tier that records.
    fn recorded(program: &Program) -> u32 {
        program.tier.recorded()
    }

    /// How many of the two tasks saw that they should stop.
    fn cancelled(program: &Program) -> u32 {
        program.counts.cancelled.load(Ordering::Relaxed)
    }
}
