//! A task whose future borrows from the stack frame that drives it: what `block_on` needs.
//!
//! Owns the one lifetime extension of the core. The frame holds a [`Loan`]; when that ends, by
//! return or by unwinding, the future is dropped first, wherever its task is at that moment.

use alloc::boxed::Box;
use alloc::rc::Rc;
use core::cell::RefCell;
use core::future::Future;
use core::marker::PhantomData;
use core::pin::Pin;
use core::task::{Context, Poll};

use super::LocalTask;
use crate::cx::LocalCx;
use crate::error::{SpawnError, TaskError};
use crate::outcome::{ChildEnded, Outcome};
use crate::region::LocalRegion;

type Local<'a> = Pin<Box<dyn Future<Output = ()> + 'a>>;
type Slot = Rc<RefCell<Option<Local<'static>>>>;

/// What the main task is made with.
type Make<E> = Box<dyn FnOnce(LocalCx<E>) -> Main<E>>;

/// Runs `body` in a region of its own, in a task made by `spawn`: `turn`, and `rest` between turns, until it
/// has ended.
///
/// `body` and its result may borrow from the caller.
pub(crate) fn run<T, E, B, N>(
    body: B,
    spawn: impl FnOnce(Make<E>) -> Result<LocalTask<(), E>, SpawnError>,
    mut turn: impl FnMut() -> N,
    mut rest: impl FnMut(N),
) -> Result<T, E>
where
    E: TaskError,
    B: AsyncFnOnce(&LocalRegion<E>) -> Result<T, E>,
{
    let result = Rc::new(RefCell::new(None));
    let context = Rc::new(RefCell::new(None::<LocalCx<E>>));
    let future = {
        let (result, context) = (Rc::clone(&result), Rc::clone(&context));
        async move {
            let cx = context.borrow_mut().take();
            if let Some(cx) = cx {
                let returned = cx.region(body).await;
                *result.borrow_mut() = Some(returned);
            }
        }
    };
    // SAFETY: `loan` stays in this frame and is dropped below, or by unwinding, before anything that
    // `body` borrows: that outlives this call.
    let (loan, borrowed) = unsafe { Loan::lend(future) };
    let mut main = spawn(Box::new(move |cx| {
        *context.borrow_mut() = Some(cx);
        Main {
            borrowed,
            _error: PhantomData,
        }
    }))?;
    loop {
        let next = turn();
        if main.is_finished() {
            break;
        }
        rest(next);
    }
    drop(loan);
    if let Some(returned) = result.borrow_mut().take() {
        return returned;
    }
    // The task ended before the region did: it was forced, or panicked.
    let ended = main.take_outcome().map_or(Ok(()), Outcome::into_result);
    Err(ended.err().unwrap_or_else(|| E::from(ChildEnded::Failed)))
}

/// The frame's side: ends the future's life before the frame's.
struct Loan<'a> {
    slot: Slot,
    _frame: PhantomData<&'a mut &'a ()>,
}

/// The main task: the borrowed future, with the result that every task has.
pub(crate) struct Main<E> {
    borrowed: Borrowed,
    _error: PhantomData<fn() -> E>,
}

impl<E> Future for Main<E> {
    type Output = Result<(), E>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        Pin::new(&mut self.borrowed).poll(cx).map(Ok)
    }
}

/// The task's side: polls the future for as long as it is on loan.
struct Borrowed {
    slot: Slot,
}

impl<'a> Loan<'a> {
    /// # Safety
    /// The caller keeps the `Loan` on the stack and drops it (no `mem::forget`) before anything that the
    /// future borrows goes out of scope.
    unsafe fn lend(future: impl Future<Output = ()> + 'a) -> (Self, Borrowed) {
        let future: Local<'a> = Box::pin(future);
        // SAFETY: only the lifetime changes. The future is reached through `slot` alone, and the
        // loan's drop takes it out and drops it while `'a` lasts, by the caller's contract.
        let future: Local<'static> = unsafe { core::mem::transmute(future) };
        let slot = Rc::new(RefCell::new(Some(future)));
        let loan = Self {
            slot: Rc::clone(&slot),
            _frame: PhantomData,
        };
        (loan, Borrowed { slot })
    }
}

impl Drop for Loan<'_> {
    fn drop(&mut self) {
        let future = self.slot.borrow_mut().take();
        drop(future);
    }
}

impl Future for Borrowed {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        // Taken out for the poll, so that a loan ended from within finds an empty slot.
        let Some(mut future) = self.slot.borrow_mut().take() else {
            return Poll::Ready(());
        };
        let polled = future.as_mut().poll(cx);
        if polled.is_pending() {
            *self.slot.borrow_mut() = Some(future);
        }
        polled
    }
}

impl Drop for Borrowed {
    fn drop(&mut self) {
        let future = self.slot.borrow_mut().take();
        drop(future);
    }
}
