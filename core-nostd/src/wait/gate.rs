//! `Gate` and `Acquire`: what a primitive with counted units says about itself, and the future that
//! waits for them.
//!
//! Owns the wait protocol: cancellation, registering, taking, leaving, handing on. The steps are
//! numbered in the module header of [`wait`](super).

use super::permits::{Permits, Shut};
use super::queue::{Grant, Left, Ticket};
use super::{WaitKind, WakeBatch, clones_quietly};
use crate::cancel::Cancelled;
use crate::cx::CxBase;
use crate::mutants::mutant;
use crate::object::ObjectId;
use core::future::Future;
use core::ops::DerefMut;
use core::pin::Pin;
use core::task::{Context, Poll, Waker, ready};

/// A primitive whose units are waited for.
///
/// The functions on `State` run under its lock: they may not wake, drop users' values or call out.
pub(crate) trait Gate {
    /// What the lock protects; it contains the [`Permits`].
    type State;
    /// What its waiters wait for.
    const WAIT: WaitKind;
    /// What one wait asks for.
    type Ask: Copy + Unpin;
    /// What one wait takes out of the state.
    type Taken;

    /// Locks the state, with every free unit counted in its permits.
    fn lock(&self) -> impl DerefMut<Target = Self::State>;
    fn object(&self) -> &ObjectId;
    fn permits(state: &mut Self::State) -> &mut Permits;

    /// How many units `ask` needs.
    fn units(ask: Self::Ask) -> u32;

    /// Reserves what `ask` needs if that passes nobody by.
    #[inline]
    fn try_take(state: &mut Self::State, ask: Self::Ask) -> Result<(), Shut> {
        Self::permits(state).try_take(Self::units(ask))
    }

    /// Takes what `ask` needs without the lock, where a primitive keeps units for that and nobody waits. `None` says
    /// nothing: look under the lock.
    #[inline]
    fn take_open(&self, _ask: Self::Ask) -> Option<Self::Taken> {
        None
    }

    /// The units are the caller's now: takes out what goes with them.
    fn take(state: &mut Self::State) -> Self::Taken;

    /// `n` units come back. A waker is for somebody who waits for something else than units.
    #[inline]
    fn put(state: &mut Self::State, n: u32) -> Option<Waker> {
        Self::permits(state).put(n);
        None
    }
}

/// Gives `n` units back to `gate` and wakes whoever got them. `n` may be zero: then it only looks
/// whether the first waiters fit.
#[inline]
pub(crate) fn release<G: Gate>(gate: &G, n: u32, cx: Option<&CxBase>) {
    let (other, first, more) = {
        let mut state = gate.lock();
        let other = G::put(&mut state, n);
        let permits = G::permits(&mut state);
        (other, permits.grant_next(), permits.can_grant())
    };
    if let Some(waker) = other {
        waker.wake();
    }
    if let Some(waker) = first {
        wake_granted(gate, waker, more, cx);
    }
}

/// Wakes the waiter that was granted under the caller's lock, then grants to those that still fit,
/// a batch at a time.
#[cold]
pub(crate) fn wake_granted<G: Gate>(gate: &G, first: Waker, mut more: bool, cx: Option<&CxBase>) {
    trace_grants(gate, 1, cx);
    first.wake();
    while more {
        let mut batch = WakeBatch::new();
        more = {
            let mut state = gate.lock();
            let permits = G::permits(&mut state);
            batch.fill(|| permits.grant_next())
        };
        trace_grants(gate, batch.len(), cx);
    }
}

fn trace_grants<G: Gate>(gate: &G, count: usize, cx: Option<&CxBase>) {
    if let Some(cx) = cx {
        for _ in 0..count {
            cx.granted(gate.object());
        }
    }
}

/// Closes `gate` and tells everybody who waits, a batch at a time.
pub(crate) fn close<G: Gate>(gate: &G) {
    G::permits(&mut gate.lock()).close();
    // Nobody can join a closed queue, so this ends.
    loop {
        let mut batch = WakeBatch::new();
        let more = {
            let mut state = gate.lock();
            let permits = G::permits(&mut state);
            batch.fill(|| permits.refuse_next())
        };
        drop(batch);
        if !more {
            return;
        }
    }
}

/// Why a wait ended with nothing.
#[derive(Debug)]
pub(crate) enum Refusal {
    /// The waiting task was asked to stop.
    Cancelled(Cancelled),
    /// The gate is closed.
    Closed,
    /// The queue is full.
    TooManyWaiters,
}

/// Waits for units.
///
/// # Cancel safety
/// Dropping it leaves the queue; a grant in hand goes to the next waiter.
#[must_use = "futures do nothing until polled"]
pub(crate) struct Acquire<'a, G: Gate> {
    gate: &'a G,
    cx: &'a CxBase,
    ask: G::Ask,
    ticket: Option<Ticket>,
}

impl<'a, G: Gate> Acquire<'a, G> {
    #[inline]
    pub(crate) fn new(gate: &'a G, cx: &'a CxBase, ask: G::Ask) -> Self {
        Self {
            gate,
            cx,
            ask,
            ticket: None,
        }
    }

    /// Waits, and makes of what comes what the caller returns. An async function would do, but it copies its arguments
    /// once more before the wait, in a way that processors are slow at.
    #[inline]
    pub(crate) fn map<F, R>(self, finish: F) -> Acquired<'a, G, F>
    where
        F: FnMut(Result<G::Taken, Refusal>) -> R,
    {
        Acquired {
            acquire: self,
            finish,
        }
    }

