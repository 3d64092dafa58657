//! The bridge against peers that no one here wrote: curl, nginx and wrk, started by the tests.
//!
//! A peer that is not installed is an error that names its package, never a skipped test.
#![cfg(unix)]

mod client;
mod drain;
mod faults;
mod load;
mod rig;
mod server;
