//! `Semaphore`: a fixed number of permits, taken some at a time.
//!
//! Owns the count of permits and the queue for them. Permits come back only by dropping what
//! [`Semaphore::acquire`] gave, and new ones only by [`Semaphore::add_permits`], so nobody can give
//! back what was never taken. There is no way to forget a permit: shrink by holding it.

use crate::cx::CxBase;
use crate::object::ObjectId;
use crate::obligation::{ObligationKind, ObligationToken};
use crate::sync::Mutex;
use crate::wait::{
    self, Acquire, Gate, Permits, Refusal, Shut, WAITERS_MAX, WaitKind, op_error, release,
};
use alloc::sync::Arc;
use core::fmt;
use core::ops::DerefMut;

op_error! {
    /// Why no permits were acquired.
    pub enum AcquireError: Cancelled("the wait for permits of a semaphore was cancelled") {
        /// The semaphore was closed.
        Closed = "the semaphore is closed", Fatal, is_closed;
        /// As many tasks wait already as the semaphore allows.
        TooManyWaiters = "too many tasks wait for the semaphore", Retry, is_too_many_waiters;
    }
}

impl From<Refusal> for AcquireError {
    fn from(refusal: Refusal) -> Self {
        match refusal {
            Refusal::Cancelled(token) => Self::Cancelled(token),
            Refusal::Closed => Self::Closed,
            Refusal::TooManyWaiters => Self::TooManyWaiters,
        }
    }
}

op_error! {
    /// Why no permits could be acquired without waiting.
    pub enum TryAcquireError {
        /// Too few permits are free, or others wait for them.
        NoPermits = "too few permits of the semaphore are free", Retry, is_no_permits;
        /// The semaphore was closed.
        Closed = "the semaphore is closed", Fatal, is_closed;
    }
}

impl From<Shut> for TryAcquireError {
    fn from(shut: Shut) -> Self {
        match shut {
            Shut::Busy => Self::NoPermits,
            Shut::Closed => Self::Closed,
        }
    }
}

/// The semaphore would have had more than `u32::MAX` permits.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct TooManyPermits;

impl TooManyPermits {
    /// What the caller can do about it.
    pub fn recoverability(&self) -> crate::error::Recoverability {
        crate::error::Recoverability::Misuse
    }
}

impl fmt::Display for TooManyPermits {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a semaphore has at most 2^32 - 1 permits; add fewer")
    }
}

impl core::error::Error for TooManyPermits {}

pub(crate) struct State {
    permits: Permits,
    /// Free permits and those that are out.
    total: u32,
}

/// A number of permits, given first come, first served.
///
/// A task that wants many is not passed by tasks that want few: they wait behind it.
///
/// ```
/// use asupersync_core::{CxBase, lock::{AcquireError, Semaphore}};
///
/// async fn one_of_few(cx: &CxBase, slots: &Semaphore) -> Result<(), AcquireError> {
///     let _slot = slots.acquire(cx, 1).await?;
///     // The slot is given back at the end of the block, also when the task is cancelled here.
///     Ok(())
/// }
/// ```
pub struct Semaphore {
    state: Mutex<State>,
    object: ObjectId,
}

impl Semaphore {
    /// A semaphore with `permits` free permits.
    pub fn new(permits: u32) -> Self {
        Self::with_waiters(permits, WAITERS_MAX)
    }

    /// Like [`new`](Self::new), and at most `waiters_max` tasks may wait at once; the next one gets
    /// [`AcquireError::TooManyWaiters`].
    pub fn with_waiters(permits: u32, waiters_max: u32) -> Self {
        Self {
            state: Mutex::new(State {
                permits: Permits::new(permits, waiters_max),
                total: permits,
            }),
            object: ObjectId::new(),
        }
    }

