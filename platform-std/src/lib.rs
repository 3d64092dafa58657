//! asupersync on std, the one-thread part: [`Runtime`], the host clock, parking and panic capture.
//!
//! Owns the [`Platform`](asupersync_core::Platform) of hosts with an operating system and the loop around the
//! local executor. It gives no meaning to tasks: that is the core's.
//!
//! ```
//! use asupersync_core::LocalRegion;
//! use asupersync_std::Runtime;
//!
//! let mut runtime = Runtime::current_thread();
//! let sum = runtime.block_on(async |region: &LocalRegion| {
//!     let a = region.spawn(async |_cx| Ok(20))?;
//!     let b = region.spawn(async |_cx| Ok(22))?;
//!     Ok(a.join(region).await? + b.join(region).await?)
//! })?;
//! assert_eq!(sum, 42);
//! # Ok::<(), asupersync_core::Error>(())
//! ```

#![forbid(unsafe_code)]

mod blocking;
mod clock;
pub mod dns;
pub mod fs;
mod host;
mod platform;
pub mod process;
mod runtime;
pub mod signal;
mod unsupported;

pub use blocking::{
    Blocking, BlockingBuilder, BlockingError, BlockingOptions, BlockingStats, CancelFlag,
    ThreadBody, spawn_blocking, spawn_blocking_with,
};
pub use platform::StdPlatform;
pub use runtime::{Builder, Runtime};
pub use unsupported::Unsupported;
