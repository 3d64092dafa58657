//! The state word of a task: every atomic transition of the cell is a method here.
//!
//! Owns the bits and their orderings; callers hold no ordering knowledge. It does not know what a
//! future, a queue or a region is.
//!
//! One word holds flags and a reference count:
//!
//! | bit | set by | cleared by | meaning |
//! |---|---|---|---|
//! | `SCHEDULED` | wake, cancel news, spawn, yield | start of a poll | is in a queue, or must be queued when the poll ends |
//! | `POLLING` | start of a poll | end of a poll, completion | one driver has exclusive access to the future |
//! | `DONE` | completion | never | the outcome is stored; the future is gone |
//! | `NEWS` | cancel news | start of a poll | cancellation must be pushed into the task's scopes before it is polled |
//! | `CANCELLED` | `Task::cancel`, deadline, quota | never | this task itself was asked to stop |
//! | `FORCED` | cleanup budget spent | never | the next dispatch drops the future |
//! | `HANDLE` | spawn | drop of the handle | somebody may still ask for the outcome |
//! | `JOIN_WAKER` | joiner | joiner, while not `DONE` | the join waker is full and belongs to the completer |
//!
//! References: one of the runtime (queue slot, poll or idle list; released at completion), one of
//! the handle, one of the task's own `Cx`, one per waker.

use crate::mutants::mutant;
use crate::sync::atomic::{AtomicUsize, Ordering};

const SCHEDULED: usize = 1 << 0;
const POLLING: usize = 1 << 1;
const DONE: usize = 1 << 2;
const NEWS: usize = 1 << 3;
const CANCELLED: usize = 1 << 4;
const FORCED: usize = 1 << 5;
const HANDLE: usize = 1 << 6;
const JOIN_WAKER: usize = 1 << 7;
const REFERENCE: usize = 1 << 8;

/// What a caller that made a task runnable must do.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum WakeAction {
    /// The caller now owns the queue slot: hand the task to the executor.
    Schedule,
    /// Somebody else already has the slot, or the task is done.
    Nothing,
}

/// What the poller must do when the future returned `Pending`.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PendingAction {
    /// The task waits; a waker will bring it back.
    Idle,
    /// It was woken while being polled, or it yielded: queue it again.
    Again,
}

/// What the sweep may do with a task.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SweepAction {
    /// End it: the list stood for the runtime's reference.
    End,
    /// End it, but its queue slot, in somebody's hands, still holds the runtime's reference.
    EndBorrowed,
    /// It is done, or being polled.
    Leave,
}

/// What the completer owes to the handle.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CompleteAction {
    /// A handle exists: the outcome is its property now.
    pub handle: bool,
    /// The join waker is full and belongs to the completer.
    pub wake_joiner: bool,
}

/// What the joiner may do.
#[must_use]
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum JoinAction {
    /// The outcome is there and belongs to the joiner.
    Take,
    /// The join waker belongs to the joiner: fill it, then call [`State::join_waker_set`].
    Fill,
}

/// A moment's view of the flags.
#[derive(Debug, Clone, Copy)]
pub struct Snapshot(usize);

impl Snapshot {
    /// Cancellation must be pushed into the task's scopes.
    pub fn has_news(self) -> bool {
        self.0 & NEWS != 0
    }
    /// This task itself was asked to stop.
    pub fn is_cancelled(self) -> bool {
        self.0 & CANCELLED != 0
    }
    /// The future must be dropped.
    pub fn is_forced(self) -> bool {
        self.0 & FORCED != 0
    }
    /// The future is being polled now.
    pub fn is_polling(self) -> bool {
        self.0 & POLLING != 0
    }
    /// A wake now would be remembered until the end of the poll that is under way (R-SCH-2).
    pub fn would_remember(self) -> bool {
        self.0 & (POLLING | SCHEDULED) == POLLING
    }
    /// What a dump says of it.
    #[cfg(feature = "inspect")]
    pub(crate) fn activity(self) -> crate::inspect::Activity {
        use crate::inspect::Activity;
        match self.0 {
            flags if flags & POLLING != 0 => Activity::Polled,
            flags if flags & SCHEDULED != 0 => Activity::Runnable,
            _ => Activity::Waits,
        }
    }
    /// The outcome is stored.
    pub fn is_done(self) -> bool {
        self.0 & DONE != 0
    }
}

