//! `Probe`: what a scenario writes down while it runs, and what it found wrong.
//!
//! Marks are compared as a whole trace. Failures are collected, not panicked, so that a port
//! without unwinding runs the same scenarios.

use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt::Debug;

use asupersync_core::internal::Mutex;

/// A shared notebook. Clones write to the same pages.
#[derive(Clone, Default)]
pub struct Probe(Arc<Pages>);

#[derive(Default)]
struct Pages {
    marks: Mutex<Vec<String>>,
    failures: Mutex<Vec<String>>,
}

impl Probe {
    /// An empty notebook.
    pub fn new() -> Self {
        Self::default()
    }

    /// Writes down that something happened.
    pub fn mark(&self, what: impl Into<String>) {
        self.0.marks.lock().push(what.into());
    }

    /// What was written down, in order.
    pub fn marks(&self) -> Vec<String> {
        self.0.marks.lock().clone()
    }

    /// How often `what` was written down.
    pub fn count(&self, what: &str) -> usize {
        self.0
            .marks
            .lock()
            .iter()
            .filter(|mark| *mark == what)
            .count()
    }

    /// Notes a failure unless `holds`.
    pub fn expect(&self, holds: bool, what: impl Into<String>) {
        if !holds {
            self.0.failures.lock().push(what.into());
        }
    }

    /// Notes a failure unless both are equal.
    pub fn expect_eq<T: PartialEq + Debug>(&self, found: T, expected: T, what: &str) {
        if found != expected {
            let text = format!("{what}: found {found:?}, expected {expected:?}");
            self.0.failures.lock().push(text);
        }
    }

    /// Notes a failure unless exactly these marks were written, in this order.
    pub fn expect_marks(&self, expected: &[&str]) {
        let found = self.marks();
        let same = found
            .iter()
            .map(String::as_str)
            .eq(expected.iter().copied());
        self.expect(
            same,
            format!("marks: found {found:?}, expected {expected:?}"),
        );
    }

    /// What was found wrong.
    pub fn failures(&self) -> Vec<String> {
        self.0.failures.lock().clone()
    }

    /// Something that writes `what` when it is dropped.
    pub fn mark_on_drop(&self, what: &'static str) -> MarkOnDrop {
        MarkOnDrop {
            probe: self.clone(),
            what,
        }
    }
}

/// Writes a mark when it is dropped.
#[must_use = "dropped at once, it marks at once"]
pub struct MarkOnDrop {
    probe: Probe,
    what: &'static str,
}

impl Drop for MarkOnDrop {
    fn drop(&mut self) {
        self.probe.mark(self.what);
    }
}
