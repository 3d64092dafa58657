//! The cell's memory: header, future-or-outcome, and the table of typed steps.

use alloc::alloc::Layout;
use alloc::boxed::Box;
use alloc::sync::Arc;
use core::cell::UnsafeCell;
use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::ptr::NonNull;
use core::task::{Context, Poll, Waker};

use once_cell::race::OnceBox;

use super::list::{Links, Membership};
use super::state::State;
use super::{Cold, Phase};
use crate::cancel::{CancelReason, Cancelled, Observer};
use crate::error::{Misuse, TaskError};
use crate::executor::THREADS;
use crate::homes::Residence;
use crate::lanes::Lane;
use crate::mutants::mutant;
use crate::outcome::{Outcome, PanicPayload, Severity};
use crate::path::PathId;
use crate::region::RegionCore;
use crate::sync::atomic::{AtomicPtr, AtomicU16, AtomicU32, Ordering};
use crate::time::Time;

/// Set in `flags`: only one driver, its home, may poll or drop the future: the runtime's own unless [`HOMED`] says
/// otherwise.
pub(crate) const LOCAL: u16 = 1 << 0;
/// A background child.
pub(crate) const BACKGROUND: u16 = 1 << 1;
/// Polled at least once.
pub(super) const POLLED: u16 = 1 << 2;
/// It may be polled a limited number of times; how often still is in the cold part.
pub(super) const QUOTA: u16 = 1 << 3;
/// The current poll asked for another turn.
pub(super) const YIELDED: u16 = 1 << 4;
/// The body has ended; finalizers run.
pub(super) const ENDED: u16 = 1 << 5;
/// The body was forced.
pub(super) const WAS_FORCED: u16 = 1 << 6;
/// It has a deadline of its own or of its region: it belongs to the timed lane.
pub(crate) const TIMED: u16 = 1 << 7;
/// It closes a region whose own future was dropped: never forced, never dropped unpolled.
pub(crate) const CLOSER: u16 = 1 << 8;
/// Somebody looks: events are recorded, dumps or the watch over polls are on, or every use of a `Cx` is checked. The
/// kernel knows which; it is copied here so that nobody walks there to find that nobody looks.
const OBSERVED: u16 = 1 << 9;
/// A local task whose home is a worker; which one is in the cold part.
pub(crate) const HOMED: u16 = 1 << 10;
/// The phase of the cancel protocol stands above the flags.
const PHASE_SHIFT: u32 = 13;

/// The untyped front of a task cell: what queues, wakers and regions see.
///
/// Public only as an opaque name for the queues; it has no public field or method.
#[repr(C)]
pub struct Header {
    pub(super) state: State,
    vtable: &'static VTable,
    pub(crate) next: AtomicPtr<Header>,
    pub(crate) region: Arc<RegionCore>,
    pub(crate) path: PathId,
    pub(super) member: Links,
    join: UnsafeCell<Option<Waker>>,
    cold: OnceBox<Cold>,
    pub(crate) ordinal: AtomicU32,
    permits: AtomicU32,
    flags: AtomicU16,
    pub(super) membership: Membership,
    pub(crate) priority: u8,
}

// SAFETY: every field is atomic, immutable, or guarded as the table in the module header says.
unsafe impl Send for Header {}
// SAFETY: as above.
unsafe impl Sync for Header {}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.path)
    }
}

impl Header {
    /// The front of a new cell, in memory for the whole of it, as if it were being polled; see `State::spawning` for
    /// the references. `None`: there is no memory.
    pub(crate) fn allocate(
        kind: Kind,
        region: &Arc<RegionCore>,
        path: PathId,
        mut flags: u16,
        priority: u8,
    ) -> Option<NonNull<Self>> {
        // By hand, since `Box::new` aborts where memory is out.
        // SAFETY: the layout has a size: a cell begins with a header.
        let memory = unsafe { alloc::alloc::alloc(kind.layout) };
        let header = NonNull::new(memory)?.cast::<Self>();
        if region.kernel.is_observed() {
            flags |= OBSERVED;
        }
        let made = Self {
            state: State::spawning(),
            vtable: kind.vtable,
            next: AtomicPtr::new(core::ptr::null_mut()),
            region: Arc::clone(region),
            path,
            member: Links::new(),
            join: UnsafeCell::new(None),
            cold: OnceBox::new(),
            ordinal: AtomicU32::new(0),
            permits: AtomicU32::new(0),
            // The phase is `Running`, which is number zero.
            flags: AtomicU16::new(flags),
            membership: Membership::new(),
            priority,
        };
        // SAFETY: freshly allocated, with room for a header.
        unsafe { header.write(made) };
        Some(header)
    }

