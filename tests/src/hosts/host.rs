//! std on one thread or several, with the real clock.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use asupersync_core::{Error, LocalRegion, Stats};
use asupersync_std::Runtime;

use crate::{Body, Harness, Need, Probe, Record, Setup};

/// Runs scenarios on a [`Runtime`] of its own each.
#[derive(Debug)]
pub struct StdHarness {
    name: String,
    workers: usize,
}

impl StdHarness {
    /// On the calling thread alone.
    pub fn one_thread() -> Self {
        Self {
            name: String::from("std, one thread"),
            workers: 0,
        }
    }

    /// On the calling thread and this many workers.
    pub fn with_workers(workers: usize) -> Self {
        Self {
            name: format!("std, {workers} workers"),
            workers,
        }
    }
}

impl Harness for StdHarness {
    fn name(&self) -> &str {
        &self.name
    }

    fn offers(&self, need: Need) -> bool {
        match need {
            Need::Unwind => true,
            Need::Lanes => self.workers == 0,
            Need::Threads => self.workers > 0,
            Need::Io | Need::VirtualTime => false,
        }
    }

    fn run(&mut self, setup: Setup, body: Body, probe: &Probe) -> Record {
        let setup = setup.in_real_time();
        let runtime = Runtime::builder()
            .workers(self.workers)
            .capacity(setup.capacity)
            .config(setup.config)
            .build();
        let mut runtime = match runtime {
            Ok(runtime) => runtime,
            Err(error) => {
                return Record {
                    result: Err(error.to_string()),
                    stats: Stats::default(),
                    closed: false,
                    violations: Vec::new(),
                };
            }
        };
        if let Some(spawn) = setup.root {
            spawn(&runtime.spawner(), probe);
        }
        let result: Result<(), Error> =
            runtime.block_on(async |region: &LocalRegion| body(region, probe).await);
        let ended = runtime.shut_down();
        Record {
            result: result.map_err(|error| error.to_string()),
            stats: ended,
            closed: true,
            violations: Vec::new(),
        }
    }
}
