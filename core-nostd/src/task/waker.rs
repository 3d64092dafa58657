//! Wakers: a counted reference to the task, woken from any thread or interrupt.
//!
//! A wake is one atomic on the state word and, if the task was idle, one push to the executor. It
//! never allocates and never fails. A waker of a task that is done touches nothing but the state
//! word, so it may outlive the region, the driver and the platform's loop.

use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use core::task::{RawWaker, RawWakerVTable, Waker};

use super::cell::Header;
use super::reference::TaskRef;

static VTABLE: RawWakerVTable = RawWakerVTable::new(clone, wake, wake_by_ref, drop_waker);

/// A waker for the time of a poll, without a reference of its own.
///
/// # Safety
/// The cell outlives the returned waker: the driver holds the runtime's reference during a poll.
pub(super) unsafe fn borrowed(header: NonNull<Header>) -> ManuallyDrop<Waker> {
    // SAFETY: the table below keeps the contract of `RawWaker`; `ManuallyDrop` leaves the
    // uncounted reference alone.
    ManuallyDrop::new(unsafe { Waker::from_raw(RawWaker::new(header.as_ptr().cast(), &VTABLE)) })
}

/// # Safety
/// `data` came from a waker of this table, whose reference is alive.
unsafe fn reference(data: *const ()) -> ManuallyDrop<TaskRef> {
    // SAFETY: wakers are only ever made from a `NonNull<Header>`.
    let header = unsafe { NonNull::new_unchecked(data.cast::<Header>().cast_mut()) };
    // SAFETY: the waker's own reference backs it; `ManuallyDrop` does not give it up.
    ManuallyDrop::new(unsafe { TaskRef::from_counted(header) })
}

unsafe fn clone(data: *const ()) -> RawWaker {
    // SAFETY: the contract of `RawWakerVTable`.
    let task = unsafe { reference(data) };
    let header = TaskRef::clone(&task).into_raw();
    RawWaker::new(header.as_ptr().cast(), &VTABLE)
}

unsafe fn wake(data: *const ()) {
    // SAFETY: the contract of `RawWakerVTable`; `wake` consumes the waker's reference.
    let task = ManuallyDrop::into_inner(unsafe { reference(data) });
    task.wake();
}

unsafe fn wake_by_ref(data: *const ()) {
    // SAFETY: the contract of `RawWakerVTable`.
    unsafe { reference(data) }.wake();
}

unsafe fn drop_waker(data: *const ()) {
    // SAFETY: the contract of `RawWakerVTable`; the reference is given up.
    drop(ManuallyDrop::into_inner(unsafe { reference(data) }));
}

/// Whether it is the waker of a task, not one that a program made.
#[inline]
pub(crate) fn is_ours(waker: &Waker) -> bool {
    core::ptr::eq(waker.vtable(), &VTABLE)
}

impl TaskRef {
    /// Whether `waker` is this task's own, not one of a combinator inside it.
    pub(crate) fn is_waker(&self, waker: &Waker) -> bool {
        core::ptr::eq(waker.data(), self.as_raw().as_ptr().cast()) && is_ours(waker)
    }

    /// Makes the task runnable.
    pub(crate) fn wake(&self) {
        let kernel = &self.region.kernel;
        // The first wake during a poll queues nothing, but the poll that it asks for must come.
        if kernel.is_traced() && self.state.load().would_remember() {
            kernel.task_woken(self.path);
        }
        let action = self.state.transition_to_woken();
        if action == super::state::WakeAction::Schedule {
            kernel.task_woken(self.path);
        }
        self.act(action);
    }
}
