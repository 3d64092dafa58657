//! The local executor on a virtual clock: quick, deterministic, and impossible to hang.
//!
//! Owns a test platform whose clock jumps to the next timer when nothing is runnable, and a bounded
//! loop around `LocalDriver`: a run that does not end is a violation, not a wait. The lab explores
//! schedules; this one runs the executor that ships, in the one order that it has.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::sync::atomic::{AtomicU64, Ordering};
use std::any::Any;
use std::boxed::Box;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};
use std::sync::{Mutex, PoisonError};

use asupersync_core::trace::{Event, EventKind, TraceSink};
use asupersync_core::{LocalRegion, PanicPayload, Platform, Stats, Time};
use asupersync_local::{LocalDriver, Turn};

use crate::{Body, Harness, Need, Probe, Record, Setup};

/// How many turns a run may take. The largest scenario takes a tenth of it.
const TURNS_MAX: u32 = 20_000;
/// How many polls each of them has; small, so that a turn that takes more shows.
const POLLS_PER_TURN: u32 = 64;

/// Runs scenarios on [`LocalDriver`] in virtual time.
#[derive(Debug)]
pub struct LocalHarness {
    seed: u64,
    digest: u64,
}

impl Default for LocalHarness {
    fn default() -> Self {
        Self::with_seed(0)
    }
}

impl LocalHarness {
    /// With the entropy that the platform gives.
    pub const fn with_seed(seed: u64) -> Self {
        Self { seed, digest: 0 }
    }

    /// A hash of every byte that the last run traced.
    pub const fn digest(&self) -> u64 {
        self.digest
    }
}

impl Harness for LocalHarness {
    fn name(&self) -> &str {
        "local executor, virtual clock"
    }

    fn offers(&self, need: Need) -> bool {
        matches!(need, Need::Unwind | Need::Lanes | Need::VirtualTime)
    }

    fn run(&mut self, setup: Setup, body: Body, probe: &Probe) -> Record {
        let world = Arc::new(World {
            now: AtomicU64::new(0),
            seed: self.seed,
        });
        let watch = Arc::new(Watch::default());
        let streak_limit = setup.config.cancel_streak_limit;
        let mut record = Record {
            result: Err(String::from("the body did not end")),
            stats: Stats::default(),
            closed: false,
            violations: Vec::new(),
        };
        let ended = catch_unwind(AssertUnwindSafe(|| {
            let mut driver = LocalDriver::with_config(
                Arc::<World>::clone(&world),
                setup.capacity,
                setup.config,
                Some(Arc::<Watch>::clone(&watch)),
            );
            if let Some(spawn) = setup.root {
                spawn(&driver.spawner(), probe);
            }
            let mut turns = Turns::new(&world, &watch);
            let result = driver.block_on_turns(
                POLLS_PER_TURN,
                async |region: &LocalRegion| body(region, probe).await,
                |turn| turns.after(turn),
            );
            record.result = result.map_err(|error| error.to_string());
            driver.request_shutdown();
            while !driver.is_shut_down() {
                let turn = driver.turn(POLLS_PER_TURN);
                if !driver.is_shut_down() {
                    turns.after(turn);
                }
            }
            record.closed = true;
            record.stats = driver.stats();
            driver.arbiter().max_cancel_streak()
        }));
        match ended {
            Ok(streak) if streak > streak_limit => record.violations.push(format!(
                "R-SCH-1: {streak} cancel turns in a row while others waited, the limit is {streak_limit}"
            )),
            Ok(_) => {}
            Err(payload) => record.violations.push(describe(payload)),
        }
        let pages = watch.pages();
        if pages.polls_most > POLLS_PER_TURN {
            record.violations.push(format!(
                "R-SCH-3: a turn of {POLLS_PER_TURN} polls polled {} times",
                pages.polls_most
            ));
        }
        self.digest = pages.digest;
        record
    }
}

/// What is unwound with when a run does not end.
struct Stuck(String);

fn describe(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<Stuck>() {
        Ok(stuck) => stuck.0,
        Err(payload) => format!(
            "a panic escaped the driver: {}",
            PanicPayload::new(payload).message()
        ),
    }
}

/// Counts turns, moves the clock, and gives up on a run that does not end.
struct Turns<'a> {
    world: &'a World,
    watch: &'a Watch,
    left: u32,
}

impl<'a> Turns<'a> {
    fn new(world: &'a World, watch: &'a Watch) -> Self {
        Self {
            world,
            watch,
            left: TURNS_MAX,
        }
    }

    fn after(&mut self, turn: Turn) {
        self.watch.turn_ended();
        // Unwinding is the one way out of a loop that waits for the body: the loan of the body's
        // future ends with it, and the driver's drop sweeps the rest.
        let stuck = |text: String| -> ! { resume_unwind(Box::new(Stuck(text))) };
        if self.left == 0 {
            stuck(format!("no end after {TURNS_MAX} turns"));
        }
        self.left -= 1;
        match turn {
            Turn::More => {}
            Turn::Idle(Some(Time::MAX) | None) => stuck(String::from(
                "a task waits for ever: nothing is runnable, no timer is set",
            )),
            Turn::Idle(Some(at)) => self.world.jump_to(at),
        }
    }
}

/// A platform whose clock moves when nothing is runnable.
struct World {
    now: AtomicU64,
    seed: u64,
}

impl World {
    fn jump_to(&self, at: Time) {
        self.now.fetch_max(at.as_nanos(), Ordering::Relaxed);
    }
}

impl Platform for World {
    fn now(&self) -> Time {
        Time::from_nanos(self.now.load(Ordering::Relaxed))
    }

    fn arm(&self, _deadline: Option<Time>) {}

    /// One thread: whoever wakes runs within a turn, and the loop looks again after each.
    fn pend(&self) {}

    fn entropy(&self) -> u64 {
        self.seed
    }

    fn guard(&self, run: &mut dyn FnMut()) -> Result<(), PanicPayload> {
        catch_unwind(AssertUnwindSafe(run)).map_err(PanicPayload::new)
    }
}

/// A sink that keeps a hash of what it saw, and how many polls a turn took.
#[derive(Default)]
struct Watch(Mutex<Pages>);

#[derive(Clone, Copy, Default)]
struct Pages {
    digest: u64,
    polls: u32,
    polls_most: u32,
}

impl Watch {
    fn pages(&self) -> Pages {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn turn_ended(&self) {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).polls = 0;
    }
}

impl TraceSink for Watch {
    fn record(&self, event: &Event) {
        let mut pages = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        // FNV-1a over the record as it stands in a trace.
        pages.digest = event.encode().iter().fold(pages.digest, |hash, byte| {
            (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
        });
        if event.kind == EventKind::TaskPolled {
            pages.polls += 1;
            pages.polls_most = pages.polls_most.max(pages.polls);
        }
    }
}
