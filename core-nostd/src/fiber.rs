//! Fibers: concurrent parts of one task, cancelled on their own: timeout, race, join and mask.
//!
//! Owns how a scope's future is polled, cancelled, drained and, past its cleanup budget, dropped. Fibers
//! borrow from the task and run on its polls: concurrent, not parallel. Each combinator returns only
//! when every arm has ended.

use alloc::sync::Arc;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll};
use core::time::Duration;

use crate::cancel::{CancelKind, Cancelled};
use crate::cx::{Cx, CxBase};
use crate::error::{SpawnError, TaskError};
use crate::kernel::Kernel;
use crate::mutants::mutant;
use crate::outcome::ChildEnded;
use crate::scope::{OpenScope, ScopeKind};
use crate::sync::atomic::Ordering;
use crate::task::Phase;
use crate::time::Time;
use crate::timer::{Countdown, TimerClass};
use crate::trace::EventKind;

/// One of two values.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Either<A, B> {
    /// The first.
    A(A),
    /// The second.
    B(B),
}

/// A fiber's scope and, once it was asked to stop, the end of its patience.
struct Fiber {
    open: OpenScope,
    force_at: Option<(Time, Countdown<Arc<Kernel>>)>,
    /// Its body is gone.
    has_ended: bool,
}

impl Fiber {
    fn open(cx: &CxBase) -> Result<Self, SpawnError> {
        cx.assert_own();
        Ok(Self {
            open: OpenScope::open(cx, cx.next_path(), ScopeKind::Fiber, None)?,
            force_at: None,
            has_ended: false,
        })
    }

    fn cx<E: TaskError>(&self) -> Cx<E> {
        Cx::new(CxBase::new(
            self.open.task().clone(),
            Some(self.open.scope.clone()),
        ))
    }

    /// Asks the fiber to stop, and starts its cleanup budget. One that has ended is left alone.
    fn cancel(&mut self, kind: CancelKind, message: &'static str) {
        if self.has_ended {
            return;
        }
        if let Some(force_at) = self.open.cancel(kind, message) {
            self.force_at = Some((force_at, Countdown::default()));
        }
    }

    /// The body is gone.
    fn ended(&mut self) {
        self.has_ended = true;
        self.tell(Phase::CancelRequested, Phase::Finalizing);
    }

    /// What waits for the fiber goes on. If it had not ended, that is a loser left behind (R-CAN-6),
    /// and the trace shows it.
    fn left(&self) {
        let before = if self.has_ended {
            Phase::Finalizing
        } else {
            Phase::CancelRequested
        };
        self.tell(before, Phase::Done);
    }

    /// Traces the phases of a fiber that was asked to stop; the others have none.
    fn tell(&self, before: Phase, now: Phase) {
        if self.force_at.is_some() {
            let scope = self.open.scope.path;
            let kernel = &self.open.task().region.kernel;
            kernel.emit(EventKind::PhaseChanged, scope, before as u64, || now as u64);
        }
    }

    /// Polls the fiber; `None` if it was forced.
    fn poll<Fut: Future>(
        &mut self,
        mut body: Pin<&mut Option<Fut>>,
        waker: &mut Context<'_>,
    ) -> Poll<Option<Fut::Output>> {
        self.open.task().assert_own();
        if self.is_spent(waker) {
            body.set(None);
            let kernel = &self.open.task().region.kernel;
            let path = self.open.scope.path;
            kernel.emit(EventKind::Forced, path, path.as_u64(), || 0);
            kernel.stats.forced.fetch_add(1, Ordering::Relaxed);
            self.ended();
            return Poll::Ready(None);
        }
        match body.as_mut().as_pin_mut() {
            Some(future) => {
                let output = core::task::ready!(future.poll(waker));
                body.set(None);
                self.ended();
                Poll::Ready(Some(output))
            }
            None => Poll::Ready(None),
        }
    }