    /// Frees a cell that has nothing behind its header.
    ///
    /// # Safety
    /// [`allocate`](Self::allocate) gave it for this kind, and no reference to it is used any more.
    pub(crate) unsafe fn take_back(header: NonNull<Self>, kind: Kind) {
        // SAFETY: by the caller's contract.
        unsafe {
            header.drop_in_place();
            alloc::alloc::dealloc(header.as_ptr().cast(), kind.layout);
        }
    }

    /// The reason of this task's cancel if `seen`, which its body ended with, is a token that this very task
    /// observed (semantics section 1); any other token is data.
    fn cancelled_by(&self, seen: Option<&Cancelled>) -> Option<CancelReason> {
        let token = seen.filter(|token| token.observer() == self.observer())?;
        // The task's own reason, where it has one: a scope's would hide whose cancel it was.
        let own = self.cancel_reason();
        Some(own.unwrap_or_else(|| token.reason().clone()))
    }

    #[inline]
    pub(super) fn has(&self, flag: u16) -> bool {
        self.flags.load(Ordering::Relaxed) & flag != 0
    }

    /// Flags are written by whoever holds `POLLING` (the driver, or the spawner before it): a load and a store
    /// suffice, and `state` orders polls. What other threads do through a `Cx` during the poll is in
    /// [`observe_phase`](Self::observe_phase).
    #[inline]
    pub(super) fn set(&self, flag: u16) {
        let flags = self.flags.load(Ordering::Relaxed);
        self.flags.store(flags | flag, Ordering::Relaxed);
    }

    #[inline]
    pub(super) fn clear(&self, flag: u16) {
        let flags = self.flags.load(Ordering::Relaxed);
        self.flags.store(flags & !flag, Ordering::Relaxed);
    }

    /// The trace name of the next object that this task is the first to touch.
    pub(crate) fn next_object(&self) -> PathId {
        let number = self.cold().objects.fetch_add(1, Ordering::Relaxed);
        self.path.child(0x8000_0000 | number)
    }

    #[inline]
    pub(crate) fn phase(&self) -> Phase {
        let number = self.flags.load(Ordering::Relaxed) >> PHASE_SHIFT;
        Phase::from_u8(number as u8).unwrap_or(Phase::Done)
    }

    /// Moves forward along the protocol and says from where; `None` if the edge does not exist.
    #[inline]
    pub(crate) fn advance_phase(&self, next: Phase) -> Option<Phase> {
        let before = self.phase();
        if before.may_become(next) {
            let flags = self.flags.load(Ordering::Relaxed) & ((1 << PHASE_SHIFT) - 1);
            self.flags
                .store(flags | ((next as u16) << PHASE_SHIFT), Ordering::Relaxed);
            Some(before)
        } else {
            None
        }
    }

    /// [`advance_phase`](Self::advance_phase) for a `Cx`, which the poll may have lent to several threads: of those
    /// that see a request at once, one makes the step.
    pub(crate) fn observe_phase(&self, next: Phase) -> Option<Phase> {
        let mut flags = self.flags.load(Ordering::Relaxed);
        loop {
            let before = Phase::from_u8((flags >> PHASE_SHIFT) as u8)?;
            if !before.may_become(next) {
                return None;
            }
            let kept = flags & ((1 << PHASE_SHIFT) - 1);
            match self.flags.compare_exchange_weak(
                flags,
                kept | ((next as u16) << PHASE_SHIFT),
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return Some(before),
                Err(now) => flags = now,
            }
        }
    }

    /// Who this task is in the tokens of what it sees.
    #[inline]
    pub(crate) fn observer(&self) -> Observer {
        Observer::new(self.path, Arc::as_ptr(&self.region.kernel).addr())
    }

