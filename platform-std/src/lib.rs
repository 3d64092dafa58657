//! asupersync on std: [`Runtime`], on one thread or many, the host clock, parking and panic capture.
//!
//! Owns the [`Platform`](asupersync_core::Platform) of hosts with an operating system and the loops around the
//! executors. It gives no meaning to tasks: that is the core's.
//!
//! ```
//! use asupersync_core::LocalRegion;
//! use asupersync_std::Runtime;
//!
//! let mut runtime = Runtime::new()?;
//! let sum = runtime.block_on(async |region: &LocalRegion| {
//!     let a = region.spawn(async |_cx| Ok(20))?;
//!     let b = region.spawn(async |_cx| Ok(22))?;
//!     Ok(a.join(region).await? + b.join(region).await?)
//! })?;
//! assert_eq!(sum, 42);
//! # Ok::<(), asupersync_core::Error>(())
//! ```

// But for what the module says that allows it.
#![deny(unsafe_code)]

mod blocking;
mod clock;
pub mod dns;
pub mod fs;
mod platform;
pub mod process;
mod reactor;
mod runtime;
mod seats;
mod services;
pub mod signal;
mod unsupported;

/// The network types: sockets, their errors, and the capability that a runtime grants to its root region.
pub use asupersync_io as io;
pub use asupersync_work_stealing::StartError;
pub use blocking::{
    Blocking, BlockingBuilder, BlockingError, BlockingOptions, BlockingStats, CancelFlag,
    ThreadBody, spawn_blocking, spawn_blocking_with,
};
pub use platform::StdPlatform;
pub use reactor::{Reactor, ReactorStats};
pub use runtime::{Builder, Runtime};
pub use unsupported::Unsupported;
