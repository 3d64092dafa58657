//! `Homes`: the tasks that live on one worker's thread, by worker.
//!
//! Owns the lists that a worker drops from, on its own thread, when it leaves: a future that may not move may not be
//! dropped elsewhere either. It neither polls nor drops anything itself; tasks of the driver's own thread are in none
//! of the lists, since that one sweeps last of all.

use alloc::boxed::Box;
use alloc::vec::Vec;

use crate::sync::Mutex;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::task::TaskRef;

/// In no list.
const NOWHERE: usize = usize::MAX;

/// The workers of a runtime, by number.
pub(crate) struct Homes(Box<[Mutex<Home>]>);

#[derive(Default)]
struct Home {
    tasks: Vec<TaskRef>,
    /// Its worker is there: it polls what comes, and drops it when it leaves.
    is_open: bool,
}

/// Where a task lives that may not leave a worker's thread; part of its cold data.
pub(crate) struct Residence {
    /// The worker. Written by the spawner alone, before anybody else sees the task.
    home: AtomicUsize,
    /// Its future is made by its first poll: until then what there is may move. Written as `home` is.
    is_lazy: AtomicBool,
    /// The place in the list of the home; written under its lock.
    place: AtomicUsize,
}

impl Default for Residence {
    fn default() -> Self {
        Self {
            home: AtomicUsize::new(NOWHERE),
            is_lazy: AtomicBool::new(false),
            place: AtomicUsize::new(NOWHERE),
        }
    }
}

impl Residence {
    /// Notes where the task lives, at its birth.
    pub(crate) fn settle(&self, home: usize, is_lazy: bool) {
        self.home.store(home, Ordering::Relaxed);
        self.is_lazy.store(is_lazy, Ordering::Relaxed);
    }

    pub(crate) fn home(&self) -> usize {
        self.home.load(Ordering::Relaxed)
    }

    pub(crate) fn is_lazy(&self) -> bool {
        self.is_lazy.load(Ordering::Relaxed)
    }
}

impl Homes {
    /// For a runtime of `drivers` drivers, of which the last needs no list.
    pub(crate) fn new(drivers: usize) -> Self {
        let workers = drivers.saturating_sub(1);
        Self((0..workers).map(|_| Mutex::new(Home::default())).collect())
    }

    /// The worker of this number is there.
    pub(crate) fn open(&self, home: usize) {
        if let Some(home) = self.0.get(home) {
            home.lock().is_open = true;
        }
    }

    /// The worker with the fewest tasks, the first of several. `None`: there is no worker, only the driver's own thread.
    pub(crate) fn least_used(&self) -> Option<usize> {
        let counted = self.0.iter().enumerate();
        counted
            .filter_map(|(number, home)| {
                let home = home.lock();
                home.is_open.then_some((home.tasks.len(), number))
            })
            .min()
            .map(|(_, number)| number)
    }

    /// Lists a task with its home. `false`: its worker has left, or there is no memory for it.
    #[must_use]
    pub(crate) fn enter(&self, task: &TaskRef, residence: &Residence) -> bool {
        let Some(home) = self.0.get(residence.home()) else {
            return false;
        };
        let mut home = home.lock();
        if !home.is_open || home.tasks.try_reserve(1).is_err() {
            return false;
        }
        residence.place.store(home.tasks.len(), Ordering::Relaxed);
        home.tasks.push(task.clone());
        true
    }

    /// Takes a task out. `false`: it was in no list.
    pub(crate) fn leave(&self, residence: &Residence) -> bool {
        let Some(home) = self.0.get(residence.home()) else {
            return false;
        };
        let mut home = home.lock();
        let place = residence.place.swap(NOWHERE, Ordering::Relaxed);
        if place == NOWHERE {
            return false;
        }
        let left = home.tasks.swap_remove(place);
        if let Some(moved) = home.tasks.get(place) {
            moved.residence().place.store(place, Ordering::Relaxed);
        }
        drop(home);
        drop(left);
        true
    }

    /// Takes any task out of a home, which takes no more in from here on.
    pub(crate) fn evict(&self, home: usize) -> Option<TaskRef> {
        let mut home = self.0.get(home)?.lock();
        home.is_open = false;
        let task = home.tasks.pop()?;
        task.residence().place.store(NOWHERE, Ordering::Relaxed);
        Some(task)
    }
}