    pub(crate) fn is_polling(&self) -> bool {
        self.state.load().is_polling()
    }

    /// R-OWN-5: only the task that is being polled may use its context, and what was made with it.
    #[inline]
    pub(crate) fn assert_own(&self) {
        if self.is_checked() && !mutant!(ForeignCxAccepted) && self.is_foreign() {
            Misuse::ForeignCx.raise();
        }
    }

    /// Whether somebody else than this task calls, as far as can be told: on several threads the two may be polled at
    /// the same time. A closure that makes the task's future uses the context before the first poll.
    fn is_foreign(&self) -> bool {
        !self.is_polling() || (self.has(POLLED) && self.region.kernel.polls_another(self.path))
    }

    /// What it was named when it was spawned.
    #[cfg(feature = "inspect")]
    pub(crate) fn name(&self) -> Option<&'static str> {
        self.cold_if_any().and_then(|cold| cold.limits.lock().name)
    }

    /// What its poll tells whoever watches.
    #[cfg(feature = "inspect")]
    #[inline]
    pub(crate) fn polled(&self) -> crate::inspect::Polled {
        let (name, own) = self.cold_if_any().map_or((None, None), |cold| {
            let limits = cold.limits.lock();
            (limits.name, limits.deadline)
        });
        let region = self.region.budget.deadline;
        crate::inspect::Polled {
            task: self.path,
            region: self.region.path,
            deadline: own.into_iter().chain(region).min().unwrap_or(Time::MAX),
            name,
            message: None,
        }
    }

    #[cfg(feature = "inspect")]
    pub(crate) fn is_background(&self) -> bool {
        self.has(BACKGROUND)
    }

    #[cfg(feature = "inspect")]
    pub(crate) fn activity(&self) -> crate::inspect::Activity {
        self.state.load().activity()
    }

    #[inline]
    pub(crate) fn is_done(&self) -> bool {
        self.state.load().is_done()
    }

    #[inline]
    pub(crate) fn is_cancelled(&self) -> bool {
        self.state.load().is_cancelled()
    }

    #[inline]
    pub(crate) fn request_yield(&self) {
        self.set(YIELDED);
    }

    /// Whether it matters to anybody what the task does.
    #[inline]
    pub(crate) fn is_observed(&self) -> bool {
        self.has(OBSERVED)
    }

    /// Whether every use of its `Cx` is checked (R-OWN-5).
    #[inline]
    fn is_checked(&self) -> bool {
        self.is_observed() && self.region.kernel.config.check_foreign_cx
    }

    /// One borrowed permit more. Only the polling thread counts, so a load and a store suffice.
    #[inline]
    pub(crate) fn permit_add(&self) {
        let count = self.permits.load(Ordering::Relaxed);
        self.permits
            .store(count.saturating_add(1), Ordering::Relaxed);
    }

    /// One borrowed permit less.
    #[inline]
    pub(crate) fn permit_drop(&self) {
        let count = self.permits.load(Ordering::Relaxed);
        self.permits
            .store(count.saturating_sub(1), Ordering::Relaxed);
    }

    /// The borrowed permits that the body never resolved.
    #[inline]
    pub(super) fn take_permits(&self) -> u32 {
        let held = self.permits.load(Ordering::Relaxed);
        self.permits.store(0, Ordering::Relaxed);
        held
    }

    /// Gives the task a quota of polls; called by its spawner.
    pub(crate) fn limit_polls(&self, quota: u32) {
        self.cold().limits.lock().polls_left = quota;
        self.set(QUOTA);
    }

    pub(crate) fn polls_left(&self) -> u32 {
        match self.has(QUOTA) {
            true => self.cold().limits.lock().polls_left,
            false => u32::MAX,
        }
    }

    pub(crate) fn is_finalizing(&self) -> bool {
        self.has(ENDED)
    }

    /// The cold part, made on first use.
    pub(crate) fn cold(&self) -> &Cold {
        self.cold.get_or_init(|| Box::new(Cold::default()))
    }

    /// [`cold`](Self::cold) for a spawner, which can be refused. `None`: there is no memory.
    pub(crate) fn try_cold(&self) -> Option<&Cold> {
        if self.cold.get().is_none() {
            // By hand, since `Box::new` aborts where memory is out.
            // SAFETY: the cold part has a size.
            let memory = unsafe { alloc::alloc::alloc(Layout::new::<Cold>()) }.cast::<Cold>();
            let memory = NonNull::new(memory)?.as_ptr();
            // SAFETY: freshly allocated for a value of this type.
            unsafe { memory.write(Cold::default()) };
            // SAFETY: the allocator that `Box` uses, with the layout of the value that is in place.
            let _ = self.cold.set(unsafe { Box::from_raw(memory) });
        }
        self.cold.get()
    }

    #[inline]
    pub(crate) fn cold_if_any(&self) -> Option<&Cold> {
        self.cold.get()
    }

    /// Where the task lives; only those that are [`HOMED`] have said so.
    pub(crate) fn residence(&self) -> &Residence {
        &self.cold().residence
    }

    /// The worker whose thread the task may not leave.
    #[inline]
    pub(crate) fn worker(&self) -> Option<usize> {
        (THREADS && self.has(HOMED)).then(|| self.residence().home())
    }

    /// Whether what is in the cell may be dropped on the driver's own thread.
    pub(super) fn may_leave_home(&self) -> bool {
        self.worker().is_none() || (self.residence().is_lazy() && !self.has(POLLED))
    }

    /// The lane it belongs to, read when it is queued.
    #[inline]
    pub(crate) fn lane(&self) -> Lane {
        let snapshot = self.state.load();
        let cancelling = self.phase() != Phase::Running
            || snapshot.has_news()
            || snapshot.is_cancelled()
            || self.region.word.is_cancelled();
        if cancelling {
            Lane::Cancel
        } else if self.has(TIMED) {
            Lane::Timed
        } else {
            Lane::Ready
        }
    }

    pub(crate) fn deadline(&self) -> Time {
        let own = self.cold_if_any().and_then(Cold::deadline);
        let region = self.region.budget.deadline;
        match (own, region) {
            (Some(a), Some(b)) => a.min(b),
            (Some(t), None) | (None, Some(t)) => t,
            (None, None) => Time::MAX,
        }
    }
}

