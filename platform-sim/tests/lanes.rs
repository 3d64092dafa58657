//! The strategy `lanes` and the reference executor run one program event by event the same way.

mod programs;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use asupersync_core::trace::{Event, EventKind, RingSink};
use asupersync_core::{Config, Error, LocalRegion, Platform, Time};
use asupersync_local::LocalDriver;
use asupersync_sim::{Lab, Strategy};

/// A platform whose clock the test moves.
#[derive(Default)]
struct StillPlatform(AtomicU64);

impl Platform for StillPlatform {
    fn now(&self) -> Time {
        Time::from_nanos(self.0.load(Ordering::Relaxed))
    }
    fn arm(&self, _deadline: Option<Time>) {}
    fn pend(&self) {}
    fn entropy(&self) -> u64 {
        0
    }
}

fn on_the_local_executor(body: impl AsyncFnOnce(&LocalRegion) -> Result<u64, Error>) -> Vec<Event> {
    let platform = Arc::new(StillPlatform::default());
    let sink = Arc::new(RingSink::new(1 << 20));
    let mut config = Config::default();
    config.check_foreign_cx = true;
    let mut driver = LocalDriver::with_config(
        Arc::<StillPlatform>::clone(&platform),
        1 << 18,
        config,
        Some(Arc::<RingSink>::clone(&sink)),
    );
    let jump = |until: Option<Time>| {
        let until = until.expect("the program waits for time alone");
        platform.0.store(until.as_nanos(), Ordering::Relaxed);
    };
    driver.block_on(body, jump).expect("the program succeeds");
    driver.shut_down(jump);
    sink.snapshot()
}

fn in_the_lab(body: impl AsyncFnOnce(&LocalRegion) -> Result<u64, Error>) -> Vec<Event> {
    let report = Lab::new(0).strategy(Strategy::Lanes).run(body);
    report.assert_clean();
    let events = report.trace.expect("captured").into_events();
    // The clock is the lab's own; the rest is the kernel's.
    events
        .into_iter()
        .filter(|event| event.kind != EventKind::ClockAdvanced)
        .collect()
}

macro_rules! same {
    ($program:path) => {
        let (expected, found) = (on_the_local_executor($program), in_the_lab($program));
        assert!(expected.len() > 20, "the program does something");
        for (index, (expected, found)) in expected.iter().zip(&found).enumerate() {
            assert_eq!(expected, found, "event {index}");
        }
        assert_eq!(expected.len(), found.len());
    };
}

// proves: R-SCH-1
#[test]
fn lanes_is_the_order_of_the_local_executor() {
    same!(programs::pipeline);
    same!(programs::race);
    same!(programs::tree);
    same!(programs::crowd);
}
