//! `Driver`: the half of a runtime that polls. An executor's loop is built around it.
//!
//! Owns the root region, and is the proof of being on the driving thread: it is neither `Send` nor
//! `Sync`, and with its [`Worker`]s the only one that polls or drops futures. It has no queue and no loop: those make
//! an executor (see `executors/local`).

use alloc::sync::Arc;
use core::cell::Cell;
use core::fmt;
use core::marker::PhantomData;

use crate::budget::Budget;
use crate::cancel::CancelKind;
use crate::cx::LocalCx;
use crate::diagnostic::Diagnostic;
use crate::error::{Error, SpawnError, TaskError};
use crate::executor::Executor;
use crate::kernel::{Config, Kernel, Stats};
use crate::mutants::mutant;
use crate::outcome::PanicPayload;
use crate::path::PathId;
use crate::platform::Platform;
use crate::region::{
    LocalRegion, Policy, RegionCore, RegionState, Settings, Spawner, spawn_local_in,
};
use crate::task::run::{self, Ran};
use crate::task::{LocalTask, Runnable, borrowed};
use crate::time::Time;
use crate::trace::Sink;

/// Polls the tasks of one runtime. Made once, on the thread (or the interrupt level) that drives.
pub struct Driver {
    kernel: Arc<Kernel>,
    root: Arc<RegionCore>,
    /// How many workers it gave out.
    workers: Cell<usize>,
    _not_send: PhantomData<*const ()>,
}

/// A body that [`Driver::start`] started. Whoever drives asks after each turn whether it has ended.
///
/// Dropping the handle asks the body to stop: it cleans up in the turns that follow, and the root region
/// waits for it.
#[must_use = "dropped, it asks the body to stop"]
pub struct MainTask<T, E: TaskError> {
    task: LocalTask<Result<T, E>, E>,
}

impl<T, E: TaskError> MainTask<T, E> {
    /// The body's result, given out once; `None` while the body, or anything in its region, runs.
    ///
    /// # Errors
    /// The inner result is that of [`Driver::block_on`]; asked for again, an error that says so.
    pub fn try_result(&mut self) -> Option<Result<T, E>> {
        let outcome = self.task.take_outcome()?;
        Some(outcome.into_result().and_then(|result| result))
    }
}

impl<T, E: TaskError> Drop for MainTask<T, E> {
    fn drop(&mut self) {
        if !self.task.is_finished() {
            self.task
                .cancel("nobody waits for the body's result any more");
        }
    }
}

impl<T, E: TaskError> fmt::Debug for MainTask<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("MainTask").field(&self.task.path()).finish()
    }
}

/// The place of one more thread that drives, on its way there; made by [`Driver::worker`].
///
/// Dropping it gives the place up for good.
#[must_use = "a runtime counts on its workers"]
pub struct WorkerSeat {
    kernel: Arc<Kernel>,
    number: usize,
}

impl WorkerSeat {
    /// Starts to drive on the calling thread, and on no other from here on.
    pub fn start(self) -> Worker {
        Worker {
            seat: self,
            _not_send: PhantomData,
        }
    }

    /// Which driver it is: what [`Executor::current`] says on its thread, and [`Runnable::home`] of its tasks.
    pub fn number(&self) -> usize {
        self.number
    }
}

impl Drop for WorkerSeat {
    /// On the worker's own thread, if it was ever started: a [`Worker`] cannot leave it.
    fn drop(&mut self) {
        run::sweep_home(&self.kernel, self.number);
    }
}

impl fmt::Debug for WorkerSeat {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("WorkerSeat").field(&self.number).finish()
    }
}

/// Polls tasks of a [`Driver`]'s runtime on another thread: those that may move, and those that live there.
///
/// Dropping it drops the latter; what else is queued is the executor's, and what waits the driver's. The driver
/// outlives it, and nobody spawns pinned tasks while a worker leaves: one that is half-way would wait for it for ever.
/// One that is never dropped keeps what lives there for ever, since nobody else may drop that.
pub struct Worker {
    seat: WorkerSeat,
    _not_send: PhantomData<*const ()>,
}

