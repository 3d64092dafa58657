//! A queue that any thread pushes to without a lock, and that any driver takes batches from.
//!
//! Owns the order, first in first out, and nothing else. The inbox takes what comes in; whoever looks for work moves
//! it to the backlog, under a lock that only those who look for work ever take.

use super::{Fifo, Inbox, Ring};
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::task::Runnable;

/// Tasks that no driver has taken up yet.
#[derive(Debug, Default)]
pub struct Injector {
    inbox: Inbox,
    backlog: Mutex<Fifo>,
    /// How many are in the backlog; written under its lock.
    waiting: AtomicUsize,
}

impl Injector {
    /// An empty queue.
    pub fn new() -> Self {
        Self {
            inbox: Inbox::new(),
            backlog: Mutex::new(Fifo::new()),
            waiting: AtomicUsize::new(0),
        }
    }

    /// Whether nothing waits in it. `SeqCst`: part of how a driver falls asleep.
    ///
    /// What another driver is moving at this moment does not count: that driver is awake.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.waiting.load(Ordering::SeqCst) == 0 && self.inbox.is_empty()
    }

    /// Appends a task.
    #[inline]
    pub fn push(&self, task: Runnable) {
        self.inbox.push(task);
    }

    /// Takes the task that has waited longest.
    pub fn pop(&self) -> Option<Runnable> {
        self.take(|_| ())
    }

    /// Takes the task that has waited longest, and moves up to `extra` of those behind it into `ring`.
    pub fn pop_into(&self, ring: &mut Ring, extra: usize) -> Option<Runnable> {
        self.take(|backlog| {
            let room = Ring::CAPACITY - ring.len();
            for _ in 0..extra.min(room) {
                let Some(task) = backlog.pop_front() else {
                    return;
                };
                if let Err(task) = ring.push(task) {
                    // Not reached: thieves only make room.
                    return backlog.push_back(task);
                }
            }
        })
    }

    /// Takes the first task, and gives the rest to `more`.
    fn take(&self, more: impl FnOnce(&mut Fifo)) -> Option<Runnable> {
        if self.is_empty() {
            return None;
        }
        let mut backlog = self.backlog.lock();
        if backlog.is_empty() {
            self.inbox.drain_into(&mut backlog);
        }
        let first = backlog.pop_front();
        more(&mut backlog);
        self.waiting.store(backlog.len(), Ordering::SeqCst);
        first
    }
}
