//! `BlockingError`: why a blocking call gave no value.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use asupersync_core::{Cancelled, CapabilityDenied, PanicPayload, Recoverability};

/// A blocking call gave no value.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum BlockingError {
    /// The waiting task was asked to stop. A closure that had not started never runs; one that had runs to its
    /// end, the region waits for that, and its value is dropped.
    Cancelled(Cancelled),
    /// The region does not hold the capability. The closure was dropped unrun.
    Denied(CapabilityDenied),
    /// As many calls wait for a thread as may. The closure was dropped unrun.
    AtCapacity,
    /// The pool has no thread, and the host gave none. The closure was dropped unrun.
    NoThread(Arc<io::Error>),
    /// The runtime shut the pool down. The closure was dropped unrun.
    Stopped,
    /// The closure panicked; here is what it said. The thread lives on.
    Panicked(PanicPayload),
}

impl BlockingError {
    /// Whether the waiting task was asked to stop.
    pub const fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_))
    }

    /// Whether too many calls wait already.
    pub const fn is_at_capacity(&self) -> bool {
        matches!(self, Self::AtCapacity)
    }

    /// Whether the closure panicked.
    pub const fn is_panicked(&self) -> bool {
        matches!(self, Self::Panicked(_))
    }

    /// What the caller can do about it.
    pub const fn recoverability(&self) -> Recoverability {
        match self {
            Self::Cancelled(_) => Recoverability::Cancelled,
            Self::Denied(denied) => denied.recoverability(),
            Self::AtCapacity | Self::NoThread(_) => Recoverability::Retry,
            Self::Stopped | Self::Panicked(_) => Recoverability::Fatal,
        }
    }
}

impl From<Cancelled> for BlockingError {
    fn from(cancelled: Cancelled) -> Self {
        Self::Cancelled(cancelled)
    }
}

impl From<CapabilityDenied> for BlockingError {
    fn from(denied: CapabilityDenied) -> Self {
        Self::Denied(denied)
    }
}

impl fmt::Display for BlockingError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(cancelled) => cancelled.fmt(f),
            Self::Denied(denied) => denied.fmt(f),
            Self::AtCapacity => f.write_str(
                "as many blocking calls wait for a thread as may; wait for some to end, or raise the pool's bounds",
            ),
            Self::NoThread(error) => write!(
                f,
                "the blocking pool has no thread and the host gave none ({error}); try again, or lower the stack size"
            ),
            Self::Stopped => {
                f.write_str("the blocking pool is stopped; call it before the runtime shuts down")
            }
            Self::Panicked(payload) => write!(f, "a blocking call panicked: {payload}"),
        }
    }
}

impl Error for BlockingError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Cancelled(cancelled) => Some(cancelled),
            Self::Denied(denied) => Some(denied),
            Self::NoThread(error) => Some(&**error),
            Self::AtCapacity | Self::Stopped | Self::Panicked(_) => None,
        }
    }
}
