//! The timers of a runtime: a wheel for each of its drivers.
//!
//! Owns the locks and the knowledge which wheel a timer is in. A driver files timers in its own wheel, so drivers do
//! not meet at a lock unless one cancels what another filed; any driver fires those of all, its own first, so that
//! none waits for a driver that is busy. What a timer does is its caller's matter.

use alloc::boxed::Box;
use core::num::NonZeroU64;

use super::wheel::{Claim, Fired, TimerClass, Wheel};
use crate::executor::THREADS;
use crate::mutants::mutant;
use crate::sync::Mutex;
use crate::time::Time;

use nearest::Nearest;

/// A timer's address: its wheel, and its key in there.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimerKey {
    wheel: u32,
    key: super::wheel::TimerKey,
}

/// A place for one more timer.
#[must_use = "a place that is not filled is lost"]
pub(crate) struct TimerClaim {
    wheel: usize,
    claim: Claim,
}

/// Every timer of one runtime.
pub(crate) struct Timers<A> {
    wheels: Box<[Own<A>]>,
    nearest: Nearest,
}

/// One driver's wheel, on lines of its own.
#[repr(align(64))]
struct Own<A>(Mutex<Wheel<A>>);

impl<A> Timers<A> {
    /// No timers yet. See [`Wheel::new`].
    pub(crate) fn new(drivers: usize, tick: NonZeroU64, start: Time) -> Self {
        let wheel = || Own(Mutex::new(Wheel::new(tick, start)));
        Self {
            wheels: (0..drivers.max(1)).map(|_| wheel()).collect(),
            nearest: Nearest::new(start),
        }
    }

    /// Files a timer with driver `driver`. `true`: it may be the nearest now, so a driver that sleeps until the next
    /// one has to be told.
    pub(crate) fn insert(
        &self,
        driver: usize,
        deadline: Time,
        class: TimerClass,
        action: A,
    ) -> (TimerKey, bool) {
        self.file(self.wheel_of(driver), deadline, |wheel| {
            wheel.insert(deadline, class, action)
        })
    }

    /// The first half of [`insert`](Self::insert), all that may fail of it: `None` when there is no memory.
    pub(crate) fn claim(&self, driver: usize, deadline: Time) -> Option<TimerClaim> {
        let wheel = self.wheel_of(driver);
        let claim = self.wheels[wheel].0.lock().claim(deadline)?;
        Some(TimerClaim { wheel, claim })
    }

    /// The second half of [`insert`](Self::insert), with the deadline that was claimed for.
    pub(crate) fn fill(
        &self,
        claimed: TimerClaim,
        deadline: Time,
        class: TimerClass,
        action: A,
    ) -> (TimerKey, bool) {
        self.file(claimed.wheel, deadline, |wheel| {
            wheel.fill(claimed.claim, deadline, class, action)
        })
    }

    fn wheel_of(&self, driver: usize) -> usize {
        if THREADS {
            driver % self.wheels.len()
        } else {
            0
        }
    }

    #[inline]
    fn file(
        &self,
        number: usize,
        deadline: Time,
        file: impl FnOnce(&mut Wheel<A>) -> super::wheel::TimerKey,
    ) -> (TimerKey, bool) {
        let mut wheel = self.wheels[number].0.lock();
        let may_be_nearest = wheel.may_be_next(deadline);
        let key = file(&mut wheel);
        drop(wheel);
        let key = TimerKey {
            wheel: number as u32,
            key,
        };
        // Lowered once the timer is in its wheel: see `next_deadline`.
        (key, may_be_nearest && self.nearest.lower(deadline))
    }

    /// Takes a timer out; `None` if it has fired. The caller drops what comes back, outside the lock.
    pub(crate) fn cancel(&self, key: TimerKey) -> Option<A> {
        let wheel = self.wheels.get(key.wheel as usize)?;
        wheel.0.lock().cancel(key.key)
    }

