//! `Runtime`: the core's main loop around a local executor.

use alloc::sync::Arc;
use core::fmt;

use asupersync_core::trace::Sink;
use asupersync_core::{Config, Error, LocalRegion, Platform, Spawner, Stats, TaskError};
use asupersync_local::{LocalDriver, Turn};

use crate::platform::Port;

/// How many polls a turn of [`Runtime::run`] has.
const POLLS_PER_TURN: u32 = 64;

/// A runtime on the core that makes it.
///
/// Dropping it drops its tasks; [`shut_down`](Self::shut_down) first for an orderly end.
pub struct Runtime {
    driver: LocalDriver,
    port: &'static Port,
}

impl Runtime {
    /// A runtime that admits at most `capacity` tasks at once. The port has been started.
    pub fn new(port: &'static Port, capacity: usize) -> Self {
        let mut config = Config::default();
        // A sleep ends at a tick, so a finer wheel would only take more memory.
        config.timer_tick = port.tick();
        Self::with_config(port, capacity, config, None)
    }

    /// [`new`](Self::new) with settings, and a sink for trace events.
    pub fn with_config(
        port: &'static Port,
        capacity: usize,
        config: Config,
        sink: Option<Sink>,
    ) -> Self {
        let platform: Arc<dyn Platform> = Arc::new(port);
        Self {
            driver: LocalDriver::with_config(platform, capacity, config, sink),
            port,
        }
    }

    /// Runs `body` in a region until it, and everything in it, has ended; sleeps in between.
    ///
    /// # Errors
    /// As [`LocalDriver::block_on`].
    pub fn block_on<T, E, F>(&mut self, body: F) -> Result<T, E>
    where
        E: TaskError,
        F: AsyncFnOnce(&LocalRegion<E>) -> Result<T, E>,
    {
        let port = self.port;
        self.driver.block_on(body, |until| port.idle(until))
    }

    /// Runs what was spawned through [`spawner`](Self::spawner) for as long as there is power.
    pub fn run(mut self) -> ! {
        loop {
            if let Turn::Idle(until) = self.driver.turn(POLLS_PER_TURN) {
                self.port.idle(until);
            }
        }
    }

    /// Spawns into the root region, which lives as long as the runtime.
    pub fn spawner(&self) -> Spawner<Error> {
        self.driver.spawner()
    }

    /// Asks every task to stop, drives until the root region is closed, and returns the last counters.
    pub fn shut_down(mut self) -> Stats {
        let port = self.port;
        self.driver.shut_down(|until| port.idle(until));
        self.driver.stats()
    }

    /// The runtime's counters.
    pub fn stats(&self) -> Stats {
        self.driver.stats()
    }

    /// The executor underneath, for loops of their own.
    pub fn driver(&mut self) -> &mut LocalDriver {
        &mut self.driver
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
