//! The engine: one run, from the first poll to the closed root.
//!
//! Owns the loop around the kernel's driver: it collects what was woken, lets the strategy choose,
//! injects what chaos says, polls, and moves the clock when nothing is runnable. Its turns have the
//! shape of the reference executor's (`executors/local`), so that the strategy `lanes` looks at timers
//! at the same moments.
//!
//! A run always ends: nothing left to wait for, or more steps than allowed, is a violation, after which
//! the engine shuts the program down and, should that not end either, drops it.

use alloc::format;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::cell::RefCell;
use core::time::Duration;

use asupersync_core::lanes::Arbiter;
use asupersync_core::trace::{Event, EventKind, TraceSink};
use asupersync_core::{
    ChildEnded, Config, Driver, Error, LocalRegion, PathId, Platform, Ran, Runnable, Stats, Time,
};

use crate::chaos::{Chaos, ChaosCounts, Dice};
use crate::executor::SimExecutor;
use crate::lab::Root;
use crate::monitor::Monitor;
use crate::oracle::Oracle;
use crate::platform::SimPlatform;
use crate::schedule::{Decision, Fault, Schedule};
use crate::strategy::{Mismatch, Picker, Strategy};

/// As in the reference executor.
const TIMERS_PER_TURN: usize = 256;
/// As in the reference executor.
const POLLS_PER_TIMER_LOOK: u32 = 64;
/// As in the reference executor.
const POLLS_PER_TURN: u32 = 128;

/// How many more steps a program has to shut down once the engine has asked it to.
const OVERTIME_STEPS: u64 = 20_000;
/// How many of them it has before the clock is pushed towards the end of its cleanup budgets.
const PATIENCE_STEPS: u64 = 1_000;

/// What a run is made with.
pub(crate) struct Setup<'a> {
    pub(crate) seed: u64,
    pub(crate) strategy: &'a Strategy,
    pub(crate) chaos: Chaos,
    pub(crate) capacity: usize,
    pub(crate) config: Config,
    pub(crate) max_steps: u64,
    pub(crate) root: Option<Root>,
}

/// What came of a run, apart from what the monitor knows.
pub(crate) struct Ended<T> {
    pub(crate) result: Result<T, Error>,
    pub(crate) is_closed: bool,
    pub(crate) stats: Stats,
    pub(crate) steps: u64,
    pub(crate) now: Time,
    pub(crate) schedule: Schedule,
    pub(crate) chaos: ChaosCounts,
    pub(crate) mismatch: Option<Mismatch>,
    pub(crate) arbiter: Option<Arbiter>,
    pub(crate) diagnostics: Vec<alloc::string::String>,
}