/// The typed steps, one table per type of future.
pub(crate) struct VTable {
    /// Polls the future. `Ready` leaves the outcome stored. Panics pass through.
    poll: unsafe fn(NonNull<Header>, &mut Context<'_>) -> Poll<()>,
    /// Drops the future, if it is still there, and stores this outcome. Panics of the drop pass through.
    end: unsafe fn(NonNull<Header>, Ended),
    /// What the stored outcome is.
    outcome: unsafe fn(NonNull<Header>) -> OutcomeAt,
    /// Drops the outcome nobody will ask for; an error goes to the region.
    discard: unsafe fn(NonNull<Header>),
    /// Frees the cell.
    free: unsafe fn(NonNull<Header>),
}

/// How a body ended when it was not by returning.
pub(crate) enum Ended {
    Cancelled(CancelReason),
    Panicked(PanicPayload),
}

/// An outcome in its cell, without what only its type says.
enum OutcomeAt {
    Ok,
    Err,
    Cancelled(NonNull<CancelReason>),
    Panicked(NonNull<PanicPayload>),
}

/// What the policy needs to know of an outcome. Two words, which travel in registers.
pub(crate) enum Summary {
    Ok,
    Err,
    Cancelled(CancelReason),
    Panicked(PanicPayload),
}

impl Summary {
    /// # Safety
    /// The cell is alive, and nobody changes its outcome meanwhile.
    unsafe fn of(outcome: OutcomeAt) -> Self {
        match outcome {
            OutcomeAt::Ok => Self::Ok,
            OutcomeAt::Err => Self::Err,
            // SAFETY: as the caller promises.
            OutcomeAt::Cancelled(reason) => Self::Cancelled(unsafe { reason.as_ref() }.clone()),
            // SAFETY: as the caller promises.
            OutcomeAt::Panicked(payload) => Self::Panicked(unsafe { payload.as_ref() }.clone()),
        }
    }

    pub(crate) fn severity(&self) -> Severity {
        match self {
            Self::Ok => Severity::Ok,
            Self::Err => Severity::Err,
            Self::Cancelled(_) => Severity::Cancelled,
            Self::Panicked(_) => Severity::Panicked,
        }
    }