    /// Waits for `n` permits. More than there are in all are waited for until
    /// [`add_permits`](Self::add_permits) makes up for it.
    ///
    /// # Cancel safety
    /// Dropping the future gives the place in the queue, or the permits, to the next task. The
    /// caller queues at the end when it tries again.
    ///
    /// # Errors
    /// - [`AcquireError::Cancelled`] if this task was asked to stop.
    /// - [`AcquireError::Closed`] if the semaphore is or gets closed.
    /// - [`AcquireError::TooManyWaiters`] if the semaphore bounds its waiters and has that many.
    pub fn acquire<'a>(
        &'a self,
        cx: &'a CxBase,
        n: u32,
    ) -> impl Future<Output = Result<SemaphorePermit<'a>, AcquireError>> {
        Acquire::new(self, cx, n).map(move |taken| match taken {
            Ok(()) => Ok(SemaphorePermit::new(self, cx, n)),
            Err(refusal) => Err(refusal.into()),
        })
    }

    /// Waits for `n` permits that may leave this task.
    ///
    /// # Cancel safety
    /// As [`acquire`](Self::acquire).
    ///
    /// # Errors
    /// As [`acquire`](Self::acquire).
    pub async fn acquire_owned(
        self: &Arc<Self>,
        cx: &CxBase,
        n: u32,
    ) -> Result<OwnedSemaphorePermit, AcquireError> {
        Acquire::new(&**self, cx, n).await?;
        Ok(OwnedSemaphorePermit {
            semaphore: Arc::clone(self),
            token: cx.enter_obligation(ObligationKind::Lease),
            n,
        })
    }

    /// Takes `n` permits if they are free and nobody waits for them.
    ///
    /// # Errors
    /// - [`TryAcquireError::NoPermits`] if the caller would have to wait.
    /// - [`TryAcquireError::Closed`] if the semaphore is closed.
    pub fn try_acquire<'a>(
        &'a self,
        cx: &'a CxBase,
        n: u32,
    ) -> Result<SemaphorePermit<'a>, TryAcquireError> {
        self.state.lock().permits.try_take(n)?;
        Ok(SemaphorePermit::new(self, cx, n))
    }

    /// Adds `n` new permits.
    ///
    /// # Errors
    /// [`TooManyPermits`] if there would be more than `u32::MAX`; then none are added.
    pub fn add_permits(&self, n: u32) -> Result<(), TooManyPermits> {
        {
            let mut state = self.state.lock();
            state.total = state.total.checked_add(n).ok_or(TooManyPermits)?;
        }
        release(self, n, None);
        Ok(())
    }

    /// How many permits are free.
    pub fn available_permits(&self) -> u32 {
        self.state.lock().permits.free()
    }

    /// Ends the semaphore: who waits, and who comes later, gets `Closed`. Permits that are out stay
    /// valid.
    pub fn close(&self) {
        wait::close(self);
    }

    /// Whether the semaphore was closed.
    pub fn is_closed(&self) -> bool {
        self.state.lock().permits.is_closed()
    }
}

impl fmt::Debug for Semaphore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Semaphore").finish_non_exhaustive()
    }
}

impl Gate for Semaphore {
    const WAIT: WaitKind = WaitKind::Semaphore;
    type State = State;
    type Ask = u32;
    type Taken = ();

    #[inline]
    fn lock(&self) -> impl DerefMut<Target = State> {
        self.state.lock()
    }

    fn object(&self) -> &ObjectId {
        &self.object
    }

    fn permits(state: &mut State) -> &mut Permits {
        &mut state.permits
    }

    fn units(n: u32) -> u32 {
        n
    }

    fn take(_: &mut State) {}
}

/// Permits of a [`Semaphore`], held by this task. Dropping it gives them back.
#[must_use = "dropping the permit gives it back at once"]
pub struct SemaphorePermit<'a> {
    semaphore: &'a Semaphore,
    cx: &'a CxBase,
    n: u32,
}

impl<'a> SemaphorePermit<'a> {
    #[inline]
    fn new(semaphore: &'a Semaphore, cx: &'a CxBase, n: u32) -> Self {
        cx.permit_reserved(&semaphore.object, ObligationKind::Lease);
        Self { semaphore, cx, n }
    }

    /// How many permits of the semaphore this is.
    pub fn count(&self) -> u32 {
        self.n
    }
}

impl Drop for SemaphorePermit<'_> {
    fn drop(&mut self) {
        // To give a lease back is its normal end, hence a commit.
        self.cx
            .permit_resolved(&self.semaphore.object, ObligationKind::Lease, true);
        release(self.semaphore, self.n, Some(self.cx));
    }
}

impl fmt::Debug for SemaphorePermit<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SemaphorePermit")
            .field("count", &self.n)
            .finish_non_exhaustive()
    }
}

/// Permits of a [`Semaphore`] that may travel. Dropping it gives them back.
///
/// It is an obligation of the region it was acquired in. Revoking that (R-OBL-2) is a report: the
/// permits themselves come back when this is dropped.
#[must_use = "dropping the permit gives it back at once"]
pub struct OwnedSemaphorePermit {
    semaphore: Arc<Semaphore>,
    /// The entry in the ledger. `None`: the region keeps none for this permit.
    token: Option<ObligationToken>,
    n: u32,
}

impl OwnedSemaphorePermit {
    /// How many permits of the semaphore this is.
    pub fn count(&self) -> u32 {
        self.n
    }
}

impl Drop for OwnedSemaphorePermit {
    fn drop(&mut self) {
        if let Some(token) = self.token.take() {
            // Revoked or not, the permits come back.
            let _ = token.commit();
        }
        release(&*self.semaphore, self.n, None);
    }
}

impl fmt::Debug for OwnedSemaphorePermit {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedSemaphorePermit")
            .field("count", &self.n)
            .finish_non_exhaustive()
    }
}
