//! The catalogue: one file per part of the contract.

mod ownership;

use crate::Scenario;

/// Every scenario, in the order of the contract.
pub fn catalogue() -> alloc::vec::Vec<Scenario> {
    [ownership::SCENARIOS].concat()
}
