//! The deterministic lab of asupersync: the same program, with time, order and chance under control.
//!
//! [`Lab`] runs a program on the kernel that ships, on one thread, with a virtual clock that jumps to the
//! next timer when nothing is runnable, with a seeded choice of who is polled next, and with oracles
//! that watch every event. What it finds it can repeat: a [`LabReport`] names the seed, holds the trace,
//! and a [`Replay`] follows the recorded decisions and shows the first difference.
//!
//! Owns the [`Platform`](asupersync_core::Platform) of the lab, its executor, the oracles, and the trace
//! artifact with its exports. It knows no scenario; those are the conformance kit's.
//!
//! ```
//! use asupersync_sim::{Chaos, Lab, LocalRegion, Strategy};
//!
//! for seed in 0..100 {
//!     let report = Lab::new(seed).run(async |region: &LocalRegion| {
//!         let a = region.spawn(async |_cx| Ok(20))?;
//!         let b = region.spawn(async |_cx| Ok(22))?;
//!         Ok(a.join(region).await? + b.join(region).await?)
//!     });
//!     assert_eq!(report.unwrap(), 42);
//! }
//! ```
//!
//! # Features
//! - `std` (default): files, panic capture, locks of hosts. Without it the engine is `no_std` with `alloc`.
//! - `cli` (default): the command line as a library, [`cli`].

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(feature = "std", test))]
extern crate std;

// What a run is made of.
mod clock;
mod entropy;
mod executor;
#[cfg(feature = "std")]
mod panics;
mod platform;

// Who decides.
mod chaos;
mod schedule;
mod strategy;

// Who watches.
mod monitor;
pub mod oracle;

// The run.
mod engine;
mod lab;
mod replay;
mod report;

// What is kept of it.
pub mod artifact;
#[cfg(feature = "cli")]
pub mod cli;
pub mod perfetto;

pub use asupersync_core::LocalRegion;
pub use chaos::{Chaos, ChaosCounts};
pub use entropy::ENTROPY_VERSION;
pub use lab::{Lab, MAX_STEPS};
pub use oracle::{Oracle, Violation};
#[cfg(feature = "std")]
pub use panics::silence_panics;
pub use replay::{Replay, ReplayReport};
pub use report::LabReport;
pub use schedule::{Decision, Fault, Schedule};
pub use strategy::Strategy;
