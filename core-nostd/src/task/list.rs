//! The member list of a region: the tasks in it that have waited at least once.
//!
//! Membership is lazy: a task is linked when it first goes idle, so work that never waits never
//! touches a list. Every access is under the region's lock, which owns the [`MemberList`].

use core::cell::Cell;
use core::fmt;
use core::ptr::NonNull;

use super::cell::Header;
use super::reference::Runnable;
use super::state::{State, SweepAction, WakeAction};
use crate::mutants::mutant;
use crate::sync::atomic::{AtomicU8, Ordering};

/// A member's links; used only under the lock of the region that owns the list.
pub(super) struct Links {
    previous: Cell<Option<NonNull<Header>>>,
    next: Cell<Option<NonNull<Header>>>,
}

impl Links {
    pub(super) const fn new() -> Self {
        Self {
            previous: Cell::new(None),
            next: Cell::new(None),
        }
    }
}

/// Whether a task is in its region's list, and whether it ever was. Written under the region's lock, and
/// looked at by the task without it.
pub(super) struct Membership(AtomicU8);

impl Membership {
    const LINKED: u8 = 1 << 0;
    const WAS_LINKED: u8 = 1 << 1;

    pub(super) fn new() -> Self {
        Self(AtomicU8::new(0))
    }

    #[inline]
    pub(super) fn is_linked(&self) -> bool {
        self.0.load(Ordering::Relaxed) & Self::LINKED != 0
    }

    /// Somebody may still be looking at the task under the region's lock.
    #[inline]
    pub(super) fn was_linked(&self) -> bool {
        self.0.load(Ordering::Relaxed) & Self::WAS_LINKED != 0
    }

    fn join(&self) {
        self.0
            .store(Self::LINKED | Self::WAS_LINKED, Ordering::Relaxed);
    }

    fn leave(&self) {
        self.0.store(Self::WAS_LINKED, Ordering::Relaxed);
    }
}

/// A task on its way into or out of its region's member list.
pub(crate) struct Member(NonNull<Header>);

impl Member {
    /// # Safety
    /// `task` is alive, and stays alive, by the runtime's reference, for as long as it is linked.
    /// It is linked into and unlinked from the list of its own region only.
    pub(super) unsafe fn new(task: NonNull<Header>) -> Self {
        Self(task)
    }

    pub(super) fn into_raw(self) -> NonNull<Header> {
        self.0
    }
}

/// A member that was told something.
pub(crate) enum Told {
    /// It was idle: the teller has its queue slot.
    Runnable(Runnable),
    /// It is queued or being polled, and will look by itself.
    Already,
}

/// A doubly linked list through the task headers, oldest member first. It holds no reference:
/// a task leaves the list before the runtime gives up its own.
#[derive(Default)]
pub(crate) struct MemberList {
    first: Option<NonNull<Header>>,
    last: Option<NonNull<Header>>,
    len: usize,
}

// SAFETY: the list is data of its region's lock; the links it reaches are touched only under it.
unsafe impl Send for MemberList {}

impl fmt::Debug for MemberList {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} members", self.len)
    }
}

impl MemberList {
    /// Links a task; a no-op if it is linked.
    pub(crate) fn link(&mut self, member: &Member) {
        let task = member.0;
        // SAFETY: alive, by the contract of `Member::new`.
        let header = unsafe { task.as_ref() };
        if header.membership.is_linked() {
            return;
        }
        header.membership.join();
        header.member.previous.set(self.last);
        header.member.next.set(None);
        match self.last {
            // SAFETY: members are alive while linked.
            Some(last) => unsafe { last.as_ref() }.member.next.set(Some(task)),
            None => self.first = Some(task),
        }
        self.last = Some(task);
        self.len += 1;
    }

    /// Unlinks a task; a no-op if it is not linked.
    pub(crate) fn unlink(&mut self, member: &Member) {
        // SAFETY: alive, by the contract of `Member::new`.
        let header = unsafe { member.0.as_ref() };
        if !header.membership.is_linked() {
            return;
        }
        header.membership.leave();
        let (previous, next) = (header.member.previous.take(), header.member.next.take());
        match previous {
            // SAFETY: members are alive while linked.
            Some(previous) => unsafe { previous.as_ref() }.member.next.set(next),
            None => self.first = next,
        }
        match next {
            // SAFETY: members are alive while linked.
            Some(next) => unsafe { next.as_ref() }.member.previous.set(previous),
            None => self.last = previous,
        }
        self.len -= 1;
    }

    /// Takes the oldest member out and tells it that its region was cancelled.
    pub(crate) fn tell_news(&mut self) -> Option<Told> {
        self.tell(State::transition_to_news)
    }

    /// Takes the oldest member out and has it dropped where it waits.
    pub(crate) fn tell_forced(&mut self) -> Option<Told> {
        self.tell(State::transition_to_forced)
    }

    fn tell(&mut self, transition: fn(&State) -> WakeAction) -> Option<Told> {
        // Unlinked first: a poll that the transition causes must find itself out of the list, or it
        // would wait outside of it.
        let member = self.take_first()?;
        // SAFETY: alive until the lock is released: the list stood for the runtime's reference, and
        // `complete` takes the lock for every task that was ever linked.
        let header = unsafe { member.0.as_ref() };
        debug_assert!(!header.is_done(), "a member was told after its end");
        Some(match transition(&header.state) {
            // SAFETY: the transition gave us the queue slot.
            WakeAction::Schedule => Told::Runnable(unsafe { Runnable::from_raw(member.0) }),
            WakeAction::Nothing => Told::Already,
        })
    }

    /// Takes the oldest member out and claims it for the sweep.
    pub(crate) fn sweep_first(&mut self) -> Option<(Member, SweepAction)> {
        let member = self.take_first()?;
        // SAFETY: alive, as in `tell`.
        let header = unsafe { member.0.as_ref() };
        if !header.may_leave_home() {
            // Its worker has it in a list of its own, and drops it; if that was forgotten, nobody does.
            return Some((member, SweepAction::Leave));
        }
        let action = Self::claim(&header.state);
        Some((member, action))
    }

    /// Takes this task out, if it is in, and claims it for the sweep of its home.
    pub(crate) fn sweep(&mut self, member: &Member) -> SweepAction {
        self.unlink(member);
        // SAFETY: alive, by the contract of `Member::new`.
        Self::claim(unsafe { &member.0.as_ref().state })
    }

    fn claim(state: &State) -> SweepAction {
        let action = state.transition_to_swept();
        if action == SweepAction::EndBorrowed {
            // `complete` gives up one reference; the `Runnable` will give up its own.
            state.reference_add();
        }
        action
    }

    /// Links a task whose queue slot is given up without a poll; it counts as idle then. `false`:
    /// the sweep has claimed it, so the slot's reference has to be dropped instead.
    ///
    /// Under one lock with the claim. Linked before the slot is free: from then on a wake may have the
    /// task polled to its end elsewhere.
    #[must_use]
    pub(crate) fn link_unqueued(&mut self, member: &Member) -> bool {
        // SAFETY: alive, by the contract of `Member::new`.
        let state = unsafe { &member.0.as_ref().state };
        let now = state.load();
        if (now.is_polling() && !mutant!(AbandonIgnoresSweep)) || now.is_done() {
            return false;
        }
        self.link(member);
        state.transition_to_unqueued();
        true
    }

    /// Takes the oldest member out.
    fn take_first(&mut self) -> Option<Member> {
        let first = Member(self.first?);
        self.unlink(&first);
        Some(first)
    }
}
