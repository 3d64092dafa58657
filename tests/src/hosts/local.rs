//! The local executor on a virtual clock: quick, deterministic, and impossible to hang.
//!
//! Owns a test platform whose clock jumps to the next timer when nothing is runnable, and a bounded
//! loop around `LocalDriver`: a run that does not end is a violation, not a wait. The lab explores
//! schedules; this one runs the executor that ships, in the one order that it has.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;

use asupersync_core::internal::Mutex;
use asupersync_core::trace::{Event, EventKind, TraceSink};
use asupersync_core::{LocalRegion, PanicPayload, Platform, Stats, Time};
use asupersync_local::{LocalDriver, Turn};

use super::panics;
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
        match need {
            Need::Lanes | Need::VirtualTime => true,
            Need::Unwind => panics::UNWINDS,
            Need::Threads | Need::Io => false,
        }
    }

    fn run(&mut self, setup: Setup, body: Body, probe: &Probe) -> Record {
        let world = Arc::new(World {
            now: Mutex::new(Time::ZERO),
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
        let ended = panics::caught(|| {
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
        });
        match ended {
            Ok(streak) if streak > streak_limit => record.violations.push(format!(
                "R-SCH-1: {streak} cancel turns in a row while others waited, the limit is {streak_limit}"
            )),
            Ok(_) => {}
            Err(why) => record.violations.push(why),
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
        if self.left == 0 {
            panics::give_up(format!("no end after {TURNS_MAX} turns"));
        }
        self.left -= 1;
        match turn {
            Turn::More => {}
            Turn::Idle(Some(Time::MAX) | None) => panics::give_up(String::from(
                "a task waits for ever: nothing is runnable, no timer is set",
            )),
            Turn::Idle(Some(at)) => self.world.jump_to(at),
        }
    }
}

/// A platform whose clock moves when nothing is runnable.
struct World {
    now: Mutex<Time>,
    seed: u64,
}

impl World {
    fn jump_to(&self, at: Time) {
        let mut now = self.now.lock();
        *now = at.max(*now);
    }
}

impl Platform for World {
    fn now(&self) -> Time {
        *self.now.lock()
    }

    fn arm(&self, _deadline: Option<Time>) {}

    /// One thread: whoever wakes runs within a turn, and the loop looks again after each.
    fn pend(&self) {}

    fn entropy(&self) -> u64 {
        self.seed
    }

    fn guard(&self, run: &mut dyn FnMut()) -> Result<(), PanicPayload> {
        panics::guard(run)
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
        *self.0.lock()
    }

    fn turn_ended(&self) {
        self.0.lock().polls = 0;
    }
}

impl TraceSink for Watch {
    fn record(&self, event: &Event) {
        let mut pages = self.0.lock();
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
