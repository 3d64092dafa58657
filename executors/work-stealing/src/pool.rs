//! `Pool`: the threads of one runtime, and the thread that owns them.

use std::fmt;
use std::sync::Arc;

use asupersync_core::queue::Ring;
use asupersync_core::trace::Sink;
use asupersync_core::{
    Config, Driver, Error, Executor, LocalRegion, PanicPayload, Platform, Spawner, Stats,
    TaskError, WorkerSeat,
};

use crate::counts::DriverStats;
use crate::host::{Host, Rest};
use crate::local;
use crate::queues::Queues;
use crate::sync::{Builder, JoinHandle, caught};
use crate::worker::{POLLS_PER_TURN, Turn, Worker};

/// How many worker threads a pool may have.
pub const WORKERS_MAX: usize = 1 << 12;

/// What a pool is made with.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Settings {
    /// How many threads it starts, beside the one that runs bodies. With none, tasks run only while that one does.
    pub workers: usize,
    /// How many tasks may be live at once; past that, spawns fail with `AtCapacity`.
    pub capacity: usize,
    /// What the threads are called; each has its number behind it.
    pub thread_name: String,
    /// The size of a thread's stack in bytes; the host's own choice if not given.
    pub stack_size: Option<usize>,
}

impl Default for Settings {
    fn default() -> Self {
        Self {
            workers: 1,
            capacity: 1 << 18,
            thread_name: String::from("asupersync"),
            stack_size: None,
        }
    }
}

/// Why a pool could not be made.
#[derive(Debug)]
#[non_exhaustive]
pub enum StartError {
    /// More workers than a pool may have ([`WORKERS_MAX`]).
    TooManyWorkers {
        /// How many were asked for.
        workers: usize,
    },
    /// A name of threads has a zero byte in it.
    BadThreadName,
    /// The host refused a thread. Those that had started have ended again.
    Thread {
        /// The number of the worker.
        worker: usize,
        /// What the host said.
        source: std::io::Error,
    },
}

impl fmt::Display for StartError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::TooManyWorkers { workers } => {
                write!(
                    f,
                    "{workers} workers are more than the {WORKERS_MAX} a runtime may have; ask for as many as there are cores"
                )
            }
            Self::BadThreadName => f.write_str("a thread's name may not have a zero byte in it"),
            Self::Thread { worker, source } => write!(
                f,
                "the host refused the thread of worker {worker}: {source}; ask for fewer workers, a smaller stack, or raise the limit of processes"
            ),
        }
    }
}

impl std::error::Error for StartError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Thread { source, .. } => Some(source),
            Self::TooManyWorkers { .. } | Self::BadThreadName => None,
        }
    }
}

/// The drivers of one runtime: worker threads, and the thread that made it, which works too while it runs a body.
///
/// Not `Send`: futures of bodies that may not move live and die on the thread it was made on; those of
/// [`Region::spawn_pinned`](asupersync_core::Region::spawn_pinned) on that of a worker. Dropping it has the workers leave
/// after the poll they are in, and drops what is left; [`shut_down`](Self::shut_down) first for an orderly end.
pub struct Pool {
    threads: Vec<JoinHandle<()>>,
    worker: Worker,
    queues: Arc<Queues>,
    driver: Driver,
}

