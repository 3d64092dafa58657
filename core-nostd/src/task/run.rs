//! One dispatch of a task: decide, poll, and settle what came out. The only place that polls or drops a future.
//!
//! Called by the driver alone, so the exclusive access that `POLLING` stands for is also exclusive
//! by thread for futures that may not move. Queues and lanes are the executor's matter.

use alloc::sync::Arc;
use core::future::Future;
use core::mem::ManuallyDrop;
use core::ptr::NonNull;
use core::task::{Context, Poll};

use super::cell::{
    BACKGROUND, CLOSER, Cell, ENDED, Ended, Header, LOCAL, POLLED, QUOTA, TIMED, WAS_FORCED,
    YIELDED, erased,
};
use super::handle::{LocalTask, Task};
use super::reference::{Runnable, TaskRef};
use super::state::{PendingAction, SweepAction};
use super::{Kind, Member, Phase, waker};
use crate::cancel::{CancelKind, CancelReason};
use crate::error::{SpawnError, TaskError};
use crate::executor::THREADS;
use crate::finalize::Finalizers;
use crate::inspect::Site;
use crate::kernel::Kernel;
use crate::mutants::mutant;
use crate::outcome::{PanicPayload, Severity};
use crate::path::PathId;
use crate::region::{ChildEnd, RegionCore};
use crate::sync::atomic::Ordering;
use crate::time::Time;
use crate::trace::EventKind;

/// What became of a task that was run.
#[must_use = "a task that wants to run again must be queued again"]
#[derive(Debug)]
pub enum Ran {
    /// It ended; its cell may be gone.
    Done,
    /// It waits; a waker will schedule it.
    Idle,
    /// It yielded, or was woken meanwhile: queue it again, behind the others of its lane.
    Again(Runnable),
}

/// Makes a task and queues it. `begin` admits a task of this kind and gives it what is its own, `make` turns its context
/// into its future.
///
/// What comes before `make` is not generic: it is the larger part, and one piece of code for all types of tasks.
///
/// # Errors
/// Those of `begin`; `make` is dropped uncalled.
pub(crate) fn spawn<F, T, E, M>(
    begin: impl FnOnce(Kind) -> Result<Newborn, SpawnError>,
    make: M,
) -> Result<Task<T, E>, SpawnError>
where
    M: FnOnce(TaskRef) -> F,
    F: Future<Output = Result<T, E>>,
    E: TaskError,
{
    let Newborn(raw) = begin(Cell::<F, T, E>::KIND)?;
    // SAFETY: made for this kind in the line above.
    unsafe { Cell::<F, T, E>::init_stage(raw) };
    // SAFETY: `State::spawning` counted one reference for the `Cx`, and one for the handle.
    let (context, handle) = unsafe {
        let context = TaskRef::from_counted(raw);
        (context, Task::new::<F>(TaskRef::from_counted(raw)))
    };
    let unwinding = FinishOnUnwind(raw);
    let future = make(context);
    core::mem::forget(unwinding);
    // SAFETY: the cell was allocated for `F` above, and nobody else knows it yet.
    unsafe { Cell::<F, T, E>::place(raw, future) };
    // SAFETY: the future is in place, and the spawner lets go of the cell.
    unsafe { queue_first(raw) };
    Ok(handle)
}

/// The header of a new task; what lies behind it is not written yet, so it must not be dropped but spawned.
pub(crate) struct Newborn(NonNull<Header>);

impl Newborn {
    /// Makes the task, and lets `own` give it what is its own. `None`: there is no memory for it, and nothing happened.
    pub(crate) fn new(
        kind: Kind,
        region: &Arc<RegionCore>,
        path: PathId,
        (flags, priority): (u16, u8),
        site: Site,
        own: impl FnOnce(&TaskRef) -> bool,
    ) -> Option<Self> {
        let raw = Header::allocate(kind, region, path, flags, priority)?;
        // SAFETY: the reference that `State::spawning` counted for the `Cx`, lent.
        let task = ManuallyDrop::new(unsafe { TaskRef::from_counted(raw) });
        if own(&task) {
            region.kernel.inspect.spawned(&task, site);
            return Some(Self(raw));
        }
        // SAFETY: no reference is used from here on, and nothing lies behind the header.
        unsafe { Header::take_back(raw, kind) };
        None
    }
}

