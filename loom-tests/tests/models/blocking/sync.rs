//! The lock and the condition variable of the pool, over loom's: the names of `platform-std/src/blocking/sync.rs`.

use std::ops::{Deref, DerefMut};
use std::sync::PoisonError;
use std::time::Duration;

use loom::sync::{Condvar, Mutex, MutexGuard};

pub(crate) struct Guard<'a, T> {
    lock: &'a Lock<T>,
    held: MutexGuard<'a, T>,
}

impl<T> Deref for Guard<'_, T> {
    type Target = T;
    fn deref(&self) -> &T {
        &self.held
    }
}

impl<T> DerefMut for Guard<'_, T> {
    fn deref_mut(&mut self) -> &mut T {
        &mut self.held
    }
}

#[derive(Debug)]
pub(crate) struct Lock<T>(Mutex<T>);

impl<T> Lock<T> {
    pub(crate) fn new(value: T) -> Self {
        Self(Mutex::new(value))
    }

    pub(crate) fn lock(&self) -> Guard<'_, T> {
        Guard {
            lock: self,
            held: self.0.lock().unwrap_or_else(PoisonError::into_inner),
        }
    }
}

#[derive(Debug)]
pub(crate) struct Bell(Condvar);

impl Bell {
    pub(crate) fn new() -> Self {
        Self(Condvar::new())
    }

    pub(crate) fn wait<'a, T>(&self, guard: Guard<'a, T>) -> Guard<'a, T> {
        let Guard { lock, held } = guard;
        let held = self.0.wait(held).unwrap_or_else(PoisonError::into_inner);
        Guard { lock, held }
    }

    /// The time is always over: what matters is what others do between the wait's begin and its end.
    pub(crate) fn wait_at_most<'a, T>(
        &self,
        guard: Guard<'a, T>,
        _limit: Duration,
    ) -> (Guard<'a, T>, bool) {
        let lock = guard.lock;
        drop(guard);
        (lock.lock(), true)
    }

    pub(crate) fn ring_one(&self) {
        self.0.notify_one();
    }

    pub(crate) fn ring_all(&self) {
        self.0.notify_all();
    }
}
