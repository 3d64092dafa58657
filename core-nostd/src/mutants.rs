//! Seeded bugs of the kernel, one per rule: compiled in only under `--cfg asupersync_mutants`.
//!
//! Owns the list of mutants and the switch that arms one. In a normal build [`mutant!`] is the
//! constant `false`, so no branch of it survives. A test arms one mutant, runs the conformance
//! kit, and must see it fail: that is how we know that the kit can fail.

/// Whether the named seeded bug is armed; always `false` outside `--cfg asupersync_mutants`.
macro_rules! mutant {
    ($name:ident) => {{
        #[cfg(asupersync_mutants)]
        {
            $crate::mutants::armed($crate::mutants::Mutant::$name)
        }
        #[cfg(not(asupersync_mutants))]
        {
            $crate::mutants::none_armed()
        }
    }};
}
pub(crate) use mutant;

/// The constant behind [`mutant!`] in normal builds; a call, so that no lint folds what is around it.
#[cfg(not(asupersync_mutants))]
#[inline(always)]
pub(crate) const fn none_armed() -> bool {
    false
}

#[cfg(asupersync_mutants)]
mod switch {
    use super::Mutant;
    use core::sync::atomic::{AtomicUsize, Ordering};

    static ARMED: AtomicUsize = AtomicUsize::new(usize::MAX);

    /// Arms one mutant for the whole process, or none.
    pub fn arm(mutant: Option<Mutant>) {
        ARMED.store(mutant.map_or(usize::MAX, |m| m as usize), Ordering::SeqCst);
    }

    /// Whether this one is armed; for the seeded bugs that live in executors.
    pub fn armed(mutant: Mutant) -> bool {
        ARMED.load(Ordering::Relaxed) == mutant as usize
    }
}
#[cfg(asupersync_mutants)]
pub use switch::{arm, armed};

