//! What many tasks cost that one does not show: whether the price of a task grows with their number, and what tasks
//! that only sleep cost while nothing happens.
//!
//! `growth`: N tasks are spawned, wait until they are cancelled, and are awaited; nanoseconds for all of it, per task.
//! The contestants are sizes of asupersync, and the bar is twice the price at 10,000.
//!
//! `idle_cpu`: 10,000 tasks sleep for an hour while the program waits for a second; the processor time of the whole
//! process in that second.
//!
//! Dominated by: `growth` by the caches that a million tasks do not fit in; `idle_cpu` by timers of the runtime's own,
//! where it has any.

use crate::harness::{Contestant, Role, Unit, Workload, scaled, us};
use crate::ours;
use rustix::time::{ClockId, clock_gettime};
use std::time::Duration;

pub fn growth(name: &'static str) -> Workload {
    Workload {
        name,
        per: "task",
        unit: Unit::Ns,
        bar: Some(2.0),
        contestants: vec![
            ours::growth("asupersync, 1,000,000 tasks", Role::Ours, scaled(1_000_000)),
            ours::growth("asupersync, 100,000 tasks", Role::Other, scaled(100_000)),
            ours::growth("asupersync, 10,000 tasks", Role::Named, scaled(10_000)),
        ],
    }
}

pub fn idle_cpu(name: &'static str) -> Workload {
    let sleepers = scaled(10_000);
    Workload {
        name,
        per: "second",
        unit: Unit::Us,
        bar: None,
        contestants: vec![ours::idle_cpu(sleepers), tokio(sleepers)],
    }
}

/// How long the program waits while its processor time is counted.
pub const WATCHED: Duration = Duration::from_millis(scaled(1_000));

/// The processor time that all threads of this process have used.
pub fn process_time() -> Duration {
    let spent = clock_gettime(ClockId::ProcessCPUTime);
    Duration::try_from(spent).expect("a clock that only goes forward")
}

/// Microseconds of processor time per second, of which `spent` was used while [`WATCHED`].
pub fn us_each_second(spent: Duration) -> f64 {
    us(spent) / WATCHED.as_secs_f64()
}

fn tokio(sleepers: u64) -> Contestant {
    Contestant::new("tokio multi_thread", Role::Named, move || {
        let runtime = super::timers::tokio();
        runtime.block_on(async {
            for _ in 0..sleepers {
                tokio::spawn(tokio::time::sleep(Duration::from_secs(3_600)));
            }
            // Until all of them sleep.
            tokio::time::sleep(WATCHED / 4).await;
            let before = process_time();
            tokio::time::sleep(WATCHED).await;
            us_each_second(process_time() - before)
        })
    })
}
