//! `Runtime`: the threads of a host that drive an executor.

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use asupersync_core::trace::{Sink, TraceSink};
use asupersync_core::{
    ChildEnded, Config, Dump, Error, Inspector, LocalRegion, PanicPayload, PanicPolicy, Platform,
    Spawner, Stats, TaskError,
};
use asupersync_local::{LocalDriver, Turn};
use asupersync_work_stealing::{DriverStats, Host, Pool, Rest, Settings, StartError};

use crate::blocking::{BlockingBuilder, BlockingStats};
use crate::platform::StdPlatform;
use crate::reactor::ReactorStats;
use crate::services::Services;
use crate::stall::Monitor;

/// A runtime that belongs to the thread that made it.
///
/// That thread polls tasks while it is in [`block_on`](Self::block_on); so do the runtime's workers, all the time.
/// Futures that may not move are polled where they were made: the body, and what it spawns with
/// [`LocalRegion::spawn_local`], by that thread alone.
///
/// Dropping it shuts it down: every task is asked to stop with `Shutdown`, drains within its cleanup
/// budget, and is dropped past that.
pub struct Runtime {
    /// Dropped first: it ends while there is still something to look at.
    monitor: Option<Monitor>,
    engine: Engine,
    platform: Arc<StdPlatform>,
    services: Services,
    panic_policy: PanicPolicy,
}

/// All the numbers of a [`Runtime`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RuntimeStats {
    /// The kernel's.
    pub kernel: Stats,
    /// Those of each driver of several: the workers, then the thread of the runtime. Empty where there is only one.
    pub drivers: Vec<DriverStats>,
    /// Those of its I/O.
    pub io: ReactorStats,
    /// Those of the blocking pool, if there is one.
    pub blocking: Option<BlockingStats>,
}

/// How many polls pass between two looks at the I/O events while there is always something to poll.
const POLLS_PER_IO_LOOK: u32 = 64;

/// One thread keeps the lanes' order to the letter; several share the work.
#[allow(clippy::large_enum_variant)] // there is one per runtime
enum Engine {
    One(LocalDriver),
    Many(Pool),
}

impl Runtime {
    /// A runtime on all cores, with the default settings.
    ///
    /// # Errors
    /// [`StartError`] if the host refuses its threads.
    pub fn new() -> Result<Self, StartError> {
        Self::builder().build()
    }

    /// A runtime on the calling thread alone, with the default settings.
    pub fn current_thread() -> Self {
        Self::builder().on_one_thread()
    }

    /// A runtime with settings.
    pub fn builder() -> Builder {
        Builder::default()
    }

    /// Runs `body` in a region until it, and everything in it, has ended; returns its value.
    ///
    /// The body may borrow from the caller. Tasks spawned into the runtime's root region
    /// ([`spawner`](Self::spawner)) are driven too, and live on afterwards.
    ///
    /// # Errors
    /// The severity join of the body and its children, as for
    /// [`Cx::region`](asupersync_core::Cx::region); `SpawnError::AtCapacity` if the runtime is full;
    /// [`ChildEnded::Panicked`] if a panic shut the runtime down ([`PanicPolicy::ShutDown`]), whatever the body
    /// returned.
    ///
    /// # Panics
    /// With the first panic of a task, once everything has ended, under [`PanicPolicy::Resume`].
    pub fn block_on<T, E, F>(&mut self, body: F) -> Result<T, E>
    where
        E: TaskError,
        F: AsyncFnOnce(&LocalRegion<E>) -> Result<T, E>,
    {
        let Self {
            engine, platform, ..
        } = self;
        let result = match engine {
            Engine::One(driver) => {
                let rest = |turn| between_turns(platform, turn);
                driver.block_on_turns(POLLS_PER_IO_LOOK, body, rest)
            }
            Engine::Many(pool) => pool.block_on(body),
        };
        match self.panicked() {
            None => result,
            Some(payload) => Err(self.ended_by(payload)),
        }
    }

    /// What a caller of [`block_on`](Self::block_on) is told of the panic that shut the runtime down.
    fn ended_by<E: TaskError>(&mut self, payload: PanicPayload) -> E {
        if self.panic_policy == PanicPolicy::Resume {
            // Now: while a panic unwinds nothing is waited for.
            self.drain();
            resume(&payload);
        }
        E::from(ChildEnded::Panicked(payload))
    }

