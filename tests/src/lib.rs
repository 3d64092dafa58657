//! The conformance kit: what every port of asupersync has to pass, as data.
//!
//! Owns the scenario catalogue and the [`Harness`] seam. A scenario is an ordinary program with
//! [`Probe`] marks; a harness runs it in a fresh runtime of its platform and hands back a
//! [`Record`]; [`check`] says what is wrong with it. `no_std`: a port runs the same catalogue on a board.
//!
//! A scenario says what it needs beyond the common set ([`Need`]); a harness that does not offer it skips
//! the scenario and lists it.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(any(feature = "hosts", feature = "unwind"))]
extern crate std;

#[cfg(feature = "pipeline")]
pub mod demo;
#[cfg(feature = "lab")]
pub mod golden;
mod harness;
pub mod hosts;
mod outcome;
#[cfg(feature = "lab")]
pub mod parity;
mod probe;
pub mod scenarios;

pub use harness::{Body, Harness, Need, Record, Root, Scenario, Setup, Summary, check, run_all};
pub use outcome::{Outcome, Witness};
pub use probe::Probe;
