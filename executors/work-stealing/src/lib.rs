//! The executor for hosts with threads: each worker has its own queues, and takes from others when they are empty.
//!
//! Owns queues, stealing, and the decision who sleeps and who is woken. What tasks, regions and cancellation mean is
//! the core's; what time it is, how a thread waits, and I/O are the host's ([`Host`]).
//!
//! ```text
//! a poll on worker 0          any other thread                      worker 0            worker 1
//!   ready ──> LIFO slot         ready ──> injector of a worker        LIFO slot
//!               │ displaced                                           ring   <──steal──  ring
//!               └───────> ring ──full──> own injector                 injector <─steal─  injector
//!   cancel ─> cancel lane of the worker                               cancel <──steal──  cancel
//!   timed ──> the timed lane, one for all                             timed lane  ─────  timed lane
//!   pinned ─> the queue of the one driver that may poll it, which is woken for it
//! ```
//!
//! There is one [`Pool`]: its driving threads are workers that it starts, and the thread that
//! made it, which works like the others while it runs a body. Tasks that may not move stay with one driver: those that
//! a body spawns with that thread, those of `spawn_pinned` with a worker.
//!
//! Fairness: the arbiter of the core picks the lane, per worker. The LIFO slot runs at most three times in a row, and
//! the injector is looked at every 61 polls however full the ring is.

#![forbid(unsafe_code)]

mod counts;
mod host;
mod local;
mod mutants;
mod pool;
mod queues;
mod shard;
mod sync;
mod worker;

pub use counts::DriverStats;
pub use host::{Host, Rest};
pub use pool::{Pool, Settings, StartError, WORKERS_MAX};
