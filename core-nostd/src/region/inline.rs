//! Inline regions: the body runs inside the task that opened the region, and may borrow from it.
//!
//! Owns opening, the body's poll, the outcome, and what happens when the region's future is dropped
//! half-way (R-OWN-3): the closing then moves to a task of the parent region.

use alloc::sync::Arc;
use core::future::{Future, poll_fn};
use core::pin::{Pin, pin};
use core::task::{Context, Poll};

use super::closing::Closing;
use super::core::{RegionCore, RegionState};
use super::report::{Ending, Policy};
use super::{Region, RegionOptions};
use crate::cancel::{CancelKind, Cancelled};
use crate::cx::{Cx, CxBase};
use crate::error::{Never, SpawnError, TaskError};
use crate::inspect::{Site, WaitSlot};
use crate::mutants::mutant;
use crate::outcome::ChildEnded;
use crate::path::PathId;
use crate::scope::{OpenScope, ScopeKind};
use crate::task::run::{self, Newborn};
use crate::task::{CLOSER, TaskRef};
use crate::trace::EventKind;

/// What the body of a region is given.
pub(crate) trait Handle<E: TaskError> {
    fn of(region: Region<E>) -> Self;
}

impl<E: TaskError> Handle<E> for Region<E> {
    fn of(region: Region<E>) -> Self {
        region
    }
}

/// Opens a region, runs its body, closes it, and gives its outcome and what is to be reported to `finish`.
///
/// One future for everything between the caller and the body: each one more would have its own state and moves.
pub(crate) async fn run_inline<E, E2, H, T, F, R>(
    cx: &Cx<E>,
    options: RegionOptions,
    body: F,
    finish: fn(Result<T, E2>, Ending) -> R,
) -> R
where
    E: TaskError,
    E2: TaskError,
    H: Handle<E2>,
    F: AsyncFnOnce(&H) -> Result<T, E2>,
{
    let mut open = match OpenRegion::open(cx, options) {
        Ok(open) => open,
        Err(error) => return finish(Err(E2::from(error)), Ending { ok: 0, tally: None }),
    };
    let handle = H::of(Region::new(Cx::new(open.body_cx()), Arc::clone(&open.core)));
    let end = {
        let mut future = pin!(Some(body(&handle)));
        poll_fn(|waker| open.poll_body(future.as_mut(), waker)).await
    };
    drop(handle);
    let mut closing = open.close();
    let kind = open.kind(&end);
    open.meet_failure(kind);
    {
        let mut waiting = WaitSlot::of(cx);
        poll_fn(|waker| {
            let polled = open.poll_close(&mut closing, waker);
            if polled.is_pending() {
                waiting.closes(open.core.path);
            }
            polled
        })
        .await;
    }
    let mut ending = open.core.take_ending();
    finish(open.outcome(end, kind, &mut ending), ending)
}

/// How a body ended.
enum BodyEnd<T, E> {
    Returned(Result<T, E>),
    /// Its cleanup budget was spent and it was dropped where it waited.
    Forced,
}

/// A region whose future is alive. Dropping it before `Closed` hands the closing to the parent.
pub(crate) struct OpenRegion {
    core: Arc<RegionCore>,
    scope: OpenScope,
}

impl OpenRegion {
    // Its own frame: what it needs on the stack is gone before the body is polled.
    #[inline(never)]
    fn open<E: TaskError>(cx: &Cx<E>, options: RegionOptions) -> Result<Self, SpawnError> {
        cx.assert_own();
        let parent = Arc::clone(cx.region_core());
        let kernel = Arc::clone(&parent.kernel);
        let path = cx.next_path();
        kernel.emit(
            EventKind::RegionOpened,
            cx.task_path(),
            path.as_u64(),
            || parent.path.as_u64(),
        );
        let settings = options.resolve(&parent, path);
        let deadline = settings.budget.deadline;
        let own_deadline = deadline.filter(|_| deadline != parent.budget.deadline);
        let core = RegionCore::new(kernel, path, Some(parent), settings);
        core.set_host(Some(cx.task().clone()));
        let opened = OpenScope::open(cx, path, ScopeKind::Region, Some(Arc::clone(&core)));
        let scope = match opened {
            Ok(scope) => scope,
            Err(error) => {
                core.closed();
                return Err(error);
            }
        };
        if let Some(deadline) = own_deadline {
            core.watch_deadline(deadline);
        }
        Ok(Self { core, scope })
    }

