//! std on one thread, with the real clock.

use alloc::string::ToString;
use alloc::vec::Vec;

use asupersync_core::{Error, LocalRegion};
use asupersync_std::Runtime;

use crate::{Body, Harness, Need, Probe, Record, Setup};

/// Runs scenarios on [`Runtime::current_thread`].
#[derive(Debug, Default)]
pub struct StdHarness;

impl Harness for StdHarness {
    fn name(&self) -> &str {
        "std, one thread"
    }

    fn offers(&self, need: Need) -> bool {
        matches!(need, Need::Unwind | Need::Lanes)
    }

    fn run(&mut self, setup: Setup, body: Body, probe: &Probe) -> Record {
        let setup = setup.in_real_time();
        let mut runtime = Runtime::builder()
            .capacity(setup.capacity)
            .config(setup.config)
            .build();
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