/// # Safety
/// The caller spawned the task and does not use the cell any more.
unsafe fn queue_first(raw: NonNull<Header>) {
    // SAFETY: the runtime's reference keeps it alive.
    let header = unsafe { raw.as_ref() };
    header.state.transition_to_spawned();
    // SAFETY: the spawner holds the first queue slot.
    let task = unsafe { Runnable::from_raw(raw) };
    header.region.kernel.schedule(task);
}

/// Marks a task as one that stays on the driving thread; its handle may not leave it either.
pub(crate) fn local<T, E: TaskError>(task: Task<T, E>) -> LocalTask<T, E> {
    LocalTask::new(task)
}

/// The closure given to `spawn` panicked before there was a future: the task ends there.
struct FinishOnUnwind(NonNull<Header>);

impl Drop for FinishOnUnwind {
    fn drop(&mut self) {
        let payload = PanicPayload::from_message("the closure given to spawn panicked");
        // SAFETY: the cell is still held as if polled, by the spawner.
        unsafe { erased::end(self.0, Ended::Panicked(payload)) };
        let _ = complete(self.0);
    }
}

/// Runs a task of `kernel` that the caller took from a queue.
#[inline]
pub(crate) fn dispatch(task: Runnable, kernel: &Kernel) -> Ran {
    if task.is_observed() {
        observed(task, kernel)
    } else {
        decide(task)
    }
}

/// Says to whoever traces, watches or checks which task is polled.
#[inline(never)]
fn observed(task: Runnable, kernel: &Kernel) -> Ran {
    #[cfg(feature = "inspect")]
    let _poll = kernel.polls.begin(kernel.driver(), || task.polled());
    if !THREADS && !kernel.is_traced() {
        return decide(task);
    }
    let _polling = kernel.trace_poll(task.path());
    decide(task)
}

fn decide(task: Runnable) -> Ran {
    let raw = task.into_raw();
    // SAFETY: the queue slot came with the runtime's reference.
    let header = unsafe { raw.as_ref() };
    let region = &header.region;
    let kernel = &region.kernel;
    let snapshot = header.state.transition_to_polling();
    let word_seen = region.word.load();
    kernel.emit(EventKind::TaskPolled, header.path, 0, || {
        header.lane() as u64
    });

    if header.has(ENDED) {
        return poll_finalizers(raw);
    }
    let cancelled = snapshot.is_cancelled() || word_seen != 0;
    if cancelled {
        enter_phase(header, Phase::CancelRequested);
        if !header.has(POLLED | CLOSER) && !mutant!(PollsTheUnpolled) {
            // R-CAN-8: nothing was begun, so there is nothing to clean up.
            return end_body(raw, Ended::Cancelled(header.reason_or_shutdown()));
        }
    }
    // A closer is not forced: its region is, and it only waits for that to end.
    let forced = snapshot.is_forced() || (region.word.is_forced() && !mutant!(NeverForced));
    if forced && !header.has(CLOSER) {
        return force(raw);
    }
    if cancelled || snapshot.has_news() {
        push_down(header);
    }
    if !mutant!(QuotaFree) {
        charge_poll(header);
    }
    header.set(POLLED);
    header.clear(YIELDED);
    let polled = poll_body(raw);
    match polled {
        Ok(Poll::Pending) => pending(raw, word_seen),
        Ok(Poll::Ready(())) => settle(raw),
        Err(payload) => end_body(raw, Ended::Panicked(payload)),
    }
}

fn poll_body(raw: NonNull<Header>) -> Result<Poll<()>, PanicPayload> {
    // SAFETY: the driver holds the runtime's reference during the poll.
    let (header, waker) = unsafe { (raw.as_ref(), waker::borrowed(raw)) };
    let mut polled = Poll::Pending;
    header.region.kernel.guarded(|| {
        // SAFETY: `POLLING` is held since `transition_to_polling`.
        polled = unsafe { erased::poll(raw, &mut Context::from_waker(&waker)) };
    })?;
    Ok(polled)
}

