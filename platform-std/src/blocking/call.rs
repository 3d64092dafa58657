//! One blocking call: the capsule from the task that waits to the thread that runs it.
//!
//! Owns the life of a call (R-IO-1..3): the token is reserved by the task, travels with the closure, and is
//! resolved by whoever ends the call: the thread, the task that takes the call back, or the pool when
//! it stops. It owns neither threads nor the queue.
//!
//! | the wait ends | the closure | its value | the token |
//! |---|---|---|---|
//! | with the value | has run | the task's | committed by the thread |
//! | before the start | never runs | none | aborted by the task |
//! | after the start | runs to its end | dropped by who has it last, counted as late | committed by the thread |

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use asupersync_core::channel::oneshot::{self, RecvError};
use asupersync_core::{CxBase, ObligationToken, PanicPayload};

use super::error::BlockingError;
use super::pool::{BlockingPool, Ended, Job};
use super::queue::Ticket;

/// Tells a closure that nobody waits for it any more. Looking costs one relaxed load.
#[derive(Debug, Clone, Default)]
pub struct CancelFlag(Arc<AtomicBool>);

impl CancelFlag {
    /// Whether the task that waited was asked to stop, or dropped the wait: the value will be thrown away.
    pub fn is_cancelled(&self) -> bool {
        self.0.load(Ordering::Relaxed)
    }

    fn raise(&self) {
        self.0.store(true, Ordering::Relaxed);
    }
}

/// Runs `f` on a thread of the pool and waits for its value.
pub(crate) async fn call<T, F>(
    pool: &BlockingPool,
    cx: &CxBase,
    abandon_after: Option<Duration>,
    f: F,
) -> Result<T, BlockingError>
where
    T: Send + 'static,
    F: FnOnce(&CancelFlag) -> T + Send + 'static,
{
    cx.checkpoint()?;
    let token = cx.io_op()?;
    let (answer, result) = oneshot::channel();
    let flag = CancelFlag::default();
    let ticket = pool.submit(Box::new(Call {
        f,
        flag: flag.clone(),
        pool: pool.clone(),
        answer,
        token,
        abandon_after,
    }))?;
    let mut wait = Wait {
        pool,
        ticket,
        flag,
        result,
        done: false,
    };
    let result = wait.result.recv(cx).await;
    wait.done = !matches!(result, Err(RecvError::Cancelled(_)));
    match result {
        Ok(Answer::Ended(result)) => result.claim(),
        Ok(Answer::Refused(why)) => Err(why),
        Err(RecvError::Cancelled(cancelled)) => Err(BlockingError::Cancelled(cancelled)),
        // Dropped unrun: by a pool that stops, or because the region had given up on the call.
        Err(_) => Err(BlockingError::Stopped),
    }
}

/// The task's half. Dropped before the value is there, it takes the call back or leaves it to the thread.
struct Wait<'a, T> {
    pool: &'a BlockingPool,
    ticket: Ticket,
    flag: CancelFlag,
    result: oneshot::Receiver<Answer<T>>,
    done: bool,
}

impl<T> Drop for Wait<'_, T> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        match self.pool.withdraw(self.ticket) {
            Some(job) => drop(job),
            None => self.flag.raise(),
        }
    }
}

/// What the thread, or the pool, tells the task.
enum Answer<T> {
    Ended(Unclaimed<T>),
    Refused(BlockingError),
}

/// What came of a closure. Dropped unclaimed, by the task or by the thread, it counts as late: there is no moment
/// between the two in which it could go uncounted.
struct Unclaimed<T> {
    result: Option<Result<T, PanicPayload>>,
    pool: BlockingPool,
}

impl<T> Unclaimed<T> {
    fn claim(mut self) -> Result<T, BlockingError> {
        let result = self.result.take().ok_or(BlockingError::Stopped)?;
        result.map_err(BlockingError::Panicked)
    }
}

impl<T> Drop for Unclaimed<T> {
    fn drop(&mut self) {
        if self.result.is_some() {
            self.pool.count_late();
        }
    }
}

/// The thread's half.
struct Call<T, F> {
    f: F,
    flag: CancelFlag,
    pool: BlockingPool,
    answer: oneshot::Sender<Answer<T>>,
    token: ObligationToken,
    abandon_after: Option<Duration>,
}

impl<T, F> Job for Call<T, F>
where
    T: Send + 'static,
    F: FnOnce(&CancelFlag) -> T + Send + 'static,
{
    fn run(self: Box<Self>) -> Ended {
        let Self {
            f,
            flag,
            pool,
            answer,
            token,
            abandon_after,
        } = *self;
        if !token.submit(abandon_after) {
            // The region closed over a wait that was forgotten, not dropped.
            let panicked = guarded(|| drop(f)).is_err();
            return Ended { panicked, token };
        }
        let result = guarded(|| f(&flag));
        let panicked = result.is_err();
        let result = Some(result);
        let sent = answer.send(Answer::Ended(Unclaimed { result, pool }));
        // What comes back is dropped here, before the region may close.
        let dropped = guarded(|| drop(sent));
        Ended {
            panicked: panicked || dropped.is_err(),
            token,
        }
    }

    fn refuse(self: Box<Self>, why: BlockingError) {
        let Self { f, answer, .. } = *self;
        drop(f);
        drop(answer.send(Answer::Refused(why)));
    }
}

/// Runs `f` and catches its panic. What was interrupted is never looked at again.
fn guarded<R>(f: impl FnOnce() -> R) -> Result<R, PanicPayload> {
    catch_unwind(AssertUnwindSafe(f)).map_err(PanicPayload::new)
}
