//! The half that polls: which task is next on one driver, and when it rests.

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::sync::Arc;

use asupersync_core::lanes::{Arbiter, Lane, Waiting};
use asupersync_core::queue::{Fifo, Ring, Timed};
use asupersync_core::{Driver, ForeignTask, Ran, Runnable, Time};

use crate::counts::DriverStats;
use crate::host::Rest;
use crate::local::Local;
use crate::mutants::mutant;
use crate::queues::Queues;

/// How many polls a turn has.
pub(crate) const POLLS_PER_TURN: u32 = 61;
/// Every so many polls the oldest task from outside goes first, however full the ring is.
const POLLS_PER_INJECTOR_LOOK: u32 = 61;
/// How many timers one turn fires before it polls.
const TIMERS_PER_TURN: usize = 256;
/// How often in a row the task in the LIFO slot goes first.
const LIFO_STREAK_MAX: u32 = 3;

/// What is left after a turn.
#[must_use = "an idle driver has to wait, a busy one to be called again"]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Turn {
    /// There is more to do now.
    More,
    /// Nothing is runnable.
    Idle(Rest),
}

/// The core's half of a driver: the pool's own, or a worker's.
pub(crate) trait Polls {
    fn run(&mut self, task: Runnable) -> Result<Ran, ForeignTask>;
    fn fire_timers(&mut self, limit: usize) -> usize;
    fn next_deadline(&self) -> Option<Time>;
    fn now(&self) -> Time;
}

macro_rules! polls {
    ($($driver:ty),*) => {$(
        impl Polls for $driver {
            #[inline]
            fn run(&mut self, task: Runnable) -> Result<Ran, ForeignTask> {
                self.run(task)
            }
            fn fire_timers(&mut self, limit: usize) -> usize {
                self.fire_timers(limit)
            }
            fn next_deadline(&self) -> Option<Time> {
                self.next_deadline()
            }
            fn now(&self) -> Time {
                self.now()
            }
        }
    )*};
}
polls!(Driver, asupersync_core::Worker);

/// One driving thread.
pub(crate) struct Worker {
    queues: Arc<Queues>,
    pub(crate) local: Rc<Local>,
    pinned: Pinned,
    arbiter: Arbiter,
    stats: DriverStats,
    polls: u32,
    lifo_streak: u32,
    is_searching: bool,
    is_asleep: bool,
    /// Where the next search begins: so that searchers do not all begin with the same victim.
    victim: usize,
}

/// The lanes of tasks that may not leave this thread. The timed one is in the shard, for the room in it.
#[derive(Default)]
struct Pinned {
    cancel: Fifo,
    ready: Fifo,
}

impl Worker {
    pub(crate) fn new(queues: Arc<Queues>, driver: usize, ring: Ring, streak_limit: u32) -> Self {
        let local = Local {
            pool: queues.id(),
            driver,
            ring: RefCell::new(ring),
            next: Cell::new(None),
            has_next: Cell::new(false),
        };
        Self {
            queues,
            local: Rc::new(local),
            pinned: Pinned::default(),
            arbiter: Arbiter::new(streak_limit),
            stats: DriverStats::default(),
            polls: 0,
            lifo_streak: 0,
            is_searching: false,
            is_asleep: false,
            victim: driver,
        }
    }

    /// Fires what is due and polls at most `polls` tasks, from every queue and lane (R-SCH-3, R-SCH-5).
    pub(crate) fn turn(&mut self, driver: &mut impl Polls, polls: u32) -> Turn {
        let turn = self.work(driver, polls);
        if matches!(turn, Turn::Idle(_)) {
            self.stats.parks += 1;
        }
        self.stats.fairness_yields =
            usize::try_from(self.arbiter.fairness_yields()).unwrap_or(usize::MAX);
        self.stats.max_cancel_streak = self.arbiter.max_cancel_streak() as usize;
        self.queues.shards[self.local.driver]
            .published
            .publish(&self.stats);
        turn
    }

