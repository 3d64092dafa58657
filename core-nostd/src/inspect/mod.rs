//! Dumps: what every task and region of a runtime does at this moment, asked from any thread, without polling anything.
//!
//! Owns what a [`Dump`] is and how it is taken; `registry` keeps what it is taken from, `text` draws it, `explain`
//! answers questions with it. `polls` and `stall` are a thing of their own: they name the task that does not yield. Switched on by [`Config::inspect`](crate::Config::inspect); while that is off nothing is
//! kept, and there is no dump.
//!
//! A dump looks at tasks and regions one after the other and holds no lock in between: tasks that run meanwhile may be
//! told at different moments. Of a runtime that is stuck it is exact.

mod explain;
pub(crate) mod polls;
mod registry;
mod stall;
mod text;

use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::fmt;
use core::panic::Location;
use core::time::Duration;

pub use explain::{Blocked, BlockedStep, CancelStory, LeakStory};
pub(crate) use polls::{Polled, Polls};
pub(crate) use registry::{Registry, Site, WaitSlot};
pub use stall::StallWatch;

use crate::cancel::CancelReason;
use crate::driver::Driver;
use crate::kernel::Kernel;
use crate::obligation::{Entry, ObligationKind};
use crate::path::PathId;
use crate::region::{RegionCore, RegionState};
use crate::task::Phase;
use crate::time::Time;
use crate::wait::WaitKind;
use registry::TaskRecord;

/// What a runtime does at one moment: its regions and its tasks.
///
/// Its `Display` draws the tree of ownership, one thing a line.
///
/// ```text
/// at 0ns: 1 region, 1 task
/// region root, open
/// └─ task 12c2c0a312a30281 "clock" at src/main.rs:9:5, running, waits
///      sleeps until 1.000s
/// ```
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Dump {
    /// When it was taken.
    pub at: Time,
    /// The regions that are not closed, in the order in which they were opened.
    pub regions: Vec<RegionDump>,
    /// The tasks that have not ended, in the order of their spawns.
    pub tasks: Vec<TaskDump>,
    /// The last obligations that were never resolved.
    pub leaks: Vec<Leak>,
}

/// A region in a dump.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct RegionDump {
    /// Its id.
    pub path: PathId,
    /// The region around it.
    pub parent: Option<PathId>,
    /// The task whose poll runs its body or closes it.
    pub host: Option<PathId>,
    /// Where it is on its way to closed.
    pub state: RegionState,
    /// When its time is over.
    pub deadline: Option<Time>,
    /// Why it was asked to stop.
    pub cancel: Option<CancelReason>,
    /// The obligations in its ledger.
    pub owned: Vec<Owned>,
}

/// A task in a dump.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct TaskDump {
    /// Its id.
    pub path: PathId,
    /// The region that owns it.
    pub region: PathId,
    /// What it was named when it was spawned.
    pub name: Option<&'static str>,
    /// Where it was spawned; `None` for the kernel's own.
    pub site: Option<&'static Location<'static>>,
    /// When it was spawned.
    pub since: Time,
    /// Where it is in the cancel protocol.
    pub phase: Phase,
    /// Whether it runs, could run, or waits.
    pub activity: Activity,
    /// What it waits for; several things in a race or a join, nothing that the runtime knows of in a wait of its own.
    pub waits: Vec<Wait>,
    /// The permits that it holds.
    pub held: Vec<Held>,
    /// The channels that it is the receiver of, as far as it has waited at them; the last ones.
    pub receives: Vec<PathId>,
    /// When its time is over: its own, or its region's.
    pub deadline: Option<Time>,
    /// What it said last, by [`CxBase::checkpoint_with`](crate::CxBase::checkpoint_with).
    pub message: Option<&'static str>,
    /// How often it may still be polled, if that is limited.
    pub polls_left: Option<u32>,
    /// Why it was asked to stop, by itself or through its region.
    pub cancel: Option<CancelReason>,
    /// Whether its region cancels it when the other children are done.
    pub is_background: bool,
}

/// What a task does at this moment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Activity {
    /// A driver polls it.
    Polled,
    /// It is queued.
    Runnable,
    /// Nothing woke it.
    Waits,
}

/// What a task waits for.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Wait {
    /// A time.
    Sleep {
        /// When it comes.
        until: Time,
    },
    /// The end of another task.
    Join {
        /// The other task.
        task: PathId,
    },
    /// The end of everything in a region whose body is gone.
    RegionClose {
        /// The region.
        region: PathId,
    },
    /// Something at an object that tasks share.
    For {
        /// What for.
        kind: WaitKind,
        /// The object, by its name in traces.
        object: PathId,
    },
}

