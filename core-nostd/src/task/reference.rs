//! References to a cell: counted ones, and the one that travels with a queue slot.
//!
//! Owns what keeps a cell alive and who frees it. What is in the cell, and the table of its typed steps, is
//! `cell`'s matter; the count itself is in `state`.

use alloc::sync::Arc;
use core::fmt;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;

use super::cell::{Header, LOCAL, erased};
use super::state::WakeAction;
use crate::lanes::Lane;
use crate::mutants::mutant;
use crate::path::PathId;
use crate::request::CancelRequest;
use crate::time::Time;

/// A counted reference to a task: what handles, contexts, wakers and timers hold.
pub(crate) struct TaskRef(NonNull<Header>);

// SAFETY: a counted reference to a `Sync` header; the typed part is reached only as the module
// table allows.
unsafe impl Send for TaskRef {}
// SAFETY: as above.
unsafe impl Sync for TaskRef {}

impl TaskRef {
    /// # Safety
    /// The caller gives one counted reference away.
    pub(super) unsafe fn from_counted(header: NonNull<Header>) -> Self {
        Self(header)
    }

    pub(super) fn as_raw(&self) -> NonNull<Header> {
        self.0
    }

    /// Gives the counted reference to the caller.
    #[inline]
    pub(super) fn into_raw(self) -> NonNull<Header> {
        ManuallyDrop::new(self).0
    }

    /// Makes the task runnable after a state transition said so.
    pub(super) fn act(&self, action: WakeAction) {
        if action == WakeAction::Schedule {
            // SAFETY: the transition gave us the queue slot, hence the runtime's reference.
            let runnable = unsafe { Runnable::from_raw(self.0) };
            self.region.kernel.schedule(runnable);
        }
    }

    /// Asks this one task to stop; the reason is already stored.
    pub(crate) fn cancel(&self) {
        self.act(self.state.transition_to_cancelled());
    }

    /// Tells the task that a scope inside it was cancelled from outside.
    pub(crate) fn news(&self) {
        self.act(self.state.transition_to_news());
    }

    /// Has the task dropped at its suspension point.
    pub(crate) fn force(&self) {
        if !mutant!(NeverForced) {
            self.act(self.state.transition_to_forced());
        }
    }
}

impl fmt::Debug for TaskRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.path)
    }
}

impl core::ops::Deref for TaskRef {
    type Target = Header;
    fn deref(&self) -> &Header {
        // SAFETY: the counted reference keeps the cell alive.
        unsafe { self.0.as_ref() }
    }
}

impl Clone for TaskRef {
    fn clone(&self) -> Self {
        self.state.reference_add();
        Self(self.0)
    }
}

impl Drop for TaskRef {
    fn drop(&mut self) {
        if self.state.reference_drop() {
            // SAFETY: it was the last reference, and the cell is of the type its table is for.
            unsafe { erased::free(self.0) };
        }
    }
}

/// A task that wants to be polled: an executor queues it and gives it to [`Driver::run`](crate::Driver::run).
///
/// It is the only one of its task: a task is in at most one queue slot (R-SCH-2). Dropping it
/// instead of running it takes the task out of circulation; it stays owned by its region and is
/// dropped with the driver.
#[must_use = "a task that is not run never ends"]
pub struct Runnable(NonNull<Header>);

// SAFETY: the holder may only queue it; futures that may not move are run by their driver alone,
// which `Driver::run` checks.
unsafe impl Send for Runnable {}

impl Runnable {
    /// # Safety
    /// The caller owns the queue slot of a live task.
    #[inline]
    pub(crate) unsafe fn from_raw(header: NonNull<Header>) -> Self {
        Self(header)
    }

    pub(crate) fn into_raw(self) -> NonNull<Header> {
        ManuallyDrop::new(self).0
    }

    #[inline]
    fn header(&self) -> &Header {
        // SAFETY: the runtime's reference, which travels with the queue slot, keeps it alive.
        unsafe { self.0.as_ref() }
    }

    /// The lane it belongs to now; executors read it once, when they queue the task.
    #[inline]
    pub fn lane(&self) -> Lane {
        self.header().lane()
    }

    /// When it wants to be done, for the timed lane; [`Time::MAX`] without a deadline.
    pub fn deadline(&self) -> Time {
        self.header().deadline()
    }

    /// Whether only one driver may poll it: its [`home`](Self::home).
    #[inline]
    pub fn is_pinned(&self) -> bool {
        self.header().has(LOCAL)
    }

    /// The number of the only driver that may poll it; `None`: any may. See [`Executor::drivers`](crate::Executor::drivers).
    #[inline]
    pub fn home(&self) -> Option<usize> {
        let header = self.header();
        header.has(LOCAL).then(|| header.home())
    }

    /// The worker on whose thread it lives.
    #[inline]
    pub(crate) fn worker(&self) -> Option<usize> {
        self.header().worker()
    }

    /// Its priority; larger is more urgent.
    pub fn priority(&self) -> u8 {
        self.header().priority
    }

    /// Its schedule-independent id.
    pub fn path(&self) -> PathId {
        self.header().path
    }

    pub(super) fn is_observed(&self) -> bool {
        self.header().is_observed()
    }

    #[cfg(feature = "inspect")]
    #[inline]
    pub(super) fn polled(&self) -> crate::inspect::Polled {
        self.header().polled()
    }

    #[inline]
    pub(crate) fn is_of(&self, kernel: &Arc<crate::kernel::Kernel>) -> bool {
        Arc::ptr_eq(&self.header().region.kernel, kernel)
    }

    /// Asks the task to stop, as if it were cancelled from outside: fault injection of the lab.
    #[doc(hidden)]
    pub fn inject_cancel(&self, message: &'static str) {
        let task = self.counted();
        crate::region::cancel_task(&task, task.path, CancelRequest::user(message));
    }

    fn counted(&self) -> TaskRef {
        self.header().state.reference_add();
        // SAFETY: the reference was counted in the line above.
        unsafe { TaskRef::from_counted(self.0) }
    }
}

impl fmt::Debug for Runnable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Runnable").field(&self.path()).finish()
    }
}

impl Drop for Runnable {
    fn drop(&mut self) {
        // Its runtime reference moves to the region's member list, where the sweep finds it.
        super::run::abandon(self.0);
    }
}