    fn work(&mut self, driver: &mut impl Polls, polls: u32) -> Turn {
        self.wake_up();
        let fired = driver.fire_timers(TIMERS_PER_TURN);
        for _ in 0..polls {
            let Some(task) = self.next().or_else(|| self.search()) else {
                return match fired {
                    0 => self.rest(driver),
                    _ => Turn::More,
                };
            };
            self.stop_searching();
            self.stats.polls += 1;
            match driver.run(task) {
                Ok(Ran::Again(task)) => self.push_again(task),
                Ok(Ran::Done | Ran::Idle) | Err(_) => {}
            }
        }
        Turn::More
    }

    // ------------------------------------------------------------ what is next

    /// The next task of this driver's own.
    fn next(&mut self) -> Option<Runnable> {
        self.polls = self.polls.wrapping_add(1);
        self.collect_pinned();
        loop {
            let lane = self.arbiter.pick(self.waiting())?;
            let task = match lane {
                Lane::Cancel => {
                    let pinned = self.pinned.cancel.pop_front();
                    pinned.or_else(|| self.queues.shards[self.local.driver].cancel.pop())
                }
                Lane::Timed => {
                    let pinned = self.queues.shards[self.local.driver].pinned_timed.pop();
                    pinned.or_else(|| self.queues.timed.pop())
                }
                Lane::Ready => self.next_ready(),
            };
            // Thieves may have been faster; then the lane is empty now, and another one is picked.
            if task.is_some() {
                return task;
            }
        }
    }

    fn waiting(&self) -> Waiting {
        let Self { local, pinned, .. } = self;
        let shard = &self.queues.shards[local.driver];
        Waiting {
            cancel: !pinned.cancel.is_empty() || !shard.cancel.is_empty(),
            timed: !self.queues.timed.is_empty() || !shard.pinned_timed.is_empty(),
            ready: local.has_next.get()
                || !local.ring.borrow().is_empty()
                || !pinned.ready.is_empty()
                || !shard.ready.is_empty(),
        }
    }

    fn next_ready(&mut self) -> Option<Runnable> {
        let Self { local, pinned, .. } = self;
        let shard = &self.queues.shards[local.driver];
        if self.polls % POLLS_PER_INJECTOR_LOOK == 0 {
            let waited = shard.ready.pop();
            if waited.is_some() {
                self.stats.injector_takes += 1;
                return waited;
            }
        }
        if self.lifo_streak < LIFO_STREAK_MAX && local.has_next.get() {
            self.lifo_streak += 1;
            self.stats.lifo_hits += 1;
            return local.take_next();
        }
        self.lifo_streak = 0;
        let ring = &mut *local.ring.borrow_mut();
        // Those that may not move and those that may take turns.
        let first = match self.polls % 2 {
            0 => pinned.ready.pop_front().or_else(|| ring.pop()),
            _ => ring.pop().or_else(|| pinned.ready.pop_front()),
        };
        let stats = &mut self.stats;
        let injected = || {
            let task = shard.ready.pop_into(ring, Ring::CAPACITY / 2)?;
            stats.injector_takes += 1;
            Some(task)
        };
        first.or_else(injected).or_else(|| local.take_next())
    }

    /// Sorts what came in for this thread alone into its lanes.
    fn collect_pinned(&mut self) {
        let shard = &self.queues.shards[self.local.driver];
        let pinned = &mut self.pinned;
        shard
            .pinned
            .drain(|task| pinned.push(task, &shard.pinned_timed));
    }

    /// A task that yielded goes behind the others of its lane.
    fn push_again(&mut self, task: Runnable) {
        let shard = &self.queues.shards[self.local.driver];
        if task.is_pinned() {
            return self.pinned.push(task, &shard.pinned_timed);
        }
        match task.lane() {
            Lane::Cancel => shard.cancel.push(task),
            Lane::Timed => self.queues.timed.push(task),
            Lane::Ready => {
                if let Err(task) = self.local.ring.borrow_mut().push(task) {
                    shard.ready.push(task);
                }
            }
        }
    }