    /// The first panic, where it shut the runtime down ([`Builder::panic_policy`]): for programs that call
    /// [`turn`](Self::turn), or that ask before [`shut_down`](Self::shut_down).
    pub fn panicked(&self) -> Option<PanicPayload> {
        match &self.engine {
            Engine::One(driver) => driver.panicked(),
            Engine::Many(pool) => pool.panicked(),
        }
    }

    /// Polls at most `polls` tasks on this thread without waiting: for programs with a loop of their own.
    pub fn turn(&mut self, polls: u32) -> Turn {
        let Self {
            engine, platform, ..
        } = self;
        match engine {
            Engine::One(driver) => {
                platform.look();
                driver.turn(polls)
            }
            Engine::Many(pool) => match pool.turn(polls) {
                None => Turn::More,
                Some(Rest::Watch(until)) => Turn::Idle(until),
                Some(Rest::Sleep) => Turn::Idle(None),
            },
        }
    }

    /// Spawns into the root region, from any thread.
    pub fn spawner(&self) -> Spawner<Error> {
        match &self.engine {
            Engine::One(driver) => driver.spawner(),
            Engine::Many(pool) => pool.spawner(),
        }
    }

    /// Asks every task to stop and returns when the root region is closed (R-CAN-7).
    ///
    /// Takes at most the cleanup budgets, unless a task blocks in a poll. Returns the last counters.
    ///
    /// # Panics
    /// With the first panic of a task that no [`block_on`](Self::block_on) went on with, under
    /// [`PanicPolicy::Resume`].
    pub fn shut_down(mut self) -> Stats {
        let known = self.panicked().is_some();
        self.drain();
        let stats = self.stats();
        match self.panicked() {
            Some(payload) if self.panic_policy == PanicPolicy::Resume && !known => resume(&payload),
            _ => stats,
        }
    }

    /// The runtime's counters.
    pub fn stats(&self) -> Stats {
        match &self.engine {
            Engine::One(driver) => driver.stats(),
            Engine::Many(pool) => pool.stats(),
        }
    }

    /// All the numbers of the runtime at once.
    ///
    /// ```
    /// use asupersync_core::LocalRegion;
    /// use asupersync_std::Runtime;
    ///
    /// let mut runtime = Runtime::builder().workers(1).build()?;
    /// runtime.block_on(async |_region: &LocalRegion| Ok(()))?;
    /// let snapshot = runtime.snapshot();
    /// assert_eq!((snapshot.kernel.live, snapshot.drivers.len()), (0, 2));
    /// # Ok::<(), asupersync_core::Error>(())
    /// ```
    pub fn snapshot(&self) -> RuntimeStats {
        RuntimeStats {
            kernel: self.stats(),
            drivers: match &self.engine {
                Engine::One(_) => Vec::new(),
                Engine::Many(pool) => pool.driver_stats(),
            },
            io: self.io_stats(),
            blocking: self.blocking_stats(),
        }
    }

    /// What every task does and waits for now, without polling any. `None` unless
    /// [`Config::inspect`](asupersync_core::Config::inspect) is on.
    ///
    /// ```
    /// use asupersync_core::{Config, LocalRegion, TaskOptions};
    /// use asupersync_std::Runtime;
    ///
    /// let mut config = Config::default();
    /// config.inspect = true;
    /// let mut runtime = Runtime::builder().config(config).on_one_thread();
    /// let inspector = runtime.inspector();
    /// runtime.block_on(async |region: &LocalRegion| {
    ///     let options = TaskOptions::new().name("worker");
    ///     let worker = region.spawn_with(options, async |cx| Ok(cx.yield_now().await?))?;
    ///     let dump = inspector.dump().expect("it is switched on");
    ///     assert_eq!(dump.tasks[1].name, Some("worker"));
    ///     worker.join(region).await
    /// })?;
    /// # Ok::<(), asupersync_core::Error>(())
    /// ```
    pub fn dump(&self) -> Option<Dump> {
        self.inspector().dump()
    }

