//! A platform under the test's control that writes down what it is asked for.

#![allow(dead_code)] // each test file uses a part

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use asupersync_core::{PanicPayload, Platform, Time};

/// What happened, in order. Clones write to the same list.
#[derive(Clone, Default)]
pub struct Trace(Arc<Mutex<Vec<String>>>);

impl Trace {
    pub fn push(&self, what: impl Into<String>) {
        self.list().push(what.into());
    }

    /// What happened since the last call.
    pub fn take(&self) -> Vec<String> {
        core::mem::take(&mut *self.list())
    }

    fn list(&self) -> std::sync::MutexGuard<'_, Vec<String>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A clock that stands until it is moved, and a trace of `arm` and `pend`.
#[derive(Default)]
pub struct World {
    now: AtomicU64,
    pub trace: Trace,
}

impl World {
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    pub fn advance(&self, by: Duration) {
        self.now.fetch_add(by.as_nanos() as u64, Ordering::Relaxed);
    }
}

impl Platform for World {
    fn now(&self) -> Time {
        Time::from_nanos(self.now.load(Ordering::Relaxed))
    }

    fn arm(&self, deadline: Option<Time>) {
        self.trace.push(match deadline {
            Some(at) => format!("arm {at}"),
            None => String::from("arm nothing"),
        });
    }

    fn pend(&self) {
        self.trace.push("pend");
    }

    fn entropy(&self) -> u64 {
        0
    }

    fn guard(&self, run: &mut dyn FnMut()) -> Result<(), PanicPayload> {
        catch_unwind(AssertUnwindSafe(run)).map_err(PanicPayload::new)
    }
}
