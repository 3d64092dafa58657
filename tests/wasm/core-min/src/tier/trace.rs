//! The tier core-trace: the newest events are kept.

#[path = "ring.rs"]
mod ring;

pub use ring::{Tier, tier};

/// What ends a module that says nothing.
pub fn panicked(_info: &core::panic::PanicInfo<'_>) {}