impl Worker {
    /// Polls a task that the caller took from a queue of its executor.
    ///
    /// # Errors
    /// [`ForeignTask`] gives back a task of another runtime, or one that may not leave another driver's thread.
    #[inline]
    pub fn run(&mut self, task: Runnable) -> Result<Ran, ForeignTask> {
        let WorkerSeat { kernel, number } = &self.seat;
        // The worker that the task itself names, so that no count of an executor's decides who polls what may not move.
        let is_own = !task.is_pinned() || task.worker() == Some(*number);
        if task.is_of(kernel) && is_own {
            Ok(run::dispatch(task, kernel))
        } else {
            Err(ForeignTask(task))
        }
    }

    /// A panic came out of one of these calls: a waker of the program's own, a trace sink or the platform's report, where
    /// nobody guards. It is reported, and does what [`Config::panic_policy`] says.
    pub fn panicked(&self, payload: PanicPayload) {
        let kernel = &self.seat.kernel;
        kernel.panicked(&payload);
        kernel.report(&Diagnostic::DriverPanicked {
            driver: self.seat.number,
            payload,
        });
    }

    /// See [`Driver::fire_timers`].
    pub fn fire_timers(&mut self, limit: usize) -> usize {
        self.seat.kernel.fire_due(limit)
    }

    /// See [`Driver::next_deadline`].
    pub fn next_deadline(&self) -> Option<Time> {
        self.seat.kernel.next_deadline()
    }

    /// See [`Driver::now`].
    pub fn now(&self) -> Time {
        self.seat.kernel.now()
    }
}

impl fmt::Debug for Worker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Worker").finish_non_exhaustive()
    }
}

/// A task was given to a driver that may not poll it; it is handed back untouched.
#[derive(Debug)]
pub struct ForeignTask(pub Runnable);

impl fmt::Display for ForeignTask {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "task {} belongs to another runtime, or may not leave its driver's thread; give it to the driver whose executor queued it, \
             of several to the one that Runnable::home names",
            self.0.path()
        )
    }
}

impl core::error::Error for ForeignTask {}

impl Driver {
    /// A runtime on `platform` whose wakes go to `executor`. `sink` receives trace events.
    pub fn new(
        platform: Arc<dyn Platform>,
        executor: Arc<dyn Executor>,
        config: Config,
        sink: Option<Sink>,
    ) -> Self {
        let leak_response = config.leak_response;
        let capabilities = Arc::clone(&config.capabilities);
        let kernel = Arc::new(Kernel::new(platform, executor, config, sink));
        let settings = Settings {
            policy: Policy::CollectAll,
            keeps_records: false,
            budget: Budget::INFINITE,
            leak_response,
            capabilities,
        };
        let root = RegionCore::new(Arc::clone(&kernel), PathId::ROOT, None, settings);
        kernel.set_root(&root);
        // Every thread spawns here.
        root.gate.widen();
        Self {
            kernel,
            root,
            workers: Cell::new(0),
            _not_send: PhantomData,
        }
    }

    /// Polls a task that the caller took from a queue of its executor.
    ///
    /// # Errors
    /// [`ForeignTask`] gives back a task of another runtime, or one that lives on a worker's thread.
    #[inline]
    pub fn run(&mut self, task: Runnable) -> Result<Ran, ForeignTask> {
        if task.is_of(&self.kernel) && task.worker().is_none() {
            Ok(run::dispatch(task, &self.kernel))
        } else {
            Err(ForeignTask(task))
        }
    }

    /// Fires timers that are due, at most `limit`, in the order of their deadlines. Says how many.
    pub fn fire_timers(&mut self, limit: usize) -> usize {
        self.kernel.fire_due(limit)
    }

    /// When the next timer is due.
    pub fn next_deadline(&self) -> Option<Time> {
        self.kernel.next_deadline()
    }

    /// The platform's clock.
    pub fn now(&self) -> Time {
        self.kernel.now()
    }

    /// Spawns into the root region, which lives as long as the runtime.
    pub fn spawner(&self) -> Spawner<Error> {
        Spawner::new(Arc::clone(&self.root), self.root.as_parent().next_path())
    }

    /// One more thread's half of the runtime. They are numbered in the order of these calls, from zero; there are at
    /// most as many as the executor has [`drivers`](Executor::drivers) besides this one.
    ///
    /// # Panics
    /// If there are more.
    pub fn worker(&self) -> WorkerSeat {
        let number = self.workers.get();
        assert!(
            number + 1 < self.kernel.drivers(),
            "the executor has {} drivers, and the last is this one: it cannot have worker {number}; have `drivers` count them",
            self.kernel.drivers()
        );
        self.workers.set(number + 1);
        self.kernel.homes.open(number);
        WorkerSeat {
            kernel: Arc::clone(&self.kernel),
            number,
        }
    }

