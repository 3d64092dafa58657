//! The task cell: one allocation that holds a task's header, and its future or its outcome.
//!
//! Owns memory, reference counts, wakers, handles and the atomics between them. What a region or a
//! cancel means is decided elsewhere; `run` is the only place that polls or drops a future.
//!
//! Who may touch what:
//!
//! | field | access |
//! |---|---|
//! | `state`, `next`, counters | any thread, atomics; `next` only through the queue that owns the `Runnable` |
//! | `stage` (future or outcome) | the driver between `transition_to_polling` and the end of the poll; after `DONE` the handle, or the completer if there is none |
//! | `join` (waker) | the joiner while `JOIN_WAKER` is clear; the completer if it set `DONE` and saw `JOIN_WAKER` |
//! | `member` (links) | under the lock of the task's region |
//! | `cold` | any thread; set once |
//!
//! The life of a task, mapped to functions:
//!
//! 1. [`spawn`](crate::region) admits it, `Cell::allocate` makes the cell, the closure makes the future;
//! 2. `transition_to_spawned` and `Executor::schedule` queue it;
//! 3. [`Driver::run`](crate::Driver::run) takes it from its queue and polls (`run::dispatch`);
//! 4. `Pending`: it joins its region's member list the first time, and waits for a waker;
//! 5. the future ends (value, panic, force): its outcome is stored, its finalizers run, and
//!    `run::complete` settles the region's count and wakes the joiner;
//! 6. the last reference frees the cell.

pub(crate) mod borrowed;
mod cell;
mod cold;
mod handle;
mod list;
mod reference;
pub(crate) mod run;
pub(crate) mod state;
pub(crate) mod waker;

pub use cell::Header;
pub(crate) use cell::{BACKGROUND, CLOSER, HOMED, Kind, LOCAL, Summary, TIMED};
pub(crate) use cold::Cold;
pub use handle::{LocalTask, Task};
pub(crate) use list::{Member, MemberList, Told};
pub use reference::Runnable;
pub(crate) use reference::TaskRef;
pub(crate) use state::SweepAction;

/// Where a task is in the cancel protocol; it only moves forward.
///
/// `Running -> Done`, `Running -> CancelRequested -> {Draining, Done}`,
/// `Draining -> {Finalizing, Done}`, `Finalizing -> Done`. A task that has finalizers of its own
/// passes through `Finalizing` also when nothing cancelled it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[repr(u8)]
pub enum Phase {
    /// Nothing asked it to stop.
    Running = 0,
    /// It was asked to stop and has not looked yet.
    CancelRequested = 1,
    /// It saw the request and is cleaning up.
    Draining = 2,
    /// Its body is gone; its finalizers run.
    Finalizing = 3,
    /// Its outcome is final.
    Done = 4,
}

impl Phase {
    /// The phase with this number, as traces write it.
    pub const fn from_u8(number: u8) -> Option<Self> {
        Some(match number {
            0 => Self::Running,
            1 => Self::CancelRequested,
            2 => Self::Draining,
            3 => Self::Finalizing,
            4 => Self::Done,
            _ => return None,
        })
    }

    /// Whether the protocol has this edge.
    pub const fn may_become(self, next: Self) -> bool {
        use Phase::*;
        matches!(
            (self, next),
            (Running, CancelRequested | Finalizing | Done)
                | (CancelRequested, Draining | Finalizing | Done)
                | (Draining, Finalizing | Done)
                | (Finalizing, Done)
        )
    }
}
