//! Blocking calls: closures that run on threads of their own, as capsules of the region that waits for them.
//!
//! Owns the capability [`Blocking`] and the two calls. File system, names and child processes stand on the
//! same pool, each behind a capability of its own.
//!
//! | file | role |
//! |---|---|
//! | `queue` | the protocol of submitters and threads, without a host: what the loom models explore |
//! | `pool` | the settings, the threads and their loop |
//! | `call` | one call, from the task that waits to the thread that runs it |
//! | `bytes` | what was read ahead from a file or pipe |
//! | `held` | a value, such as a file, that calls work on one after the other |
//!
//! A closure that runs cannot be stopped from outside. Cancelling its waiter ends the *wait*; the closure
//! runs on, and the region does not close before it has ended (R-IO-2), unless the caller allowed that
//! with [`abandon_after`](BlockingOptions::abandon_after). See docs/adr/0007-blocking-capsules.md.

mod bytes;
mod call;
mod error;
mod held;
mod pool;
mod queue;
mod sync;

use std::time::Duration;

use asupersync_core::{Capability, CxBase};

pub use call::CancelFlag;
pub use error::BlockingError;
pub use pool::{BlockingBuilder, BlockingStats, ThreadBody};

pub(crate) use bytes::{ByteFile, READ_MAX, WRITE_MAX};
pub(crate) use call::call;
pub(crate) use held::Held;
pub(crate) use pool::BlockingPool;

/// The capability to run closures that block.
///
/// A runtime grants it to its root; it cannot be made elsewhere.
#[derive(Debug)]
pub struct Blocking {
    pool: BlockingPool,
}

impl Capability for Blocking {
    const NAME: &'static str = "blocking";
}

impl Blocking {
    pub(crate) fn new(pool: BlockingPool) -> Self {
        Self { pool }
    }

    /// The counters of the pool.
    pub fn stats(&self) -> BlockingStats {
        self.pool.stats()
    }
}

/// How a blocking call is run; see [`spawn_blocking_with`].
#[derive(Debug, Clone, Default)]
#[must_use = "options do nothing until a call is made with them"]
pub struct BlockingOptions {
    pub(crate) abandon_after: Option<Duration>,
}

impl BlockingOptions {
    /// The region waits for the closure's end.
    pub fn new() -> Self {
        Self::default()
    }

    /// The region waits at most this long for a closure that still runs when nothing else is left in the region;
    /// then it closes without, and says so in its report
    /// ([`abandoned`](asupersync_core::RegionReport::abandoned)). The root waits until its cleanup budget is
    /// spent.
    ///
    /// The closure itself runs on, perhaps past the runtime: for calls that may hang in the host and touch
    /// nothing that matters then.
    pub fn abandon_after(mut self, time: Duration) -> Self {
        self.abandon_after = Some(time);
        self
    }
}

/// Runs `f` on a thread that may block, and waits for its value.
///
/// ```
/// use asupersync_core::LocalRegion;
/// use asupersync_std::{Runtime, spawn_blocking};
///
/// let mut runtime = Runtime::current_thread();
/// let sum = runtime.block_on(async |r: &LocalRegion| {
///     Ok(spawn_blocking(r, || (1..=1_000u64).sum::<u64>()).await?)
/// })?;
/// assert_eq!(sum, 500_500);
/// # Ok::<(), asupersync_core::Error>(())
/// ```
///
/// # Cancel safety
/// Cancelled or dropped before a thread has begun with it, `f` never runs. After that `f` runs to its end
/// and its value is dropped; the surrounding region stays open until then. A value that is there wins over a
/// late cancel (R-CAN-5).
///
/// # Errors
/// [`BlockingError`]: `Denied` without the capabilities [`Blocking`] and [`Io`](asupersync_core::Io),
/// `AtCapacity`, `NoThread` and `Stopped` if it was not run, `Panicked` if `f` panicked, `Cancelled`.
pub async fn spawn_blocking<T, F>(cx: &CxBase, f: F) -> Result<T, BlockingError>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    spawn_blocking_with(cx, BlockingOptions::new(), move |_| f()).await
}

/// [`spawn_blocking`] with options, for closures that look whether anybody still waits.
///
/// ```
/// use asupersync_core::LocalRegion;
/// use asupersync_std::{BlockingOptions, Runtime, spawn_blocking_with};
///
/// let mut runtime = Runtime::current_thread();
/// let found = runtime.block_on(async |r: &LocalRegion| {
///     let found = spawn_blocking_with(r, BlockingOptions::new(), |cancel| {
///         (1..1_000_000u64)
///             .take_while(|_| !cancel.is_cancelled())
///             .find(|n| n * n > 1_000_000)
///     });
///     Ok(found.await?)
/// })?;
/// assert_eq!(found, Some(1_001));
/// # Ok::<(), asupersync_core::Error>(())
/// ```
///
/// # Cancel safety
/// As [`spawn_blocking`].
///
/// # Errors
/// As [`spawn_blocking`].
pub async fn spawn_blocking_with<T, F>(
    cx: &CxBase,
    options: BlockingOptions,
    f: F,
) -> Result<T, BlockingError>
where
    T: Send + 'static,
    F: FnOnce(&CancelFlag) -> T + Send + 'static,
{
    let pool = &cx.capability::<Blocking>()?.pool;
    call(pool, cx, options.abandon_after, f).await
}
