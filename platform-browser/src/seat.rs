//! `Seat`: one runtime as the event loop holds it.
//!
//! Owns the driver, what waits for its turns to end, and the end of the runtime. Nothing here polls twice: while the
//! driver is lent to a turn, calls from within a poll are kept for after it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::cell::{Cell, RefCell};

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
    driver: RefCell<Option<LocalDriver>>,
    waits: RefCell<Vec<Wait>>,
    closing: RefCell<Option<Closed>>,
    /// The runtime was dropped while its driver was lent.
    is_dropped: Cell<bool>,
}

impl Seat {
    pub(crate) fn new(driver: LocalDriver, epoch: u64) -> Self {
        Self {
            epoch,
            driver: RefCell::new(Some(driver)),
            waits: RefCell::new(Vec::new()),
            closing: RefCell::new(None),
            is_dropped: Cell::new(false),
        }
    }

    /// Calls `wait` around each turn until it is content.
    pub(crate) fn add(&self, wait: Wait) {
        self.waits.borrow_mut().push(wait);
    }

    /// Asks every task to stop at the next turn; calls `closed` when the last has ended.
    pub(crate) fn close(&self, closed: Closed) {
        *self.closing.borrow_mut() = Some(closed);
        self.add(Box::new(|driver| {
            driver.request_shutdown();
            true
        }));
    }

    /// Drops every task, now or, from within one of them, at the end of the turn. `false`: at the end of the turn.
    pub(crate) fn drop_driver(&self) -> bool {
        self.is_dropped.set(true);
        let Ok(mut driver) = self.driver.try_borrow_mut() else {
            return false;
        };
        let taken = driver.take();
        // Lent to nobody while futures are dropped: they may call what they like.
        drop(driver);
        drop(taken);
        drop(self.waits.take());
        true
    }

    /// The counters; `None` while a turn runs.
    pub(crate) fn stats(&self) -> Option<Stats> {
        let driver = self.driver.try_borrow().ok()?;
        driver.as_ref().map(LocalDriver::stats)
    }

    pub(crate) fn turn(&self) -> Rest {
        let Some(rest) = self.drive() else {
            self.drop_driver();
            return Rest::Gone;
        };
        let closed = match rest {
            Ok(turn) => return turn,
            Err(stats) => (self.closing.take(), stats),
        };
        self.drop_driver();
        if let (Some(closed), stats) = closed {
            closed(stats);
        }
        Rest::Gone
    }

    fn look(&self, driver: &mut LocalDriver) {
        // Taken out: who is called may add a wait.
        let mut waits = self.waits.take();
        waits.retain_mut(|wait| !wait(driver));
        self.waits.borrow_mut().append(&mut waits);
    }

    /// A turn and the looks around it. `Err`: the last counters of a runtime that is closed; `None`: it was dropped.
    fn drive(&self) -> Option<Result<Rest, Stats>> {
        let mut driver = self.driver.borrow_mut();
        let driver = driver.as_mut()?;
        // Before the turn, for a body that waits to be started; after it, for one that has ended.
        self.look(driver);
        let turn = driver.turn(POLLS_PER_PUMP);
        self.look(driver);
        if self.is_dropped.get() {
            return None;
        }
        if self.closing.borrow().is_some() && driver.is_shut_down() {
            return Some(Err(driver.stats()));
        }
        Some(Ok(match turn {
            Turn::More => Rest::More,
            Turn::Idle(until) => {
                Rest::Idle(until.map(|at| at.as_nanos().saturating_add(self.epoch)))
            }
        }))
    }
}