    fn is_spent(&mut self, waker: &Context<'_>) -> bool {
        if self.open.scope.word().is_forced() {
            return true;
        }
        let kernel = &self.open.task().region.kernel;
        match &mut self.force_at {
            Some((at, countdown)) => {
                countdown.is_over(Arc::clone(kernel), *at, TimerClass::Cancel, waker.waker())
                    && !mutant!(NeverForced)
            }
            None => false,
        }
    }

    /// What the caller sees of a fiber that gave no value: its own request as foreign data, one that came
    /// from outside as the task's own cancel.
    fn without_value<E: TaskError>(&self) -> E {
        let host = self.open.task().observer();
        match self.open.scope.word().reason() {
            Some(reason) if reason.origin() == self.open.scope.path => {
                E::from(ChildEnded::Cancelled(reason))
            }
            Some(reason) => E::from(Cancelled::new(reason, host)),
            None => E::from(ChildEnded::Failed),
        }
    }

    /// Translates the fiber's end for the caller.
    fn end<T, E: TaskError>(&self, end: Option<Result<T, E>>) -> Result<T, E> {
        match end {
            Some(Ok(value)) if !mutant!(LateValueLost) || self.force_at.is_none() => Ok(value),
            Some(Err(error)) => {
                let host = self.open.task().observer();
                let observed = error
                    .cancelled()
                    .is_some_and(|token| token.observer() == host);
                if observed && self.force_at.is_some() {
                    Err(self.without_value())
                } else {
                    Err(error)
                }
            }
            Some(Ok(_)) | None => Err(self.without_value()),
        }
    }
}

impl<E: TaskError> Cx<E> {
    /// Runs `f` for at most `limit`, then asks it to stop with [`CancelKind::Timeout`] and waits for
    /// it to drain.
    ///
    /// A value that comes while it drains still wins (R-CAN-5). A limit of zero, or a deadline in the
    /// past, asks before the first poll: only a body that ends without waiting gives a value.
    ///
    /// # Errors
    /// The body's own error; `E::from(ChildEnded::Cancelled)` with kind `Timeout` when time ran out
    /// ([`ChildEnded::is_timeout`]); `E::from(Cancelled)` when this context itself was cancelled;
    /// `E::from(SpawnError)` when scopes nest too deep or time was denied.
    ///
    /// # Cancel safety
    /// Dropping the future drops the body at once.
    pub async fn timeout<T, F>(&self, limit: Duration, f: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Cx<E>) -> Result<T, E>,
    {
        let deadline = self.task().region.kernel.now().saturating_add(limit);
        self.timeout_at(deadline, f).await
    }

    /// [`timeout`](Self::timeout) at a point in time.
    ///
    /// # Errors
    /// As [`timeout`](Self::timeout).
    pub async fn timeout_at<T, F>(&self, deadline: Time, f: F) -> Result<T, E>
    where
        F: AsyncFnOnce(&Cx<E>) -> Result<T, E>,
    {
        self.require_timing().map_err(SpawnError::Denied)?;
        let mut fiber = Fiber::open(self)?;
        let cx = fiber.cx();
        let mut body = pin!(Some(f(&cx)));
        let mut countdown = Countdown::default();
        let kernel: &Kernel = &self.task().region.kernel;
        let end = poll_fn(|waker| {
            if fiber.force_at.is_none()
                && countdown.is_over(kernel, deadline, TimerClass::Cancel, waker.waker())
            {
                fiber.cancel(CancelKind::Timeout, "the timeout passed");
            }
            fiber.poll(body.as_mut(), waker)
        })
        .await;
        fiber.left();
        fiber.end(end)
    }

