//! One thread's executor: takes wakes from anywhere, polls in three lanes, never allocates to wake.
//!
//! Owns the queues and the loop. What tasks, regions and cancellation mean is the core's; when to
//! sleep and what time it is, the platform's. A platform's own loop calls [`LocalDriver::turn`] and, when
//! that says `Idle`, waits for `Platform::pend` or for the time it named.
//!
//! ```text
//! any thread, any interrupt                    the driving thread
//!   waker ── schedule ──> inbox ── turn ──┬──> cancel lane ──┐
//!                           │             ├──> timed lane  ──┼── arbiter ──> Driver::run
//!                           │             └──> ready lane  ──┘
//!                           └── pend, only if the driver sleeps
//! ```
//!
//! Fixed capacity: a spawn past it fails with `AtCapacity`. The queues are links inside the tasks, and the timed
//! lane makes room for a task when that is spawned, so what was admitted can
//! always be queued.

#![no_std]

extern crate alloc;

mod driver;
mod shared;

pub use driver::{LocalDriver, Turn};
