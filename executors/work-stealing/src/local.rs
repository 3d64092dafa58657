//! What a driver has for itself while it drives: its ring, its LIFO slot, and the knowledge that it is a driver.
//!
//! Owns the thread-local that tells a wake from within a poll from one that comes from elsewhere. Nothing of it is
//! visible to tasks.

use std::cell::{Cell, RefCell};
use std::rc::Rc;

use asupersync_core::Runnable;
use asupersync_core::queue::Ring;

use crate::sync::per_thread;

/// One driver's own queues. Only its thread has it.
pub(crate) struct Local {
    /// Which pool it drives for: the address of that pool's queues.
    pub(crate) pool: usize,
    pub(crate) driver: usize,
    pub(crate) ring: RefCell<Ring>,
    /// The task that was made runnable last: it finds warm what its waker wrote.
    pub(crate) next: Cell<Option<Runnable>>,
    /// Whether the slot holds something; looked at without taking it.
    pub(crate) has_next: Cell<bool>,
}

impl Local {
    /// Puts `task` into the slot, and gives back what was in it.
    pub(crate) fn replace_next(&self, task: Runnable) -> Option<Runnable> {
        self.has_next.set(true);
        self.next.replace(Some(task))
    }

    /// Takes the task out of the slot.
    pub(crate) fn take_next(&self) -> Option<Runnable> {
        self.has_next.set(false);
        self.next.take()
    }
}

per_thread! {
    static CURRENT: RefCell<Option<Rc<Local>>> = RefCell::new(None);
    /// Where a thread that drives nothing puts its tasks: the same shard each time, to keep their order.
    static HOME: Cell<Option<usize>> = Cell::new(None);
}

/// The thread drives for as long as this lives.
pub(crate) struct Driving {
    /// A body that runs another runtime to its end has its thread drive for that one meanwhile.
    outer: Option<Rc<Local>>,
}

/// Has the calling thread drive with `local`.
pub(crate) fn enter(local: &Rc<Local>) -> Driving {
    let outer = CURRENT.with(|current| current.replace(Some(Rc::clone(local))));
    Driving { outer }
}

impl Drop for Driving {
    fn drop(&mut self) {
        let outer = self.outer.take();
        let ours = CURRENT.try_with(|current| current.replace(outer));
        drop(ours);
    }
}

/// Calls `f` with what the calling thread drives with, if it drives for `pool`.
#[inline]
pub(crate) fn with<R>(pool: usize, f: impl FnOnce(&Local) -> R) -> Option<R> {
    // A thread that is ending has no such thing as a current driver any more.
    CURRENT
        .try_with(|current| {
            let current = current.try_borrow().ok()?;
            let local = current.as_ref().filter(|local| local.pool == pool)?;
            Some(f(local))
        })
        .ok()
        .flatten()
}

/// Which of `shards` the calling thread, which drives nothing, uses; `first` chooses for a new one.
pub(crate) fn home(first: impl FnOnce() -> usize) -> usize {
    let chosen = HOME.try_with(|home| {
        let number = home.get().unwrap_or_else(first);
        home.set(Some(number));
        number
    });
    chosen.unwrap_or(0)
}