    pub(crate) fn reason(&self) -> Option<&CancelReason> {
        match self {
            Self::Cancelled(reason) => Some(reason),
            _ => None,
        }
    }
}

pub(super) enum Stage<F, T, E> {
    Body(F),
    /// `None`: the closure has not given its future yet, or the outcome was taken.
    Outcome(Option<Outcome<T, E>>),
}

#[repr(C)]
pub(super) struct Cell<F, T, E> {
    pub(super) header: Header,
    pub(super) stage: UnsafeCell<Stage<F, T, E>>,
}

/// What a cell of one type is to whom does not know the type.
#[derive(Clone, Copy)]
pub(crate) struct Kind {
    /// Begins with a [`Header`].
    layout: Layout,
    /// For what lies behind the header.
    vtable: &'static VTable,
}

impl<F, T, E> Cell<F, T, E>
where
    F: Future<Output = Result<T, E>>,
    E: TaskError,
{
    const VTABLE: VTable = VTable {
        poll: Self::poll,
        end: Self::end,
        outcome: Self::outcome,
        discard: Self::discard,
        free: Self::free,
    };

    pub(super) const KIND: Kind = Kind {
        layout: Layout::new::<Self>(),
        vtable: &Self::VTABLE,
    };

    /// Writes what lies behind the header: no future yet.
    ///
    /// # Safety
    /// `header` is what [`Header::allocate`] gave for this type's `KIND`, and nobody else knows it.
    pub(super) unsafe fn init_stage(header: NonNull<Header>) {
        let cell = header.cast::<Self>().as_ptr();
        // SAFETY: freshly allocated for a value of this type.
        unsafe { (&raw mut (*cell).stage).write(UnsafeCell::new(Stage::Outcome(None))) };
    }

    /// # Safety
    /// `header` is the front of a live cell of exactly this type (it came from `allocate`).
    unsafe fn stage<'a>(header: NonNull<Header>) -> *mut Stage<F, T, E>
    where
        F: 'a,
    {
        // SAFETY: `repr(C)` puts the header first, and the caller vouches for the type.
        unsafe { header.cast::<Self>().as_ref() }.stage.get()
    }

    /// Puts the future in place.
    ///
    /// # Safety
    /// As for `stage`; the caller constructs the task and nobody else has seen it.
    pub(super) unsafe fn place(header: NonNull<Header>, future: F) {
        // SAFETY: exclusive by the caller's contract; the stage is empty, so nothing is to be dropped.
        unsafe { Self::stage(header).write(Stage::Body(future)) };
    }

    /// # Safety
    /// As for `stage`; the caller holds `POLLING`.
    unsafe fn poll(header: NonNull<Header>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: `POLLING` gives exclusive access to the stage.
        let stage = unsafe { &mut *Self::stage(header) };
        let Stage::Body(future) = stage else {
            return Poll::Ready(());
        };
        // SAFETY: the cell is a heap box that never moves, and the future is dropped in place.
        let result = core::task::ready!(unsafe { Pin::new_unchecked(future) }.poll(cx));
        // SAFETY: the cell is alive.
        let header = unsafe { header.as_ref() };
        let outcome = match result {
            Ok(value) => {
                let lost = mutant!(LateValueLost).then(|| header.cancel_reason());
                lost.flatten()
                    .map_or(Outcome::Ok(value), Outcome::Cancelled)
            }
            Err(error) => match header.cancelled_by(error.cancelled()) {
                Some(reason) => Outcome::Cancelled(reason),
                None => Outcome::Err(error),
            },
        };
        *stage = Stage::Outcome(Some(outcome));
        Poll::Ready(())
    }

    /// # Safety
    /// As for `poll`.
    unsafe fn end(header: NonNull<Header>, ended: Ended) {
        // SAFETY: `POLLING` gives exclusive access to the stage.
        let stage = unsafe { &mut *Self::stage(header) };
        let outcome = match ended {
            Ended::Cancelled(reason) => Outcome::Cancelled(reason),
            Ended::Panicked(payload) => Outcome::Panicked(payload),
        };
        // The old stage is dropped by the assignment, which writes the new one even if that drop
        // panics.
        *stage = Stage::Outcome(Some(outcome));
    }

    /// # Safety
    /// As for `poll`.
    unsafe fn outcome(header: NonNull<Header>) -> OutcomeAt {
        // SAFETY: as the caller promises.
        match unsafe { &*Self::stage(header) } {
            Stage::Outcome(Some(Outcome::Err(_))) => OutcomeAt::Err,
            Stage::Outcome(Some(Outcome::Cancelled(reason))) => OutcomeAt::Cancelled(reason.into()),
            Stage::Outcome(Some(Outcome::Panicked(payload))) => OutcomeAt::Panicked(payload.into()),
            Stage::Outcome(Some(Outcome::Ok(_)) | None) | Stage::Body(_) => OutcomeAt::Ok,
        }
    }

    /// # Safety
    /// As for `stage`; the caller owns the outcome (see the module table).
    unsafe fn discard(header: NonNull<Header>) {
        // SAFETY: the caller owns the outcome.
        if let Some(Outcome::Err(error)) = unsafe { Self::take(header) } {
            // SAFETY: the cell is alive.
            unsafe { header.as_ref() }
                .region
                .offer_error(Box::new(error));
        }
    }

    /// # Safety
    /// As for `stage`; the caller dropped the last reference, or has not shown the cell to anybody.
    unsafe fn free(header: NonNull<Header>) {
        // SAFETY: the cell is alive until the next statement.
        let linked = unsafe { header.as_ref() }.membership.is_linked();
        debug_assert!(!linked, "a task is freed while its region's list has it");
        // SAFETY: the last reference is gone; `allocate` took the memory from where `Box` gives it back.
        drop(unsafe { Box::from_raw(header.cast::<Self>().as_ptr()) });
    }

    /// Takes the outcome.
    ///
    /// # Safety
    /// As for `discard`.
    pub(super) unsafe fn take(header: NonNull<Header>) -> Option<Outcome<T, E>> {
        // SAFETY: the caller owns the outcome.
        match unsafe { &mut *Self::stage(header) } {
            Stage::Outcome(outcome) => outcome.take(),
            Stage::Body(_) => None,
        }
    }
}

/// Steps of a cell whose type is known only to its table.
pub(super) mod erased {
    use super::{Ended, Header, Summary};
    use core::ptr::NonNull;
    use core::task::{Context, Poll, Waker};