    /// The earliest deadline of all.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        // Forgotten first, then looked for: a timer that is filed meanwhile is either found or lowers it again.
        if !mutant!(NearestForgottenLast) {
            self.nearest.forget();
        }
        let wheels = self.wheels.iter();
        let next = wheels.filter_map(|own| own.0.lock().next_deadline()).min();
        if mutant!(NearestForgottenLast) {
            self.nearest.forget();
        }
        if let Some(next) = next {
            self.nearest.lower(next);
        }
        next
    }

    /// Whether one may be due at `now`, which is remembered as seen; asked before anything that costs more.
    #[inline]
    pub(crate) fn may_be_due(&self, now: Time) -> bool {
        self.nearest.see(now)
    }

    /// The latest time that a driver saw, or `now` where nobody remembers.
    #[inline]
    pub(crate) fn seen(&self, now: Time) -> Time {
        self.nearest.seen(|| now)
    }

    /// Whether `deadline` had come when a driver last looked; that of a timer that has fired always had. `clock` is read
    /// where nobody remembers.
    #[inline]
    pub(crate) fn has_come(&self, deadline: Time, clock: impl FnOnce() -> Time) -> bool {
        deadline <= self.nearest.seen(clock)
    }

    /// Takes out the next one that is due: from the wheel of driver `driver`, else from those of the others.
    pub(crate) fn pop_due(&self, driver: usize, now: Time) -> Option<Fired<A>> {
        let count = if THREADS { self.wheels.len() } else { 1 };
        (0..count).find_map(|step| {
            let wheel = &self.wheels[(driver + step) % count];
            wheel.0.lock().pop_due(now)
        })
    }

    /// How many wait.
    pub(crate) fn len(&self) -> usize {
        self.wheels.iter().map(|own| own.0.lock().len()).sum()
    }
}

/// At most the earliest deadline: what is later than it is surely not due.
#[cfg(any(all(feature = "threads", target_has_atomic = "64"), loom))]
mod nearest {
    use crate::sync::atomic::{AtomicU64, Ordering};
    use crate::time::Time;

    /// No timer.
    const NEVER: u64 = u64::MAX;

    pub(super) struct Nearest {
        deadline: AtomicU64,
        /// The latest time that a driver saw. Reading it instead of the clock is what makes a wait cheap.
        seen: AtomicU64,
    }

    impl Nearest {
        pub(super) fn new(start: Time) -> Self {
            Self {
                deadline: AtomicU64::new(NEVER),
                seen: AtomicU64::new(start.as_nanos()),
            }
        }

        pub(super) fn forget(&self) {
            self.deadline.store(NEVER, Ordering::SeqCst);
        }

        /// `true`: it was later before.
        pub(super) fn lower(&self, deadline: Time) -> bool {
            let deadline = deadline.as_nanos();
            deadline < self.deadline.load(Ordering::SeqCst)
                && deadline < self.deadline.fetch_min(deadline, Ordering::SeqCst)
        }

        /// Remembers the time, and says whether the nearest deadline may have come.
        #[inline]
        pub(super) fn see(&self, now: Time) -> bool {
            let now = now.as_nanos();
            // Relaxed: the wakes of what fires at this time make it known to who is polled for them.
            if self.seen.load(Ordering::Relaxed) < now {
                self.seen.fetch_max(now, Ordering::Relaxed);
            }
            let nearest = self.deadline.load(Ordering::SeqCst);
            nearest != NEVER && nearest <= now
        }

        #[inline]
        pub(super) fn seen(&self, _clock: impl FnOnce() -> Time) -> Time {
            Time::from_nanos(self.seen.load(Ordering::Relaxed))
        }
    }
}

/// One driver looks at its wheel; so do several where no atomic is that wide.
#[cfg(not(any(all(feature = "threads", target_has_atomic = "64"), loom)))]
mod nearest {
    use crate::time::Time;

    pub(super) struct Nearest;

    impl Nearest {
        pub(super) fn new(_start: Time) -> Self {
            Self
        }
        pub(super) fn forget(&self) {}
        pub(super) fn lower(&self, _deadline: Time) -> bool {
            true
        }
        pub(super) fn see(&self, _now: Time) -> bool {
            true
        }
        pub(super) fn seen(&self, clock: impl FnOnce() -> Time) -> Time {
            clock()
        }
    }
}
