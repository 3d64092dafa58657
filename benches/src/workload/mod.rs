//! The workloads. Each file holds one definition of work and every runtime's way to do it, side by side.
//!
//! Rules that all of them keep: runtimes and leaked storage are made before the first round; what a round sets up is
//! outside its time; the work is checked (sums, counts) outside its time; a runtime uses its own yield, spawn and
//! oneshot where it has one and the `futures` crates' otherwise.

pub mod cancel_tree;
mod chained_spawn;
pub mod hyper_hello;
mod idle_bytes;
pub mod mpsc;
mod oneshot;
mod ping_pong;
pub mod scale;
mod spawn_join;
pub mod tcp_echo;
pub mod threads;
pub mod timers;
mod yield_many;

use crate::harness::{Workload, scaled};
use crate::ours;

/// A workload is built only when it runs: its runtimes and storage do not sit on the heap of the others.
pub type Build = Box<dyn FnOnce() -> Workload>;

/// Every workload in the order of the table.
pub fn all() -> Vec<(&'static str, Build)> {
    let mut all: Vec<(&'static str, Build)> = vec![
        (
            "spawn_join_10k",
            Box::new(|| spawn_join::workload("spawn_join_10k", 10_000)),
        ),
        (
            "spawn_join_100k",
            Box::new(|| spawn_join::workload("spawn_join_100k", scaled(100_000))),
        ),
        (
            "yield_many",
            Box::new(|| yield_many::workload("yield_many")),
        ),
        ("ping_pong", Box::new(|| ping_pong::workload("ping_pong"))),
        (
            "chained_spawn",
            Box::new(|| chained_spawn::workload("chained_spawn")),
        ),
        (
            "mpsc_1",
            Box::new(|| mpsc::workload("mpsc_1", 1, scaled(100_000))),
        ),
        (
            "mpsc_64",
            Box::new(|| mpsc::workload("mpsc_64", 64, scaled(400_000))),
        ),
        (
            "mpsc_1024",
            Box::new(|| mpsc::workload("mpsc_1024", 1024, scaled(400_000))),
        ),
        ("oneshot", Box::new(|| oneshot::workload("oneshot"))),
        (
            "cancel_tree",
            Box::new(|| cancel_tree::workload("cancel_tree")),
        ),
        (
            "idle_bytes",
            Box::new(|| idle_bytes::workload("idle_bytes")),
        ),
        // 0.95 of the best peer's requests in the same time.
        (
            "tcp_echo_64",
            Box::new(|| tcp_echo::workload("tcp_echo_64", 64, scaled(500), Some(1.0 / 0.95))),
        ),
        (
            "tcp_echo_1",
            Box::new(|| tcp_echo::workload("tcp_echo_1", 1, scaled(10_000), None)),
        ),
        (
            "hyper_hello_64",
            Box::new(|| hyper_hello::workload(scaled(200))),
        ),
    ];
    all.extend(threads::all());
    let timers: [(&'static str, Build); 3] = [
        (
            "timer_cancel_10k",
            Box::new(|| timers::cancel("timer_cancel_10k", 10_000)),
        ),
        (
            "timer_cancel_1m",
            Box::new(|| timers::cancel("timer_cancel_1m", scaled(1_000_000))),
        ),
        (
            "timer_expire_100k",
            Box::new(|| timers::expire("timer_expire_100k", scaled(100_000))),
        ),
    ];
    all.extend(timers);
    all.push(("growth", Box::new(|| scale::growth("growth"))));
    all.push(("idle_cpu", Box::new(|| scale::idle_cpu("idle_cpu"))));
    all.extend(ours::own_costs());
    all
}
