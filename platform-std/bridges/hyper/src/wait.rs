//! Waiting for a foreign future as for an operation of our own.

use std::future::Future;
use std::pin::pin;

use asupersync_core::{CapsuleError, CxBase, HostObject};

/// Waits for a future that knows no `Cx`: a body that is collected, an answer that has to come.
///
/// It is a cancellation point and holds an `IoOp` obligation, as every operation of the host does.
///
/// # Cancel safety
/// When cancelled the future is dropped; what that means is the future's own matter.
///
/// # Errors
/// [`CapsuleError::Cancelled`] if the task was asked to stop; [`CapsuleError::Denied`] without the capability
/// [`Io`](asupersync_core::Io).
pub async fn wait<F: Future>(cx: &CxBase, future: F) -> Result<F::Output, CapsuleError> {
    let object = HostObject::new();
    let mut future = pin!(future);
    cx.io_wait(&object, |task| future.as_mut().poll(task)).await
}
