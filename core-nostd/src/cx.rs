//! `Cx`: the explicit context through which a task does everything that is not computation.
//!
//! Owns what every wait takes ([`CxBase`], untyped) and what opens scopes ([`Cx`], typed by the
//! region's error). It carries identity, cancellation and capabilities; nothing is ambient. How
//! fibers, timeouts and masks run is the business of `fiber`.

use alloc::sync::Arc;
use core::fmt;
use core::future::{Future, poll_fn};
use core::marker::PhantomData;
use core::ops::Deref;
use core::task::{Context, Poll};

use crate::budget::Budget;
use crate::cancel::{CancelReason, Cancelled};
use crate::error::{CapabilityDenied, Error, SpawnError, TaskError};
use crate::inspect::Registry;
use crate::mutants::mutant;
use crate::object::ObjectId;
use crate::obligation::{Entry, ObligationKind, ObligationToken};
use crate::path::{Parent, PathId};
use crate::region::{
    Capability, LocalRegion, Own, Region, RegionCore, RegionOptions, RegionReport, hash_name,
    run_inline,
};
use crate::scope::Scope;
use crate::task::{Phase, TaskRef};
use crate::time::Time;
use crate::trace::EventKind;
use crate::wait::WaitKind;

/// The untyped half of a [`Cx`]: what every wait takes.
///
/// It belongs to one task (R-OWN-5). Using it while its own task is not being polled is
/// [`Misuse::ForeignCx`](crate::Misuse::ForeignCx): in debug builds and in the lab the misusing task panics with that text.
pub struct CxBase {
    task: TaskRef,
    /// `None`: the task itself.
    scope: Option<Arc<Scope>>,
}

impl fmt::Debug for CxBase {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Cx of {}", self.path())
    }
}

impl CxBase {
    pub(crate) fn new(task: TaskRef, scope: Option<Arc<Scope>>) -> Self {
        Self { task, scope }
    }

    #[inline]
    pub(crate) fn task(&self) -> &TaskRef {
        &self.task
    }

    pub(crate) fn scope(&self) -> Option<&Arc<Scope>> {
        self.scope.as_ref()
    }

    #[inline]
    pub(crate) fn region_core(&self) -> &Arc<RegionCore> {
        self.scope
            .as_ref()
            .and_then(|scope| scope.home.as_ref())
            .unwrap_or(&self.task.region)
    }

    /// The id of the task.
    pub fn task_path(&self) -> PathId {
        self.task.path
    }

    /// The id of this context: the task's, or that of the scope inside it.
    #[inline]
    pub fn path(&self) -> PathId {
        self.scope.as_ref().map_or(self.task.path, |s| s.path)
    }

    /// The id of the next thing that this context makes.
    #[inline]
    pub(crate) fn next_path(&self) -> PathId {
        self.as_parent().next_path()
    }