    /// The runtime's counters.
    pub fn stats(&self) -> Stats {
        self.kernel.stats()
    }

    /// The first panic, where [`Config::panic_policy`] has it shut the runtime down.
    pub fn panicked(&self) -> Option<PanicPayload> {
        self.kernel.fatal()
    }

    /// The settings it was made with.
    pub fn config(&self) -> &Config {
        &self.kernel.config
    }

    /// Runs `body` as a task on this thread, calling `turn` until it has ended.
    ///
    /// `turn` polls what is runnable ([`run`](Self::run)) and fires timers; `rest` is given what it
    /// returned, if the body has not ended, and waits where there is nothing to do. `body` may
    /// borrow from the caller.
    ///
    /// # Errors
    /// The body's own; `E::from(ChildEnded)` if it panicked or was forced, `E::from(SpawnError)` if
    /// the runtime is at capacity or shut down.
    pub fn block_on<T, E, F, R>(
        &mut self,
        body: F,
        mut turn: impl FnMut(&mut Self) -> R,
        rest: impl FnMut(R),
    ) -> Result<T, E>
    where
        E: TaskError,
        F: AsyncFnOnce(&LocalRegion<E>) -> Result<T, E>,
    {
        let root = Arc::clone(&self.root);
        borrowed::run(&root, body, || turn(self), rest)
    }

    /// Starts `body` as a task on this thread and returns at once: what [`block_on`](Self::block_on) is
    /// for a caller that may not block.
    ///
    /// The caller's own turns run it, in a region of its own, until the handle has its result. `body`
    /// owns what it uses, since nothing keeps the caller's frame waiting for it.
    ///
    /// # Errors
    /// [`SpawnError`] if the runtime is at capacity or shut down; `body` is dropped uncalled.
    pub fn start<T, E, F>(&mut self, body: F) -> Result<MainTask<T, E>, SpawnError>
    where
        T: 'static,
        E: TaskError,
        F: AsyncFnOnce(&LocalRegion<E>) -> Result<T, E> + 'static,
    {
        // The result is the task's value, good or bad: it is the caller's, not the root region's.
        let main = async |cx: LocalCx<E>| Ok(cx.region(body).await);
        let task = spawn_local_in(&self.root, self.root.as_parent(), main)?;
        Ok(MainTask { task })
    }

    #[cfg(feature = "inspect")]
    pub(crate) fn kernel(&self) -> &Arc<Kernel> {
        &self.kernel
    }

    /// Asks the root region, hence every task, to stop (R-CAN-7). Idempotent.
    pub fn request_shutdown(&self) {
        self.root
            .cancel_itself(CancelKind::Shutdown, "the runtime shuts down");
    }

    /// Whether the root region is closed; the last step of shutdown. Turns go on until it is.
    ///
    /// Obligations that were handed out of the tasks of the root region are waited for until the cleanup
    /// budget is spent, then revoked (R-OBL-2), or abandoned if they may be (R-IO-2). Nobody takes the root region's outcome, so there
    /// [`LeakResponse::Panic`](crate::LeakResponse::Panic) is as `Log`.
    pub fn is_shut_down(&self) -> bool {
        let root = &self.root;
        let empty = root.gate.inside().is_empty() || mutant!(ShutdownEarly);
        if root.word.is_cancelled() && empty && root.state() != RegionState::Closed {
            if let Some(settle) = root.settle().filter(|_| root.word.is_forced()) {
                let _ = settle(root, None);
            }
            // What is under way ends by itself.
            if root.open_obligations() == 0 || mutant!(LeakIgnored) {
                root.closed();
            }
        }
        root.state() == RegionState::Closed
    }
}

impl fmt::Debug for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Driver")
            .field("stats", &self.kernel.stats())
            .finish_non_exhaustive()
    }
}

impl Drop for Driver {
    /// Drops every future that is left, without clean-up beyond their own `Drop`. Shut down first
    /// for an orderly end. An executor drops its queues before its driver: a task that sits in a
    /// queue is out of reach here.
    fn drop(&mut self) {
        if self.root.state() != RegionState::Closed {
            run::sweep(&self.root);
        }
    }
}
