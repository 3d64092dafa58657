//! The lock and the condition variable of the pool: std's here, loom's in the models.
//!
//! Owns the choice and nothing else. `loom-tests` compiles [`queue`](super::queue) with a file of the same
//! names over loom's types, so that the models explore the very protocol that ships. No user code runs
//! under the lock, so a poisoned one means nothing.

use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

/// What is held while the state is looked at.
pub(crate) type Guard<'a, T> = MutexGuard<'a, T>;

/// A lock for short sections.
#[derive(Debug, Default)]
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What threads wait at.
#[derive(Debug, Default)]
pub(crate) struct Bell(Condvar);

impl Bell {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Waits until somebody rings, or for no reason.
    pub(crate) fn wait<'a, T>(&self, guard: Guard<'a, T>) -> Guard<'a, T> {
        let woken = self.0.wait(guard);
        woken.unwrap_or_else(PoisonError::into_inner)
    }

    /// As [`wait`](Self::wait), at most `limit` long. Also says whether the time is over.
    pub(crate) fn wait_at_most<'a, T>(
        &self,
        guard: Guard<'a, T>,
        limit: Duration,
    ) -> (Guard<'a, T>, bool) {
        let woken = self.0.wait_timeout(guard, limit);
        let (guard, result) = woken.unwrap_or_else(PoisonError::into_inner);
        (guard, result.timed_out())
    }

    pub(crate) fn ring_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn ring_all(&self) {
        self.0.notify_all();
    }
}
