//! `Monitor`: the thread that looks for tasks that do not yield.
//!
//! Owns the thread and its end. What a stall is, and how it is told, is the core's
//! [`StallWatch`](asupersync_core::StallWatch).

use std::thread::JoinHandle;
use std::time::Duration;

use asupersync_core::{Diagnostic, Inspector, Platform};
use parking::Unparker;

/// Looks are no closer together than this, however short the stalls are that are asked for.
const PERIOD_MIN: Duration = Duration::from_millis(1);

/// A thread that looks until it is dropped, and then once more, so that stalls that were told of are left without their end
/// only where a poll outlasts the runtime, as in a panic.
#[derive(Debug)]
pub(crate) struct Monitor {
    thread: Option<JoinHandle<()>>,
    stop: Unparker,
}

impl Monitor {
    /// Watches over polls that last `after` or longer. A host that refuses the thread is told of: the program can do
    /// without.
    pub(crate) fn start(
        inspector: &Inspector,
        after: Duration,
        platform: &dyn Platform,
    ) -> Option<Self> {
        let mut watch = inspector.stall_watch(after);
        let period = watch.period().max(PERIOD_MIN);
        let (parker, stop) = parking::pair();
        let thread = std::thread::Builder::new().name(String::from("asupersync-stalls"));
        let started = thread.spawn(move || {
            // Only the end of the runtime unparks it.
            while watch.look() && !parker.park_timeout(period) {}
            watch.look();
        });
        match started {
            Ok(thread) => Some(Self {
                thread: Some(thread),
                stop,
            }),
            Err(error) => {
                let reason = error.to_string();
                platform.report(&Diagnostic::Unwatched { reason });
                None
            }
        }
    }
}

impl Drop for Monitor {
    fn drop(&mut self) {
        self.stop.unpark();
        if let Some(thread) = self.thread.take() {
            // A sink of the program's own may have panicked on it: that is no reason to panic here.
            let _ = thread.join();
        }
    }
}