macro_rules! mutants {
    ($($(#[$doc:meta])* $name:ident,)*) => {
        /// A seeded bug of the kernel. The doc line of each says which rules it breaks.
        #[cfg(asupersync_mutants)]
        #[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
        pub enum Mutant { $($(#[$doc])* $name,)* }
        #[cfg(asupersync_mutants)]
        impl Mutant {
            /// Every seeded bug.
            pub const ALL: &'static [Mutant] = &[$(Mutant::$name,)*];
            /// The name as written in the source.
            pub const fn name(self) -> &'static str {
                match self { $(Mutant::$name => stringify!($name),)* }
            }
            /// Whether only the loom models can catch it: it takes two threads and an unlucky moment.
            pub const fn only_loom(self) -> bool {
                use Mutant::*;
                matches!(
                    self,
                    GateLooksThenAdds
                        | GateExitRelaxed
                        | ShardIgnoresClose
                        | FoldUnbiased
                        | WakeRelaxed
                        | PendingLooksThenLetsGo
                        | JoinWakerNotTakenBack
                        | HandleLooksThenLetsGo
                        | ReferenceDropRelaxed
                        | EndIgnoresTeller
                        | EnrolLooksFirst
                        | NewsWhilePollingLost
                        | ToldBeforeReason
                        | LaterForceTimerWins
                        | ForceTimerKept
                        | AdoptLooksThenCloses
                        | CommitLooksThenDelivers
                        | CommitLeavesLedgerFirst
                        | TakeLooksFirst
                        | GiveLooksFirst
                        | AbandonIgnoresSweep
                        | WaitNotRechecked
                        | SlotWakerNotTakenBack
                        | SlotLooksThenGoes
                        | SleepLooksFirst
                        | SleepUnordered
                        | RingPushRelaxed
                        | RingPopLooksThenMoves
                        | WakeUnfenced
                        | NearestForgottenLast
                        | LastSearcherLeaves
                        | SubmitLooksFirst
                        | RetireLooksAway
                        | ReadyLooksFirst
                        | NewsForgotten
                        | LeaveForgetsOthers
                        | StaleKeyAccepted
                        | RestLooksFirst
                        | StopLooksFirst
                        | LastEndUntold
                        | PinnedUnseen
                        | PinnedWakesAnybody
                )
            }
        }
    };
}

mutants! {
    /// breaks: R-OWN-1 (background children are left running when the region closes)
    BackgroundOrphaned,
    /// breaks: R-OWN-2 (a closed region admits)
    SpawnAfterClose,
    /// breaks: R-OWN-2 (the admission limit is not checked)
    NoAdmissionLimit,
    /// breaks: R-OWN-3 (a dropped region does not ask its tasks to stop)
    DroppedRegionForgets,
    /// breaks: R-OWN-3 (the parent does not wait for the region it adopted)
    AdoptionUncounted,
    /// breaks: R-OWN-4 (dropping a handle cancels its task)
    HandleDropCancels,
    /// breaks: R-OWN-5 (a Cx is usable from any task)
    ForeignCxAccepted,
    /// breaks: R-REG-1 (a body's return does not close the region to spawns)
    ClosingStillOpen,
    /// breaks: R-REG-2 (a cancel does not reach tasks that wait)
    CancelMissesIdle,
    /// breaks: R-REG-3 (finalizers run first in, first out)
    FinalizersFifo,
    /// breaks: R-REG-3 (the last finalizer is skipped)
    FinalizerSkipped,
    /// breaks: R-REG-3 (finalizers start while tasks still live)
    FinalizersEarly,
    /// breaks: R-REG-4 (the value is returned while children still run)
    CloseEarly,
    /// breaks: R-REG-5 (an error does not cancel the siblings)
    FailFastForgets,
    /// breaks: R-REG-5 (a consequence of a failure decides the outcome)
    ConsequenceDecides,
    /// breaks: R-CAN-1 (a weaker request replaces a stronger one)
    WeakerReplaces,
    /// breaks: R-CAN-1 (cancel does not reach a child region)
    CancelMissesChild,
    /// breaks: R-CAN-2 (a checkpoint never reports a cancel)
    CheckpointBlind,
    /// breaks: R-CAN-3 (a mask hides nothing)
    MaskLeaky,
    /// breaks: R-CAN-3 (a mask has no time limit)
    MaskUnbounded,
    /// breaks: R-CAN-4 (a task past its cleanup budget is left alone)
    NeverForced,
    /// breaks: R-CAN-5 (a late value is thrown away)
    LateValueLost,
    /// breaks: R-CAN-6 (a race returns before its losers have drained)
    RaceDoesNotDrain,
    /// breaks: R-CAN-7 (shutdown returns while the root is still open)
    ShutdownEarly,
    /// breaks: R-CAN-8 (a task cancelled before its first poll is polled)
    PollsTheUnpolled,
    /// breaks: R-CAN-9 (cancellation is delivered once only)
    EdgeTriggered,
    /// breaks: R-PAN-1 (a panic skips the task's finalizers)
    PanicSkipsFinalizers,
    /// breaks: R-OBL-1 (an aborted permit keeps its slot)
    AbortKeepsSlot,
    /// breaks: R-OBL-1 (a commit delivers twice)
    DoubleCommit,
    /// breaks: R-OBL-2 (a leaked token is never revoked)
    LeakIgnored,
    /// breaks: R-OBL-2 (tokens of a forced future are counted as leaked)
    LeakAtForce,
    /// breaks: R-OBL-3 (owned permits have no ledger entry)
    OwnedPermitUnledgered,
    /// breaks: R-IO-1 (an operation of the host holds no obligation)
    CapsuleUncounted,
    /// breaks: R-IO-2 (a cancel does not end the wait for the host)
    CapsuleDeaf,
    /// breaks: R-IO-4 (a capability that was taken away still works)
    CapabilityAmbient,
    /// breaks: R-SCH-1 (cancel work starves the other lanes)
    CancelStarves,
    /// breaks: R-SCH-2 (a wake during a poll is lost)
    WakeWhilePollingLost,
    /// breaks: R-SCH-3 (a turn ignores its poll budget)
    TurnUnbounded,
    /// breaks: R-SCH-4 (the poll quota is not charged)
    QuotaFree,
    /// breaks: R-SCH-5 (a turn leaves the timed lane alone)
    TimedLaneStuck,
    /// breaks: R-DET-1 (entropy depends on the address of the caller)
    EntropyFromAddress,
    /// breaks: R-DET-2 (equal deadlines fire last in, first out)
    TimerTieReversed,
    /// breaks: R-DET-3 (the fingerprint hashes the order of independent events)
    FingerprintOrdered,
    /// breaks: R-CAN-4 (a waiter's grant is lost with its future)
    GrantDropped,
    /// breaks: R-OWN-2 (loom) (a spawn looks whether the gate is closed, then counts itself in)
    GateLooksThenAdds,
    /// breaks: R-REG-4 (loom) (what a child did is not ordered before its exit)
    GateExitRelaxed,
    /// breaks: R-SCH-2 (loom) (what a waker did is not ordered before the poll that it causes)
    WakeRelaxed,
    /// breaks: R-SCH-2 (loom) (the end of a poll looks for a wake, then lets go)
    PendingLooksThenLetsGo,
    /// breaks: R-SCH-2 (loom) (a joiner replaces its waker without taking it back first)
    JoinWakerNotTakenBack,
    /// breaks: R-OWN-4 (loom) (a dropped handle looks for the outcome, then lets go)
    HandleLooksThenLetsGo,
    /// breaks: R-OWN-1 (loom) (uses of a cell are not ordered before it is freed)
    ReferenceDropRelaxed,
    /// breaks: R-OWN-1 (loom) (a task ends without waiting for who is taking it out of the list)
    EndIgnoresTeller,
    /// breaks: R-CAN-1 (loom) (a task that is about to wait looks for a cancel, then enrols)
    EnrolLooksFirst,
    /// breaks: R-CAN-1 (loom) (a cancel that comes during a poll is forgotten at its end)
    NewsWhilePollingLost,
    /// breaks: R-CAN-1 (loom) (a task is told of its cancel before the reason is stored)
    ToldBeforeReason,
    /// breaks: R-CAN-4 (loom) (of two requests the one that is later to its timer sets when to force)
    LaterForceTimerWins,
    /// breaks: R-REG-4 (loom) (a cancel that meets the end of a task leaves its timer behind)
    ForceTimerKept,
    /// breaks: R-OWN-3 (loom) (a dropped region is found empty, then closed to spawns)
    AdoptLooksThenCloses,
    /// breaks: R-OBL-1 (loom) (a commit looks for the receiver, then delivers)
    CommitLooksThenDelivers,
    /// breaks: R-REG-4 (loom) (an owned permit leaves the ledger before its value is delivered)
    CommitLeavesLedgerFirst,
    /// breaks: R-OBL-1 (loom) (a sender looks for a free slot, then takes it)
    TakeLooksFirst,
    /// breaks: R-OBL-1 (loom) (a slot that comes back looks for waiters, then is put down)
    GiveLooksFirst,
    /// breaks: R-OWN-1 (loom) (a queue slot is given up as if no sweep had claimed its task)
    AbandonIgnoresSweep,
    /// breaks: R-SCH-2 (loom) (a wait that registers does not look again under the lock)
    WaitNotRechecked,
    /// breaks: R-SCH-2 (loom) (an end of a slot replaces its waker without taking it back first)
    SlotWakerNotTakenBack,
    /// breaks: R-OBL-1 (loom) (each end of a slot looks whether the other is gone, then goes)
    SlotLooksThenGoes,
    /// breaks: R-SCH-2 (loom) (a driver looks for work, then says that it sleeps)
    SleepLooksFirst,
    /// breaks: R-SCH-2 (loom) (push and look, sleep and look: neither pair is kept in order)
    SleepUnordered,
    /// breaks: R-OWN-2 (loom) (a wide gate's shard admits although it was folded)
    ShardIgnoresClose,
    /// breaks: R-REG-4 (loom) (who leaves while the shards are folded takes the first word for the sum)
    FoldUnbiased,
    /// breaks: R-SCH-2 (loom) (a ring's tail does not publish the slot before it)
    RingPushRelaxed,
    /// breaks: R-SCH-2 (loom) (the owner of a ring takes a task as if there were no thieves)
    RingPopLooksThenMoves,
    /// breaks: R-SCH-2 (loom) (push and look, fall asleep and look: the first pair is not kept in order)
    WakeUnfenced,
    /// breaks: R-SCH-2 (loom) (a driver that looks for the nearest timer forgets one that is filed meanwhile)
    NearestForgottenLast,
    /// breaks: R-SCH-5 (loom) (a driver stops searching for others, and nobody takes its place)
    LastSearcherLeaves,
    /// breaks: R-IO-2 (loom) (a blocking call looks whether the pool is stopped, then goes in)
    SubmitLooksFirst,
    /// breaks: R-IO-1 (loom) (a thread whose idle time is over leaves without a last look)
    RetireLooksAway,
    /// breaks: R-SCH-2 (loom) (a wait for a socket looks for news, then registers)
    ReadyLooksFirst,
    /// breaks: R-SCH-2 (loom) (an attempt that found nothing takes news that came meanwhile with it)
    NewsForgotten,
    /// breaks: R-SCH-2 (loom) (a waiter that leaves a socket takes the others' place with it)
    LeaveForgetsOthers,
    /// breaks: R-IO-3 (loom) (what the host still says about a socket that is gone reaches the next one)
    StaleKeyAccepted,
    /// breaks: R-SCH-2 (loom) (a driver of a pool looks into the queues, then says that it sleeps)
    RestLooksFirst,
    /// breaks: R-CAN-7 (loom) (a worker looks whether it is to leave, then falls asleep)
    StopLooksFirst,
    /// breaks: R-CAN-7 (loom) (the thread that waits for a pool's root region is not told of the last end in it)
    LastEndUntold,
    /// breaks: R-SCH-2 (loom) (a worker that falls asleep overlooks tasks that it alone may poll)
    PinnedUnseen,
    /// breaks: R-SCH-2 (loom) (a task that one worker alone may poll has any driver woken)
    PinnedWakesAnybody,
}
