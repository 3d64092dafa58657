//! `Clock`: the runtime's clock for libraries that bring their own idea of a timer.
//!
//! Owns what such a library can keep: no borrow of a [`Cx`](crate::Cx), no cancellation point. Task bodies wait with
//! [`CxBase::sleep`] instead.

use alloc::sync::Arc;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::{Countdown, TimerClass};
use crate::cx::CxBase;
use crate::error::CapabilityDenied;
use crate::kernel::Kernel;
use crate::time::Time;

/// The capability [`Timing`](crate::Timing) in a form that can be handed to a foreign library.
///
/// ```
/// use asupersync_core::{CapabilityDenied, CxBase};
/// use core::time::Duration;
///
/// async fn tick(cx: &CxBase) -> Result<(), CapabilityDenied> {
///     let clock = cx.clock()?;
///     clock.alarm(clock.now().saturating_add(Duration::from_millis(1))).await;
///     Ok(())
/// }
/// ```
#[derive(Clone)]
pub struct Clock {
    kernel: Arc<Kernel>,
}

impl Clock {
    /// What time it is.
    pub fn now(&self) -> Time {
        self.kernel.now()
    }

    /// A future that is ready once `at` has come. It ignores cancels: who polls it looks for them.
    ///
    /// # Cancel safety
    /// Dropping it cancels the timer.
    pub fn alarm(&self, at: Time) -> Alarm {
        Alarm {
            kernel: Arc::clone(&self.kernel),
            at,
            countdown: Countdown::default(),
        }
    }
}

impl CxBase {
    /// The runtime's clock, to be kept by a library that waits for time on its own.
    ///
    /// # Errors
    /// [`CapabilityDenied`] without the capability [`Timing`](crate::Timing).
    pub fn clock(&self) -> Result<Clock, CapabilityDenied> {
        self.require_timing()?;
        Ok(Clock {
            kernel: Arc::clone(&self.task().region.kernel),
        })
    }
}

impl fmt::Debug for Clock {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Clock").field(&self.now()).finish()
    }
}

/// Waits for a point in time; made by [`Clock::alarm`].
#[must_use = "futures do nothing until polled"]
pub struct Alarm {
    kernel: Arc<Kernel>,
    at: Time,
    countdown: Countdown<Arc<Kernel>>,
}

impl Alarm {
    /// Waits for another point in time from now on.
    pub fn reset(&mut self, at: Time) {
        self.at = at;
        self.countdown = Countdown::default();
    }
}

impl Future for Alarm {
    type Output = ();

    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<()> {
        let this = self.get_mut();
        let (class, waker) = (TimerClass::Wake, task.waker());
        match this
            .countdown
            .is_over(Arc::clone(&this.kernel), this.at, class, waker)
        {
            true => Poll::Ready(()),
            false => Poll::Pending,
        }
    }
}

impl fmt::Debug for Alarm {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Alarm")
            .field("at", &self.at)
            .finish_non_exhaustive()
    }
}