    /// As what makes children, finalizers, scopes and random draws. A poll may lend its `Cx` to other threads: each of
    /// them gets numbers of its own.
    #[inline]
    pub(crate) fn as_parent(&self) -> Parent<'_> {
        match &self.scope {
            Some(scope) => Parent::new(scope.path, &scope.ordinal),
            None => Parent::new(self.task.path, &self.task.ordinal),
        }
    }

    /// R-OWN-5: only the task that is being polled may use its context.
    #[inline]
    pub(crate) fn assert_own(&self) {
        self.task.assert_own();
    }

    // ------------------------------------------------------------ cancellation

    /// Looks whether this context was asked to stop; the cooperative cancellation point.
    ///
    /// Costs one or two atomic loads when it was not. Never waits, never consumes anything.
    ///
    /// # Errors
    /// [`Cancelled`], from then on at every call (R-CAN-9), except inside a mask.
    pub fn checkpoint(&self) -> Result<(), Cancelled> {
        if mutant!(CheckpointBlind) {
            return Ok(());
        }
        self.poll_cancelled()
    }

    /// [`checkpoint`](Self::checkpoint) that also says where the task is: dumps show the last one, and so does the report
    /// of a task that does not yield. Where neither is switched on it costs no more.
    ///
    /// ```
    /// # use asupersync_core::{Cancelled, CxBase};
    /// fn sum(cx: &CxBase, rows: &[u64]) -> Result<u64, Cancelled> {
    ///     let mut sum = 0;
    ///     for row in rows {
    ///         cx.checkpoint_with("sums the rows")?;
    ///         sum += row;
    ///     }
    ///     Ok(sum)
    /// }
    /// ```
    ///
    /// # Errors
    /// As [`checkpoint`](Self::checkpoint).
    pub fn checkpoint_with(&self, message: &'static str) -> Result<(), Cancelled> {
        self.assert_own();
        if self.task.is_observed() {
            self.say(message);
        }
        self.checkpoint()
    }

    /// The look that every wait starts with.
    #[inline]
    pub(crate) fn poll_cancelled(&self) -> Result<(), Cancelled> {
        self.assert_own();
        if !self.is_cancel_requested() {
            return Ok(());
        }
        self.observe()
    }

    /// Whether this context was asked to stop, without observing it.
    #[inline]
    pub fn is_cancel_requested(&self) -> bool {
        match &self.scope {
            Some(scope) => scope.word().is_cancelled(),
            None => self.task.region.word.is_cancelled() || self.task.is_cancelled(),
        }
    }

    fn reason(&self) -> Option<CancelReason> {
        match &self.scope {
            Some(scope) => scope.word().reason(),
            None => self.task.cancel_reason(),
        }
    }

    #[cold]
    fn observe(&self) -> Result<(), Cancelled> {
        let Some(reason) = self.reason() else {
            return Ok(());
        };
        if mutant!(EdgeTriggered) && self.task.phase() == Phase::Draining {
            return Ok(());
        }
        let task = &self.task;
        let kernel = &task.region.kernel;
        kernel.emit(
            EventKind::CancelObserved,
            task.path,
            self.path().as_u64(),
            || reason.kind() as u64,
        );
        if task.is_cancelled() || task.region.word.is_cancelled() {
            task.observe_cancel();
        }
        Err(Cancelled::new(reason, task.observer()))
    }

    // ------------------------------------------------------------ time, chance, cost

    /// The runtime's clock.
    ///
    /// # Errors
    /// [`CapabilityDenied`] without the capability [`Timing`](crate::Timing).
    pub fn now(&self) -> Result<Time, CapabilityDenied> {
        self.require(Own::Timing)?;
        Ok(self.task.region.kernel.now())
    }

    /// 64 random bits. They depend on the runtime's seed and on where in the program the draw is,
    /// not on the schedule.
    ///
    /// # Errors
    /// [`CapabilityDenied`] without the capability [`Entropy`](crate::Entropy).
    pub fn random_u64(&self) -> Result<u64, CapabilityDenied> {
        self.require(Own::Entropy)?;
        Ok(self.task.region.kernel.random(self.next_path()))
    }

    /// Gives the other tasks a turn.
    ///
    /// # Errors
    /// [`Cancelled`] if this context was asked to stop.
    ///
    /// # Cancel safety
    /// Dropping the wait loses nothing.
    pub async fn yield_now(&self) -> Result<(), Cancelled> {
        self.poll_cancelled()?;
        let mut yielded = false;
        poll_fn(|waker| {
            if core::mem::replace(&mut yielded, true) {
                return Poll::Ready(());
            }
            self.yield_once(waker);
            Poll::Pending
        })
        .await;
        self.poll_cancelled()
    }

    fn yield_once(&self, waker: &Context<'_>) {
        // The task's own waker: the end of the poll queues it again, without touching the state twice.
        // Any other waker belongs to a combinator that wants to know which future to poll.
        if self.task.is_waker(waker.waker()) {
            self.task.request_yield();
        } else {
            waker.waker().wake_by_ref();
        }
    }

    /// The limits that this context runs under.
    pub fn budget(&self) -> Budget {
        let mut budget = self.region_core().budget;
        budget.poll_quota = self.task.polls_left();
        if let Some(cold) = self.task.cold_if_any() {
            let limits = cold.limits.lock();
            budget.deadline = match (limits.deadline, budget.deadline) {
                (Some(a), Some(b)) => Some(a.min(b)),
                (a, b) => a.or(b),
            };
            budget.cost_quota = limits.cost_left.or(budget.cost_quota);
        }
        budget
    }

    /// Charges `cost` units of the task's cost quota; a spent quota cancels the task with
    /// [`Timeout`](crate::CancelKind::Timeout) (R-SCH-4).
    ///
    /// # Errors
    /// [`Cancelled`] once the quota is spent, as from [`checkpoint`](Self::checkpoint).
    pub fn charge(&self, cost: u64) -> Result<(), Cancelled> {
        if let Some(cold) = self.task.cold_if_any() {
            let mut limits = cold.limits.lock();
            if let Some(left) = limits.cost_left {
                let spent = cost > left;
                limits.cost_left = Some(left.saturating_sub(cost));
                drop(limits);
                if spent && !mutant!(QuotaFree) {
                    crate::region::quota_spent(&self.task, "the cost quota is spent");
                }
            }
        }
        self.poll_cancelled()
    }

    // ------------------------------------------------------------ capabilities and obligations

    /// Gives the authority of kind `C` that the surrounding region holds.
    ///
    /// # Errors
    /// [`CapabilityDenied`], before any effect, if it was never granted or was denied on the way.
    pub fn capability<C: Capability>(&self) -> Result<&C, CapabilityDenied> {
        let found = self.region_core().capabilities.find::<C>();
        self.trace_look_up(C::NAME, found.is_ok());
        found
    }

    /// Whether the surrounding region holds one of the core's own capabilities: traced only when refused, or
    /// where the set differs from the root's.
    fn require(&self, own: Own) -> Result<(), CapabilityDenied> {
        self.assert_own();
        let held = &self.region_core().capabilities;
        let found = held.check(own);
        if held.is_edited() || found.is_err() {
            self.trace_look_up(own.name(), found.is_ok());
        }
        found
    }

    fn trace_look_up(&self, name: &str, is_held: bool) {
        let kernel = &self.task.region.kernel;
        if !kernel.is_traced() {
            return;
        }
        let kind = if is_held {
            EventKind::CapabilityUsed
        } else {
            EventKind::CapabilityDenied
        };
        kernel.emit(kind, self.task.path, hash_name(name), || {
            self.region_core().path.as_u64()
        });
    }

    pub(crate) fn require_timing(&self) -> Result<(), CapabilityDenied> {
        self.require(Own::Timing)
    }

    #[inline]
    pub(crate) fn require_io(&self) -> Result<(), CapabilityDenied> {
        self.require(Own::Io)
    }

    /// Reserves a host operation: the surrounding region does not close before it is resolved.
    ///
    /// # Errors
    /// [`CapabilityDenied`] without the capability [`Io`](crate::Io).
    pub fn io_op(&self) -> Result<ObligationToken, CapabilityDenied> {
        self.require(Own::Io)?;
        self.enter_obligation(ObligationKind::IoOp)
            .ok_or(CapabilityDenied {
                capability: "io: the ledger is full",
            })
    }

    /// Enters an owned obligation into the ledger of the surrounding region; `None` if it is full.
    pub(crate) fn enter_obligation(&self, kind: ObligationKind) -> Option<ObligationToken> {
        self.assert_own();
        if mutant!(OwnedPermitUnledgered) {
            return None;
        }
        let region = self.region_core();
        let entry = Entry {
            kind,
            task: self.task.path,
            path: self.next_path(),
            since: region.kernel.now(),
        };
        let id = region.enter_obligation(entry)?;
        self.registry().owns(&self.task, entry.path);
        Some(ObligationToken::new(Arc::clone(region), id))
    }

    /// Writes an event of yours to the trace.
    ///
    /// # Errors
    /// [`CapabilityDenied`] without the capability [`Tracing`](crate::Tracing).
    pub fn trace(&self, code: u64, value: u64) -> Result<(), CapabilityDenied> {
        self.require(Own::Tracing)?;
        self.task
            .region
            .kernel
            .emit(EventKind::User, self.task.path, code, || value);
        Ok(())
    }

    // ------------------------------------------------------------ clean-up

    /// Leaves async clean-up to the task: it runs after the body is gone, however it went; last in
    /// first out, masked, each within a budget. It owns what it needs, since the body's frame is gone.
    ///
    /// # Errors
    /// [`SpawnError::RegionClosed`] from within a finalizer of the same task: it is too late.
    pub fn defer<F, Fut>(&self, f: F) -> Result<(), SpawnError>
    where
        F: FnOnce(Cx) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        self.assert_own();
        if self.task.is_finalizing() {
            return Err(SpawnError::RegionClosed);
        }
        let index = self.task.cold().finalizers.lock().push(f);
        self.task.region.kernel.emit(
            EventKind::FinalizerAdded,
            self.task.path,
            self.task.path.as_u64(),
            || index,
        );
        Ok(())
    }

    // ------------------------------------------------------------ hooks of waits

    /// Tells those who look, if anybody does: the trace, and what dumps are made of.
    #[inline]
    fn tell(&self, event: EventKind, id: &ObjectId, arg: u64, note: impl FnOnce(&Registry)) {
        if self.task.is_observed() {
            self.tell_observers(event, id, arg, note);
        }
    }

    #[cold]
    fn tell_observers(
        &self,
        event: EventKind,
        id: &ObjectId,
        arg: u64,
        note: impl FnOnce(&Registry),
    ) {
        let kernel = &self.task.region.kernel;
        note(self.registry());
        if kernel.is_traced() {
            let name = id.name(|| self.task.next_object());
            kernel.emit(event, self.task.path, name, || arg);
        }
    }

    /// The task says to dumps and to the watch where it is.
    #[cold]
    fn say(&self, message: &'static str) {
        self.registry().says(&self.task, message);
        let kernel = &self.task.region.kernel;
        if kernel.is_watched() {
            kernel.polls.say(kernel.driver(), &self.task, message);
        }
    }

    /// What the runtime remembers for its dumps.
    fn registry(&self) -> &Registry {
        &self.task.region.kernel.inspect
    }

    #[inline]
    pub(crate) fn wait_started(&self, id: &ObjectId, kind: WaitKind) {
        self.tell(EventKind::WaitStarted, id, 0, |registry| {
            registry.waits(&self.task, kind, id);
        });
    }

    #[inline]
    pub(crate) fn wait_ended(&self, id: &ObjectId, granted: bool) {
        self.tell(EventKind::WaitEnded, id, granted.into(), |registry| {
            registry.waited(&self.task, id);
        });
    }

    #[inline]
    pub(crate) fn granted(&self, id: &ObjectId) {
        self.tell(EventKind::WaitGranted, id, 0, |_| ());
    }

    /// A borrowed permit was reserved: counted in the task's header (R-OBL-3).
    #[inline]
    pub(crate) fn permit_reserved(&self, id: &ObjectId, kind: ObligationKind) {
        self.task.permit_add();
        self.tell(EventKind::Reserved, id, kind as u64, |registry| {
            registry.holds(&self.task, kind, id);
        });
    }

    /// A borrowed permit was committed or aborted.
    #[inline]
    pub(crate) fn permit_resolved(&self, id: &ObjectId, kind: ObligationKind, committed: bool) {
        self.task.permit_drop();
        let event = if committed {
            EventKind::Committed
        } else {
            EventKind::Aborted
        };
        self.tell(event, id, kind as u64, |registry| {
            registry.held(&self.task, kind, id);
        });
    }
}

