//! The half that polls: lanes, turns, and running a body to its end.

use alloc::sync::Arc;
use core::fmt;

use asupersync_core::lanes::{Arbiter, Lane, Waiting};
#[cfg(asupersync_mutants)]
use asupersync_core::mutants::{Mutant, armed};
use asupersync_core::queue::{Fifo, Timed};
use asupersync_core::trace::Sink;
use asupersync_core::{
    Config, Driver, Error, Executor, LocalRegion, MainTask, PanicPayload, Platform, Ran, Runnable,
    SpawnError, Spawner, Stats, TaskError, Time,
};

use crate::shared::Shared;

/// How many timers one turn fires before it polls.
const TIMERS_PER_TURN: usize = 256;
/// How many polls pass between two looks at the timers.
const POLLS_PER_TIMER_LOOK: u32 = 64;
/// How many polls a turn of `block_on` and `shut_down` has.
const POLLS_PER_TURN: u32 = 128;

/// What is left after a turn.
#[must_use = "an idle driver has to wait, a busy one to be called again"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Turn {
    /// There is more to do now.
    More,
    /// Nothing is runnable; a timer is due at this time, if any.
    Idle(Option<Time>),
}

/// Polls the tasks of one runtime on one thread.
///
/// Not `Send`: it is where futures that may not move live and die. Dropping it drops them;
/// [`shut_down`](Self::shut_down) first for an orderly end.
pub struct LocalDriver {
    /// Dropped first: the driver then finds the tasks that were queued.
    queues: Queues,
    driver: Driver,
}

/// Everything but the driver itself, so that a turn can run while the driver is lent to `block_on`.
struct Queues {
    lanes: Lanes,
    shared: Arc<Shared>,
    platform: Arc<dyn Platform>,
}

/// The queues behind the arbiter. The timed one is in the shared half, for the room in it.
struct Lanes {
    arbiter: Arbiter,
    cancel: Fifo,
    ready: Fifo,
}

impl LocalDriver {
    /// A runtime on `platform` that admits at most `capacity` tasks at once.
    ///
    /// A capacity of zero admits nothing: every spawn fails with `AtCapacity`. Memory: the queues are
    /// links inside the tasks; a task with a deadline takes 32 bytes more when it is spawned.
    pub fn new(platform: Arc<dyn Platform>, capacity: usize) -> Self {
        Self::with_config(platform, capacity, Config::default(), None)
    }

    /// [`new`](Self::new) with settings, and a sink for trace events.
    pub fn with_config(
        platform: Arc<dyn Platform>,
        capacity: usize,
        config: Config,
        sink: Option<Sink>,
    ) -> Self {
        let capacity = capacity.min(asupersync_core::CHILDREN_MAX);
        let shared = Arc::new(Shared::new(Arc::clone(&platform), capacity));
        let executor: Arc<dyn Executor> = Arc::<Shared>::clone(&shared);
        let lanes = Lanes {
            arbiter: Arbiter::new(config.cancel_streak_limit),
            cancel: Fifo::new(),
            ready: Fifo::new(),
        };
        Self {
            driver: Driver::new(Arc::clone(&platform), executor, config, sink),
            queues: Queues {
                lanes,
                shared,
                platform,
            },
        }
    }

    /// Fires what is due and polls at most `polls` tasks, from every queue and lane (R-SCH-5).
    ///
    /// Bounded (R-SCH-3): the platform has control again after `polls` polls.
    pub fn turn(&mut self, polls: u32) -> Turn {
        self.queues.turn(&mut self.driver, polls)
    }

    /// Runs `body` in a region of its own until it, and everything in it, has ended.
    ///
    /// `idle` is called when nothing is runnable, with the time of the next timer: it waits for
    /// [`Platform::pend`] or for that time, and may return early.
    ///
    /// # Errors
    /// As [`Driver::block_on`].
    pub fn block_on<T, E, F>(&mut self, body: F, mut idle: impl FnMut(Option<Time>)) -> Result<T, E>
    where
        E: TaskError,
        F: AsyncFnOnce(&LocalRegion<E>) -> Result<T, E>,
    {
        self.block_on_turns(POLLS_PER_TURN, body, |turn| {
            if let Turn::Idle(until) = turn {
                idle(until);
            }
        })
    }

    /// [`block_on`](Self::block_on) in turns of at most `polls` polls, with control in between.
    ///
    /// `between` is called after every turn that left the body unfinished. It waits if that turn was
    /// idle; after a busy one it may look after things of its own, such as I/O or a watchdog.
    ///
    /// # Errors
    /// As [`Driver::block_on`].
    pub fn block_on_turns<T, E, F>(
        &mut self,
        polls: u32,
        body: F,
        between: impl FnMut(Turn),
    ) -> Result<T, E>
    where
        E: TaskError,
        F: AsyncFnOnce(&LocalRegion<E>) -> Result<T, E>,
    {
        let Self { driver, queues } = self;
        driver.block_on(body, |driver| queues.turn(driver, polls), between)
    }

    /// Starts `body` and returns at once: [`turn`](Self::turn) runs it, and the handle says when it has
    /// ended. For loops that may not block, such as a guest in another executor.
    ///
    /// # Errors
    /// As [`Driver::start`].
    pub fn start<T, E, F>(&mut self, body: F) -> Result<MainTask<T, E>, SpawnError>
    where
        T: 'static,
        E: TaskError,
        F: AsyncFnOnce(&LocalRegion<E>) -> Result<T, E> + 'static,
    {
        self.driver.start(body)
    }