    /// # Safety
    /// The caller holds `POLLING` of this live cell.
    pub(in crate::task) unsafe fn poll(header: NonNull<Header>, cx: &mut Context<'_>) -> Poll<()> {
        // SAFETY: forwarded.
        unsafe { (header.as_ref().vtable.poll)(header, cx) }
    }

    /// # Safety
    /// As for `poll`.
    pub(in crate::task) unsafe fn end(header: NonNull<Header>, ended: Ended) {
        // SAFETY: forwarded.
        unsafe { (header.as_ref().vtable.end)(header, ended) }
    }

    /// # Safety
    /// As for `poll`.
    pub(in crate::task) unsafe fn summary(header: NonNull<Header>) -> Summary {
        // SAFETY: forwarded; `POLLING` is also what keeps the outcome as it is.
        unsafe { Summary::of((header.as_ref().vtable.outcome)(header)) }
    }

    /// # Safety
    /// The caller owns the outcome: it completed the task and there is no handle, or it is the handle.
    pub(in crate::task) unsafe fn discard(header: NonNull<Header>) {
        // SAFETY: forwarded.
        unsafe { (header.as_ref().vtable.discard)(header) }
    }

    /// # Safety
    /// The caller dropped the last reference, or gives up all of them.
    pub(in crate::task) unsafe fn free(header: NonNull<Header>) {
        // SAFETY: forwarded.
        unsafe { (header.as_ref().vtable.free)(header) }
    }

    /// # Safety
    /// The caller completed the task and saw `JOIN_WAKER`, or it is the joiner and the bit is clear.
    pub(in crate::task) unsafe fn join_waker<'a>(header: NonNull<Header>) -> &'a mut Option<Waker> {
        // SAFETY: exclusive by the caller's contract.
        unsafe { &mut *header.as_ref().join.get() }
    }
}