    fn body_cx(&self) -> CxBase {
        CxBase::new(
            self.scope.task().clone(),
            Some(Arc::clone(&self.scope.scope)),
        )
    }

    fn poll_body<T, E, Fut>(
        &mut self,
        mut body: Pin<&mut Option<Fut>>,
        waker: &mut Context<'_>,
    ) -> Poll<BodyEnd<T, E>>
    where
        Fut: Future<Output = Result<T, E>>,
    {
        self.scope.task().assert_own();
        if self.core.word.is_forced() {
            body.set(None);
            self.core.count_forced();
            self.core.kernel.emit(
                EventKind::Forced,
                self.core.path,
                self.core.path.as_u64(),
                || 0,
            );
            return Poll::Ready(BodyEnd::Forced);
        }
        match body.as_mut().as_pin_mut() {
            Some(future) => {
                let result = core::task::ready!(future.poll(waker));
                body.set(None);
                Poll::Ready(BodyEnd::Returned(result))
            }
            None => Poll::Ready(BodyEnd::Forced),
        }
    }

    fn kind<T, E: TaskError>(&self, body: &BodyEnd<T, E>) -> BodyKind {
        match body {
            BodyEnd::Returned(Ok(_)) => BodyKind::Value,
            BodyEnd::Returned(Err(error)) => match error.cancelled() {
                Some(token) if token.observer() == self.scope.task().observer() => {
                    BodyKind::Observed
                }
                _ => BodyKind::Error,
            },
            BodyEnd::Forced => BodyKind::Forced,
        }
    }

    /// A body that failed cancels the children as one of them would (R-REG-5): what they wait for may have been its to
    /// give. Who was asked to stop before keeps that reason and its time; background children alone hear that the
    /// scope is done. Called after `close`, so whoever is not inside now never will be.
    fn meet_failure(&self, body: BodyKind) {
        let fails_fast = self.core.policy == Policy::FailFast
            && matches!(body, BodyKind::Error)
            && !mutant!(FailFastForgets);
        let is_cancelled = self.core.word.is_cancelled();
        if fails_fast && !is_cancelled && self.core.gate.inside().foreground > 0 {
            self.core
                .cancel_itself(CancelKind::FailFast, "the region's body failed");
        }
    }

    /// The body is gone: closes the gate. What comes back waits until nothing is left.
    fn close(&self) -> Closing {
        if !mutant!(ClosingStillOpen) {
            let _ = self.core.gate.close();
        }
        self.core.advance(RegionState::Closing);
        Closing::new()
    }

    fn poll_close(&self, closing: &mut Closing, waker: &mut Context<'_>) -> Poll<()> {
        let task = self.scope.task();
        task.assert_own();
        closing.poll(&self.core, task, waker)
    }

    /// The severity join of body and children (R-REG-5).
    fn outcome<T, E: TaskError>(
        &self,
        body: BodyEnd<T, E>,
        kind: BodyKind,
        ending: &mut Ending,
    ) -> Result<T, E> {
        let verdict = self.verdict(kind, ending);
        if let Verdict::Cancelled(token) = verdict {
            return Err(E::from(token));
        }
        if let (Verdict::Child | Verdict::ChildOr(_), Some(error)) = (&verdict, ending.take_error())
        {
            return Err(error);
        }
        match (verdict, body) {
            (Verdict::Ended(ended) | Verdict::ChildOr(ended), _) => Err(E::from(ended)),
            (_, BodyEnd::Returned(result)) => result,
            (_, BodyEnd::Forced) => Err(E::from(ChildEnded::Failed)),
        }
    }

    /// A cancel that came from outside is the host's own, so it is handed on as a token of the host; a
    /// cancel that began in here is foreign data to the host.
    fn verdict(&self, body: BodyKind, ending: &mut Ending) -> Verdict {
        if let Some(payload) = ending.take_panic() {
            return Verdict::Ended(ChildEnded::Panicked(payload));
        }
        let token =
            |reason| Verdict::Cancelled(Cancelled::new(reason, self.scope.task().observer()));
        if matches!(body, BodyKind::Value | BodyKind::Error) {
            // What the body returned stands unless a child's cancel outweighs it, or, against a value, an error.
            return match (ending.take_cancelled(), body) {
                (Some(reason), _) => token(reason),
                (None, BodyKind::Value) => Verdict::Child,
                (None, _) => Verdict::Body,
            };
        }
        // `ScopeDone` is asked of background children once the body is gone: no body ever saw it.
        let own = self.core.word.reason();
        let own = own.as_ref().and_then(|reason| {
            let mut chain = reason.chain();
            chain.find(|reason| reason.kind() != CancelKind::ScopeDone)
        });
        let is_outside = own.is_some_and(super::report::comes_from_outside);
        match (own, body) {
            (Some(reason), BodyKind::Forced) if is_outside => token(reason.clone()),
            (Some(reason), _) if !is_outside => {
                Verdict::ChildOr(ChildEnded::Cancelled(reason.clone()))
            }
            (None, BodyKind::Forced) => Verdict::ChildOr(ChildEnded::Failed),
            _ => Verdict::Body,
        }
    }
}