    /// Runs both; the first to end wins, the other is asked to stop with
    /// [`CancelKind::RaceLost`], and the race returns when it has drained (R-CAN-6).
    ///
    /// A value that the loser still gives is dropped and counted; [`race_with`](Self::race_with)
    /// hands it over. `a` is polled first.
    ///
    /// # Errors
    /// The winner's error.
    ///
    /// # Cancel safety
    /// Dropping the future drops both arms at once.
    pub async fn race<A, B, TA, TB>(&self, a: A, b: B) -> Result<Either<TA, TB>, E>
    where
        A: AsyncFnOnce(&Cx<E>) -> Result<TA, E>,
        B: AsyncFnOnce(&Cx<E>) -> Result<TB, E>,
    {
        let stats = &self.task().region.kernel.stats;
        let count = |_late| {
            stats.late_values.fetch_add(1, Ordering::Relaxed);
        };
        self.race_with(a, b, count).await
    }

    /// [`race`](Self::race) that hands the late value of the loser to `late` (R-CAN-5).
    ///
    /// # Errors
    /// The winner's error.
    pub async fn race_with<A, B, TA, TB>(
        &self,
        a: A,
        b: B,
        late: impl FnOnce(Either<TA, TB>),
    ) -> Result<Either<TA, TB>, E>
    where
        A: AsyncFnOnce(&Cx<E>) -> Result<TA, E>,
        B: AsyncFnOnce(&Cx<E>) -> Result<TB, E>,
    {
        let pair = self.pair(a, b, Rule::Race).await?;
        let Pair { a, b, a_first } = pair;
        let (winner, loser) = if a_first {
            (a.map(Either::A), b.ok().map(Either::B))
        } else {
            (b.map(Either::B), a.ok().map(Either::A))
        };
        if let Some(value) = loser {
            late(value);
        }
        winner
    }

    /// Runs both to the end; if one fails the other is asked to stop with
    /// [`CancelKind::FailFast`].
    ///
    /// # Errors
    /// The error of the arm that failed first.
    ///
    /// # Cancel safety
    /// Dropping the future drops both arms at once.
    pub async fn join<A, B, TA, TB>(&self, a: A, b: B) -> Result<(TA, TB), E>
    where
        A: AsyncFnOnce(&Cx<E>) -> Result<TA, E>,
        B: AsyncFnOnce(&Cx<E>) -> Result<TB, E>,
    {
        let Pair { a, b, a_first } = self.pair(a, b, Rule::Join).await?;
        match (a, b) {
            (Ok(a), Ok(b)) => Ok((a, b)),
            (Err(a), Err(b)) => Err(if a_first { a } else { b }),
            (Err(error), Ok(_)) | (Ok(_), Err(error)) => Err(error),
        }
    }

    async fn pair<A, B, TA, TB>(&self, a: A, b: B, rule: Rule) -> Result<Pair<TA, TB, E>, E>
    where
        A: AsyncFnOnce(&Cx<E>) -> Result<TA, E>,
        B: AsyncFnOnce(&Cx<E>) -> Result<TB, E>,
    {
        let (mut fiber_a, mut fiber_b) = (Fiber::open(self)?, Fiber::open(self)?);
        let (cx_a, cx_b) = (fiber_a.cx(), fiber_b.cx());
        let mut body_a = pin!(Some(a(&cx_a)));
        let mut body_b = pin!(Some(b(&cx_b)));
        let (mut end_a, mut end_b) = (None, None);
        let mut a_first = None;
        poll_fn(|waker| {
            loop {
                let polled_a = match end_a {
                    None => fiber_a.poll(body_a.as_mut(), waker),
                    Some(_) => Poll::Pending,
                };
                if let Poll::Ready(end) = polled_a {
                    let end = fiber_a.end(end);
                    if a_first.is_none() && rule.decides(&end) {
                        a_first = Some(true);
                        fiber_b.cancel(rule.kind(), rule.message());
                    }
                    end_a = Some(end);
                }
                let mut again = false;
                let polled_b = match end_b {
                    None => fiber_b.poll(body_b.as_mut(), waker),
                    Some(_) => Poll::Pending,
                };
                if let Poll::Ready(end) = polled_b {
                    let end = fiber_b.end(end);
                    if a_first.is_none() && rule.decides(&end) {
                        a_first = Some(false);
                        fiber_a.cancel(rule.kind(), rule.message());
                        // The first arm was polled before it lost; it has to see that it did.
                        again = end_a.is_none();
                    }
                    end_b = Some(end);
                }
                if mutant!(RaceDoesNotDrain) && a_first.is_some() {
                    return Poll::Ready(());
                }
                if end_a.is_some() && end_b.is_some() {
                    return Poll::Ready(());
                }
                if !again {
                    return Poll::Pending;
                }
            }
        })
        .await;
        fiber_a.left();
        fiber_b.left();
        Ok(Pair {
            a: end_a.unwrap_or_else(|| Err(fiber_a.without_value())),
            b: end_b.unwrap_or_else(|| Err(fiber_b.without_value())),
            a_first: a_first.unwrap_or(true),
        })
    }

