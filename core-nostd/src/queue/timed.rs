//! The queue behind the timed lane: earliest deadline first, ties by priority, then by path.
//!
//! Owns the order and the room, behind a lock of its own: room is made where a task is spawned, which may be any
//! thread. Whose tasks it holds, and who is woken for them, its executor says.

use alloc::collections::BinaryHeap;
use core::cmp::{Ordering, Reverse};

use crate::path::PathId;
use crate::sync::Mutex;
use crate::sync::atomic::{self, AtomicUsize};
use crate::task::Runnable;
use crate::time::Time;

/// A heap with room for every live task that has a deadline: the room is made on the way of its spawn
/// ([`Executor::admit_timed`](crate::Executor::admit_timed)), so that no later wake has to allocate.
#[derive(Debug, Default)]
pub struct Timed {
    queue: Mutex<Queue>,
    /// How many wait; written under the lock.
    waiting: AtomicUsize,
}

#[derive(Debug, Default)]
struct Queue {
    heap: BinaryHeap<Entry>,
    /// How many were admitted and not released: at most the heap's capacity.
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
    /// An empty queue.
    pub fn new() -> Self {
        Self {
            queue: Mutex::new(Queue::default()),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Makes room for one more task. `false`: there is no memory for it.
    #[must_use = "a task without room may not be queued"]
    pub fn admit(&self) -> bool {
        let mut queue = self.queue.lock();
        let missing = (queue.live + 1).saturating_sub(queue.heap.len());
        if queue.heap.try_reserve(missing).is_err() {
            return false;
        }
        queue.live += 1;
        true
    }

    /// A task that was admitted is not queued any more.
    pub fn release(&self) {
        let mut queue = self.queue.lock();
        queue.live = queue.live.saturating_sub(1);
    }

    /// Whether nothing waits in it. `SeqCst`: part of how a driver falls asleep.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.waiting.load(atomic::Ordering::SeqCst) == 0
    }

    /// Queues a task where its deadline, its priority and its path put it now.
    pub fn push(&self, task: Runnable) {
        let key = (
            Reverse(task.deadline()),
            task.priority(),
            Reverse(task.path()),
        );
        let mut queue = self.queue.lock();
        queue.heap.push(Entry { key, task });
        self.waiting
            .store(queue.heap.len(), atomic::Ordering::SeqCst);
    }

    /// Takes the most urgent task.
    pub fn pop(&self) -> Option<Runnable> {
        if self.is_empty() {
            return None;
        }
        let mut queue = self.queue.lock();
        let first = queue.heap.pop();
        self.waiting
            .store(queue.heap.len(), atomic::Ordering::SeqCst);
        first.map(|entry| entry.task)
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
