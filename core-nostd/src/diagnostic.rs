//! Diagnostics: what the kernel tells a person when something went wrong that no caller will see.
//!
//! Owns the wording: each names the thing, the reason and the next step. Who shows them is the
//! platform's choice ([`Platform::report`](crate::Platform::report)).

use core::fmt;
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
    /// A waker that is not ours panicked when the kernel called it.
    WakerPanicked {
        /// What it said.
        payload: PanicPayload,
    },
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
            Self::WakerPanicked { payload } => write!(
                f,
                "a waker that the program made panicked: {payload}; what it was to wake may wait for ever"
            ),
        }
    }
}
