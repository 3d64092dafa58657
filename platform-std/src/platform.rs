//! `StdPlatform`: the host as the kernel sees it.

use std::panic::{AssertUnwindSafe, catch_unwind};

use asupersync_core::{Diagnostic, PanicPayload, Platform, Time};
use parking::{Parker, Unparker};

use crate::clock::Clock;

/// Clock, wake-up, entropy and panic capture of a host with an operating system.
///
/// `arm` does nothing: the loop around the driver sleeps until the time that a turn names.
#[derive(Debug)]
pub struct StdPlatform {
    clock: Clock,
    unparker: Unparker,
}

impl StdPlatform {
    /// A platform, and the parker that its loop waits on.
    pub fn new() -> (Self, Parker) {
        let (parker, unparker) = parking::pair();
        let platform = Self {
            clock: Clock::start(),
            unparker,
        };
        (platform, parker)
    }

    /// Waits on `parker` until woken or, if given, until `deadline`. May return early.
    pub fn park(&self, parker: &Parker, deadline: Option<Time>) {
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
        self.unparker.unpark();
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
