//! `Services`: what every runtime of this crate grants its root, and what it stops at its end.
//!
//! Owns the list of surfaces. The runtimes call it twice: when they are built and when they are shut down.

use asupersync_core::Config;

use crate::blocking::{Blocking, BlockingBuilder, BlockingPool, BlockingStats};
use crate::dns::Dns;
use crate::fs::Fs;
use crate::process::Processes;
use crate::signal::Signals;

/// The surfaces of one runtime.
#[derive(Debug)]
pub(crate) struct Services {
    pool: Option<BlockingPool>,
}

impl Services {
    /// Grants the root everything that this host has; what blocks only with a pool.
    pub(crate) fn grant(config: Config, blocking: Option<BlockingBuilder>) -> (Self, Config) {
        let config = config.grant(Signals::new());
        let pool = blocking.map(BlockingBuilder::build);
        let config = match &pool {
            Some(pool) => config
                .grant(Blocking::new(pool.clone()))
                .grant(Dns::new(pool.clone()))
                .grant(Fs::new(pool.clone()))
                .grant(Processes::new(pool.clone())),
            None => config,
        };
        (Self { pool }, config)
    }

    pub(crate) fn blocking_stats(&self) -> Option<BlockingStats> {
        self.pool.as_ref().map(BlockingPool::stats)
    }

    /// The root region is closed: waits for the threads to be gone.
    pub(crate) fn stop(&self) {
        if let Some(pool) = &self.pool {
            pool.stop_and_wait();
        }
    }
}

impl Drop for Services {
    /// After a panic nobody called `stop`: the threads leave by themselves.
    fn drop(&mut self) {
        if let Some(pool) = &self.pool {
            pool.stop();
        }
    }
}