    /// Asks every task to stop, for loops of their own: [`turn`](Self::turn) goes on until
    /// [`is_shut_down`](Self::is_shut_down). Idempotent.
    pub fn request_shutdown(&self) {
        self.driver.request_shutdown();
    }

    /// Whether the root region is closed.
    pub fn is_shut_down(&self) -> bool {
        self.driver.is_shut_down()
    }

    /// Cancels the root region with `Shutdown` and drives until it is closed (R-CAN-7).
    pub fn shut_down(&mut self, mut idle: impl FnMut(Option<Time>)) {
        self.driver.request_shutdown();
        while !self.driver.is_shut_down() {
            match self.turn(POLLS_PER_TURN) {
                Turn::Idle(until) if !self.driver.is_shut_down() => idle(until),
                _ => {}
            }
        }
    }

    /// Spawns into the root region, which lives as long as the runtime.
    pub fn spawner(&self) -> Spawner<Error> {
        self.driver.spawner()
    }

    /// See [`Driver::panicked`].
    pub fn panicked(&self) -> Option<PanicPayload> {
        self.driver.panicked()
    }

    /// The runtime's counters.
    pub fn stats(&self) -> Stats {
        self.driver.stats()
    }

    /// What every task does now; see [`Driver::dump`].
    #[cfg(feature = "inspect")]
    pub fn dump(&self) -> Option<asupersync_core::Dump> {
        self.driver.dump()
    }

    /// Takes dumps from any thread.
    #[cfg(feature = "inspect")]
    pub fn inspector(&self) -> asupersync_core::Inspector {
        self.driver.inspector()
    }

    /// The lanes' counters.
    pub fn arbiter(&self) -> &Arbiter {
        &self.queues.lanes.arbiter
    }
}

impl Queues {
    fn turn(&mut self, driver: &mut Driver, polls: u32) -> Turn {
        self.shared.wake_up();
        let mut left = polls;
        #[cfg(asupersync_mutants)]
        if armed(Mutant::TurnUnbounded) {
            left = u32::MAX;
        }
        loop {
            let fired = driver.fire_timers(TIMERS_PER_TURN);
            let batch = left.min(POLLS_PER_TIMER_LOOK);
            let polled = self.poll(driver, batch);
            left -= polled;
            if left == 0 || (polled < batch && fired == 0) {
                return self.rest(driver);
            }
        }
    }

    /// Polls up to `batch` tasks and says how many.
    fn poll(&mut self, driver: &mut Driver, batch: u32) -> u32 {
        for polled in 0..batch {
            self.collect();
            let Some(task) = self.lanes.pop(&self.shared.timed) else {
                return polled;
            };
            match driver.run(task) {
                Ok(Ran::Again(task)) => self.lanes.push(task, &self.shared.timed),
                Ok(Ran::Done | Ran::Idle) | Err(_) => {}
            }
        }
        batch
    }

    /// Sorts what came in into the lanes.
    fn collect(&mut self) {
        let Self { lanes, shared, .. } = self;
        shared.inbox().drain(|task| lanes.push(task, &shared.timed));
    }

    fn rest(&mut self, driver: &Driver) -> Turn {
        self.collect();
        if !self.lanes.is_empty(&self.shared.timed) || !self.shared.fall_asleep() {
            return Turn::More;
        }
        // Read after the sleep flag is up: a timer set from now on interrupts the sleep.
        let until = driver.next_deadline();
        if until.is_some_and(|at| at <= driver.now()) {
            self.shared.wake_up();
            return Turn::More;
        }
        self.platform.arm(until);
        Turn::Idle(until)
    }
}

impl Drop for Queues {
    fn drop(&mut self) {
        // What came in last goes where the lanes' own drop finds it, and the timed lane outlives them.
        self.collect();
        while let Some(task) = self.shared.timed.pop() {
            drop(task);
        }
    }
}

impl Lanes {
    fn is_empty(&self, timed: &Timed) -> bool {
        self.cancel.is_empty() && timed.is_empty() && self.ready.is_empty()
    }

    /// Queues a task where it belongs now; that is not read again while it waits.
    fn push(&mut self, task: Runnable, timed: &Timed) {
        match task.lane() {
            Lane::Cancel => self.cancel.push_back(task),
            Lane::Timed => timed.push(task),
            Lane::Ready => self.ready.push_back(task),
        }
    }

    fn pop(&mut self, timed: &Timed) -> Option<Runnable> {
        let waiting = Waiting {
            cancel: !self.cancel.is_empty(),
            timed: !timed.is_empty(),
            ready: !self.ready.is_empty(),
        };
        #[cfg(asupersync_mutants)]
        let waiting = Waiting {
            timed: waiting.timed && !armed(Mutant::TimedLaneStuck),
            ..waiting
        };
        match self.arbiter.pick(waiting)? {
            Lane::Cancel => self.cancel.pop_front(),
            Lane::Timed => timed.pop(),
            Lane::Ready => self.ready.pop_front(),
        }
    }
}

impl fmt::Debug for LocalDriver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("LocalDriver")
            .field("stats", &self.driver.stats())
            .finish_non_exhaustive()
    }
}
