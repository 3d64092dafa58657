//! The loom models, one file per protocol. See the crate's own documentation.
#![cfg(loom)]

mod adopt;
mod blocking;
mod cancel;
mod gate;
mod header;
mod mask;
#[cfg(asupersync_mutants)]
mod mutants;
mod oneshot;
mod permit;
mod polls;
mod pool;
mod reactor;
mod sleep;
mod steal;
mod sweep;
mod timer;