/// The context of a task or fiber, typed by the error of its region.
///
/// `Send + Sync`, never `Clone`. Waits take the untyped half by deref: `channel.recv(&cx)`.
pub struct Cx<E: TaskError = Error> {
    base: CxBase,
    _error: PhantomData<fn(E) -> E>,
}

impl<E: TaskError> Deref for Cx<E> {
    type Target = CxBase;
    fn deref(&self) -> &CxBase {
        &self.base
    }
}

impl<E: TaskError> fmt::Debug for Cx<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.base.fmt(f)
    }
}

impl<E: TaskError> Cx<E> {
    pub(crate) fn new(base: CxBase) -> Self {
        Self {
            base,
            _error: PhantomData,
        }
    }

    /// Opens a region, runs `f` in it, and returns when everything inside has ended.
    ///
    /// The body runs in this task and may borrow from it; its children are tasks of their own.
    ///
    /// # Errors
    /// The severity join of body and children (R-REG-5): the body's own error, else the first
    /// child's; `E::from(ChildEnded)` for a panic of a child or a cancel that began inside;
    /// `E::from(Cancelled)` when this task was cancelled.
    ///
    /// # Cancel safety
    /// Dropping the future drops the body at once, asks the children to stop and leaves the closing to the
    /// surrounding region (R-OWN-3): nothing is orphaned.
    pub fn region<T, F>(&self, f: F) -> impl Future<Output = Result<T, E>>
    where
        F: AsyncFnOnce(&Region<E>) -> Result<T, E>,
    {
        self.region_of(RegionOptions::new(), f)
    }

