//! Handles: [`Task`] and [`LocalTask`], through which a parent asks for a child's outcome.

use alloc::borrow::Cow;
use core::fmt;
use core::future::Future;
use core::marker::PhantomData;
use core::task::{Context, Poll};

use super::cell::{Cell, Header, erased};
use super::reference::TaskRef;
use super::state::JoinAction;
use crate::cancel::Cancelled;
use crate::cx::CxBase;
use crate::error::TaskError;
use crate::inspect::WaitSlot;
use crate::mutants::mutant;
use crate::outcome::Outcome;
use crate::path::PathId;
use crate::request::CancelRequest;
use core::ptr::NonNull;

/// A handle to a spawned task: join it for its value, or drop it and let the region own it.
///
/// Dropping the handle does not cancel the task (R-OWN-4). An error that nobody joins for goes to
/// the region.
///
/// A task of another runtime in the same program may hold it and wait on it: each runtime polls its own
/// tasks and wakes the other's.
pub struct Task<T, E> {
    task: TaskRef,
    /// Takes the outcome out of the cell, whose future type only the spawner knew.
    take: unsafe fn(NonNull<Header>) -> Option<Outcome<T, E>>,
    /// The outcome was taken: the drop has nothing to give up.
    is_taken: bool,
    _outcome: PhantomData<fn() -> Outcome<T, E>>,
}

impl<T, E: TaskError> Task<T, E> {
    /// # Safety
    /// `task` is of a cell `Cell<F, T, E>` and carries its handle reference.
    pub(super) unsafe fn new<F>(task: TaskRef) -> Self
    where
        F: Future<Output = Result<T, E>>,
    {
        Self {
            task,
            take: Cell::<F, T, E>::take,
            is_taken: false,
            _outcome: PhantomData,
        }
    }

    /// Asks the task to stop (kind [`CancelKind::User`](crate::CancelKind::User)); it drains and ends in its own time.
    ///
    /// Idempotent. Does not wait: [`join`](Self::join) does.
    pub fn cancel(&self, why: impl Into<Cow<'static, str>>) {
        self.cancel_with(CancelRequest::user(why));
    }

    /// Asks the task to stop, with a kind and a time to clean up.
    ///
    /// Asked again with less time, it has that; never more than it had.
    ///
    /// ```
    /// # use asupersync_core::{CancelRequest, CxBase, Cancelled, Error, Task};
    /// # use core::time::Duration;
    /// # async fn superseded(load: Task<u32, Error>, cx: &CxBase) -> Result<(), Cancelled> {
    /// load.cancel_with(CancelRequest::race_lost("superseded").within(Duration::from_millis(200)));
    /// let outcome = load.outcome(cx).await?; // at the latest when its finalizers have ended after 200 ms
    /// # drop(outcome);
    /// # Ok(())
    /// # }
    /// ```
    pub fn cancel_with(&self, request: CancelRequest) {
        crate::region::cancel_task(&self.task, self.task.path, request);
    }

    /// The task's schedule-independent id.
    pub fn path(&self) -> PathId {
        self.task.path
    }

    /// Whether the outcome is there.
    pub fn is_finished(&self) -> bool {
        self.task.state.load().is_done()
    }

    /// Waits for the task's value.
    ///
    /// # Errors
    /// The task's own error as it returned it; `E::from(ChildEnded)` if it was cancelled or
    /// panicked; `E::from(Cancelled)` if *the waiter* was cancelled while waiting: the task runs on.
    ///
    /// # Cancel safety
    /// Dropping the wait drops the handle: the task runs on, owned by its region, and its value is
    /// dropped when it comes.
    pub async fn join(self, cx: &CxBase) -> Result<T, E> {
        match self.outcome(cx).await {
            Ok(outcome) => outcome.into_result(),
            Err(cancelled) => Err(E::from(cancelled)),
        }
    }

    /// Waits for the task's end and gives the whole record of it.
    ///
    /// # Errors
    /// [`Cancelled`] if the waiter was cancelled while waiting.
    ///
    /// # Cancel safety
    /// As for [`join`](Self::join).
    pub async fn outcome(mut self, cx: &CxBase) -> Result<Outcome<T, E>, Cancelled> {
        let mut waiting = WaitSlot::of(cx);
        core::future::poll_fn(|waker| {
            let polled = self.poll_outcome(cx, waker);
            if polled.is_pending() {
                waiting.joins(self.path());
            }
            polled
        })
        .await
    }

    /// Like [`outcome`](Self::outcome), but keeps the handle when the waiter is cancelled.
    ///
    /// # Errors
    /// [`Cancelled`] if the waiter was cancelled while waiting; the handle can be waited on again,
    /// for instance inside a mask.
    pub async fn wait(&mut self, cx: &CxBase) -> Result<Outcome<T, E>, Cancelled> {
        let mut waiting = WaitSlot::of(cx);
        core::future::poll_fn(|waker| {
            let polled = self.poll_outcome(cx, waker);
            if polled.is_pending() {
                waiting.joins(self.path());
            }
            polled
        })
        .await
    }

