//! The loom models, one file per protocol. See the crate's own documentation.
#![cfg(loom)]

mod cancel;
mod gate;
mod header;
#[cfg(asupersync_mutants)]
mod mutants;
