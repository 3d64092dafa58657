//! The semantics of asupersync, for every platform: regions, the cancel protocol, obligations,
//! capabilities, time, channels and locks. `no_std`, with `alloc`.
//!
//! Owns what a program *means*; it never knows where it runs. Who polls is an [`Executor`]'s matter,
//! what time it is a [`Platform`]'s; both are passed as instances, so that a host, a browser and the
//! deterministic lab can live in one binary. To port to a new platform read `docs/porting.md`.
//!
//! - A task belongs to a [`Region`]; the region's value is returned only when nothing is left inside.
//! - Cancelling is asking: [`CancelReason`]s travel down, tasks observe them at
//!   [checkpoints](CxBase::checkpoint) and waits, clean up, and are dropped only past a budget.
//! - An effect is reserved, then committed or aborted ([`channel::mpsc`], [`ObligationToken`]).
//! - What code may do it may do through its [`Cx`].
//!
//! The rule ids in the docs (R-OWN-1, ...) name the contract that the conformance kit checks.
//!
//! # Features
//! - `trace` (default): trace events, for sinks and the lab.
//! - `inspect`: dumps of what every task does and waits for, once switched on in the [`Config`].
//! - `parking_lot` (default): locks for hosts with threads.
//! - `critical-section`: locks for bare metal.

#![no_std]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

#[cfg(any(test, loom))]
extern crate std;

// Values.
mod budget;
mod cancel;
mod error;
mod outcome;
mod path;
mod request;
mod time;

// Trace.
pub mod fingerprint;
mod object;
pub mod trace;

// Seams.
mod diagnostic;
mod executor;
mod platform;

// The kernel.
mod cancel_word;
mod capacity;
mod capsule;
mod cx;
mod driver;
mod fiber;
mod finalize;
mod foreign;
mod homes;
#[cfg(feature = "inspect")]
mod inspect;
#[cfg(not(feature = "inspect"))]
#[path = "inspect/off.rs"]
mod inspect;
mod kernel;
pub mod lanes;
#[cfg_attr(asupersync_mutants, doc(hidden))]
#[cfg(asupersync_mutants)]
pub mod mutants;
#[cfg(not(asupersync_mutants))]
mod mutants;
mod obligation;
pub mod queue;
mod region;
mod scope;
mod slot;
mod sync;
mod task;
mod timer;

// What tasks share.
pub mod channel;
pub mod lock;
mod wait;

pub use budget::Budget;
pub use cancel::{CAUSE_DEPTH_MAX, CancelKind, CancelReason, Cancelled, CleanupBudgets};
pub use capsule::{Capsule, CapsuleError, HostObject};
pub use cx::{Cx, CxBase, LocalCx};
pub use diagnostic::Diagnostic;
pub use driver::{Driver, ForeignTask, MainTask, Worker, WorkerSeat};
pub use error::{
    CapabilityDenied, Error, Misuse, Recoverability, SpawnError, TaskError, TimeError,
    find_cancelled,
};
pub use executor::Executor;
pub use fiber::Either;
pub use fingerprint::Fingerprint;
#[cfg(feature = "inspect")]
pub use inspect::{
    Activity, Blocked, BlockedStep, CancelStory, Dump, Held, Inspector, Leak, LeakStory, Owned,
    RegionDump, StallWatch, TaskDump, Wait,
};
pub use kernel::{Config, LeakResponse, PanicPolicy, Stats};
pub use obligation::{ObligationKind, ObligationToken};
pub use outcome::{ChildEnded, Outcome, PanicPayload, Severity};
pub use path::PathId;
pub use platform::Platform;
pub use region::{
    CHILDREN_MAX, Capability, ChildRecord, Entropy, Io, LocalRegion, Policy, Region, RegionOptions,
    RegionReport, RegionState, Spawn, Spawner, TaskOptions, Timing, Tracing,
};
pub use request::CancelRequest;
pub use scope::INLINE_DEPTH_MAX;
pub use task::run::Ran;
pub use task::{LocalTask, Phase, Runnable, Task};
pub use time::Time;
pub use timer::{Alarm, Clock, Interval, MissedTicks};
#[cfg(feature = "inspect")]
pub use wait::WaitKind;

/// Protocols that the loom models drive directly. Not part of the API.
#[doc(hidden)]
pub mod internal {
    pub use crate::cancel_word::CancelWord;
    pub use crate::capacity::Capacity;
    #[cfg(feature = "inspect")]
    pub use crate::inspect::polls::{PollSlot, Polled};
    pub use crate::region::gate::Gate;
    pub use crate::sync::Mutex;
    pub use crate::task::state::{JoinAction, PendingAction, State, WakeAction};
}
