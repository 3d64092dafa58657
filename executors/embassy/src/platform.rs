//! `GuestPlatform`: the host as the kernel sees it.
//!
//! Owns the cell with the host's waker. Wakers of the guest's tasks reach it from any thread or interrupt, also when
//! the guest is gone: then the cell is empty and nothing happens.

use core::task::Waker;

use asupersync_core::{Diagnostic, PanicPayload, Platform, Time};
use atomic_waker::AtomicWaker;

use crate::host::Host;

/// A host, and the waker with which it last polled.
pub(crate) struct GuestPlatform<H> {
    pub(crate) host: H,
    waker: AtomicWaker,
}

impl<H> GuestPlatform<H> {
    pub(crate) fn new(host: H) -> Self {
        Self {
            host,
            waker: AtomicWaker::new(),
        }
    }

    /// From here on `pend` wakes `waker`.
    pub(crate) fn listen(&self, waker: &Waker) {
        self.waker.register(waker);
    }

    /// From here on `pend` wakes nobody, and what the waker keeps alive is released.
    pub(crate) fn hang_up(&self) {
        drop(self.waker.take());
    }
}

impl<H: Host> Platform for GuestPlatform<H> {
    fn now(&self) -> Time {
        self.host.now()
    }

    /// The guest sets the timer from what a turn returns.
    fn arm(&self, _deadline: Option<Time>) {}

    fn pend(&self) {
        self.waker.wake();
    }

    fn entropy(&self) -> u64 {
        self.host.entropy()
    }

    #[cfg(feature = "std")]
    fn guard(&self, run: &mut dyn FnMut()) -> Result<(), PanicPayload> {
        // The kernel drops what was interrupted and never looks at it again.
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).map_err(PanicPayload::new)
    }

    #[cfg(not(feature = "std"))]
    fn guard(&self, run: &mut dyn FnMut()) -> Result<(), PanicPayload> {
        run();
        Ok(())
    }

    fn report(&self, diagnostic: &Diagnostic) {
        self.host.report(diagnostic);
    }
}
