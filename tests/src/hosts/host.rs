//! std on one thread or several, with the real clock.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use asupersync_core::trace::TraceSink;
use asupersync_core::{Error, LocalRegion, Stats};
use asupersync_std::Runtime;

use crate::{Body, Harness, Need, Probe, Record, Setup};

/// Runs scenarios on a [`Runtime`] of its own each.
pub struct StdHarness {
    name: String,
    workers: usize,
    sink: Option<Arc<dyn TraceSink>>,
    patience: Option<u32>,
}

impl fmt::Debug for StdHarness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("StdHarness")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

impl StdHarness {
    /// On the calling thread alone.
    pub fn one_thread() -> Self {
        Self {
            name: String::from("std, one thread"),
            workers: 0,
            sink: None,
            patience: None,
        }
    }

    /// On the calling thread and this many workers.
    pub fn with_workers(workers: usize) -> Self {
        Self {
            name: format!("std, {workers} workers"),
            workers,
            sink: None,
            patience: None,
        }
    }

    /// With budgets that are this many times those of virtual time, instead of the usual few.
    pub fn patience(mut self, times: u32) -> Self {
        self.patience = Some(times);
        self
    }

    /// Tells `sink` of every event.
    pub fn sink(mut self, sink: Arc<dyn TraceSink>) -> Self {
        self.sink = Some(sink);
        self
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
        let setup = match self.patience {
            Some(times) => setup.patient(times),
            None => setup.in_real_time(),
        };
        let mut builder = Runtime::builder()
            .workers(self.workers)
            .capacity(setup.capacity)
            .config(setup.config);
        if let Some(sink) = &self.sink {
            builder = builder.trace(Arc::clone(sink));
        }
        let mut runtime = match builder.build() {
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
