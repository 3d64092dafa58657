//! `Runtime`: one thread of a host that drives a local executor.

use std::fmt;
use std::sync::Arc;

use asupersync_core::trace::{Sink, TraceSink};
use asupersync_core::{Config, Error, LocalRegion, Platform, Spawner, Stats, TaskError};
use asupersync_local::{LocalDriver, Turn};
use parking::Parker;

use crate::blocking::{BlockingBuilder, BlockingStats};
use crate::host::Host;
use crate::platform::StdPlatform;

/// How many tasks a runtime admits by default.
const CAPACITY: usize = 1 << 18;

/// A runtime on the calling thread.
///
/// Dropping it shuts it down: every task is asked to stop with `Shutdown`, drains within its cleanup
/// budget, and is dropped past that.
pub struct Runtime {
    driver: LocalDriver,
    platform: Arc<StdPlatform>,
    parker: Parker,
    host: Host,
}

impl Runtime {
    /// A runtime with the default settings.
    pub fn current_thread() -> Self {
        Self::builder().build()
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
    /// [`Cx::region`](asupersync_core::Cx::region); `SpawnError::AtCapacity` if the runtime is full.
    pub fn block_on<T, E, F>(&mut self, body: F) -> Result<T, E>
    where
        E: TaskError,
        F: AsyncFnOnce(&LocalRegion<E>) -> Result<T, E>,
    {
        let Self {
            driver,
            platform,
            parker,
            ..
        } = self;
        driver.block_on(body, |until| platform.park(parker, until))
    }

    /// Polls at most `polls` tasks without waiting: for programs with a loop of their own.
    pub fn turn(&mut self, polls: u32) -> Turn {
        self.driver.turn(polls)
    }

    /// Spawns into the root region, from any thread.
    pub fn spawner(&self) -> Spawner<Error> {
        self.driver.spawner()
    }

    /// Asks every task to stop and returns when the root region is closed (R-CAN-7).
    ///
    /// Takes at most the cleanup budgets, unless a task blocks in a poll. Returns the last counters.
    pub fn shut_down(mut self) -> Stats {
        self.drain();
        self.stats()
    }

    /// The runtime's counters.
    pub fn stats(&self) -> Stats {
        self.driver.stats()
    }

    /// The counters of the blocking pool; `None` without one.
    pub fn blocking_stats(&self) -> Option<BlockingStats> {
        self.host.blocking_stats()
    }

    /// The executor underneath.
    pub fn driver(&self) -> &LocalDriver {
        &self.driver
    }

    fn drain(&mut self) {
        let Self {
            driver,
            platform,
            parker,
            host,
        } = self;
        driver.shut_down(|until| platform.park(parker, until));
        host.stop();
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
    capacity: usize,
    config: Config,
    blocking: Option<BlockingBuilder>,
    sink: Option<Sink>,
}

impl Default for Builder {
    fn default() -> Self {
        Self {
            capacity: CAPACITY,
            config: Config::default(),
            blocking: Some(BlockingBuilder::new()),
            sink: None,
        }
    }
}

impl Builder {
    /// How many tasks may be live at once; past that, spawns fail with `AtCapacity`.
    pub fn capacity(mut self, tasks: usize) -> Self {
        self.capacity = tasks;
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

    /// Makes the runtime. It belongs to the calling thread.
    pub fn build(self) -> Runtime {
        let (platform, parker) = StdPlatform::new();
        let platform = Arc::new(platform);
        let world: Arc<dyn Platform> = Arc::<StdPlatform>::clone(&platform);
        let (host, config) = Host::grant(self.config, self.blocking);
        Runtime {
            driver: LocalDriver::with_config(world, self.capacity, config, self.sink),
            platform,
            parker,
            host,
        }
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("capacity", &self.capacity)
            .field("config", &self.config)
            .finish_non_exhaustive()
    }
}