/// The state word. See the module header for bits, owners and references.
#[derive(Debug)]
pub struct State(AtomicUsize);

impl State {
    /// A task under construction: held by its spawner as if it were being polled and had been woken, with
    /// the references of the runtime, the handle and the `Cx`.
    pub fn spawning() -> Self {
        Self(AtomicUsize::new(
            POLLING | SCHEDULED | HANDLE | (3 * REFERENCE),
        ))
    }

    /// The flags now. `Acquire`: what was written before a flag was set is visible.
    #[inline]
    pub fn load(&self) -> Snapshot {
        Snapshot(self.0.load(Ordering::Acquire))
    }

    /// The spawner is done: the task may be queued. The caller owns the slot.
    #[inline]
    pub fn transition_to_spawned(&self) {
        // A deadline may have passed meanwhile: it found the slot taken, and its news stay. Release publishes the
        // future.
        self.0.fetch_and(!POLLING, Ordering::AcqRel);
    }

    /// Makes the task runnable (R-SCH-2: remembered once, one slot).
    #[inline]
    pub fn transition_to_woken(&self) -> WakeAction {
        if mutant!(WakeWhilePollingLost) && self.load().is_polling() {
            return WakeAction::Nothing;
        }
        // Release: what the waker did before waking is visible to the poll it causes.
        let order = if mutant!(WakeRelaxed) {
            Ordering::Relaxed
        } else {
            Ordering::AcqRel
        };
        self.wake_action(self.0.fetch_or(SCHEDULED, order))
    }

    /// Makes the task runnable with cancel news: a scope above it was cancelled.
    pub fn transition_to_news(&self) -> WakeAction {
        if mutant!(NewsWhilePollingLost) && self.load().is_polling() {
            return WakeAction::Nothing;
        }
        self.wake_action(self.0.fetch_or(SCHEDULED | NEWS, Ordering::AcqRel))
    }

    /// Makes the task runnable and cancelled. The reason was stored before.
    pub fn transition_to_cancelled(&self) -> WakeAction {
        if mutant!(NewsWhilePollingLost) && self.load().is_polling() {
            self.0.fetch_or(CANCELLED, Ordering::AcqRel);
            return WakeAction::Nothing;
        }
        self.wake_action(
            self.0
                .fetch_or(SCHEDULED | NEWS | CANCELLED, Ordering::AcqRel),
        )
    }

    /// Makes the task runnable and forced.
    pub fn transition_to_forced(&self) -> WakeAction {
        self.wake_action(self.0.fetch_or(SCHEDULED | NEWS | FORCED, Ordering::AcqRel))
    }

    #[inline]
    fn wake_action(&self, before: usize) -> WakeAction {
        if before & (SCHEDULED | POLLING | DONE) == 0 {
            WakeAction::Schedule
        } else {
            WakeAction::Nothing
        }
    }