    /// (1) Takes units that are free, or joins the queue.
    #[inline]
    fn poll_first(&mut self, task: &Context<'_>) -> Poll<Result<G::Taken, Refusal>> {
        self.cx.poll_cancelled().map_err(Refusal::Cancelled)?;
        match self.gate.take_open(self.ask) {
            Some(taken) => Poll::Ready(Ok(taken)),
            None => self.take_or_join(task),
        }
    }

    fn take_or_join(&mut self, task: &Context<'_>) -> Poll<Result<G::Taken, Refusal>> {
        let mut waker = None;
        loop {
            let pushed = {
                let mut state = self.gate.lock();
                let taken = match waker {
                    Some(_) if mutant!(WaitNotRechecked) => Err(Shut::Busy),
                    _ => G::try_take(&mut state, self.ask),
                };
                match taken {
                    Ok(()) => return Poll::Ready(Ok(G::take(&mut state))),
                    Err(Shut::Closed) => return Poll::Ready(Err(Refusal::Closed)),
                    Err(Shut::Busy) => {}
                }
                if waker.is_none() && clones_quietly(self.cx, task.waker()) {
                    waker = Some(task.waker().clone());
                }
                waker.take().map(|waker| {
                    let waiters = &mut G::permits(&mut state).waiters;
                    waiters.push(G::units(self.ask), waker)
                })
            };
            match pushed {
                Some(pushed) => return self.joined(pushed),
                // A foreign waker is cloned while the lock is released, so there is a second look.
                None => waker = Some(task.waker().clone()),
            }
        }
    }

    fn joined(&mut self, pushed: Result<Ticket, Waker>) -> Poll<Result<G::Taken, Refusal>> {
        match pushed {
            Ok(ticket) => {
                self.ticket = Some(ticket);
                self.cx.wait_started(self.gate.object(), G::WAIT);
                Poll::Pending
            }
            Err(_waker) => Poll::Ready(Err(Refusal::TooManyWaiters)),
        }
    }

    /// (3) Takes what was granted, or keeps waiting.
    #[cold]
    fn poll_again(
        &mut self,
        ticket: Ticket,
        task: &Context<'_>,
    ) -> Poll<Result<G::Taken, Refusal>> {
        let same_waker = {
            let mut state = self.gate.lock();
            let waiters = &mut G::permits(&mut state).waiters;
            match waiters.grant_of(&ticket) {
                None => waiters.will_wake(&ticket, task.waker()),
                Some(grant) => {
                    let _ = waiters.remove(ticket);
                    let taken = match grant {
                        Grant::Units => Some(G::take(&mut state)),
                        Grant::News => None,
                    };
                    drop(state);
                    self.cx.wait_ended(self.gate.object(), true);
                    return Poll::Ready(taken.ok_or_else(|| self.closed()));
                }
            }
        };
        // Outside the lock: looking at the cancel word may write to the trace.
        if let Err(cancelled) = self.cx.poll_cancelled() {
            self.leave(ticket);
            return Poll::Ready(Err(Refusal::Cancelled(cancelled)));
        }
        self.ticket = Some(ticket);
        if !same_waker {
            self.replace_waker(task.waker().clone());
        }
        Poll::Pending
    }

    /// Nothing can be taken any more. Who was asked to stop hears that instead: often the other end
    /// went away for the same reason, and a consequence of a cancel is not a failure.
    fn closed(&self) -> Refusal {
        match self.cx.poll_cancelled() {
            Err(cancelled) => Refusal::Cancelled(cancelled),
            Ok(()) => Refusal::Closed,
        }
    }

    fn replace_waker(&mut self, waker: Waker) {
        let Some(ticket) = &self.ticket else { return };
        let unused = {
            let mut state = self.gate.lock();
            let waiters = &mut G::permits(&mut state).waiters;
            // A grant made since the last look woke the old waker; this task must look again.
            match waiters.grant_of(ticket) {
                Some(_) => Err(waker),
                None => Ok(waiters.replace_waker(ticket, waker)),
            }
        };
        if let Err(waker) = unused {
            waker.wake();
        }
    }

    /// (4) Leaves the queue; what was granted goes to the next waiter.
    #[cold]
    fn leave(&self, ticket: Ticket) {
        let left = G::permits(&mut self.gate.lock()).waiters.remove(ticket);
        self.cx.wait_ended(self.gate.object(), false);
        match left {
            Left::Granted(Grant::Units) => {
                if !mutant!(GrantDropped) {
                    release(self.gate, G::units(self.ask), Some(self.cx));
                }
            }
            // The next waiter may want less than this one did, and fit.
            Left::Waiting(_waker) => release(self.gate, 0, Some(self.cx)),
            Left::Granted(Grant::News) => {}
        }
    }
}

impl<G: Gate> Future for Acquire<'_, G> {
    type Output = Result<G::Taken, Refusal>;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        match self.ticket.take() {
            None => self.poll_first(task),
            Some(ticket) => self.poll_again(ticket, task),
        }
    }
}

/// See [`Acquire::map`].
#[must_use = "futures do nothing until polled"]
pub(crate) struct Acquired<'a, G: Gate, F> {
    acquire: Acquire<'a, G>,
    finish: F,
}

impl<G: Gate, F, R> Future for Acquired<'_, G, F>
where
    F: FnMut(Result<G::Taken, Refusal>) -> R + Unpin,
{
    type Output = R;

    #[inline]
    fn poll(mut self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<R> {
        let taken = ready!(Pin::new(&mut self.acquire).poll(task));
        Poll::Ready((self.finish)(taken))
    }
}

impl<G: Gate> Drop for Acquire<'_, G> {
    #[inline]
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket.take() {
            self.leave(ticket);
        }
    }
}