    /// [`region`](Self::region) with options.
    ///
    /// # Errors
    /// As [`region`](Self::region).
    pub fn region_with<T, F>(
        &self,
        options: RegionOptions,
        f: F,
    ) -> impl Future<Output = Result<T, E>>
    where
        F: AsyncFnOnce(&Region<E>) -> Result<T, E>,
    {
        self.region_of(options, f)
    }

    /// A region with another error type; the caller converts.
    ///
    /// # Errors
    /// As [`region`](Self::region).
    pub fn region_of<E2, T, F>(
        &self,
        options: RegionOptions,
        f: F,
    ) -> impl Future<Output = Result<T, E2>>
    where
        E2: TaskError,
        F: AsyncFnOnce(&Region<E2>) -> Result<T, E2>,
    {
        run_inline::<_, _, Region<E2>, _, _, _>(self, options, f, |result, _| result)
    }

    /// [`region_with`](Self::region_with) that also tells what happened inside.
    ///
    /// # Errors
    /// As [`region`](Self::region), in the first half of the pair.
    pub fn region_report<T, F>(
        &self,
        options: RegionOptions,
        f: F,
    ) -> impl Future<Output = (Result<T, E>, RegionReport)>
    where
        F: AsyncFnOnce(&Region<E>) -> Result<T, E>,
    {
        run_inline::<_, _, Region<E>, _, _, _>(self, options, f, |result, ending| {
            (result, ending.into_report())
        })
    }
}