    /// The driver took the task from its queue and is about to poll it.
    #[inline]
    pub fn transition_to_polling(&self) -> Snapshot {
        let mut current = self.0.load(Ordering::Relaxed);
        loop {
            debug_assert!(current & SCHEDULED != 0 && current & (POLLING | DONE) == 0);
            let next = (current & !(SCHEDULED | NEWS)) | POLLING;
            // Acquire: sees what every waker did before its wake, which this poll answers.
            match self
                .0
                .compare_exchange_weak(current, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) => return Snapshot(current),
                Err(now) => current = now,
            }
        }
    }

    /// The sweep of a dropped driver found the task in its region's list.
    pub fn transition_to_swept(&self) -> SweepAction {
        let before = self.0.fetch_or(POLLING | FORCED, Ordering::AcqRel);
        match (before & (DONE | POLLING), before & SCHEDULED) {
            (0, 0) => SweepAction::End,
            (0, _) => SweepAction::EndBorrowed,
            _ => SweepAction::Leave,
        }
    }

    /// The queue slot is given up without a poll: the task counts as idle again.
    pub fn transition_to_unqueued(&self) {
        // Release: as at the end of a poll.
        self.0.fetch_and(!SCHEDULED, Ordering::AcqRel);
    }

    /// The future returned `Pending`; `yielded` asks for another turn at once.
    #[inline]
    pub fn transition_to_pending(&self, yielded: bool) -> PendingAction {
        let mut current = self.0.load(Ordering::Relaxed);
        loop {
            let again = yielded || current & SCHEDULED != 0;
            if mutant!(PendingLooksThenLetsGo) && !again {
                self.0.fetch_and(!POLLING, Ordering::AcqRel);
                return PendingAction::Idle;
            }
            let next = (current & !POLLING) | if again { SCHEDULED } else { 0 };
            // Release: the next poller, on whichever thread, sees what this poll wrote.
            match self
                .0
                .compare_exchange_weak(current, next, Ordering::AcqRel, Ordering::Relaxed)
            {
                Ok(_) if again => return PendingAction::Again,
                Ok(_) => return PendingAction::Idle,
                Err(now) => current = now,
            }
        }
    }

    /// The outcome is stored. Called once, by whoever polls.
    #[inline]
    pub fn transition_to_done(&self) -> CompleteAction {
        // Release publishes the outcome to the joiner; Acquire sees its waker.
        let before = self.0.fetch_xor(POLLING | DONE, Ordering::AcqRel);
        debug_assert!(before & POLLING != 0 && before & DONE == 0);
        CompleteAction {
            handle: before & HANDLE != 0,
            wake_joiner: before & JOIN_WAKER != 0,
        }
    }

    /// The joiner looks for the outcome, or claims the join waker to fill it.
    #[inline]
    pub fn transition_to_joining(&self) -> JoinAction {
        let mut current = self.0.load(Ordering::Acquire);
        loop {
            if current & DONE != 0 {
                return JoinAction::Take;
            }
            if current & JOIN_WAKER == 0 || mutant!(JoinWakerNotTakenBack) {
                return JoinAction::Fill;
            }
            // Take the waker back before it may be replaced: from here the completer leaves it alone.
            match self.0.compare_exchange_weak(
                current,
                current & !JOIN_WAKER,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return JoinAction::Fill,
                Err(now) => current = now,
            }
        }
    }

    /// The joiner filled the join waker. `Take`: the task completed meanwhile and will not wake it.
    #[inline]
    pub fn join_waker_set(&self) -> JoinAction {
        let mut current = self.0.load(Ordering::Acquire);
        loop {
            if current & DONE != 0 {
                return JoinAction::Take;
            }
            match self.0.compare_exchange_weak(
                current,
                current | JOIN_WAKER,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return JoinAction::Fill,
                Err(now) => current = now,
            }
        }
    }

    /// The handle goes away. `true`: the task is done and the outcome is the handle's to drop.
    #[inline]
    pub fn transition_to_unhandled(&self) -> bool {
        if mutant!(HandleLooksThenLetsGo) {
            let done = self.load().is_done();
            self.0.fetch_and(!HANDLE, Ordering::AcqRel);
            return done;
        }
        self.0.fetch_and(!HANDLE, Ordering::AcqRel) & DONE != 0
    }

    /// One more waker or `Cx`.
    #[inline]
    pub fn reference_add(&self) {
        // Relaxed: a new reference is made from an existing one (as in `Arc::clone`).
        let before = self.0.fetch_add(REFERENCE, Ordering::Relaxed);
        assert!(before <= usize::MAX / 2, "too many wakers of one task");
    }

    /// One reference less. `true`: it was the last, the caller frees the cell.
    #[must_use]
    #[inline]
    pub fn reference_drop(&self) -> bool {
        // AcqRel: every use through another reference happens before the cell is freed.
        let order = if mutant!(ReferenceDropRelaxed) {
            Ordering::Relaxed
        } else {
            Ordering::AcqRel
        };
        let before = self.0.fetch_sub(REFERENCE, order);
        debug_assert!(before >= REFERENCE);
        before / REFERENCE == 1
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    // proves: R-SCH-2
    #[test]
    fn a_task_that_is_told_while_it_is_spawned_has_one_slot() {
        for tell in [
            State::transition_to_woken,
            State::transition_to_news,
            State::transition_to_cancelled,
            State::transition_to_forced,
        ] {
            let state = State::spawning();
            assert_eq!(
                tell(&state),
                WakeAction::Nothing,
                "the spawner has the slot"
            );
            state.transition_to_spawned();
            assert_eq!(state.transition_to_woken(), WakeAction::Nothing);
            let _ = state.transition_to_polling();
            assert_eq!(state.transition_to_pending(false), PendingAction::Idle);
        }
    }
}
