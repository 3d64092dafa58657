//! Diagnostics: what the kernel tells a person when something went wrong that no caller will see.
//!
//! Owns the wording: each names the thing, the reason and the next step. Who shows them is the
//! platform's choice ([`Platform::report`](crate::Platform::report)).

use alloc::string::String;
use core::fmt;
use core::panic::Location;
use core::time::Duration;

use crate::obligation::ObligationKind;
use crate::outcome::PanicPayload;
use crate::path::PathId;

/// Something a person should know.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum Diagnostic {
    /// An obligation was never resolved.
    Leaked {
        /// The region it was revoked in.
        region: PathId,
        /// The task that reserved it.
        task: PathId,
        /// What was reserved.
        kind: ObligationKind,
        /// How many of them.
        count: u64,
        /// How long it was open, where the ledger knows.
        age: Option<Duration>,
    },
    /// A region closed while the host still ran an operation that may be abandoned.
    Abandoned {
        /// The region.
        region: PathId,
        /// The task that started it.
        task: PathId,
        /// What it was.
        kind: ObligationKind,
        /// How long it had been running.
        age: Duration,
    },
    /// A value's own drop panicked after its task had ended.
    DropPanicked {
        /// The region of the task.
        region: PathId,
        /// What it said.
        payload: PanicPayload,
    },
    /// A task does not yield: one poll of it lasts longer than the program allows.
    Stalled {
        /// The task.
        task: PathId,
        /// What it was named when it was spawned.
        name: Option<&'static str>,
        /// Where it was spawned, where dumps are switched on.
        site: Option<&'static Location<'static>>,
        /// Its region.
        region: PathId,
        /// The driver that polls it: the number of a worker, or the one after those for the runtime's own thread.
        driver: usize,
        /// For how long the poll was seen. It has lasted at least that long.
        lasted: Duration,
        /// What the task said last in this poll.
        message: Option<&'static str>,
        /// How long ago the time of the task, or of its region, was over.
        overdue: Option<Duration>,
    },
    /// The poll of a task that did not yield is over.
    StallEnded {
        /// The task.
        task: PathId,
        /// What it was named when it was spawned.
        name: Option<&'static str>,
        /// The driver that polled it.
        driver: usize,
        /// For how long the poll was seen, up to the look that found it over.
        lasted: Duration,
    },
    /// The host refused what it takes to look for tasks that do not yield: none will be named.
    Unwatched {
        /// What the host said.
        reason: String,
    },
    /// A panic came out of a driver outside any task, and it drives on.
    DriverPanicked {
        /// The number of its worker.
        driver: usize,
        /// What it panicked with.
        payload: PanicPayload,
    },
    /// A waker that is not ours panicked when the kernel called it.
    WakerPanicked {
        /// What it said.
        payload: PanicPayload,
    },
}

/// A task in a message: its id, and its name if it has one.
struct Task(PathId, Option<&'static str>);

impl fmt::Display for Task {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.1 {
            Some(name) => write!(f, "task {} {name:?}", self.0),
            None => write!(f, "task {}", self.0),
        }
    }
}

impl fmt::Display for Diagnostic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Leaked {
                region,
                task,
                kind,
                count,
                age,
            } => {
                write!(f, "{count} {kind} of task {task} never resolved")?;
                if let Some(age) = age {
                    write!(f, " in {age:?}")?;
                }
                write!(
                    f,
                    " and revoked when region {region} closed; \
                     commit, abort or drop the token instead of forgetting it"
                )
            }
            Self::Abandoned {
                region,
                task,
                kind,
                age,
            } => write!(
                f,
                "an operation of task {task} ({kind}) still ran after {age:?} when region {region} closed, and \
                 was abandoned as its caller allowed; leave abandon_after away to have the region wait for it"
            ),
            Self::DropPanicked { region, payload } => write!(
                f,
                "the value of a finished task in region {region} panicked when it was dropped: {payload}; \
                 make its Drop total, or join the task to see the value"
            ),
            Self::Stalled {
                task,
                name,
                site,
                region,
                driver,
                lasted,
                message,
                overdue,
            } => {
                write!(f, "{}", Task(*task, *name))?;
                if let Some(site) = site {
                    write!(f, " at {site}")?;
                }
                write!(
                    f,
                    " of region {region} does not yield: driver {driver} polls it for {lasted:?}"
                )?;
                if let Some(message) = message {
                    write!(f, ", it said {message:?}")?;
                }
                if let Some(overdue) = overdue {
                    write!(f, ", its time was over {overdue:?} ago")?;
                }
                f.write_str(
                    "; what waits behind it on this driver is late: yield now and then, or give work that blocks to \
                     the blocking pool",
                )
            }
            Self::StallEnded {
                task,
                name,
                driver,
                lasted,
            } => write!(
                f,
                "{} yielded or ended, after a poll of {lasted:?} on driver {driver}",
                Task(*task, *name)
            ),
            Self::Unwatched { reason } => write!(
                f,
                "nobody looks for tasks that do not yield, since the host refused the thread: {reason}; raise the \
                 limit of processes, or leave stall_after away"
            ),
            Self::DriverPanicked { driver, payload } => write!(
                f,
                "a panic came out of driver {driver}, and of no task: {payload}; it drives on, but what a waker, a trace \
                 sink or the platform's report was to do then may be undone"
            ),
            Self::WakerPanicked { payload } => write!(
                f,
                "a waker that the program made panicked: {payload}; what it was to wake may wait for ever"
            ),
        }
    }
}
