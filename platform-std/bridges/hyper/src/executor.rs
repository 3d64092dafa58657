//! `HyperExecutor`: hyper's own tasks, in a region.

use std::future::Future;

use asupersync_core::{Spawner, TaskError};
use hyper::rt::Executor;

/// Spawns what hyper wants spawned into a region: an HTTP/2 connection has a task for each stream. None is detached: the
/// region closes when they have ended.
///
/// Where the region admits no task any more, or the runtime is full, the future is dropped: the peer sees its stream reset.
pub struct HyperExecutor<E: TaskError>(Spawner<E>);

impl<E: TaskError> HyperExecutor<E> {
    /// Tasks of the region that `spawner` spawns into.
    pub fn new(spawner: Spawner<E>) -> Self {
        Self(spawner)
    }
}

impl<E: TaskError> Clone for HyperExecutor<E> {
    fn clone(&self) -> Self {
        Self(self.0.clone())
    }
}

impl<E: TaskError> std::fmt::Debug for HyperExecutor<E> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_tuple("HyperExecutor").field(&self.0).finish()
    }
}

impl<E, F> Executor<F> for HyperExecutor<E>
where
    E: TaskError,
    F: Future<Output = ()> + Send + 'static,
{
    fn execute(&self, future: F) {
        // A refused future is dropped, which hyper takes for the end of its stream.
        drop(self.0.spawn(async move |_cx| {
            future.await;
            Ok(())
        }));
    }
}
