//! `StdPlatform`: the host as the kernel sees it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;

use asupersync_core::{Diagnostic, PanicPayload, Platform, Time};
use asupersync_io::Net;
use asupersync_work_stealing::{Host, Rest};

use crate::clock::Clock;
use crate::reactor::{HostNet, ReactorStats};
use crate::seats::Seats;

/// Clock, waiting, entropy and panic capture of a host with an operating system.
///
/// `arm` does nothing: the loop around a driver sleeps until the time that a turn names.
#[derive(Debug)]
pub struct StdPlatform {
    clock: Clock,
    seats: Arc<Seats>,
}

impl StdPlatform {
    /// A platform on whose threads `drivers` drivers can wait.
    pub fn new(drivers: usize) -> Self {
        Self {
            clock: Clock::start(),
            seats: Arc::new(Seats::new(drivers)),
        }
    }

    /// The host's network, to be granted to a root region.
    pub fn net(&self) -> Net {
        Net::new(Arc::new(HostNet::new(Arc::clone(&self.seats))))
    }

    /// The reactor's counters; all zero until there is a socket.
    pub fn io_stats(&self) -> ReactorStats {
        let reactor = self.seats.reactor();
        reactor.map(|reactor| reactor.stats()).unwrap_or_default()
    }
}

impl Platform for StdPlatform {
    fn now(&self) -> Time {
        self.clock.now()
    }

    fn arm(&self, _deadline: Option<Time>) {}

    fn pend(&self) {
        self.seats.notify(0);
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
            // No timer, or one beyond the host's range.
            Rest::Watch(until) => {
                let until = until.and_then(|at| self.clock.instant(at));
                self.seats.watch(driver, until);
            }
            Rest::Sleep => self.seats.sleep(driver),
        }
    }

    fn notify(&self, driver: usize) {
        self.seats.notify(driver);
    }

    fn look(&self) {
        self.seats.look();
    }
}
