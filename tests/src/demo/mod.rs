//! The demo: an order pipeline over real data, on std and in the lab.
//!
//! Read [`pipeline`] first: it is the program. [`carrier`] is the world it deals with, [`custody`] how
//! it loses no record, [`ledger`] the recount that would notice, [`orders`] the input, [`report`]
//! the table. Here is how it is run.

pub mod carrier;
pub mod custody;
pub mod ledger;
pub mod orders;
pub mod pipeline;
