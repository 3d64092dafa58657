//! `Mutex`: a value that one task at a time may use, also across awaits.
//!
//! Owns the value while nobody holds it; [`MutexGuard`] owns it while somebody does. Moving the
//! value out, instead of lending it, is what keeps this module free of unsafe code. The value is
//! boxed, so that moving it is one word.
//!
//! Cost: one allocation per mutex, one short lock to take and one to give back.
//!
//! There is no poisoning. A panic ends its task as `Panicked`, and the region's policy decides who
//! else must stop (R-PAN-1); a second way to learn of it, in every later `lock`, would make
//! unrelated tasks fail long after. A value that a panic may leave half-changed is repaired in the
//! task's finalizer.

use crate::cancel::Cancelled;
use crate::cx::CxBase;
use crate::object::ObjectId;
use crate::sync;
use crate::wait::{Acquire, Gate, Permits, Refusal, WAITERS_MAX, WaitKind};
use alloc::boxed::Box;
use core::fmt;
use core::ops::{Deref, DerefMut};

pub(crate) struct State<T> {
    /// One unit: the right to the value.
    permits: Permits,
    /// Empty exactly while a guard is out.
    value: Option<Box<T>>,
}

/// A value for one task at a time, handed over first come, first served.
///
/// A task that locks it again while it holds the guard waits for itself, until it is cancelled.
///
/// ```
/// use asupersync_core::{Cancelled, CxBase, lock::Mutex};
///
/// async fn count(cx: &CxBase, hits: &Mutex<u64>) -> Result<u64, Cancelled> {
///     let mut hits = hits.lock(cx).await?;
///     *hits += 1;
///     Ok(*hits)
/// }
/// ```
pub struct Mutex<T> {
    state: sync::Mutex<State<T>>,
    object: ObjectId,
}

impl<T> Mutex<T> {
    /// A mutex around `value`.
    pub fn new(value: T) -> Self {
        Self {
            state: sync::Mutex::new(State {
                permits: Permits::new(1, WAITERS_MAX),
                value: Some(Box::new(value)),
            }),
            object: ObjectId::new(),
        }
    }

    /// Waits for the value.
    ///
    /// # Cancel safety
    /// Dropping the future gives the place in the queue, or the value, to the next task. The caller
    /// queues at the end when it tries again.
    ///
    /// # Errors
    /// [`Cancelled`] if this task was asked to stop.
    ///
    /// # Panics
    /// If 2^32 - 2 tasks wait already.
    pub fn lock<'a>(
        &'a self,
        cx: &'a CxBase,
    ) -> impl Future<Output = Result<MutexGuard<'a, T>, Cancelled>> {
        Acquire::new(self, cx, ()).map(move |taken| match taken {
            Ok(value) => Ok(MutexGuard { mutex: self, value }),
            Err(Refusal::Cancelled(token)) => Err(token),
            Err(Refusal::TooManyWaiters) => panic!("too many tasks wait for one Mutex"),
            Err(Refusal::Closed) => unreachable!("a mutex is never closed"),
        })
    }

    /// Takes the value if it is free and nobody waits for it.
    pub fn try_lock(&self) -> Option<MutexGuard<'_, T>> {
        let mut state = self.state.lock();
        Self::try_take(&mut state, ()).ok()?;
        let value = Self::take(&mut state);
        drop(state);
        Some(MutexGuard { mutex: self, value })
    }

    /// The value, or `None` if a guard was leaked with it.
    pub fn into_inner(self) -> Option<T> {
        self.state.into_inner().value.map(|value| *value)
    }
}

impl<T: Default> Default for Mutex<T> {
    fn default() -> Self {
        Self::new(T::default())
    }
}

impl<T> From<T> for Mutex<T> {
    fn from(value: T) -> Self {
        Self::new(value)
    }
}

impl<T> fmt::Debug for Mutex<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Mutex").finish_non_exhaustive()
    }
}

impl<T> Gate for Mutex<T> {
    const WAIT: WaitKind = WaitKind::Lock;
    type State = State<T>;
    type Ask = ();
    /// Always `Some`: who has the unit finds the value.
    type Taken = Option<Box<T>>;

    #[inline]
    fn lock(&self) -> impl DerefMut<Target = State<T>> {
        self.state.lock()
    }

    fn object(&self) -> &ObjectId {
        &self.object
    }

    fn permits(state: &mut State<T>) -> &mut Permits {
        &mut state.permits
    }

    fn units((): ()) -> u32 {
        1
    }

    fn take(state: &mut State<T>) -> Option<Box<T>> {
        state.value.take()
    }
}

/// The value of a [`Mutex`]. Dropping it hands the value to the next task that waits.
#[must_use = "dropping the guard unlocks at once"]
pub struct MutexGuard<'a, T> {
    mutex: &'a Mutex<T>,
    /// `None` only while it is being dropped.
    value: Option<Box<T>>,
}

impl<T> Deref for MutexGuard<'_, T> {
    type Target = T;

    #[inline]
    fn deref(&self) -> &T {
        match &self.value {
            Some(value) => value,
            None => unreachable!("a guard has the value"),
        }
    }
}

impl<T> DerefMut for MutexGuard<'_, T> {
    #[inline]
    fn deref_mut(&mut self) -> &mut T {
        match &mut self.value {
            Some(value) => value,
            None => unreachable!("a guard has the value"),
        }
    }
}

impl<T> Drop for MutexGuard<'_, T> {
    fn drop(&mut self) {
        let next = {
            let mut state = self.mutex.state.lock();
            state.value = self.value.take();
            state.permits.put(1);
            state.permits.grant_next()
        };
        if let Some(waker) = next {
            waker.wake();
        }
    }
}

impl<T: fmt::Debug> fmt::Debug for MutexGuard<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&**self, f)
    }
}