/// A permit that a task holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Held {
    /// What was reserved.
    pub kind: ObligationKind,
    /// Of what, by its name in traces.
    pub object: PathId,
    /// Since when.
    pub since: Time,
}

/// An obligation in a region's ledger.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub struct Owned {
    /// What was reserved.
    pub kind: ObligationKind,
    /// The task that reserved it.
    pub task: PathId,
    /// Since when.
    pub since: Time,
}

/// Obligations that were never resolved.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Leak {
    /// The region that counted them.
    pub region: PathId,
    /// The task that reserved them.
    pub task: PathId,
    /// What the task was named.
    pub name: Option<&'static str>,
    /// Where the task was spawned.
    pub site: Option<&'static Location<'static>>,
    /// What was reserved.
    pub kind: ObligationKind,
    /// How many.
    pub count: u64,
    /// When that was found.
    pub at: Time,
    /// How long they were open.
    pub age: Option<Duration>,
}

impl Dump {
    /// The task with this id.
    pub fn task(&self, path: PathId) -> Option<&TaskDump> {
        self.tasks.iter().find(|task| task.path == path)
    }

    /// The region with this id.
    pub fn region(&self, path: PathId) -> Option<&RegionDump> {
        self.regions.iter().find(|region| region.path == path)
    }

    /// `None`: dumps are switched off.
    fn of(kernel: &Kernel) -> Option<Self> {
        let live = kernel.inspect.live()?;
        let at = kernel.now();
        let regions = live.regions();
        Some(Self {
            at,
            regions: regions
                .iter()
                .map(|region| RegionDump::of(region))
                .collect(),
            tasks: live.tasks().iter().map(TaskDump::of).collect(),
            leaks: live.leaks(),
        })
    }
}

impl RegionDump {
    fn of(region: &RegionCore) -> Self {
        let (host, owned) = region.inside();
        Self {
            path: region.path,
            parent: region.parent().map(|parent| parent.path),
            host,
            state: region.state(),
            deadline: region.budget.deadline,
            cancel: region.word.reason(),
            owned: owned.iter().map(Owned::of).collect(),
        }
    }
}

impl Owned {
    fn of(entry: &Entry) -> Self {
        Self {
            kind: entry.kind,
            task: entry.task,
            since: entry.since,
        }
    }
}

impl TaskDump {
    fn of(record: &TaskRecord) -> Self {
        let task = &record.task;
        Self {
            path: task.path,
            region: task.region.path,
            name: task.name(),
            site: record.site.0,
            since: record.since,
            phase: task.phase(),
            activity: task.activity(),
            waits: record.waits(),
            held: record.held.clone(),
            receives: record.receives.clone(),
            deadline: Some(task.deadline()).filter(|at| *at != Time::MAX),
            message: record.message,
            polls_left: Some(task.polls_left()).filter(|left| *left != u32::MAX),
            cancel: task.cancel_reason(),
            is_background: task.is_background(),
        }
    }
}

/// Takes dumps of a runtime from any thread. It does not keep the runtime.
///
/// ```
/// # use std::sync::Arc;
/// # use asupersync_core::{Config, Driver, Executor, Inspector};
/// fn watch(driver: &Driver) -> Inspector {
///     // Send it to the thread, or the task, that shall be able to ask.
///     driver.inspector()
/// }
///
/// fn tell(inspector: &Inspector) {
///     if let Some(dump) = inspector.dump() {
///         println!("{dump}");
///     }
/// }
/// ```
#[derive(Clone)]
pub struct Inspector(Weak<Kernel>);

impl Inspector {
    /// What the runtime does now. `None`: it is gone, or dumps are switched off.
    ///
    /// Polls nothing and waits for no task; it may be called from within one. Takes time and memory in proportion to
    /// the number of tasks.
    pub fn dump(&self) -> Option<Dump> {
        Dump::of(&*self.0.upgrade()?)
    }
}

impl fmt::Debug for Inspector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inspector").finish_non_exhaustive()
    }
}

impl Driver {
    /// What the runtime does now; see [`Inspector::dump`]. `None`: dumps are switched off.
    pub fn dump(&self) -> Option<Dump> {
        Dump::of(self.kernel())
    }

    /// Takes dumps from any thread.
    pub fn inspector(&self) -> Inspector {
        Inspector(Arc::downgrade(self.kernel()))
    }
}
