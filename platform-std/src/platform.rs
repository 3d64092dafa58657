//! `StdPlatform`: the host as the kernel sees it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use asupersync_core::{Diagnostic, PanicPayload, Platform, Time};
use asupersync_work_stealing::{Host, Rest};
use parking::{Parker, Unparker};
use parking_lot::Mutex;

use crate::clock::Clock;

/// Clock, waiting, entropy and panic capture of a host with an operating system.
///
/// `arm` does nothing: the loop around a driver sleeps until the time that a turn names.
#[derive(Debug)]
pub struct StdPlatform {
    clock: Clock,
    seats: Box<[Seat]>,
}

/// Where one driver waits.
#[derive(Debug)]
struct Seat {
    /// Locked by the driver whose seat it is, while it waits.
    parker: Mutex<Parker>,
    unparker: Unparker,
}

impl StdPlatform {
    /// A platform on whose threads `drivers` drivers can wait.
    pub fn new(drivers: usize) -> Self {
        let seats = (0..drivers).map(|_| {
            let (parker, unparker) = parking::pair();
            Seat {
                parker: Mutex::new(parker),
                unparker,
            }
        });
        Self {
            clock: Clock::start(),
            seats: seats.collect(),
        }
    }

    /// Has driver `driver` wait until woken or, if given, until `deadline`. May return early.
    pub(crate) fn park(&self, driver: usize, deadline: Option<Time>) {
        let Some(seat) = self.seats.get(driver) else {
            return;
        };
        let parker = seat.parker.lock();
        match deadline.map(|at| self.clock.instant(at)) {
            Some(Some(instant)) => {
                parker.park_deadline(instant);
            }
            // No timer, or one beyond the host's range.
            Some(None) | None => parker.park(),
        }
    }
}

impl Platform for StdPlatform {
    fn now(&self) -> Time {
        self.clock.now()
    }

    fn arm(&self, _deadline: Option<Time>) {}

    fn pend(&self) {
        self.notify(0);
    }

    fn entropy(&self) -> u64 {
        // A host without entropy still runs: programs that need unguessable numbers use a
        // capability of their own, not the kernel's seed.
        getrandom::u64().unwrap_or_else(|_| self.clock.now().as_nanos())
    }

    fn guard(&self, run: &mut dyn FnMut()) -> Result<(), PanicPayload> {
        // The kernel drops what was interrupted and never looks at it again.
        catch_unwind(AssertUnwindSafe(run)).map_err(PanicPayload::new)
    }

    fn report(&self, diagnostic: &Diagnostic) {
        eprintln!("asupersync: {diagnostic}");
    }
}

impl Host for StdPlatform {
    fn wait(&self, driver: usize, rest: Rest) {
        match rest {
            Rest::Watch(until) => self.park(driver, until),
            Rest::Sleep => self.park(driver, None),
        }
    }

    fn notify(&self, driver: usize) {
        if let Some(seat) = self.seats.get(driver) {
            seat.unparker.unpark();
        }
    }
}