impl Pool {
    /// Starts the threads.
    ///
    /// # Errors
    /// [`StartError`]; nothing is left running then.
    pub fn start<H: Host + 'static>(
        host: Arc<H>,
        settings: &Settings,
        config: Config,
        sink: Option<Sink>,
    ) -> Result<Self, StartError> {
        let workers = settings.workers;
        if workers > WORKERS_MAX {
            return Err(StartError::TooManyWorkers { workers });
        }
        if settings.thread_name.contains('\0') {
            return Err(StartError::BadThreadName);
        }
        let mut rings: Vec<Ring> = (0..=workers).map(|_| Ring::new()).collect();
        let capacity = settings.capacity.min(asupersync_core::CHILDREN_MAX);
        let platform: Arc<dyn Platform> = Arc::<H>::clone(&host);
        let queues = Arc::new(Queues::new(&rings, host, capacity));
        let executor: Arc<dyn Executor> = Arc::<Queues>::clone(&queues);
        let streak_limit = config.cancel_streak_limit;
        let driver = Driver::new(platform, executor, config, sink);
        let home = rings.pop().unwrap_or_default();
        let mut pool = Self {
            threads: Vec::with_capacity(workers),
            worker: Worker::new(Arc::clone(&queues), workers, home, streak_limit),
            queues,
            driver,
        };
        for (number, ring) in rings.into_iter().enumerate() {
            let queues = Arc::clone(&pool.queues);
            let seat = pool.driver.worker();
            let mut thread = Builder::new();
            thread = thread.name(format!("{}-{number}", settings.thread_name));
            if let Some(bytes) = settings.stack_size {
                thread = thread.stack_size(bytes);
            }
            let started =
                thread.spawn(move || work(Worker::new(queues, number, ring, streak_limit), seat));
            // Dropping the pool ends those that run.
            pool.threads
                .push(started.map_err(|source| StartError::Thread {
                    worker: number,
                    source,
                })?);
        }
        Ok(pool)
    }

    /// Runs `body` in a region of its own until it, and everything in it, has ended. This thread polls tasks like any
    /// worker meanwhile.
    ///
    /// # Errors
    /// As [`Driver::block_on`].
    pub fn block_on<T, E, F>(&mut self, body: F) -> Result<T, E>
    where
        E: TaskError,
        F: AsyncFnOnce(&LocalRegion<E>) -> Result<T, E>,
    {
        let Self {
            worker,
            queues,
            driver,
            ..
        } = self;
        let mut at_home = AtHome::begin(worker);
        let rest = |turn| rest(queues, queues.home(), turn);
        driver.block_on(body, |driver| at_home.turn(driver), rest)
    }

    /// Polls at most `polls` tasks on this thread without waiting. `None`: there is more to do now; else how it would
    /// wait.
    pub fn turn(&mut self, polls: u32) -> Option<Rest> {
        let at_home = AtHome::begin(&mut self.worker);
        match at_home.worker.turn(&mut self.driver, polls) {
            Turn::More => None,
            Turn::Idle(rest) => Some(rest),
        }
    }

    /// Cancels the root region with `Shutdown`, works until it is closed (R-CAN-7), and has the workers leave.
    pub fn shut_down(&mut self) {
        self.queues.begin_closing();
        self.driver.request_shutdown();
        let Self {
            worker,
            queues,
            driver,
            ..
        } = self;
        let mut at_home = AtHome::begin(worker);
        while !driver.is_shut_down() {
            let turn = at_home.turn(driver);
            if !driver.is_shut_down() {
                rest(queues, queues.home(), turn);
            }
        }
        drop(at_home);
        self.join();
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

    /// What each driver has done: the workers, then this thread. At most a turn behind.
    pub fn driver_stats(&self) -> Vec<DriverStats> {
        let shards = self.queues.shards.iter();
        shards.map(|shard| shard.published.read()).collect()
    }

    /// Takes dumps of what every task does, from any thread; see [`Driver::inspector`].
    #[cfg(feature = "inspect")]
    pub fn inspector(&self) -> asupersync_core::Inspector {
        self.driver.inspector()
    }

    /// Has the workers leave, and waits for them.
    fn join(&mut self) {
        self.queues.stop();
        for thread in self.threads.drain(..) {
            // A worker outlives the panics of what it polls; see `work`.
            let _ = thread.join();
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        self.join();
        self.worker.leave();
        // A task that sits in a queue is out of the driver's reach.
        self.worker.clear();
        self.queues.clear();
    }
}

impl fmt::Debug for Pool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Pool")
            .field("workers", &self.threads.len())
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// The pool's own thread, while it works.
struct AtHome<'a> {
    worker: &'a mut Worker,
    _driving: local::Driving,
}

impl<'a> AtHome<'a> {
    fn begin(worker: &'a mut Worker) -> Self {
        let driving = local::enter(&worker.local);
        Self {
            worker,
            _driving: driving,
        }
    }

    fn turn(&mut self, driver: &mut Driver) -> Turn {
        self.worker.turn(driver, POLLS_PER_TURN)
    }
}

impl Drop for AtHome<'_> {
    fn drop(&mut self) {
        self.worker.leave();
    }
}

/// What a driver does between two turns.
fn rest(queues: &Queues, driver: usize, turn: Turn) {
    match turn {
        Turn::More => queues.host.look(),
        Turn::Idle(rest) => queues.host.wait(driver, rest),
    }
}

/// The life of a worker's thread.
fn work(mut worker: Worker, seat: WorkerSeat) {
    let queues = worker.queues();
    let number = worker.local.driver;
    let mut driver = seat.start();
    let driving = local::enter(&worker.local);
    while !queues.is_stopped() {
        // Polls and drops are guarded one by one. What comes through is a waker of the program's own that panicked: it
        // may not take the worker with it.
        let turn = caught(|| worker.turn(&mut driver, POLLS_PER_TURN));
        let turn = turn.unwrap_or_else(|payload| {
            driver.panicked(PanicPayload::new(payload));
            Turn::More
        });
        rest(&queues, number, turn);
    }
    worker.leave();
    worker.clear();
    // What is woken from here on goes where others find it.
    drop(driving);
    // Drops what lives on this thread, here.
    drop(driver);
}
