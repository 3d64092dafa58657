//! `Warden`: the background task that ends a process with its region.
//!
//! Owns the way from the region's request to the end of the process. That it is gone is known by the thread that
//! waits for it, which holds the region's token until then.

use std::sync::Arc;
use std::time::Duration;

use asupersync_core::channel::oneshot;
use asupersync_core::{Cx, TaskError};

use super::host::Process;
use crate::signal::Signal;

/// Longer than any cleanup budget: what limits the mask is the budget.
const BUDGET: Duration = Duration::MAX;

/// Kills the process when it is dropped, unless that has ended: past the cleanup budget, and where the region
/// is asked to stop before the task's first poll, hence before the process had time to do anything.
pub(super) struct Warden {
    pub(super) process: Arc<Process>,
    /// Closed when the process has ended.
    pub(super) ended: oneshot::Receiver<()>,
    pub(super) grace: Option<Duration>,
}

impl Warden {
    /// Waits for the process's own end. Asked to stop, has the process end.
    pub(super) async fn watch<E: TaskError>(mut self, cx: Cx<E>) -> Result<(), E> {
        let waited = self.ended.recv(&cx).await;
        if waited.is_err_and(|error| error.is_cancelled()) {
            // Fails only where the process has gone.
            let _ = self.process.signal(Signal::Terminate);
            cx.masked(BUDGET, async |cx| self.wait_out(cx).await).await;
        }
        Ok(())
    }

    /// Gives the process the time that it has; after that the drop kills it.
    async fn wait_out<E: TaskError>(&mut self, cx: &Cx<E>) {
        let Some(grace) = self.grace else {
            drop(self.ended.recv(cx).await);
            return;
        };
        let ended = &mut self.ended;
        let in_time = cx.timeout(grace, async |cx| {
            drop(ended.recv(cx).await);
            Ok(())
        });
        drop(in_time.await);
    }
}

impl Drop for Warden {
    fn drop(&mut self) {
        // Does nothing where the process has ended.
        let _ = self.process.signal(Signal::Kill);
    }
}
