//! `Seats`: where the drivers of a runtime wait, and how their waits end.
//!
//! Owns a seat for each driver, and the decision where the one that keeps watch waits: in the reactor if there is
//! one, else on its seat. It knows nothing of tasks.
//!
//! A wake writes the seat's token and then looks whether its driver is in the reactor; a driver says that it is in the
//! reactor and then looks for its token. One of the two sees the other.

use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use parking::{Parker, Unparker};

use crate::reactor::Reactor;

/// The seats of one runtime, and its reactor from the first socket on: a program without I/O opens no handles, and a
/// host that has none left fails the operation that needs them, not the runtime.
#[derive(Debug)]
pub(crate) struct Seats {
    seats: Box<[Seat]>,
    reactor: OnceLock<Arc<Reactor>>,
    starting: Mutex<()>,
}

#[derive(Debug)]
struct Seat {
    /// Locked by the driver whose seat it is, while it waits.
    parker: Mutex<Parker>,
    unparker: Unparker,
    /// Its driver waits in the reactor, or is about to.
    is_away: AtomicBool,
}

impl Seats {
    pub(crate) fn new(drivers: usize) -> Self {
        let seats = (0..drivers).map(|_| {
            let (parker, unparker) = parking::pair();
            Seat {
                parker: Mutex::new(parker),
                unparker,
                is_away: AtomicBool::new(false),
            }
        });
        Self {
            seats: seats.collect(),
            reactor: OnceLock::new(),
            starting: Mutex::new(()),
        }
    }

    /// The reactor, if a socket was made.
    pub(crate) fn reactor(&self) -> Option<&Arc<Reactor>> {
        self.reactor.get()
    }

    /// The reactor, made now if there is none.
    pub(crate) fn start_reactor(&self) -> io::Result<&Arc<Reactor>> {
        if let Some(reactor) = self.reactor.get() {
            return Ok(reactor);
        }
        let _only = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.reactor.get().is_none() {
            let made = Reactor::new()?;
            self.reactor.get_or_init(|| made);
            // Whoever keeps watch without it goes on to do so in it.
            for seat in &self.seats {
                seat.unparker.unpark();
            }
        }
        self.reactor
            .get()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// Has driver `driver` wait until it is notified.
    pub(crate) fn sleep(&self, driver: usize) {
        if let Some(seat) = self.seats.get(driver) {
            seat.parker().park();
        }
    }

    /// Has driver `driver` wait until it is notified, `until` comes, or there is I/O. May return early.
    ///
    /// # Panics
    /// If the host refuses to wait, which it does only where something else closed the reactor's handles.
    pub(crate) fn watch(&self, driver: usize, until: Option<Instant>) {
        let Some(seat) = self.seats.get(driver) else {
            return;
        };
        let parker = seat.parker();
        match (self.reactor.get(), until) {
            (Some(reactor), until) => {
                seat.is_away.store(true, Ordering::SeqCst);
                if !parker.park_timeout(Duration::ZERO) {
                    let waited = reactor.wait(until);
                    waited.expect("the host refuses to wait for I/O");
                }
                seat.is_away.store(false, Ordering::SeqCst);
                // Of the wake that ended the wait: it would end the next one too.
                parker.park_timeout(Duration::ZERO);
            }
            (None, Some(instant)) => {
                parker.park_deadline(instant);
            }
            (None, None) => parker.park(),
        }
    }

    /// Ends the wait of driver `driver`, or the next one before it begins.
    pub(crate) fn notify(&self, driver: usize) {
        let Some(seat) = self.seats.get(driver) else {
            return;
        };
        seat.unparker.unpark();
        if seat.is_away.load(Ordering::SeqCst) {
            if let Some(reactor) = self.reactor.get() {
                reactor.notify();
            }
        }
    }

    /// Takes the I/O events that are there, without waiting.
    ///
    /// # Panics
    /// As [`watch`](Self::watch).
    pub(crate) fn look(&self) {
        if let Some(reactor) = self.reactor.get() {
            reactor.poll().expect("the host refuses to tell of I/O");
        }
    }
}

impl Seat {
    fn parker(&self) -> std::sync::MutexGuard<'_, Parker> {
        self.parker.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