/// The future waits. Links the task into its region the first time, then lets go of it.
fn pending(raw: NonNull<Header>, word_seen: u32) -> Ran {
    // SAFETY: the runtime's reference is still ours.
    let header = unsafe { raw.as_ref() };
    let yielded = header.has(YIELDED);
    if !header.membership.is_linked() && !yielded {
        // SAFETY: alive, of this region, and unlinked in `complete` before the reference is given up.
        let word_now = header.region.enrol(&unsafe { Member::new(raw) });
        if word_now != word_seen {
            // The canceller may have walked the list just before: what it would have told us, we
            // tell ourselves. We are polling, so this only sets the bits.
            let _ = header.state.transition_to_news();
        }
    }
    match header.state.transition_to_pending(yielded) {
        PendingAction::Idle => Ran::Idle,
        // SAFETY: `Again` leaves the queue slot with us.
        PendingAction::Again => Ran::Again(unsafe { Runnable::from_raw(raw) }),
    }
}

/// The cleanup budget is spent: the future is dropped where it waits (R-CAN-4).
#[inline(never)]
fn force(raw: NonNull<Header>) -> Ran {
    // SAFETY: the runtime's reference is ours.
    let header = unsafe { raw.as_ref() };
    header.set(WAS_FORCED);
    enter_phase(header, Phase::CancelRequested);
    header
        .region
        .kernel
        .emit(EventKind::Forced, header.path, header.path.as_u64(), || 0);
    header
        .region
        .kernel
        .stats
        .forced
        .fetch_add(1, Ordering::Relaxed);
    if mutant!(LeakAtForce) {
        let held = header.take_permits();
        if held > 0 {
            header.region.permits_leaked(header.path, held);
        }
    }
    end_body(raw, Ended::Cancelled(header.reason_or_shutdown()))
}

/// Drops the body and stores how it ended.
#[inline(never)]
fn end_body(raw: NonNull<Header>, ended: Ended) -> Ran {
    // SAFETY: the runtime's reference is ours.
    let header = unsafe { raw.as_ref() };
    let mut ended = Some(ended);
    let dropped = header.region.kernel.guarded(|| {
        if let Some(ended) = ended.take() {
            // SAFETY: `POLLING` is held.
            unsafe { erased::end(raw, ended) };
        }
    });
    if let Err(payload) = dropped {
        // A panic in the drop of the future is a panic of the task (R-PAN-1). The first outcome
        // took the future's place, so nothing of it is left to drop.
        // SAFETY: `POLLING` is held.
        unsafe { erased::end(raw, Ended::Panicked(payload)) };
    }
    settle(raw)
}

/// The body is gone and the outcome stored: run the task's finalizers, or complete it.
fn settle(raw: NonNull<Header>) -> Ran {
    // SAFETY: the runtime's reference is ours.
    let header = unsafe { raw.as_ref() };
    header.set(ENDED);
    let leaked = header.take_permits();
    if leaked > 0 {
        header.region.permits_leaked(header.path, leaked);
    }
    let Some(cold) = header.cold_if_any() else {
        return complete(raw);
    };
    let finalizers = cold.finalizers.lock().take();
    let Some(run) = finalizers.start(header, None) else {
        return complete(raw);
    };
    if mutant!(PanicSkipsFinalizers) {
        // SAFETY: the outcome is stored and `POLLING` is held.
        if unsafe { erased::summary(raw) }.severity() == Severity::Panicked {
            return complete(raw);
        }
    }
    enter_phase(header, Phase::Finalizing);
    *cold.finalizing.lock() = Some(run);
    // A yield always keeps the queue slot, so there is one answer.
    let (PendingAction::Idle | PendingAction::Again) = header.state.transition_to_pending(true);
    // SAFETY: the queue slot is ours.
    Ran::Again(unsafe { Runnable::from_raw(raw) })
}

fn poll_finalizers(raw: NonNull<Header>) -> Ran {
    // SAFETY: the driver holds the runtime's reference during the poll.
    let (header, waker) = unsafe { (raw.as_ref(), waker::borrowed(raw)) };
    header.clear(YIELDED);
    // Taken out while it runs: a finalizer is user code, and no lock is held around it.
    let run = header.cold().finalizing.lock().take();
    let Some(mut run) = run else {
        return complete(raw);
    };
    match run.poll(&mut Context::from_waker(&waker)) {
        Poll::Ready(()) => complete(raw),
        Poll::Pending => {
            *header.cold().finalizing.lock() = Some(run);
            pending(raw, header.region.word.load())
        }
    }
}

