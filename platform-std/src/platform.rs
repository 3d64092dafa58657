//! `StdPlatform`: the host as the kernel sees it.

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::time::Duration;

use asupersync_core::{Diagnostic, PanicPayload, Platform, Time};
use asupersync_io::Net;
use parking::Parker;

use crate::clock::Clock;
use crate::reactor::{HostNet, LazyReactor, ReactorStats};

/// Clock, wake-up, entropy and panic capture of a host with an operating system.
///
/// `arm` does nothing: the loop around the driver sleeps until the time that a turn names.
#[derive(Debug)]
pub struct StdPlatform {
    clock: Clock,
    reactor: Arc<LazyReactor>,
}

impl StdPlatform {
    /// A platform, and the parker that its loop waits on.
    pub fn new() -> (Self, Parker) {
        let (parker, unparker) = parking::pair();
        let platform = Self {
            clock: Clock::start(),
            reactor: Arc::new(LazyReactor::new(unparker)),
        };
        (platform, parker)
    }

    /// Waits until woken or, if given, until `deadline`: in the reactor once there are sockets, on `parker` before
    /// that. May return early.
    ///
    /// # Panics
    /// If the host refuses to wait, which it does only where something else closed the reactor's handles.
    pub fn park(&self, parker: &Parker, deadline: Option<Time>) {
        // No timer, or one beyond the host's range.
        let until = deadline.and_then(|at| self.clock.instant(at));
        match (self.reactor.get(), until) {
            (Some(reactor), until) => {
                // A wake that came as the reactor did may have gone to the parker.
                if !parker.park_timeout(Duration::ZERO) {
                    let waited = reactor.wait(until);
                    waited.expect("the host refuses to wait for I/O");
                }
            }
            (None, Some(instant)) => {
                parker.park_deadline(instant);
            }
            (None, None) => parker.park(),
        }
    }

    /// Takes the I/O events that are there, without waiting: for a loop that is busy.
    ///
    /// # Panics
    /// As [`park`](Self::park).
    pub fn poll_io(&self) {
        if let Some(reactor) = self.reactor.get() {
            let polled = reactor.poll();
            polled.expect("the host refuses to tell of I/O");
        }
    }

    /// The host's network, to be granted to a root region.
    pub fn net(&self) -> Net {
        Net::new(Arc::new(HostNet::new(Arc::clone(&self.reactor))))
    }

    /// The reactor's counters; all zero until there is a socket.
    pub fn io_stats(&self) -> ReactorStats {
        let reactor = self.reactor.get();
        reactor.map(|reactor| reactor.stats()).unwrap_or_default()
    }
}

impl Platform for StdPlatform {
    fn now(&self) -> Time {
        self.clock.now()
    }

    fn arm(&self, _deadline: Option<Time>) {}

    fn pend(&self) {
        self.reactor.notify();
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