    // ------------------------------------------------------------ search and rest

    /// Looks for a task in the queues of other drivers.
    fn search(&mut self) -> Option<Runnable> {
        let Self { queues, local, .. } = self;
        if !self.is_searching {
            self.is_searching = queues.sleepers.start_searching();
        }
        if !self.is_searching {
            return None;
        }
        let ring = &mut *local.ring.borrow_mut();
        let count = queues.shards.len();
        let found = (0..count).find_map(|step| {
            let victim = (self.victim + step) % count;
            let others = (victim != local.driver).then(|| &queues.shards[victim])?;
            Some((victim, others.steal_into(ring)?))
        });
        // Whoever had something is likely to have more.
        let (victim, task) = found?;
        self.victim = victim;
        self.stats.steals += 1;
        Some(task)
    }

    /// There is something to do: somebody else searches on, if nobody does.
    fn stop_searching(&mut self) {
        if std::mem::take(&mut self.is_searching) {
            if let Some(driver) = self.queues.sleepers.stop_searching() {
                self.queues.host.notify(driver);
            }
        }
    }

    fn rest(&mut self, driver: &impl Polls) -> Turn {
        let queues = Arc::clone(&self.queues);
        let number = self.local.driver;
        let was_searching = std::mem::take(&mut self.is_searching);
        let looked = mutant!(RestLooksFirst).then(|| queues.has_work(number));
        let stops = mutant!(StopLooksFirst).then(|| queues.is_stopped());
        queues.sleepers.fall_asleep(number, was_searching);
        self.is_asleep = true;
        // From here on: before, it was not known that somebody has to be woken.
        let has_work = looked.unwrap_or_else(|| queues.has_work(number));
        if has_work || stops.unwrap_or_else(|| queues.is_stopped()) {
            self.wake_up();
            return Turn::More;
        }
        if !queues.take_watch(number) {
            return Turn::Idle(Rest::Sleep);
        }
        let until = driver.next_deadline();
        if until.is_some_and(|at| at <= driver.now()) {
            self.wake_up();
            return Turn::More;
        }
        Turn::Idle(Rest::Watch(until))
    }

    /// The driver takes a turn.
    fn wake_up(&mut self) {
        if std::mem::take(&mut self.is_asleep) {
            self.queues.leave_watch(self.local.driver);
            self.is_searching = self.queues.sleepers.stay_awake(self.local.driver);
        }
    }

    /// The thread stops driving for a while, or for good: what it has is for others to take, and one of them keeps
    /// watch.
    pub(crate) fn leave(&mut self) {
        self.wake_up();
        if let Some(task) = self.local.take_next() {
            self.push_again(task);
        }
        let was_searching = std::mem::take(&mut self.is_searching);
        let next = match was_searching {
            true => self.queues.sleepers.stop_searching(),
            false => self.queues.sleepers.to_wake(),
        };
        if let Some(driver) = next {
            self.queues.host.notify(driver);
        }
    }

    /// Hands what is queued here alone back to its regions.
    pub(crate) fn clear(&mut self) {
        self.collect_pinned();
        self.pinned = Pinned::default();
        let ring = &mut *self.local.ring.borrow_mut();
        while let Some(task) = ring.pop() {
            drop(task);
        }
    }

    pub(crate) fn queues(&self) -> Arc<Queues> {
        Arc::clone(&self.queues)
    }
}

impl Pinned {
    fn push(&mut self, task: Runnable, timed: &Timed) {
        match task.lane() {
            Lane::Cancel => self.cancel.push_back(task),
            Lane::Timed => timed.push(task),
            Lane::Ready => self.ready.push_back(task),
        }
    }
}