/// Runs `body` to its end, then the runtime to its own.
pub(crate) fn run<T, F>(setup: Setup<'_>, monitor: &Arc<Monitor>, body: F) -> Ended<T>
where
    F: AsyncFnOnce(&LocalRegion) -> Result<T, Error>,
{
    let platform = Arc::new(SimPlatform::new(setup.seed));
    let executor = Arc::new(SimExecutor::new(setup.capacity));
    let streak_limit = setup.config.cancel_streak_limit;
    let mut driver = Driver::new(
        Arc::<SimPlatform>::clone(&platform),
        Arc::<SimExecutor>::clone(&executor),
        setup.config,
        Some(Arc::<Monitor>::clone(monitor)),
    );
    let engine = RefCell::new(Engine {
        platform: Arc::clone(&platform),
        executor: Arc::clone(&executor),
        monitor: Arc::clone(monitor),
        picker: Picker::new(setup.strategy, setup.seed, streak_limit),
        dice: Dice::new(setup.chaos, setup.seed),
        held: Vec::new(),
        main: None,
        schedule: Schedule::default(),
        chaos: ChaosCounts::default(),
        steps: 0,
        max_steps: setup.max_steps,
        stage: Stage::Running,
    });
    let ran = guarded(|| {
        if let Some(root) = setup.root {
            root.spawn(&driver.spawner());
            engine.borrow_mut().collect_root();
        }
        driver.block_on(
            body,
            |driver| engine.borrow_mut().turn(driver),
            |turn| engine.borrow_mut().rest(turn),
        )
    });
    let mut engine = engine.into_inner();
    let result = match ran {
        Ok(result) => result,
        Err(end) => {
            engine.note_end(end);
            Err(Error::from(ChildEnded::Failed))
        }
    };
    engine.dice.heal();
    let is_closed = !engine.has_given_up() && {
        match guarded(|| engine.shut_down(&mut driver)) {
            Ok(is_closed) => is_closed,
            Err(end) => {
                engine.note_end(end);
                false
            }
        }
    };
    let stats = driver.stats();
    monitor.end();
    let ended = engine.dismantle(result, is_closed, stats);
    // The queues are empty by now, so what is left belongs to regions, and the driver drops it.
    executor.close();
    if let Err(End::Panicked(message)) = guarded(|| drop(driver)) {
        let at = ended.now;
        let message = format!(
            "dropping the runtime panicked: {message}; this is a bug of the runtime, please report the seed"
        );
        monitor.with(|record| record.oracles.engine(Oracle::Kernel, at, message));
    }
    ended
}

/// Why `block_on` or shutdown did not return. Where panics do not unwind, neither is caught.
#[cfg_attr(not(feature = "std"), allow(dead_code))]
enum End {
    /// The engine gave up on the program.
    GivenUp,
    /// A panic that no task owns: the kernel's, or this crate's.
    Panicked(alloc::string::String),
}

/// What the engine unwinds with when it gives up.
#[cfg(feature = "std")]
struct GiveUp;

#[cfg(feature = "std")]
fn guarded<R>(run: impl FnOnce() -> R) -> Result<R, End> {
    crate::panics::catch(run).map_err(|payload| match payload.downcast::<GiveUp>() {
        Ok(_) => End::GivenUp,
        Err(payload) => {
            let payload = asupersync_core::PanicPayload::new(payload);
            End::Panicked(payload.message().into())
        }
    })
}

#[cfg(not(feature = "std"))]
fn guarded<R>(run: impl FnOnce() -> R) -> Result<R, End> {
    Ok(run())
}

/// Leaves `block_on` for good. Its frame drops the body first, as in any unwinding.
fn give_up() -> ! {
    #[cfg(feature = "std")]
    std::panic::resume_unwind(std::boxed::Box::new(GiveUp));
    #[cfg(not(feature = "std"))]
    panic!("the lab gives up on a program that does not end; with the feature `std` it reports it");
}

/// What is left after a turn.
enum Turn {
    More,
    Idle(Option<Time>),
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    Running,
    /// Nothing was runnable and no timer was set, while the body had not ended.
    Stuck,
    /// The program was asked to stop by the engine, at this step.
    Stopping {
        since: u64,
    },
    GivenUp,
}

/// A task that chaos holds back.
struct Held {
    until: Time,
    task: Runnable,
}

struct Engine {
    platform: Arc<SimPlatform>,
    executor: Arc<SimExecutor>,
    monitor: Arc<Monitor>,
    picker: Picker,
    dice: Dice,
    held: Vec<Held>,
    main: Option<PathId>,
    schedule: Schedule,
    chaos: ChaosCounts,
    steps: u64,
    max_steps: u64,
    stage: Stage,
}

impl Engine {
    /// Polls until a turn's budget is spent or nothing is runnable.
    fn turn(&mut self, driver: &mut Driver) -> Turn {
        self.act_on_stage(driver);
        let mut left = POLLS_PER_TURN;
        loop {
            let fired = driver.fire_timers(TIMERS_PER_TURN) + self.release();
            let batch = left.min(POLLS_PER_TIMER_LOOK);
            let polled = self.poll(driver, batch);
            left -= polled;
            if left == 0 || (polled < batch && fired == 0) {
                return self.look_around(driver);
            }
        }
    }

    /// Takes up to `batch` steps and says how many.
    fn poll(&mut self, driver: &mut Driver, batch: u32) -> u32 {
        for polled in 0..batch {
            self.collect();
            let Some((task, recorded)) = self.picker.pick() else {
                return polled;
            };
            self.steps += 1;
            let path = task.path();
            let fault = match recorded {
                Some(fault) => fault,
                None => self.dice.roll(path, self.main == Some(path)),
            };
            self.schedule.push(Decision { task: path, fault });
            if let Some((object, arg)) = fault.event() {
                self.emit(EventKind::Chaos, path, object, arg);
            }
            match fault {
                Fault::None => {}
                Fault::Cancel => {
                    self.chaos.cancels += 1;
                    task.inject_cancel("chaos");
                }
                Fault::Delay(time) => {
                    self.hold(task, time);
                    continue;
                }
            }
            if let Ok(Ran::Again(task)) = driver.run(task) {
                self.picker.push(task);
            }
        }
        batch
    }

    /// As [`collect`](Self::collect), before there is a body.
    fn collect_root(&mut self) {
        let Self {
            executor, picker, ..
        } = self;
        executor.drain(|task| picker.push(task));
    }

    /// Moves what was woken into the runnable set, in the order of the wakes.
    fn collect(&mut self) {
        let Self {
            executor,
            picker,
            main,
            ..
        } = self;
        executor.drain(|task| {
            // The first task after those of the root is the one that runs the body.
            main.get_or_insert(task.path());
            picker.push(task);
        });
    }

    fn hold(&mut self, task: Runnable, time: Duration) {
        self.chaos.delays += 1;
        self.chaos.delayed = self.chaos.delayed.saturating_add(time);
        let until = self.platform.now().saturating_add(time);
        self.held.push(Held { until, task });
    }

    /// Lets go of tasks that were held back long enough, in the order of their times, then of holding.
    fn release(&mut self) -> usize {
        if self.held.is_empty() {
            return 0;
        }
        let now = self.platform.now();
        self.held.sort_by_key(|held| held.until);
        let due = self.held.partition_point(|held| held.until <= now);
        for held in self.held.drain(..due) {
            self.picker.push(held.task);
        }
        due
    }

    fn look_around(&mut self, driver: &Driver) -> Turn {
        self.collect();
        if !self.picker.is_empty() {
            return Turn::More;
        }
        let held = self.held.iter().map(|held| held.until).min();
        let until = [driver.next_deadline(), held].into_iter().flatten().min();
        if until.is_some_and(|at| at <= self.platform.now()) {
            return Turn::More;
        }
        Turn::Idle(until)
    }

    /// Between turns: moves the clock to the next timer, or notices that there is none.
    fn rest(&mut self, turn: Turn) {
        let Turn::Idle(until) = turn else { return };
        if self.held.is_empty() && !self.is_out_of_steps() {
            let at = self.platform.now();
            self.monitor.with(|record| record.oracles.idle(at));
        }
        match until {
            Some(time) => self.advance_to(time),
            None => {
                self.stage = match self.stage {
                    Stage::Running => Stage::Stuck,
                    // It was asked to stop, and still waits for ever: a bug of the runtime.
                    Stage::Stuck | Stage::Stopping { .. } | Stage::GivenUp => give_up(),
                }
            }
        }
    }

    fn advance_to(&mut self, time: Time) {
        self.platform.clock.advance_to(time);
        self.emit(
            EventKind::ClockAdvanced,
            PathId::from_u64(0),
            0,
            time.as_nanos(),
        );
    }

    fn is_out_of_steps(&self) -> bool {
        self.steps >= self.max_steps
    }

    /// Ends programs that do not end by themselves.
    fn act_on_stage(&mut self, driver: &mut Driver) {
        let now = self.platform.now();
        match self.stage {
            Stage::Running if self.is_out_of_steps() => {
                let message = format!(
                    "the program did not end within {} steps; if it is not meant to run for ever, look \
                     for a loop that only yields, else raise `max_steps`",
                    self.max_steps
                );
                self.monitor
                    .with(|record| record.oracles.engine(Oracle::Progress, now, message));
                self.stop(driver);
            }
            Stage::Stuck => {
                self.monitor.with(|record| record.oracles.stuck(now));
                self.stop(driver);
            }
            Stage::Stopping { since } => {
                if self.steps - since > OVERTIME_STEPS {
                    self.stage = Stage::GivenUp;
                    give_up();
                }
                // Whoever never waits would keep the clock from ever reaching the end of its
                // cleanup budget.
                let out_of_patience = self.steps - since > PATIENCE_STEPS;
                let next = driver.next_deadline().filter(|next| *next > now);
                if let Some(next) = next.filter(|_| out_of_patience) {
                    self.advance_to(next);
                }
            }
            Stage::Running | Stage::GivenUp => {}
        }
    }

    fn stop(&mut self, driver: &Driver) {
        self.dice.heal();
        self.stage = Stage::Stopping { since: self.steps };
        driver.request_shutdown();
    }

    /// Cancels the root and turns until it is closed; `false` if that does not happen.
    fn shut_down(&mut self, driver: &mut Driver) -> bool {
        driver.request_shutdown();
        if self.stage == Stage::Running {
            // From here on the program has the time of its shutdown, not that of its run.
            self.max_steps = self.steps.saturating_add(self.max_steps);
        }
        while !driver.is_shut_down() {
            let turn = self.turn(driver);
            if !driver.is_shut_down() {
                if matches!(turn, Turn::Idle(None)) {
                    let now = self.platform.now();
                    self.monitor.with(|record| {
                        record.oracles.idle(now);
                        record.oracles.stuck(now);
                    });
                    return false;
                }
                self.rest(turn);
            }
        }
        true
    }

    fn has_given_up(&self) -> bool {
        self.stage == Stage::GivenUp
    }

    fn note_end(&mut self, end: End) {
        self.stage = Stage::GivenUp;
        let (oracle, message) = match end {
            End::GivenUp => (
                Oracle::Progress,
                "the program did not end after it was asked to shut down and its cleanup budgets were \
                 spent; this is a bug of the runtime, please report the seed"
                    .into(),
            ),
            End::Panicked(message) => (
                Oracle::Kernel,
                format!(
                    "a panic left the runtime: {message}; this is a bug of the runtime, please report the seed"
                ),
            ),
        };
        let now = self.platform.now();
        self.monitor
            .with(|record| record.oracles.engine(oracle, now, message));
    }

    fn emit(&self, kind: EventKind, actor: PathId, object: u64, arg: u64) {
        self.monitor.record(&Event {
            at: self.platform.now(),
            actor,
            kind,
            object,
            arg,
        });
    }

    /// Empties the queues, whose tasks go back to their regions, and keeps what is worth telling.
    fn dismantle<T>(self, result: Result<T, Error>, is_closed: bool, stats: Stats) -> Ended<T> {
        let Self {
            platform,
            picker,
            held,
            schedule,
            chaos,
            steps,
            ..
        } = self;
        drop(held);
        let (mismatch, arbiter) = match picker {
            Picker::Random { .. } => (None, None),
            Picker::Lanes(lanes) => (None, Some(lanes.arbiter.clone())),
            Picker::Recorded(recorded) => (recorded.mismatch, None),
        };
        Ended {
            result,
            is_closed,
            stats,
            steps,
            now: platform.now(),
            schedule,
            chaos,
            mismatch,
            arbiter,
            diagnostics: platform.take_diagnostics(),
        }
    }
}
