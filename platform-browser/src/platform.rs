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

    fn report(&self, diagnostic: &Diagnostic) {
        if let Some(report) = self.report {
            report(diagnostic);
        }
    }
}
