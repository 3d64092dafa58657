//! `Seat`: one runtime as the event loop holds it.
//!
//! Owns the driver, what waits for its turns to end, and the end of the runtime. Nothing here polls twice: while the
//! driver is lent to a turn, calls from within a poll are kept for after it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::Cell;

use asupersync_core::Stats;
use asupersync_local::{LocalDriver, Turn};

/// How many polls a pump gives a runtime before the host, or another runtime, has control again.
const POLLS_PER_PUMP: u32 = 64;

/// Looks at the driver before and after a turn. `true`: it has seen what it waits for.
pub(crate) type Wait = Box<dyn FnMut(&mut LocalDriver) -> bool>;

/// Takes the last counters.
pub(crate) type Closed = Box<dyn FnOnce(Stats)>;

/// What a turn has left.
pub(crate) enum Rest {
    More,
    /// A timer is due at this time of the loop, if any.
    Idle(Option<u64>),
    /// The runtime has ended.
    Gone,
}

pub(crate) struct Seat {
    /// When the runtime's time began, in the loop's.
    epoch: u64,
    /// Out while a turn runs.
    driver: Cell<Option<Box<LocalDriver>>>,
    waits: Cell<Vec<Wait>>,
    closing: Cell<Option<Closed>>,
    /// The runtime was dropped while its driver was lent.
    is_dropped: Cell<bool>,
}

impl Seat {
    pub(crate) fn new(driver: LocalDriver, epoch: u64) -> Self {
        Self {
            epoch,
            driver: Cell::new(Some(Box::new(driver))),
            waits: Cell::new(Vec::new()),
            closing: Cell::new(None),
            is_dropped: Cell::new(false),
        }
    }

    /// Calls `wait` around each turn until it is content.
    pub(crate) fn add(&self, wait: Wait) {
        let mut waits = self.waits.take();
        waits.push(wait);
        self.waits.set(waits);
    }

    /// Asks every task to stop at the next turn; calls `closed` when the last has ended.
    pub(crate) fn close(&self, closed: Closed) {
        self.closing.set(Some(closed));
        self.add(Box::new(|driver| {
            driver.request_shutdown();
            true
        }));
    }

    /// Drops every task, now or, from within one of them, at the end of the turn. `false`: at the end of the turn.
    pub(crate) fn drop_driver(&self) -> bool {
        self.is_dropped.set(true);
        let Some(driver) = self.driver.take() else {
            return false;
        };
        drop(driver);
        drop(self.waits.take());
        true
    }

    /// The counters; `None` while a turn runs.
    pub(crate) fn stats(&self) -> Option<Stats> {
        let driver = self.driver.take()?;
        let stats = driver.stats();
        self.driver.set(Some(driver));
        Some(stats)
    }

    pub(crate) fn turn(&self) -> Rest {
        let Some(mut driver) = self.driver.take() else {
            return Rest::Gone;
        };
        // Before the turn, for a body that waits to be started; after it, for one that has ended.
        self.look(&mut driver);
        let turn = driver.turn(POLLS_PER_PUMP);
        self.look(&mut driver);
        let closed = match self.closing.take() {
            Some(closed) if driver.is_shut_down() => Some(closed),
            not_yet => {
                self.closing.set(not_yet);
                None
            }
        };
        let end = closed.map(|closed| (closed, driver.stats()));
        self.driver.set(Some(driver));
        if end.is_some() || self.is_dropped.get() {
            self.drop_driver();
            if let Some((closed, stats)) = end {
                closed(stats);
            }
            return Rest::Gone;
        }
        match turn {
            Turn::More => Rest::More,
            Turn::Idle(until) => {
                Rest::Idle(until.map(|at| at.as_nanos().saturating_add(self.epoch)))
            }
        }
    }

    fn look(&self, driver: &mut LocalDriver) {
        // Taken out: who is called may add a wait.
        let mut waits = self.waits.take();
        waits.retain_mut(|wait| !wait(driver));
        waits.append(&mut self.waits.take());
        self.waits.set(waits);
    }
}
