//! `Browser`: the event loop as the kernel sees it.

use asupersync_core::{Diagnostic, Platform, Time};

use crate::host::{self, with_loop};

/// Clock, call-back and entropy of the instance's event loop.
pub(crate) struct Browser {
    /// When this runtime began.
    pub(crate) epoch: u64,
    pub(crate) report: Option<fn(&Diagnostic)>,
}

impl Platform for Browser {
    fn now(&self) -> Time {
        let now = with_loop(|event_loop| event_loop.now());
        Time::from_nanos(now.saturating_sub(self.epoch))
    }

    /// Nothing to do: the loop has the deadline from the turn, and sets one timer for all runtimes.
    fn arm(&self, _deadline: Option<Time>) {}

    fn pend(&self) {
        with_loop(|event_loop| event_loop.pend());
    }

    fn entropy(&self) -> u64 {
        host::random()
    }

    #[cfg(all(feature = "std", panic = "unwind"))]
    fn guard(&self, run: &mut dyn FnMut()) -> Result<(), asupersync_core::PanicPayload> {
        use std::panic::{AssertUnwindSafe, catch_unwind};

        // What the kernel drops of the task after a panic is all that its broken state can reach.
        catch_unwind(AssertUnwindSafe(run)).map_err(asupersync_core::PanicPayload::new)
    }

    fn report(&self, diagnostic: &Diagnostic) {
        if let Some(report) = self.report {
            report(diagnostic);
        }
    }
}
