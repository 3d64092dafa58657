//! `RegionCore`: the shared state of a region, reached by its children, its host and its timers.
//!
//! Owns the gate, the cancel word, the member list, the ledger and the tally, and the ways a request
//! to stop travels. It polls nothing: closing is driven by [`Closing`](super::closing::Closing) in
//! the host's task.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::any::Any;
use core::fmt;
use core::task::Waker;
use core::time::Duration;

use super::capability::Capabilities;
use super::gate::Gate;
use super::report::{ChildEnd, Ending, Policy, RegionReport, Tally};
use crate::budget::Budget;
use crate::cancel::{CancelKind, CancelReason};
use crate::cancel_word::CancelWord;
use crate::diagnostic::Diagnostic;
use crate::finalize::{FinalizerTally, Finalizers};
use crate::kernel::{Alarm, Kernel, LeakResponse};
use crate::mutants::mutant;
use crate::obligation::{Entry, Ledger, ObligationId, ObligationKind, Settle};
use crate::outcome::PanicPayload;
use crate::path::{Parent, PathId};
use crate::queue::Fifo;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::task::{Member, MemberList, SweepAction, TaskRef, Told};
use crate::time::Time;
use crate::timer::TimerKey;
use crate::trace::EventKind;

/// How many members are told per hold of the region's lock.
const TELL_BATCH: usize = 32;

/// Where a region is on its way to closed; it only moves forward.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum RegionState {
    /// The body runs; spawns are admitted.
    Open = 0,
    /// The body returned; children run on.
    Closing = 1,
    /// It was asked to stop; children drain.
    Draining = 2,
    /// Children are gone; finalizers run.
    Finalizing = 3,
    /// Nothing is left.
    Closed = 4,
}

pub(crate) struct RegionCore {
    pub(crate) kernel: Arc<Kernel>,
    pub(crate) path: PathId,
    parent: Mutex<Option<Arc<RegionCore>>>,
    pub(crate) gate: Gate,
    pub(crate) word: CancelWord,
    pub(crate) budget: Budget,
    pub(super) policy: Policy,
    keeps_records: bool,
    pub(crate) leak_response: LeakResponse,
    pub(crate) capabilities: Arc<Capabilities>,
    /// Numbers what is made in the region from outside any task.
    ordinal: AtomicU32,
    inner: Mutex<Inner>,
}

#[derive(Default)]
struct Inner {
    state: State,
    members: MemberList,
    /// The task whose poll runs the body or the closing.
    host: Option<TaskRef>,
    /// Wakes the closing.
    closer: Option<Waker>,
    finalizers: Finalizers,
    /// Made for the first obligation that is owned.
    ledger: Option<Box<Ledger>>,
    /// Made for the first thing to count: children that only end well are counted by the gate.
    tally: Option<Box<Tally>>,
    deadline_timer: Option<TimerKey>,
    force_timer: Option<TimerKey>,
}

impl Inner {
    fn tally(&mut self) -> &mut Tally {
        self.tally.get_or_insert_default()
    }

    fn open_obligations(&self) -> usize {
        self.ledger.as_ref().map_or(0, |ledger| ledger.len())
    }
}

struct State(RegionState);

impl Default for State {
    fn default() -> Self {
        Self(RegionState::Open)
    }
}

impl fmt::Debug for RegionCore {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "region {}", self.path)
    }
}

impl RegionCore {
    pub(crate) fn new(
        kernel: Arc<Kernel>,
        path: PathId,
        parent: Option<Arc<RegionCore>>,
        settings: super::Settings,
    ) -> Arc<Self> {
        let gate = Gate::new(kernel.drivers());
        let region = Arc::new(Self {
            kernel,
            path,
            parent: Mutex::new(parent),
            gate,
            word: CancelWord::default(),
            budget: settings.budget,
            policy: settings.policy,
            keeps_records: settings.keeps_records,
            leak_response: settings.leak_response,
            capabilities: settings.capabilities,
            ordinal: AtomicU32::new(0),
            inner: Mutex::new(Inner::default()),
        });
        region.kernel.inspect.opened(&region);
        region
    }

