//! The timed lane: earliest deadline first, ties by priority, then by path.

use alloc::collections::BinaryHeap;
use core::cmp::{Ordering, Reverse};

use asupersync_core::{PathId, Runnable, Time};

/// A heap with room for every live task that has a deadline: the room is made when such a task is
/// first queued, on the way of its spawn, so that no later wake has to allocate.
#[derive(Default)]
pub(crate) struct TimedLane {
    heap: BinaryHeap<Entry>,
    live: usize,
}

/// What orders a task is frozen when it is queued (R-SCH section of the semantics).
struct Entry {
    key: (Reverse<Time>, u8, Reverse<PathId>),
    task: Runnable,
}

impl TimedLane {
    /// A task with a deadline was spawned.
    pub(crate) fn admit(&mut self) {
        self.live += 1;
        let missing = self.live.saturating_sub(self.heap.len());
        self.heap.reserve(missing);
    }

    /// A task with a deadline ended.
    pub(crate) fn release(&mut self) {
        self.live = self.live.saturating_sub(1);
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    pub(crate) fn push(&mut self, task: Runnable) {
        let key = (
            Reverse(task.deadline()),
            task.priority(),
            Reverse(task.path()),
        );
        self.heap.push(Entry { key, task });
    }

    pub(crate) fn pop(&mut self) -> Option<Runnable> {
        self.heap.pop().map(|entry| entry.task)
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