    /// Takes dumps from any thread.
    pub fn inspector(&self) -> Inspector {
        match &self.engine {
            Engine::One(driver) => driver.inspector(),
            Engine::Many(pool) => pool.inspector(),
        }
    }

    /// The counters of its I/O; all zero until a socket is made.
    pub fn io_stats(&self) -> ReactorStats {
        self.platform.io_stats()
    }

    /// The counters of the blocking pool; `None` without one.
    pub fn blocking_stats(&self) -> Option<BlockingStats> {
        self.services.blocking_stats()
    }

    fn drain(&mut self) {
        let Self {
            monitor,
            engine,
            platform,
            services,
            ..
        } = self;
        match engine {
            Engine::One(driver) => {
                driver.request_shutdown();
                while !driver.is_shut_down() {
                    let turn = driver.turn(POLLS_PER_IO_LOOK);
                    if !driver.is_shut_down() {
                        between_turns(platform, turn);
                    }
                }
            }
            Engine::Many(pool) => pool.shut_down(),
        }
        drop(monitor.take());
        services.stop();
    }
}

/// Goes on with the panic of a task.
fn resume(payload: &PanicPayload) -> ! {
    let message = || Box::new(String::from(payload.message()));
    std::panic::resume_unwind(payload.take().unwrap_or_else(|| message()))
}

