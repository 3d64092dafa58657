//! One operation on a socket: try, wait until the driver has news, try again.
//!
//! Owns the loop between an attempt and the [`Readiness`] cell, once for all types. It interprets no results.

use core::task::{Context, Poll};

use asupersync_core::{CxBase, HostObject};

use crate::driver::{Fault, Socket};
use crate::error::{IoError, Operation};
use crate::readiness::{Interest, Place, Readiness, Seen};

/// Tries until an attempt succeeds or fails; `Pending` once the driver is to call back.
///
/// A task that never has to wait lets the others run now and then: a peer that sends without end keeps its
/// reader's thread from nobody.
#[inline]
pub(crate) fn poll_attempt<S, T>(
    socket: &S,
    interest: Interest,
    place: &mut Place,
    task: &mut Context<'_>,
    mut attempt: impl FnMut(Seen) -> Result<T, Fault>,
) -> Poll<Result<T, Fault>>
where
    S: Socket + ?Sized,
{
    let readiness = socket.readiness();
    if readiness.is_streak_over(interest) {
        task.waker().wake_by_ref();
        return Poll::Pending;
    }
    loop {
        let Poll::Ready(seen) = readiness.poll_ready(interest, place, task.waker()) else {
            readiness.end_streak(interest);
            return Poll::Pending;
        };
        match attempt(seen) {
            Err(Fault::NotReady) => {
                readiness.clear(interest, seen);
                socket.arm(interest)?;
            }
            Err(Fault::Interrupted) => {}
            done => return Poll::Ready(done),
        }
    }
}

/// A waiter's place at a socket; dropping it gives the place up.
struct Seat<'a> {
    readiness: &'a Readiness,
    interest: Interest,
    place: Place,
}

impl Drop for Seat<'_> {
    #[inline]
    fn drop(&mut self) {
        self.readiness.leave(self.interest, &self.place);
    }
}

/// An operation of a task: a cancellation point that holds an `IoOp` obligation while it is under way.
#[inline]
pub(crate) async fn run<S, T>(
    cx: &CxBase,
    socket: &S,
    interest: Interest,
    operation: Operation,
    mut attempt: impl FnMut(Seen) -> Result<T, Fault> + Unpin,
) -> Result<T, IoError>
where
    S: Socket + ?Sized,
{
    let readiness = socket.readiness();
    let mut seat = Seat {
        readiness,
        interest,
        place: Place::new(),
    };
    let done = cx.io_wait(readiness.object(), |task| {
        poll_attempt(socket, interest, &mut seat.place, task, &mut attempt)
    });
    done.await?.map_err(|fault| IoError::of(operation, fault))
}

/// An operation that the host does at once.
pub(crate) async fn at_once<T>(
    cx: &CxBase,
    object: &HostObject,
    operation: Operation,
    mut step: impl FnMut() -> Result<T, Fault> + Unpin,
) -> Result<T, IoError> {
    let done = cx.io_wait(object, |_task| {
        loop {
            match step() {
                Err(Fault::Interrupted) => {}
                done => return Poll::Ready(done),
            }
        }
    });
    done.await?.map_err(|fault| IoError::of(operation, fault))
}
