//! The catalogue: one file per part of the contract.

mod by_hand;
pub mod cancellation;
mod capabilities;
mod capsules;
pub mod channels;
mod common;
mod contests;
mod determinism;
mod dropped;
mod finalizers;
mod forcing;
mod locks;
mod obligations;
mod ownership;
mod panics;
mod policies;
mod races;
mod regions;
mod requests;
mod scheduling;
pub mod time;

use crate::Scenario;

/// Every scenario, in the order of the contract.
pub fn catalogue() -> alloc::vec::Vec<Scenario> {
    [
        ownership::SCENARIOS,
        dropped::SCENARIOS,
        regions::SCENARIOS,
        finalizers::SCENARIOS,
        policies::SCENARIOS,
        requests::SCENARIOS,
        cancellation::SCENARIOS,
        forcing::SCENARIOS,
        races::SCENARIOS,
        panics::SCENARIOS,
        obligations::SCENARIOS,
        capabilities::SCENARIOS,
        capsules::SCENARIOS,
        scheduling::SCENARIOS,
        determinism::SCENARIOS,
        time::SCENARIOS,
        channels::SCENARIOS,
        locks::SCENARIOS,
        contests::SCENARIOS,
    ]
    .concat()
}
