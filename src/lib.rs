//! An async runtime where concurrency is correct by structure.
//!
//! - Every task is owned by a **region** that closes only when everything inside it has ended.
//! - Cancelling is a **protocol** (request, drain, finalize) with budgets and reasons, never a silent drop.
//! - Effects are two-phase **obligations** (reserve, then commit or abort): nothing is half-done or lost.
//! - Effects need explicit **capabilities** carried by [`Cx`]: nothing is ambient.
//! - A run is **deterministic** when you want it: same seed, same trace, byte for byte (feature `lab`).
//!
//! ```
//! use asupersync::prelude::*;
//!
//! let mut runtime = Runtime::current_thread();
//! let sum = runtime.block_on(async |region: &LocalRegion| {
//!     let a = region.spawn(async |_cx| Ok(20))?;
//!     let b = region.spawn(async |_cx| Ok(22))?;
//!     Ok(a.join(region).await? + b.join(region).await?)
//! })?;
//! assert_eq!(sum, 42);
//! # Ok::<(), Error>(())
//! ```
//!
//! This crate re-exports; what things mean is documented in the crates it is made of:
//! [`asupersync_core`] (the semantics), [`asupersync_local`] (the one-thread executor),
//! `asupersync_std` (hosts), `asupersync_browser` (pages, with one of the `wasm-browser-` profiles as a feature) and
//! `asupersync_sim` (the lab).

#![no_std]
#![forbid(unsafe_code)]

mod profiles;

#[cfg(feature = "wasm-runtime")]
pub use asupersync_browser as browser;
pub use asupersync_core::*;
pub use asupersync_local as local;
#[cfg(any(feature = "lab", feature = "deterministic-mode"))]
pub use asupersync_sim as lab;
#[cfg(feature = "std")]
pub use asupersync_std::{Builder, Runtime, StdPlatform};
#[cfg(feature = "wasm-runtime")]
pub use profiles::PROFILE;

/// What most programs import.
pub mod prelude {
    #[cfg(feature = "std")]
    pub use crate::Runtime;
    pub use crate::channel::{Sent, mpsc, oneshot};
    pub use crate::lock::{Mutex, Notify, Semaphore};
    pub use crate::{
        Budget, CancelKind, CancelReason, Cancelled, ChildEnded, Cx, Either, Error, LocalCx,
        LocalRegion, Outcome, Policy, Region, RegionOptions, SpawnError, Spawner, Task, TaskError,
        TaskOptions,
    };
}

/// The README's example is a test.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
