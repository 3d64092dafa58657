//! Foreign futures: waiting for what takes no `Cx`, and being asked to stop meanwhile.

use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use crate::cancel::Cancelled;
use crate::cx::CxBase;

impl CxBase {
    /// Waits for a future that knows nothing of cancellation, and drops it when this context is asked to stop.
    ///
    /// For futures of other crates: an `async` block over their traits, a connection that they drive. One of ours
    /// that takes a `Cx` sees the request itself and may clean up; dropped, it could not.
    ///
    /// ```
    /// use asupersync_core::{Cancelled, CxBase};
    ///
    /// async fn hear(cx: &CxBase, foreign: impl Future<Output = u32>) -> Result<u32, Cancelled> {
    ///     cx.until_cancelled(foreign).await
    /// }
    /// ```
    ///
    /// # Errors
    /// [`Cancelled`] if this context was asked to stop first. A value that is there at that moment still wins.
    ///
    /// # Cancel safety
    /// That of the future: it is dropped where it waits.
    pub async fn until_cancelled<F: Future>(&self, foreign: F) -> Result<F::Output, Cancelled> {
        self.checkpoint()?;
        let mut foreign = pin!(foreign);
        poll_fn(|task| match foreign.as_mut().poll(task) {
            Poll::Ready(value) => Poll::Ready(Ok(value)),
            Poll::Pending => match self.checkpoint() {
                Ok(()) => Poll::Pending,
                Err(cancelled) => Poll::Ready(Err(cancelled)),
            },
        })
        .await
    }
}
