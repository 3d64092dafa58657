//! The one place that chooses atomics: the target's own, or loom's under `cfg(loom)`.

#[cfg(not(loom))]
pub(crate) use core::sync::atomic;
#[cfg(loom)]
pub(crate) use loom::sync::atomic;

/// The core's lock: the platform's raw lock, or loom's.
pub(crate) use asupersync_core::internal::Mutex;
