//! The queue behind the timed lane: earliest deadline first, ties by priority, then by path.
//!
//! Owns the order and the room. Who is admitted to it, and when, its executor says.

use alloc::collections::BinaryHeap;
use core::cmp::{Ordering, Reverse};

use crate::path::PathId;
use crate::task::Runnable;
use crate::time::Time;

/// A heap with room for every live task that has a deadline: the room is made when such a task is
/// first queued, on the way of its spawn, so that no later wake has to allocate.
#[derive(Debug, Default)]
pub struct Timed {
    heap: BinaryHeap<Entry>,
    live: usize,
}

/// What a task is ordered by, the most urgent greatest: frozen when it is queued.
type Key = (Reverse<Time>, u8, Reverse<PathId>);

#[derive(Debug)]
struct Entry {
    key: Key,
    task: Runnable,
}

impl Timed {
    /// A task with a deadline was spawned.
    pub fn admit(&mut self) {
        self.live += 1;
        let missing = self.live.saturating_sub(self.heap.len());
        self.heap.reserve(missing);
    }

    /// A task with a deadline ended.
    pub fn release(&mut self) {
        self.live = self.live.saturating_sub(1);
    }

    /// How many tasks wait in it.
    pub fn len(&self) -> usize {
        self.heap.len()
    }

    /// Whether nothing waits in it.
    pub fn is_empty(&self) -> bool {
        self.heap.is_empty()
    }

    /// Queues a task where its deadline, its priority and its path put it now.
    pub fn push(&mut self, task: Runnable) {
        let key = (
            Reverse(task.deadline()),
            task.priority(),
            Reverse(task.path()),
        );
        self.heap.push(Entry { key, task });
    }

    /// Takes the most urgent task.
    pub fn pop(&mut self) -> Option<Runnable> {
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