    /// Runs `f` with cancellation out of sight, for at most `max` (R-CAN-3).
    ///
    /// What is asked meanwhile is delivered when the outermost mask ends. A mask limits how long that may
    /// take: if something was asked and `max` has passed, the masked part ends as forced, and
    /// with it the task (or the arm of a race or timeout that was asked). A mask does not extend the
    /// cleanup budget either. Use the `Cx` that `f` is given; the outer one still sees the cancel.
    ///
    /// Masks nest; beyond [`INLINE_DEPTH_MAX`](crate::INLINE_DEPTH_MAX) a nested mask runs under
    /// the one around it.
    ///
    /// # Cancel safety
    /// Dropping the future drops `f`'s at once: a mask defers requests, not drops.
    pub async fn masked<T, F>(&self, max: Duration, f: F) -> T
    where
        F: AsyncFnOnce(&Cx<E>) -> T,
    {
        self.assert_own();
        let kernel: &Kernel = &self.task().region.kernel;
        let Some(open) = OpenScope::open_mask(self, self.next_path()) else {
            return f(self).await;
        };
        let path = open.scope.path;
        kernel.emit(
            EventKind::MaskEntered,
            self.task_path(),
            path.as_u64(),
            || u64::try_from(max.as_nanos()).unwrap_or(u64::MAX),
        );
        let until = kernel.now().saturating_add(max);
        let cx = Cx::new(CxBase::new(self.task().clone(), Some(open.scope.clone())));
        let mut body = pin!(f(&cx));
        let mut countdown = Countdown::default();
        let output = poll_fn(|waker| {
            open.task().assert_own();
            // Counted down before the poll: a mask that ends itself in time is not late.
            let over = countdown.is_over(kernel, until, TimerClass::Cancel, waker.waker());
            if over && open.is_deferring() && !mutant!(MaskUnbounded) {
                open.force_deferred();
                waker.waker().wake_by_ref();
                return Poll::Pending;
            }
            body.as_mut().poll(waker)
        })
        .await;
        kernel.emit(EventKind::MaskLeft, self.task_path(), path.as_u64(), || 0);
        output
    }
}

/// Both ends of a race or join.
struct Pair<TA, TB, E> {
    a: Result<TA, E>,
    b: Result<TB, E>,
    a_first: bool,
}

/// When the first arm's end stops the second.
#[derive(Clone, Copy)]
enum Rule {
    Race,
    Join,
}

impl Rule {
    fn decides<T, E>(self, end: &Result<T, E>) -> bool {
        match self {
            Self::Race => true,
            Self::Join => end.is_err(),
        }
    }

    const fn kind(self) -> CancelKind {
        match self {
            Self::Race => CancelKind::RaceLost,
            Self::Join => CancelKind::FailFast,
        }
    }

    const fn message(self) -> &'static str {
        match self {
            Self::Race => "the other arm won",
            Self::Join => "the other arm failed",
        }
    }
}
