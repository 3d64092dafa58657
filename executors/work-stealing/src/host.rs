//! What the executor asks of the threads it runs on.

use asupersync_core::{Platform, Time};

/// How a driver with nothing to do waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rest {
    /// Until it is notified, the time comes, or something happens outside: one driver at a time keeps watch.
    Watch(Option<Time>),
    /// Until it is notified.
    Sleep,
}

/// A [`Platform`] whose threads can wait. Drivers are numbered from zero.
///
/// # Obligations
/// - A `notify` that comes before its driver waits ends the next wait of that driver: it is not lost.
/// - `wait` may return early. It does not call back into the executor but by waking tasks.
/// - `notify` may be called from any thread and does not block.
pub trait Host: Platform {
    /// Has the calling thread, which is driver `driver`, wait.
    fn wait(&self, driver: usize, rest: Rest);

    /// Ends the wait of a driver.
    fn notify(&self, driver: usize);

    /// Wakes the tasks whose I/O is ready, without waiting; called every so often by drivers that are busy.
    fn look(&self) {}
}