/// Everything of the task is over: tell the policy, the joiner and the region, and let go.
fn complete(raw: NonNull<Header>) -> Ran {
    // SAFETY: the runtime's reference is ours and is given up at the end.
    let task = unsafe { TaskRef::from_counted(raw) };
    let region = &task.region;
    let kernel = &region.kernel;
    // SAFETY: the outcome is stored, and `POLLING` is held until `transition_to_done`.
    let summary = unsafe { erased::summary(raw) };
    let forced = task.has(WAS_FORCED);
    let unpolled = !task.has(POLLED);
    enter_phase(&task, Phase::Done);
    kernel.inspect.ended(task.path);
    kernel.emit(EventKind::TaskDone, task.path, region.path.as_u64(), || {
        summary.severity() as u64 | u64::from(forced) << 8 | u64::from(unpolled) << 9
    });
    let background = task.has(BACKGROUND);
    // Also when it has left the list: whoever told it may not have released the lock yet.
    // SAFETY: alive, and of this region.
    let member = (task.membership.was_linked()
        && (task.membership.is_linked() || !mutant!(EndIgnoresTeller)))
    .then(|| unsafe { Member::new(raw) });
    let fails_fast = region.child_ended(
        ChildEnd {
            path: task.path,
            summary,
            forced,
            unpolled,
            background,
            closer: task.has(CLOSER),
        },
        member,
    );
    let action = task.state.transition_to_done();
    // Once the task is done: a request that comes from now on leaves no timer (see `cancel_task`).
    if let Some(cold) = task.cold_if_any() {
        let mut limits = cold.limits.lock();
        let timers = &[limits.deadline_timer.take(), limits.force_timer.take()];
        drop(limits);
        for timer in timers {
            kernel.cancel_timer(*timer);
        }
    }
    if !action.handle {
        let dropped = kernel.guarded(|| {
            // SAFETY: there is no handle, so the outcome is the completer's.
            unsafe { erased::discard(raw) };
        });
        if let Err(payload) = dropped {
            region.drop_panicked(payload);
        }
    }
    if fails_fast {
        // After the error was left to the region: those of the siblings come second.
        region.cancel_itself(CancelKind::FailFast, "a sibling failed");
    }
    if action.wake_joiner {
        // SAFETY: the completer saw `JOIN_WAKER`, so the waker is its own.
        if let Some(waker) = unsafe { erased::join_waker(raw) }.take() {
            kernel.wake(waker);
        }
    }
    if task.has(TIMED) {
        kernel.release_timed(task.has(LOCAL).then(|| task.home()));
    }
    if task.worker().is_some() {
        let _ = kernel.homes.leave(task.residence());
    }
    kernel.release_admission();
    region.exit(background);
    Ran::Done
}

fn enter_phase(header: &Header, next: Phase) {
    if let Some(before) = header.advance_phase(next) {
        phase_changed(header, before, next);
    }
}

fn phase_changed(header: &Header, before: Phase, next: Phase) {
    header
        .region
        .kernel
        .emit(EventKind::PhaseChanged, header.path, before as u64, || {
            next as u64
        });
}

impl Header {
    /// The driver that a local task may not leave.
    pub(crate) fn home(&self) -> usize {
        let own = || self.region.kernel.drivers() - 1;
        self.worker().unwrap_or_else(own)
    }

    /// The reason this task was asked to stop, by itself or through its region.
    pub(crate) fn cancel_reason(&self) -> Option<CancelReason> {
        let own = self
            .cold_if_any()
            .filter(|_| self.is_cancelled())
            .and_then(|cold| cold.cancel.reason());
        let region = self.region.word.reason();
        match (own, region) {
            (Some(own), Some(region)) if region.kind().rank() > own.kind().rank() => Some(region),
            (Some(own), _) => Some(own),
            (None, region) => region,
        }
    }

    /// When the cleanup budget of this task's cancel is spent; [`Time::MAX`] if nothing asked.
    pub(crate) fn force_limit(&self) -> Time {
        let region = self.region.word.force_at();
        match self.cold_if_any() {
            Some(cold) => cold.cancel.force_at().min(region),
            None => region,
        }
    }

    fn reason_or_shutdown(&self) -> CancelReason {
        self.cancel_reason().unwrap_or_else(|| {
            CancelReason::new(
                CancelKind::Shutdown,
                self.region.path,
                self.region.kernel.now(),
                "the driver was dropped",
            )
        })
    }

