//! Time as tasks see it: sleeping, and ticking at an interval. The timers of a runtime are in `set`, each
//! in a `wheel`.
//!
//! Owns the waits and the [`Countdown`] that every wait with a deadline uses. It reads the clock only
//! through the kernel.

mod clock;
mod set;
mod wheel;

use core::future::{Future, poll_fn};
use core::ops::Deref;
use core::task::{Poll, Waker};
use core::time::Duration;

pub use clock::{Alarm, Clock};
pub(crate) use set::{TimerClaim, TimerKey, Timers};
pub(crate) use wheel::{Fired, TimerClass};

use crate::cx::CxBase;
use crate::error::{CapabilityDenied, TimeError};
use crate::inspect::WaitSlot;
use crate::kernel::{Kernel, TimerGuard};
use crate::time::Time;

/// A deadline being waited for: holds a timer while the waiter that it wakes is current.
pub(crate) struct Countdown<K: Deref<Target = Kernel>>(Option<(TimerGuard<K>, WakerId)>);

/// Which waker a timer has. While the timer waits it holds a clone of that waker, so no other one can be taken for it.
#[derive(PartialEq, Eq)]
struct WakerId(usize, usize);

impl WakerId {
    fn of(waker: &Waker) -> Self {
        let vtable = core::ptr::from_ref(waker.vtable());
        Self(waker.data() as usize, vtable as usize)
    }
}

impl<K: Deref<Target = Kernel>> Default for Countdown<K> {
    fn default() -> Self {
        Self(None)
    }
}

impl<K: Deref<Target = Kernel>> Countdown<K> {
    /// Whether `deadline` has come; if not, `waker` will be woken when it does.
    pub(crate) fn is_over(
        &mut self,
        kernel: K,
        deadline: Time,
        class: TimerClass,
        waker: &Waker,
    ) -> bool {
        if deadline != Time::MAX && kernel.has_come(deadline) {
            self.0 = None;
            return true;
        }
        let wakes = WakerId::of(waker);
        let is_current = self.0.as_ref().is_some_and(|(_, old)| *old == wakes);
        if !is_current && deadline != Time::MAX {
            let guard = TimerGuard::wake_at(kernel, deadline, class, waker.clone());
            self.0 = Some((guard, wakes));
        }
        false
    }
}

impl CxBase {
    /// Waits for `duration`. Saturates: a duration beyond the clock's range waits for ever.
    ///
    /// # Errors
    /// [`TimeError::Cancelled`] if this context is asked to stop first; [`TimeError::Denied`] without
    /// the capability [`Timing`](crate::Timing).
    ///
    /// # Cancel safety
    /// Dropping the wait cancels the timer.
    pub fn sleep(&self, duration: Duration) -> impl Future<Output = Result<(), TimeError>> {
        self.wait_until(move |kernel| kernel.now().saturating_add(duration))
    }

    /// Waits until `deadline`; a deadline in the past is over at once.
    ///
    /// # Errors
    /// As [`sleep`](Self::sleep).
    pub fn sleep_until(&self, deadline: Time) -> impl Future<Output = Result<(), TimeError>> {
        self.wait_until(move |_| deadline)
    }

    /// `deadline` is asked for at the first poll.
    async fn wait_until(&self, deadline: impl FnOnce(&Kernel) -> Time) -> Result<(), TimeError> {
        self.require_timing()?;
        let kernel: &Kernel = &self.task().region.kernel;
        let deadline = deadline(kernel);
        // Time that is over on a later poll wins over a cancel that came with it (R-CAN-5).
        self.poll_cancelled()?;
        let mut countdown = Countdown::default();
        let mut waiting = WaitSlot::of(self);
        poll_fn(|waker| {
            if countdown.is_over(kernel, deadline, TimerClass::Wake, waker.waker()) {
                return Poll::Ready(Ok(()));
            }
            self.poll_cancelled()?;
            waiting.sleeps(deadline);
            Poll::Pending
        })
        .await
    }

    /// A ticker whose first tick is one `period` from now. A period of zero counts as one nanosecond.
    ///
    /// # Errors
    /// [`CapabilityDenied`] without the capability [`Timing`](crate::Timing).
    pub fn interval(
        &self,
        period: Duration,
        missed: MissedTicks,
    ) -> Result<Interval, CapabilityDenied> {
        self.require_timing()?;
        let period = period.max(Duration::from_nanos(1));
        Ok(Interval {
            next: self.task().region.kernel.now().saturating_add(period),
            period,
            missed,
        })
    }
}

/// What a ticker does about ticks that nobody waited for in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum MissedTicks {
    /// All of them come at once, until the ticker has caught up.
    #[default]
    Burst,
    /// The next tick is one period after the late one.
    Delay,
    /// They are left out: the next tick is the next multiple of the period.
    Skip,
}

/// Ticks at a period without drift: each tick is due one period after the one before was *due*.
#[derive(Debug)]
pub struct Interval {
    next: Time,
    period: Duration,
    missed: MissedTicks,
}

impl Interval {
    /// Waits for the next tick and says when it was due.
    ///
    /// # Errors
    /// As [`CxBase::sleep`].
    ///
    /// # Cancel safety
    /// Dropping the wait leaves the tick to the next call.
    pub async fn tick(&mut self, cx: &CxBase) -> Result<Time, TimeError> {
        let due = self.next;
        cx.sleep_until(due).await?;
        let now = cx.task().region.kernel.now();
        self.next = match self.missed {
            MissedTicks::Burst => due.saturating_add(self.period),
            MissedTicks::Delay => now.max(due).saturating_add(self.period),
            MissedTicks::Skip => {
                let period = u64::try_from(self.period.as_nanos()).unwrap_or(u64::MAX);
                let late = now.as_nanos().saturating_sub(due.as_nanos());
                let ticks = (late / period).saturating_add(1);
                Time::from_nanos(due.as_nanos().saturating_add(ticks.saturating_mul(period)))
            }
        };
        Ok(due)
    }
}
