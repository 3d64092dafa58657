//! `HyperTimer`: hyper's timeouts on the runtime's clock. The one place here that reads the host's clock: once, since
//! hyper speaks of points in time as the host's.

use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};

use asupersync_core::{Alarm, CapabilityDenied, Clock, CxBase, Time};
use hyper::rt::{Sleep, Timer};

/// hyper's timer, on the clock of the runtime: where that is virtual, so are hyper's timeouts.
#[derive(Clone)]
pub struct HyperTimer {
    clock: Clock,
    /// The same moment on both clocks.
    anchor: (Instant, Time),
}

impl HyperTimer {
    /// The timer of the runtime that `cx` belongs to.
    ///
    /// # Errors
    /// [`CapabilityDenied`] without the capability [`Timing`](asupersync_core::Timing).
    pub fn new(cx: &CxBase) -> Result<Self, CapabilityDenied> {
        let clock = cx.clock()?;
        let anchor = (Instant::now(), clock.now());
        Ok(Self { clock, anchor })
    }

    pub(crate) fn clock(&self) -> &Clock {
        &self.clock
    }

    fn time(&self, at: Instant) -> Time {
        let (instant, time) = self.anchor;
        time.saturating_add(at.saturating_duration_since(instant))
    }
}

impl Timer for HyperTimer {
    fn sleep(&self, duration: Duration) -> Pin<Box<dyn Sleep>> {
        let at = self.clock.now().saturating_add(duration);
        Box::pin(Wait(self.clock.alarm(at)))
    }

    fn sleep_until(&self, deadline: Instant) -> Pin<Box<dyn Sleep>> {
        Box::pin(Wait(self.clock.alarm(self.time(deadline))))
    }

    fn now(&self) -> Instant {
        let (instant, time) = self.anchor;
        let passed = self.clock.now().saturating_since(time);
        instant.checked_add(passed).unwrap_or(instant)
    }

    fn reset(&self, sleep: &mut Pin<Box<dyn Sleep>>, deadline: Instant) {
        match sleep.as_mut().downcast_mut_pin::<Wait>() {
            Some(wait) => wait.get_mut().0.reset(self.time(deadline)),
            None => *sleep = self.sleep_until(deadline),
        }
    }
}

impl fmt::Debug for HyperTimer {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("HyperTimer").field(&self.clock).finish()
    }
}

/// hyper's name for an alarm.
struct Wait(Alarm);

impl Future for Wait {
    type Output = ();
    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        Pin::new(&mut self.get_mut().0).poll(task)
    }
}

impl Sleep for Wait {}
