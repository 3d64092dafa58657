//! The guest future in tokio, on the real clock or on tokio's own virtual one.

use alloc::string::ToString;
use alloc::vec::Vec;

use asupersync_core::{Error, LocalRegion, Stats, Time};
use asupersync_embassy::{Guest, Host};
use tokio::runtime::Builder;
use tokio::time::{Instant, Sleep, sleep_until};

use crate::{Body, Harness, Need, Probe, Record, Setup};

/// Runs scenarios on a [`Guest`] in tokio's `current_thread` runtime.
#[derive(Debug)]
pub struct TokioHarness {
    is_paused: bool,
}

impl TokioHarness {
    /// On the real clock.
    pub const fn real_time() -> Self {
        Self { is_paused: false }
    }

    /// On a clock that stands while anything is runnable, and then jumps to tokio's next timer.
    pub const fn virtual_time() -> Self {
        Self { is_paused: true }
    }
}

impl Harness for TokioHarness {
    fn name(&self) -> &str {
        if self.is_paused {
            "guest in tokio, virtual clock"
        } else {
            "guest in tokio"
        }
    }

    fn offers(&self, need: Need) -> bool {
        match need {
            Need::Unwind | Need::Lanes => true,
            Need::VirtualTime => self.is_paused,
            Need::Threads | Need::Io => false,
        }
    }

    fn run(&mut self, setup: Setup, body: Body, probe: &Probe) -> Record {
        let tokio = Builder::new_current_thread()
            .enable_time()
            .start_paused(self.is_paused)
            .build();
        let setup = match self.is_paused {
            true => setup,
            false => setup.in_real_time(),
        };
        let program = async {
            let epoch = Instant::now();
            run_in(Tokio { epoch }, setup, body, probe.clone()).await
        };
        match tokio {
            Ok(tokio) => tokio.block_on(program),
            Err(error) => Record {
                result: Err(error.to_string()),
                stats: Stats::default(),
                closed: false,
                violations: Vec::new(),
            },
        }
    }
}

/// One run, on any host.
pub(super) async fn run_in(host: impl Host, setup: Setup, body: Body, probe: Probe) -> Record {
    let mut guest = Guest::with_config(host, setup.capacity, setup.config, None);
    if let Some(spawn) = setup.root {
        spawn(&guest.spawner(), &probe);
    }
    let program = async move |region: &LocalRegion| body(region, &probe).await;
    let result: Result<(), Error> = guest.run(program).await;
    let stats = guest.shut_down().await;
    Record {
        result: result.map_err(|error| error.to_string()),
        stats,
        closed: true,
        violations: Vec::new(),
    }
}

/// Tokio's clock and timers.
struct Tokio {
    epoch: Instant,
}

impl Host for Tokio {
    type Timer = Sleep;

    fn now(&self) -> Time {
        Time::ZERO.saturating_add(self.epoch.elapsed())
    }

    fn timer(&self, deadline: Time) -> Sleep {
        sleep_until(self.epoch + deadline.saturating_since(Time::ZERO))
    }

    fn entropy(&self) -> u64 {
        0
    }
}
