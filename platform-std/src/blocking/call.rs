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
//! | after the start | runs to its end | dropped by the thread, counted as late | committed by the thread |

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use asupersync_core::channel::oneshot::{self, RecvError, Sent};
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
        Ok(answer) => answer,
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
    result: oneshot::Receiver<Result<T, BlockingError>>,
    done: bool,
}

impl<T> Drop for Wait<'_, T> {
    fn drop(&mut self) {
        if self.done {
            return;
        }
        if let Some(job) = self.pool.withdraw(self.ticket) {
            drop(job);
        } else if let Ok(late) = self.result.try_recv() {
            self.pool.count_late();
            drop(late);
        } else {
            self.flag.raise();
        }
    }
}

/// The thread's half.
struct Call<T, F> {
    f: F,
    flag: CancelFlag,
    answer: oneshot::Sender<Result<T, BlockingError>>,
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
            answer,
            token,
            abandon_after,
        } = *self;
        if !token.submit(abandon_after) {
            // The region closed over a wait that was forgotten, not dropped.
            let dropped = guarded(|| drop(f));
            return Ended::new(dropped.is_err(), true, token);
        }
        let result = guarded(|| f(&flag));
        let panicked = result.is_err();
        match answer.send(result.map_err(BlockingError::Panicked)) {
            Sent::Delivered => Ended::new(panicked, false, token),
            Sent::Returned(value) => {
                let dropped = guarded(|| drop(value));
                Ended::new(panicked || dropped.is_err(), true, token)
            }
        }
    }

    fn refuse(self: Box<Self>, why: BlockingError) {
        let Self { f, answer, .. } = *self;
        drop(f);
        drop(answer.send(Err(why)));
    }
}

/// Runs `f` and catches its panic. What was interrupted is never looked at again.
fn guarded<R>(f: impl FnOnce() -> R) -> Result<R, PanicPayload> {
    catch_unwind(AssertUnwindSafe(f)).map_err(PanicPayload::new)
}