    /// The task that hosts it, and what is in its ledger.
    #[cfg(feature = "inspect")]
    pub(crate) fn inside(&self) -> (Option<PathId>, alloc::vec::Vec<Entry>) {
        let inner = self.inner.lock();
        let host = inner.host.as_ref().map(|host| host.path);
        let ledger = inner.ledger.as_ref();
        (
            host,
            ledger.map(|ledger| ledger.entries()).unwrap_or_default(),
        )
    }

    pub(crate) fn parent(&self) -> Option<Arc<RegionCore>> {
        self.parent.lock().clone()
    }

    pub(crate) fn as_parent(&self) -> Parent<'_> {
        Parent::new(self.path, &self.ordinal)
    }

    pub(crate) fn state(&self) -> RegionState {
        self.inner.lock().state.0
    }

    /// Moves forward to `next`; a region that is past it stays where it is.
    pub(crate) fn advance(&self, next: RegionState) {
        let mut inner = self.inner.lock();
        if inner.state.0 >= next {
            return;
        }
        inner.state.0 = next;
        drop(inner);
        self.kernel.emit(
            EventKind::RegionState,
            self.path,
            self.path.as_u64(),
            || next as u64,
        );
    }

    pub(crate) fn set_host(&self, host: Option<TaskRef>) {
        let before = core::mem::replace(&mut self.inner.lock().host, host);
        drop(before);
    }

    /// Watches the region's own deadline.
    pub(crate) fn watch_deadline(self: &Arc<Self>, deadline: Time) {
        let key = self
            .kernel
            .insert_region_alarm(deadline, self, Alarm::RegionDeadline);
        self.inner.lock().deadline_timer = Some(key);
    }

    // ------------------------------------------------------------ cancel

    /// Asks the region to stop, on its own account.
    pub(crate) fn cancel_itself(
        self: &Arc<Self>,
        kind: CancelKind,
        message: impl Into<alloc::borrow::Cow<'static, str>>,
    ) {
        let reason = CancelReason::new(kind, self.path, self.kernel.now(), message);
        self.request_cancel(reason, Time::MAX);
    }

    /// Asks the region to stop (R-CAN-1). Idempotent; only a stronger request, or less time, changes anything.
    ///
    /// The order is what makes it reach everybody: the word first, then the gate, then the list. A
    /// task being admitted sees the gate; one that links itself re-reads the word; one that is linked is
    /// told; one that is queued reads the word when it is dispatched.
    pub(crate) fn request_cancel(self: &Arc<Self>, reason: CancelReason, limit: Time) {
        if self.state() == RegionState::Closed {
            return;
        }
        let kind = reason.kind();
        let config = &self.kernel.config;
        let asked = self.word.request(reason, limit, config);
        let Some(force_at) = asked.or_else(|| self.word.hasten(limit)) else {
            return;
        };
        if asked.is_some() {
            self.kernel.emit(
                EventKind::CancelRequested,
                self.path,
                self.path.as_u64(),
                || kind as u64,
            );
            if !mutant!(ClosingStillOpen) {
                let _ = self.gate.close();
            }
            self.advance(RegionState::Draining);
        }
        let alarm = self
            .kernel
            .insert_region_alarm(force_at, self, Alarm::RegionForce);
        let mut inner = self.inner.lock();
        // Requests may come here in another order than to the word, which knows whose time counts.
        // A region that closed meanwhile has taken its timers out.
        let ended = inner.state.0 == RegionState::Closed;
        let is_late = self.word.force_at() != force_at;
        let unwanted = if ended || (is_late && !mutant!(LaterForceTimerWins)) {
            Some(alarm)
        } else {
            inner.force_timer.replace(alarm)
        };
        let host = inner.host.clone();
        drop(inner);
        self.kernel.cancel_timer(unwanted);
        if !mutant!(CancelMissesIdle) {
            self.tell_members(MemberList::tell_news);
        }
        if let Some(host) = host {
            host.news();
        }
    }

    /// The cleanup budget is spent: drops what has not drained (R-CAN-4).
    pub(crate) fn force(self: &Arc<Self>) {
        if mutant!(NeverForced) || !self.word.mark_forced() {
            return;
        }
        self.tell_members(MemberList::tell_forced);
        let host = self.inner.lock().host.clone();
        if let Some(host) = host {
            host.news();
        }
    }

    /// Tells every member, a bounded batch per hold of the lock. A told member leaves the list: it
    /// is about to be dispatched, and links itself again if it waits again. Members that join
    /// meanwhile read the word themselves.
    fn tell_members(&self, tell: fn(&mut MemberList) -> Option<Told>) {
        if self.kernel.is_dead() {
            // Nobody polls any more: who is told would come back to the list, and the sweep takes them all.
            return;
        }
        loop {
            let mut runnable = Fifo::new();
            let mut inner = self.inner.lock();
            let mut told = 0;
            while told < TELL_BATCH {
                match tell(&mut inner.members) {
                    Some(Told::Runnable(task)) => runnable.push_back(task),
                    Some(Told::Already) => {}
                    None => break,
                }
                told += 1;
            }
            drop(inner);
            while let Some(task) = runnable.pop_front() {
                self.kernel.schedule(task);
            }
            if told < TELL_BATCH {
                return;
            }
        }
    }

    // ------------------------------------------------------------ members

    /// Links a task that is about to wait, and returns the cancel word as it is after that.
    pub(crate) fn enrol(&self, task: &Member) -> u32 {
        if mutant!(EnrolLooksFirst) {
            let word = self.word.load();
            self.inner.lock().members.link(task);
            return word;
        }
        self.inner.lock().members.link(task);
        self.word.load()
    }

    /// Takes a member out and claims it, for the sweep.
    pub(crate) fn sweep_member(&self) -> Option<(Member, SweepAction)> {
        self.inner.lock().members.sweep_first()
    }

    /// Claims a member, or one that never waited, for the sweep of its home.
    pub(crate) fn sweep_this(&self, task: &Member) -> SweepAction {
        self.inner.lock().members.sweep(task)
    }

    /// Links a task whose queue slot is given up. `false`: the sweep has claimed it.
    #[must_use]
    pub(crate) fn link_unqueued(&self, task: &Member) -> bool {
        self.inner.lock().members.link_unqueued(task)
    }

    /// A child is gone.
    #[inline]
    pub(crate) fn exit(&self, background: bool) {
        if self
            .gate
            .exit(background, || self.kernel.driver())
            .is_some()
        {
            self.wake_closer();
        }
    }

    /// The last touch of the region by a child: take the waker, then wake.
    fn wake_closer(&self) {
        let waker = self.inner.lock().closer.take();
        match waker {
            Some(waker) => self.kernel.wake(waker),
            // Nobody waits here yet; at the root nobody ever does, but its driver looks when it is awake.
            None => self.kernel.interrupt(),
        }
    }

    pub(crate) fn set_closer(&self, waker: &Waker) {
        let mut inner = self.inner.lock();
        if inner.closer.as_ref().is_some_and(|w| w.will_wake(waker)) {
            return;
        }
        let before = inner.closer.replace(waker.clone());
        drop(inner);
        drop(before);
    }

    // ------------------------------------------------------------ outcomes

    /// A child ended: count it, and unlink it if it was ever linked. `true`: the policy has its siblings
    /// cancelled, which the caller does once the region has the child's error.
    #[inline]
    #[must_use]
    pub(crate) fn child_ended(&self, end: ChildEnd, member: Option<Member>) -> bool {
        let is_plain = end.closer || (end.is_plain() && !self.keeps_records);
        if is_plain && !end.closer {
            self.gate.count_ended_well(|| self.kernel.driver());
        }
        if is_plain && member.is_none() {
            return false;
        }
        let mut inner = self.inner.lock();
        if let Some(member) = member {
            inner.members.unlink(&member);
        }
        if is_plain {
            return false;
        }
        let keeps_records = self.keeps_records;
        inner.tally().count(&end, self.policy, keeps_records)
    }

    /// Keeps the first error that nobody joined for.
    pub(crate) fn offer_error(&self, error: Box<dyn Any + Send>) {
        let mut inner = self.inner.lock();
        let closed = inner.state.0 == RegionState::Closed;
        let refused = if closed || inner.tally().first_error.is_some() {
            Some(error)
        } else {
            inner.tally().first_error.replace(error)
        };
        drop(inner);
        drop(refused);
    }

    pub(crate) fn finalizers_done(&self, tally: FinalizerTally) {
        self.inner.lock().tally().count_finalizers(tally);
    }

    pub(crate) fn drop_panicked(&self, payload: PanicPayload) {
        self.kernel.report(&Diagnostic::DropPanicked {
            region: self.path,
            payload,
        });
    }

    pub(crate) fn count_adopted(&self) {
        self.inner.lock().tally().report.adopted += 1;
    }

    pub(crate) fn count_forced(&self) {
        self.kernel.stats.forced.fetch_add(1, Ordering::Relaxed);
        self.inner.lock().tally().report.forced += 1;
    }

    pub(crate) fn take_ending(&self) -> Ending {
        Ending {
            ok: self.gate.ended_well(),
            tally: self.inner.lock().tally.take(),
        }
    }

    pub(crate) fn report(&self) -> RegionReport {
        let mut report = self.inner.lock().tally().report.clone();
        report.ok += self.gate.ended_well();
        report
    }

    // ------------------------------------------------------------ finalizers and obligations

    pub(crate) fn with_finalizers<R>(&self, f: impl FnOnce(&mut Finalizers) -> R) -> R {
        f(&mut self.inner.lock().finalizers)
    }

    pub(crate) fn enter_obligation(&self, entry: Entry) -> Option<ObligationId> {
        let mut inner = self.inner.lock();
        let id = inner.ledger.get_or_insert_default().enter(entry)?;
        drop(inner);
        self.kernel
            .emit(EventKind::Reserved, entry.task, entry.path.as_u64(), || {
                entry.kind as u64
            });
        Some(id)
    }

    pub(crate) fn has_obligation(&self, id: ObligationId) -> bool {
        let inner = self.inner.lock();
        inner
            .ledger
            .as_ref()
            .is_some_and(|ledger| ledger.contains(id))
    }

    /// Keeps a ledger entry from being revoked. `false`: it was revoked before.
    pub(crate) fn begin_obligation(&self, id: ObligationId, patience: Duration) -> bool {
        let mut inner = self.inner.lock();
        inner
            .ledger
            .as_mut()
            .is_some_and(|ledger| ledger.begin(id, patience))
    }

    pub(crate) fn open_obligations(&self) -> usize {
        self.inner.lock().open_obligations()
    }

    /// Closes a ledger entry. `false`: it was revoked before.
    pub(crate) fn resolve_obligation(&self, id: ObligationId, committed: bool) -> bool {
        let mut inner = self.inner.lock();
        let resolved = inner.ledger.as_mut().and_then(|ledger| ledger.resolve(id));
        let Some(entry) = resolved else {
            return false;
        };
        self.kernel.inspect.owned(entry.path);
        let emptied = inner.open_obligations() == 0;
        drop(inner);
        let kind = if committed {
            EventKind::Committed
        } else {
            EventKind::Aborted
        };
        self.kernel
            .emit(kind, entry.task, entry.path.as_u64(), || entry.kind as u64);
        if emptied {
            self.wake_closer();
        }
        true
    }

    /// What settles the ledger; `None`: there is none.
    pub(crate) fn settle(&self) -> Option<Settle> {
        let inner = self.inner.lock();
        inner.ledger.as_ref().and_then(|ledger| ledger.settle())
    }

    /// Gives up on what is still open (R-OBL-2), but for commits that are under way.
    pub(crate) fn revoke_obligations(&self) {
        let mut inner = self.inner.lock();
        let entries = inner.ledger.as_mut().map(|ledger| ledger.revoke_all());
        drop(inner);
        for entry in entries.into_iter().flatten() {
            self.kernel
                .emit(EventKind::Leaked, entry.task, entry.path.as_u64(), || {
                    entry.kind as u64
                });
            self.kernel.inspect.leaked_token(self, &entry);
            let age = self.kernel.now().saturating_since(entry.since);
            self.leaked(entry.task, entry.kind, 1, Some(age));
        }
    }

    /// Gives up on operations of the host that were waited for long enough (R-IO-2). Returns how long the
    /// next one is to be waited for, counted from the same time.
    pub(crate) fn abandon_obligations(&self, waited: Duration) -> Option<Duration> {
        let mut inner = self.inner.lock();
        let ledger = inner.ledger.as_mut()?;
        let entries = ledger.abandon_all(waited);
        let next = ledger.least_patience();
        if !entries.is_empty() {
            inner.tally().report.abandoned += entries.len() as u64;
        }
        drop(inner);
        let counter = &self.kernel.stats.abandoned;
        counter.fetch_add(entries.len(), Ordering::Relaxed);
        for entry in entries {
            self.kernel.inspect.owned(entry.path);
            self.kernel
                .emit(EventKind::Revoked, entry.task, entry.path.as_u64(), || {
                    entry.kind as u64
                });
            self.kernel.report(&Diagnostic::Abandoned {
                region: self.path,
                task: entry.task,
                kind: entry.kind,
                age: self.kernel.now().saturating_since(entry.since),
            });
        }
        next
    }

    /// A task ended with borrowed permits that were forgotten, not dropped.
    pub(crate) fn permits_leaked(&self, task: PathId, count: u32) {
        self.kernel
            .emit(EventKind::Leaked, task, task.as_u64(), || {
                ObligationKind::SendPermit as u64
            });
        self.kernel.inspect.leaked_permits(self, task, count);
        self.leaked(task, ObligationKind::SendPermit, u64::from(count), None);
    }

    fn leaked(&self, task: PathId, kind: ObligationKind, count: u64, age: Option<Duration>) {
        let leaked = &self.kernel.stats.leaked;
        leaked.fetch_add(
            usize::try_from(count).unwrap_or(usize::MAX),
            Ordering::Relaxed,
        );
        let diagnostic = Diagnostic::Leaked {
            region: self.path,
            task,
            kind,
            count,
            age,
        };
        let mut inner = self.inner.lock();
        inner.tally().report.leaked += count;
        if self.leak_response == LeakResponse::Panic {
            // The numbers are in the diagnostic: formatting them here would bring the machinery for it into
            // the smallest firmware.
            let text = "an obligation was never resolved; the diagnostic says whose";
            let payload = || PanicPayload::from_message(text);
            inner.tally().first_panic.get_or_insert_with(payload);
        }
        drop(inner);
        if self.leak_response != LeakResponse::Silent {
            self.kernel.report(&diagnostic);
        }
    }

    /// Nothing is left: the end of the region.
    pub(crate) fn closed(&self) {
        self.advance(RegionState::Closed);
        self.kernel.inspect.closed(self.path);
        let mut inner = self.inner.lock();
        let timers = &[inner.deadline_timer.take(), inner.force_timer.take()];
        let (host, closer) = (inner.host.take(), inner.closer.take());
        drop(inner);
        drop((host, closer));
        for timer in timers {
            self.kernel.cancel_timer(*timer);
        }
    }
}

impl Drop for RegionCore {
    /// Lets go of the ancestors one by one: a deep tree must not be freed by recursion.
    fn drop(&mut self) {
        let mut next = self.parent.lock().take();
        while let Some(parent) = next {
            // Looked at in place, not moved on: a region is large for a small stack.
            let last = Arc::into_inner(parent);
            next = last.as_ref().and_then(|core| core.parent.lock().take());
        }
    }
}
