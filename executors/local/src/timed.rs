//! The timed lane: earliest deadline first, ties by priority, then by path.

use alloc::collections::BinaryHeap;
use core::cmp::{Ordering, Reverse};

use asupersync_core::{PathId, Runnable, Time};

/// A heap whose storage is reserved once, for as many tasks as may ever be live.
pub(crate) struct TimedLane(BinaryHeap<Entry>);

/// What orders a task is frozen when it is queued (R-SCH section of the semantics).
struct Entry {
    key: (Reverse<Time>, u8, Reverse<PathId>),
    task: Runnable,
}

impl TimedLane {
    pub(crate) fn with_capacity(capacity: usize) -> Self {
        Self(BinaryHeap::with_capacity(capacity))
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    pub(crate) fn push(&mut self, task: Runnable) {
        let key = (Reverse(task.deadline()), task.priority(), Reverse(task.path()));
        self.0.push(Entry { key, task });
    }

    pub(crate) fn pop(&mut self) -> Option<Runnable> {
        self.0.pop().map(|entry| entry.task)
    }
}

impl Ord for Entry {
    fn cmp(&self, other: &Self) -> Ordering {
        self.key.cmp(&other.key)
    }
}

impl PartialOrd for Entry {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl PartialEq for Entry {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl Eq for Entry {}