/// How a body ended, without its types.
#[derive(Clone, Copy)]
enum BodyKind {
    Value,
    /// An error of its own.
    Error,
    /// The token of the host's own cancel.
    Observed,
    Forced,
}

/// What decides the outcome of a region.
enum Verdict {
    /// What the body returned.
    Body,
    /// The first child's error, or what the body returned.
    Child,
    /// The first child's error, or this.
    ChildOr(ChildEnded),
    Cancelled(Cancelled),
    Ended(ChildEnded),
}

impl Drop for OpenRegion {
    fn drop(&mut self) {
        if self.core.state() == RegionState::Closed {
            return;
        }
        adopt(&self.core, self.scope.task());
    }
}

/// The future of a region was dropped: what is left of the region is closed by a task of the parent.
fn adopt(core: &Arc<RegionCore>, host: &TaskRef) {
    core.set_host(None);
    // One step: a spawn from elsewhere is either among those inside or refused.
    let inside = if mutant!(AdoptLooksThenCloses) {
        let inside = core.gate.inside();
        let _ = core.gate.close();
        inside
    } else {
        core.gate.close()
    };
    let nothing_left = inside.is_empty()
        && core.open_obligations() == 0
        && core.with_finalizers(|list| list.is_empty());
    if nothing_left {
        core.closed();
        return;
    }
    let kernel = &core.kernel;
    if kernel.hand_to_sweep(core) {
        return;
    }
    if !mutant!(DroppedRegionForgets) {
        core.cancel_itself(
            CancelKind::ParentCancelled,
            "the region's future was dropped",
        );
    }
    let Some(mut parent) = core.parent() else {
        return;
    };
    if mutant!(AdoptionUncounted) {
        parent = parent.parent().unwrap_or(parent);
    }
    kernel.emit(
        EventKind::RegionAdopted,
        host.path,
        core.path.as_u64(),
        || parent.path.as_u64(),
    );
    parent.count_adopted();
    spawn_closer(&parent, core);
}

/// A region in the hands of its closer. Only the sweep of a dropped driver drops it unclosed.
struct Orphan(Arc<RegionCore>);

impl Drop for Orphan {
    fn drop(&mut self) {
        if self.0.state() != RegionState::Closed {
            self.0.kernel.hand_to_sweep(&self.0);
        }
    }
}

/// Spawns the task that closes `core`. Its place is reserved: neither gate nor capacity can refuse it.
fn spawn_closer(parent: &Arc<RegionCore>, core: &Arc<RegionCore>) {
    parent.gate.enter_adopted();
    parent.kernel.admit_cleanup();
    let path = core.path.child(u32::MAX);
    parent
        .kernel
        .emit(EventKind::TaskSpawned, parent.path, path.as_u64(), || {
            parent.path.as_u64()
        });
    let begin = |kind| {
        let closer = Newborn::new(kind, parent, path, (CLOSER, 0), Site::NOWHERE, |_| true);
        closer.ok_or(SpawnError::AtCapacity)
    };
    let orphan = Orphan(Arc::clone(core));
    let scope: PathId = core.path;
    let make = move |task| {
        let cx = CxBase::new(task, None);
        async move {
            let core = &orphan.0;
            // The scope lets a cancel of the parent, and its shrinking budget, reach the region.
            let scope = OpenScope::open(&cx, scope, ScopeKind::Region, Some(Arc::clone(core)));
            core.set_host(Some(cx.task().clone()));
            let mut closing = Closing::new();
            poll_fn(|waker| closing.poll(core, cx.task(), waker)).await;
            drop(scope);
            Ok::<(), Never>(())
        }
    };
    if run::spawn(begin, make).is_err() {
        panic!("no memory for the task that closes a region whose future was dropped");
    }
}