    /// A checkpoint or a wait of this task saw the request.
    pub(crate) fn observe_cancel(&self) {
        // A poll that is under way when the request comes skips the dispatch that would say so.
        for next in [Phase::CancelRequested, Phase::Draining] {
            if let Some(before) = self.observe_phase(next) {
                phase_changed(self, before, next);
            }
        }
    }
}

/// Passes the task's cancellation, and that of regions inside it, to the scopes it has open.
fn push_down(header: &Header) {
    let Some(cold) = header.cold_if_any() else {
        return;
    };
    let scopes = cold.scopes.lock().clone();
    if scopes.is_empty() {
        return;
    }
    let own = header.cancel_reason();
    let limit = header.force_limit();
    for scope in scopes {
        scope.pull(own.as_ref(), limit, &header.region.kernel.config);
    }
}

fn charge_poll(header: &Header) {
    if !header.has(QUOTA) {
        return;
    }
    let mut limits = header.cold().limits.lock();
    let left = limits.polls_left.checked_sub(1);
    limits.polls_left = left.unwrap_or(0);
    drop(limits);
    if left.is_none() {
        crate::region::quota_spent(&header.counted(), "the poll quota is spent");
    }
}

impl Header {
    /// One more counted reference to this task.
    pub(crate) fn counted(&self) -> TaskRef {
        self.state.reference_add();
        // SAFETY: counted in the line above; every header lives in a cell.
        unsafe { TaskRef::from_counted(NonNull::from(self)) }
    }
}

/// A `Runnable` was dropped instead of run: the task counts as idle, linked to its region, where a wake, a
/// cancel or the sweep finds it.
pub(super) fn abandon(raw: NonNull<Header>) {
    // Cloned: once it is linked the task may end, on another thread, at any time.
    // SAFETY: the queue slot came with the runtime's reference, which the list stands for from then on.
    let region = Arc::clone(unsafe { &raw.as_ref().region });
    // SAFETY: alive, of this region, and unlinked in `complete`.
    if !region.link_unqueued(&unsafe { Member::new(raw) }) {
        // SAFETY: the sweep has claimed the task and left the slot's reference to us.
        drop(unsafe { TaskRef::from_counted(raw) });
    }
}

/// Drops the futures of the tasks that live on a worker's thread: called there, when the worker leaves for good.
///
/// The rest of the runtime may go on meanwhile; to that these are tasks that were forced.
pub(crate) fn sweep_home(kernel: &Kernel, home: usize) {
    while let Some(task) = kernel.homes.evict(home) {
        // SAFETY: alive by `task`, and of this region.
        let member = unsafe { Member::new(task.as_raw()) };
        if task.region.sweep_this(&member) != SweepAction::Leave {
            end_swept(task.as_raw());
        }
    }
}

/// Ends a task that a sweep has claimed.
fn end_swept(raw: NonNull<Header>) {
    // SAFETY: the claim left us the runtime's reference, or one in its place.
    let header = unsafe { raw.as_ref() };
    if let Some(cold) = header.cold_if_any() {
        let kernel = &header.region.kernel;
        let mut unrun = Some(cold.finalizers.lock().take());
        let mut under_way = cold.finalizing.lock().take();
        for dropped in [
            kernel.guarded(|| drop(unrun.take())),
            kernel.guarded(|| drop(under_way.take())),
        ] {
            if let Err(payload) = dropped {
                header.region.drop_panicked(payload);
            }
        }
    }
    let _ = if header.has(ENDED) {
        complete(raw)
    } else {
        force(raw)
    };
}

/// Drops the future of every task that a region still has, then those of the regions that loses.
///
/// For a driver that goes away without shutdown: finalizers are dropped unrun.
pub(crate) fn sweep(root: &Arc<RegionCore>) {
    let kernel = Arc::clone(&root.kernel);
    kernel.begin_sweep(root);
    while let Some(region) = kernel.next_to_sweep() {
        let _ = region.gate.close();
        while let Some((member, action)) = region.sweep_member() {
            if action == SweepAction::Leave {
                continue;
            }
            end_swept(member.into_raw());
        }
        drop(region.with_finalizers(Finalizers::take));
        region.closed();
    }
}
