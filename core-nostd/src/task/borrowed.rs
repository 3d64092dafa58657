//! A task whose future borrows from the stack frame that drives it: what `block_on` needs.
//!
//! Owns the one lifetime extension of the core. The frame holds a [`Loan`]; when that ends, by
//! return or by unwinding, the future is dropped first, wherever its task is at that moment.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::sync::Arc;
use core::cell::RefCell;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::LocalTask;
use crate::cx::LocalCx;
use crate::error::{Never, TaskError};
use crate::outcome::{ChildEnded, Outcome};
use crate::region::{LocalRegion, RegionCore, spawn_local_in};

type Local<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
type Slot = Rc<RefCell<Option<Local<'static>>>>;

/// Runs `body` in a region of its own, in a task of `root`: `turn`, and `rest` between turns, until it has
/// ended.
///
/// `body` and its result may borrow from the caller.
pub(crate) fn run<T, E, B, N>(
    root: &Arc<RegionCore>,
    body: B,
    mut turn: impl FnMut() -> N,
    mut rest: impl FnMut(N),
) -> Result<T, E>
where
    E: TaskError,
    B: AsyncFnOnce(&LocalRegion<E>) -> Result<T, E>,
{
    let mut result = None;
    let loan = Loan::default();
    let mut main: LocalTask<(), Never> = spawn_local_in(root, root.as_parent(), |cx| {
        let cx: LocalCx<E> = cx.retyped();
        let returned = &mut result;
        // SAFETY: `loan` stays in this frame and is dropped below, or by unwinding, before `result` and before
        // anything that `body` borrows: that outlives this call.
        unsafe { loan.lend(async move { *returned = Some(cx.region(body).await) }) }
    })?;
    loop {
        let next = turn();
        if main.is_finished() {
            break;
        }
        rest(next);
    }
    drop(loan);
    result.unwrap_or_else(|| Err(E::from(unfinished(&mut main))))
}

/// Why the task ended before its body did.
fn unfinished(main: &mut LocalTask<(), Never>) -> ChildEnded {
    match main.take_outcome() {
        Some(Outcome::Cancelled(reason)) => ChildEnded::Cancelled(reason),
        Some(Outcome::Panicked(payload)) => ChildEnded::Panicked(payload),
        Some(Outcome::Ok(()) | Outcome::Err(Never)) | None => ChildEnded::Failed,
    }
}

/// The frame's side: ends the future's life before the frame's.
#[derive(Default)]
struct Loan<'a> {
    slot: Slot,
    _frame: PhantomData<&'a mut &'a ()>,
}

/// The task's side: polls the future for as long as it is on loan.
struct Borrowed {
    slot: Slot,
}

impl<'a> Loan<'a> {
    /// # Safety
    /// The caller keeps the `Loan` on the stack and drops it (no `mem::forget`) before anything that the
    /// future borrows goes out of scope.
    unsafe fn lend(&self, future: impl Future<Output = ()> + 'a) -> Borrowed {
        let future: Local<'a> = Box::pin(future);
        // SAFETY: only the lifetime changes. The future is reached through `slot` alone, and the
        // loan's drop takes it out and drops it while `'a` lasts, by the caller's contract.
        let future: Local<'static> = unsafe { core::mem::transmute(future) };
        *self.slot.borrow_mut() = Some(future);
        Borrowed {
            slot: Rc::clone(&self.slot),
        }
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let future = self.slot.borrow_mut().take();
        drop(future);
    }
}

impl Future for Borrowed {
    type Output = Result<(), Never>;

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        // Taken out for the poll, so that a loan ended from within finds an empty slot.
        let Some(mut future) = self.slot.borrow_mut().take() else {
            return Poll::Ready(Ok(()));
        };
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            *self.slot.borrow_mut() = Some(future);
        }
        polled.map(Ok)
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let future = self.slot.borrow_mut().take();
        drop(future);
    }
}