    fn poll_outcome(
        &mut self,
        cx: &CxBase,
        waker: &mut Context<'_>,
    ) -> Poll<Result<Outcome<T, E>, Cancelled>> {
        // By cell, not by path: two runtimes in one program have tasks of the same path.
        if cx.task().as_raw() == self.task.as_raw() {
            crate::error::Misuse::JoinSelf.raise();
        }
        let raw = self.task.as_raw();
        if let Some(outcome) = self.try_take() {
            return Poll::Ready(Ok(outcome));
        }
        // The value wins over a cancel (R-CAN-5), so the outcome was looked for first.
        if let Err(cancelled) = cx.poll_cancelled() {
            return Poll::Ready(Err(cancelled));
        }
        match self.task.state.transition_to_joining() {
            JoinAction::Take => {}
            JoinAction::Fill => {
                // SAFETY: `Fill` gives the joiner the waker until `join_waker_set`.
                let slot = unsafe { erased::join_waker(raw) };
                match slot {
                    Some(old) if old.will_wake(waker.waker()) => {}
                    _ => *slot = Some(waker.waker().clone()),
                }
                if self.task.state.join_waker_set() == JoinAction::Fill {
                    return Poll::Pending;
                }
            }
        }
        match self.try_take() {
            Some(outcome) => Poll::Ready(Ok(outcome)),
            None => Poll::Pending,
        }
    }

    /// The outcome, if it is there and was not taken.
    pub(crate) fn take_outcome(&mut self) -> Option<Outcome<T, E>> {
        self.try_take()
    }

    fn try_take(&mut self) -> Option<Outcome<T, E>> {
        if !self.is_finished() {
            return None;
        }
        // SAFETY: done with the handle alive, so the outcome is the handle's; `take` is of the
        // cell's own type by the contract of `new`.
        let taken = unsafe { (self.take)(self.task.as_raw()) };
        self.is_taken = true;
        // Only a failed child's error can be gone: the region took it because it closed first.
        Some(taken.unwrap_or_else(|| {
            Outcome::Panicked(crate::outcome::PanicPayload::from_message(
                "the outcome of this task was taken before",
            ))
        }))
    }
}

impl<T, E> Drop for Task<T, E> {
    fn drop(&mut self) {
        if mutant!(HandleDropCancels) {
            self.task.cancel();
        }
        if self.is_taken {
            return;
        }
        // Done: the completer has read the flag already, so it need not be cleared.
        if self.task.is_done() || self.task.state.transition_to_unhandled() {
            // SAFETY: done, and the handle owned the outcome; it does not use it again.
            unsafe { erased::discard(self.task.as_raw()) };
        }
    }
}

impl<T, E> fmt::Debug for Task<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Task").field(&self.task.path).finish()
    }
}

/// A handle to a task that stays on this thread; its value need not be `Send`.
pub struct LocalTask<T, E> {
    task: Task<T, E>,
    /// The outcome may not leave the thread.
    _not_send: PhantomData<*const ()>,
}

impl<T, E: TaskError> LocalTask<T, E> {
    pub(super) fn new(task: Task<T, E>) -> Self {
        Self {
            task,
            _not_send: PhantomData,
        }
    }

    /// Waits for the task's value; see [`Task::join`].
    ///
    /// # Errors
    /// As [`Task::join`].
    pub async fn join(self, cx: &CxBase) -> Result<T, E> {
        self.task.join(cx).await
    }

    /// Waits for the task's end; see [`Task::outcome`].
    ///
    /// # Errors
    /// As [`Task::outcome`].
    pub async fn outcome(self, cx: &CxBase) -> Result<Outcome<T, E>, Cancelled> {
        self.task.outcome(cx).await
    }

    pub(crate) fn take_outcome(&mut self) -> Option<Outcome<T, E>> {
        self.task.take_outcome()
    }

    /// Asks the task to stop; see [`Task::cancel`].
    pub fn cancel(&self, why: impl Into<Cow<'static, str>>) {
        self.task.cancel(why);
    }

    /// Asks the task to stop, with a kind and a time to clean up; see [`Task::cancel_with`].
    pub fn cancel_with(&self, request: CancelRequest) {
        self.task.cancel_with(request);
    }

    /// Whether the outcome is there.
    pub fn is_finished(&self) -> bool {
        self.task.is_finished()
    }

    /// The task's schedule-independent id.
    pub fn path(&self) -> PathId {
        self.task.path()
    }
}

impl<T, E> fmt::Debug for LocalTask<T, E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.task.fmt(f)
    }
}