/// A [`Cx`] of a task that stays on its thread: regions opened through it admit children that are not `Send`.
///
/// Proof of where it is: it is not `Send` itself.
pub struct LocalCx<E: TaskError = Error> {
    cx: Cx<E>,
    _not_send: PhantomData<*const ()>,
}

impl<E: TaskError> Deref for LocalCx<E> {
    type Target = Cx<E>;
    fn deref(&self) -> &Cx<E> {
        &self.cx
    }
}

impl<E: TaskError> fmt::Debug for LocalCx<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.cx.fmt(f)
    }
}

impl<E: TaskError> LocalCx<E> {
    pub(crate) fn new(cx: Cx<E>) -> Self {
        Self {
            cx,
            _not_send: PhantomData,
        }
    }

    /// The same context for a body with another error.
    pub(crate) fn retyped<E2: TaskError>(self) -> LocalCx<E2> {
        LocalCx::new(Cx::new(self.cx.base))
    }

    /// Opens a region whose children may stay on this thread; see [`Cx::region`].
    ///
    /// # Errors
    /// As [`Cx::region`].
    pub fn region<T, F>(&self, f: F) -> impl Future<Output = Result<T, E>>
    where
        F: AsyncFnOnce(&LocalRegion<E>) -> Result<T, E>,
    {
        self.region_with(RegionOptions::new(), f)
    }

    /// [`region`](Self::region) with options.
    ///
    /// # Errors
    /// As [`Cx::region`].
    pub fn region_with<T, F>(
        &self,
        options: RegionOptions,
        f: F,
    ) -> impl Future<Output = Result<T, E>>
    where
        F: AsyncFnOnce(&LocalRegion<E>) -> Result<T, E>,
    {
        run_inline::<_, _, LocalRegion<E>, _, _, _>(&self.cx, options, f, |result, _| result)
    }
}