/// What the one thread does between two turns.
fn between_turns(platform: &StdPlatform, turn: Turn) {
    match turn {
        Turn::Idle(until) => platform.wait(0, Rest::Watch(until)),
        Turn::More => platform.look(),
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        if !std::thread::panicking() {
            self.drain();
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Settings of a [`Runtime`].
#[derive(Clone)]
#[must_use = "a builder does nothing until it builds"]
pub struct Builder {
    settings: Settings,
    workers: Option<usize>,
    config: Config,
    blocking: Option<BlockingBuilder>,
    sink: Option<Sink>,
    io: bool,
    stall_after: Option<Duration>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            settings: Settings::default(),
            workers: None,
            config: Config::default(),
            blocking: Some(BlockingBuilder::new()),
            sink: None,
            io: true,
            stall_after: None,
        }
    }
}

impl Builder {
    /// How many threads the runtime starts, beside the one that it belongs to. By default one less than the host has
    /// cores, and at least one.
    ///
    /// With none there are no tasks but while a body runs ([`Runtime::block_on`]).
    pub fn workers(mut self, threads: usize) -> Self {
        self.workers = Some(threads);
        self
    }

    /// What the workers' threads are called; each has its number behind it.
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.settings.thread_name = name.into();
        self
    }

    /// The size of the workers' stacks in bytes; the host's own choice if not given.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.settings.stack_size = Some(bytes);
        self
    }

    /// How many tasks may be live at once; past that, spawns fail with `AtCapacity`.
    pub fn capacity(mut self, tasks: usize) -> Self {
        self.settings.capacity = tasks;
        self
    }

    /// What a panic does beyond the task that it ends; by default nothing. Also in [`config`](Self::config): the later
    /// call counts.
    ///
    /// ```
    /// use asupersync_core::{ChildEnded, Error, LocalRegion, PanicPolicy};
    /// use asupersync_std::Runtime;
    ///
    /// let builder = Runtime::builder().panic_policy(PanicPolicy::ShutDown);
    /// let mut runtime = builder.on_one_thread();
    /// let task = runtime.spawner().spawn(async |_cx| -> Result<(), Error> { panic!("broken") })?;
    /// let ended = runtime.block_on(async |region: &LocalRegion| {
    ///     Ok(region.until_cancelled(std::future::pending::<()>()).await?)
    /// });
    /// let error = ended.expect_err("the runtime shuts down");
    /// let ended = error.downcast_ref::<ChildEnded>();
    /// assert!(matches!(ended, Some(ChildEnded::Panicked(payload)) if payload.message() == "broken"));
    /// # drop(task);
    /// # Ok::<(), Error>(())
    /// ```
    pub fn panic_policy(mut self, policy: PanicPolicy) -> Self {
        self.config.panic_policy = policy;
        self
    }

    /// The kernel's settings.
    pub fn config(mut self, config: Config) -> Self {
        self.config = config;
        self
    }

    /// The settings of the pool for what blocks.
    pub fn blocking(mut self, pool: BlockingBuilder) -> Self {
        self.blocking = Some(pool);
        self
    }

    /// No pool: the root gets no capability for anything that blocks.
    pub fn without_blocking(mut self) -> Self {
        self.blocking = None;
        self
    }

    /// Where trace events go.
    pub fn trace(mut self, sink: Arc<dyn TraceSink>) -> Self {
        self.sink = Some(sink);
        self
    }

    /// Leaves the host's network out: no region holds the capability [`Net`](asupersync_io::Net), unless
    /// [`config`](Self::config) grants one of your own.
    pub fn without_io(mut self) -> Self {
        self.io = false;
        self
    }

    /// Names each task whose poll lasts `limit` or longer, while it lasts and once more when it is over: through
    /// [`Diagnostic::Stalled`](asupersync_core::Diagnostic::Stalled) on standard error, as the event `Stalled` to
    /// [`trace`](Self::trace), and in [`Stats::stalls`](asupersync_core::Stats::stalls). Off by default.
    ///
    /// A task that does not yield keeps its thread from everything else; nothing can stop it, so it is told. The report
    /// has its name, region, thread, and what it said last by
    /// [`checkpoint_with`](asupersync_core::CxBase::checkpoint_with); where it was spawned too, with
    /// [`Config::inspect`](asupersync_core::Config::inspect). It comes at most half of `limit` late. Takes a thread that
    /// looks four times in `limit`, and a few stores per poll. A tenth of a second suits a service.
    ///
    /// ```
    /// use std::time::Duration;
    /// use asupersync_std::Runtime;
    ///
    /// let runtime = Runtime::builder().stall_after(Duration::from_millis(100)).on_one_thread();
    /// assert_eq!(runtime.shut_down().stalls, 0);
    /// ```
    pub fn stall_after(mut self, limit: Duration) -> Self {
        self.stall_after = Some(limit);
        self
    }

    /// What the host can do, and the settings of a kernel that may use it.
    fn services(&mut self, platform: &StdPlatform) -> (Services, Config) {
        self.config.watch_polls |= self.stall_after.is_some();
        let config = match self.io {
            true => self.config.clone().grant(platform.net()),
            false => self.config.clone(),
        };
        Services::grant(config, self.blocking.take())
    }

    /// Makes the runtime. It belongs to the calling thread.
    ///
    /// # Errors
    /// [`StartError`] if there cannot be as many workers; nothing is left running then.
    pub fn build(mut self) -> Result<Runtime, StartError> {
        let workers = self.workers.unwrap_or_else(|| {
            let cores = std::thread::available_parallelism();
            cores.map_or(1, NonZeroUsize::get).saturating_sub(1).max(1)
        });
        if workers == 0 {
            return Ok(self.on_one_thread());
        }
        // The last seat is for the thread that the runtime belongs to.
        let platform = Arc::new(StdPlatform::new(workers.saturating_add(1)));
        let (services, config) = self.services(&platform);
        let panic_policy = config.panic_policy;
        let mut settings = self.settings;
        settings.workers = workers;
        let pool = Pool::start(Arc::clone(&platform), &settings, config, self.sink)?;
        let watch = |after| Monitor::start(&pool.inspector(), after, &*platform);
        Ok(Runtime {
            monitor: self.stall_after.and_then(watch),
            engine: Engine::Many(pool),
            platform,
            services,
            panic_policy,
        })
    }

    /// Makes a runtime on the calling thread alone, however many [`workers`](Self::workers) it was to have: its lanes
    /// keep their order to the letter, and nothing has to be started.
    pub fn on_one_thread(mut self) -> Runtime {
        let platform = Arc::new(StdPlatform::new(1));
        let (services, config) = self.services(&platform);
        let world: Arc<dyn Platform> = Arc::<StdPlatform>::clone(&platform);
        let capacity = self.settings.capacity;
        let panic_policy = config.panic_policy;
        let driver = LocalDriver::with_config(world, capacity, config, self.sink);
        let watch = |after| Monitor::start(&driver.inspector(), after, &*platform);
        Runtime {
            monitor: self.stall_after.and_then(watch),
            engine: Engine::One(driver),
            platform,
            services,
            panic_policy,
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("workers", &self.workers)
            .field("settings", &self.settings)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
