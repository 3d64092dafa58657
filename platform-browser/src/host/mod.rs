//! The host as four functions, and the one place where this instance's event loop is kept.
//!
//! Owns the choice between the two: raw imports in wasm, a scripted host in tests elsewhere.

#[cfg(not(target_arch = "wasm32"))]
mod scripted;
#[cfg(all(test, not(target_arch = "wasm32")))]
pub(crate) use scripted::script;
#[cfg(not(target_arch = "wasm32"))]
pub(crate) use scripted::{alarm, hop, now, panicked, random, with_loop};

#[cfg(target_arch = "wasm32")]
mod wasm;
#[cfg(target_arch = "wasm32")]
pub(crate) use wasm::{alarm, hop, now, panicked, random, with_loop};
