//! The demo: an order pipeline over real data, on every platform and in the lab.
//!
//! Read [`pipeline`] first: it is the program. [`carrier`] is the world it deals with, [`custody`] how
//! it loses no record, [`ledger`] the recount that would notice, [`orders`] the input, [`run`] one run and
//! its judgement, [`column`] the runs of a platform; all of these are `no_std`. [`lab`] and [`host`] say
//! where it runs here, `report` is the table, `picture` the trace for the eye. `bin/demo.rs` is the command
//! line; other platforms hand it their column as a line of text.

pub mod carrier;
pub mod column;
pub mod custody;
#[cfg(feature = "hosts")]
pub mod host;
pub mod lab;
pub mod ledger;
pub mod orders;
#[cfg(feature = "hosts")]
pub mod picture;
pub mod pipeline;
#[cfg(feature = "hosts")]
pub mod report;
pub mod run;

use core::time::Duration;

use asupersync_core::Config;

/// The kernel's settings, the same on every platform: a hundredth of the usual clean-up budgets, so
/// that a run on a real clock takes seconds. Finalizers have longer than any stall of a busy machine.
pub fn config() -> Config {
    let mut config = Config::default();
    config.cleanup = config.cleanup.scaled(1, 100);
    config.finalizer_budget = Duration::from_secs(30);
    config
}
