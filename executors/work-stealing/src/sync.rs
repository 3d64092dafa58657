//! The one place that chooses what threads meet at: the host's own, or loom's under `cfg(loom)`.
//!
//! Owns the choice and nothing else, so that a model of a whole pool runs the very code that ships.

#[cfg(not(loom))]
pub(crate) use std::sync::atomic;
#[cfg(not(loom))]
pub(crate) use std::thread::{Builder, JoinHandle};

#[cfg(loom)]
pub(crate) use loom::sync::atomic;
#[cfg(loom)]
pub(crate) use loom::thread::{Builder, JoinHandle};

/// Statics of which each thread has its own.
macro_rules! per_thread {
    ($($(#[$doc:meta])* static $name:ident: $type:ty = $value:expr;)*) => {
        #[cfg(not(loom))]
        thread_local! { $($(#[$doc])* static $name: $type = const { $value };)* }
        #[cfg(loom)]
        loom::thread_local! { $($(#[$doc])* static $name: $type = $value;)* }
    };
}
pub(crate) use per_thread;

/// Calls `turn`, and says what it panicked with.
#[cfg(not(loom))]
pub(crate) fn caught<R>(turn: impl FnOnce() -> R) -> std::thread::Result<R> {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(turn))
}

/// A panic in a model is its failure: it goes through.
#[cfg(loom)]
pub(crate) fn caught<R>(turn: impl FnOnce() -> R) -> std::thread::Result<R> {
    Ok(turn())
}
