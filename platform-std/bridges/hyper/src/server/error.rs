//! `ServeError`: why a server ended before it was drained.

use std::fmt;

use asupersync_core::{
    Cancelled, CapabilityDenied, ChildEnded, Recoverability, SpawnError, TaskError, TimeError,
};
use asupersync_io::IoError;

/// Why a server, or a connection, ended early. No task of it is left.
#[derive(Debug)]
#[non_exhaustive]
pub enum ServeError {
    /// The task was asked to stop.
    Cancelled(Cancelled),
    /// The region does not hold the capability.
    Denied(CapabilityDenied),
    /// The listener failed for good.
    Accept(IoError),
    /// The region or the runtime admits no task.
    Spawn(SpawnError),
    /// A task of the server ended otherwise than it should.
    Child(ChildEnded),
    /// The drain took longer than its limit; what was left was cancelled.
    Overrun,
}

impl ServeError {
    /// What a caller can do about it.
    pub const fn recoverability(&self) -> Recoverability {
        match self {
            Self::Cancelled(_) => Recoverability::Cancelled,
            Self::Denied(_) => Recoverability::Misuse,
            Self::Accept(error) => error.recoverability(),
            Self::Spawn(error) => error.recoverability(),
            Self::Child(_) | Self::Overrun => Recoverability::Fatal,
        }
    }
}

impl TaskError for ServeError {
    fn cancelled(&self) -> Option<&Cancelled> {
        match self {
            Self::Cancelled(cancelled) => Some(cancelled),
            _ => None,
        }
    }
}

impl From<Cancelled> for ServeError {
    fn from(cancelled: Cancelled) -> Self {
        Self::Cancelled(cancelled)
    }
}

impl From<CapabilityDenied> for ServeError {
    fn from(denied: CapabilityDenied) -> Self {
        Self::Denied(denied)
    }
}

impl From<SpawnError> for ServeError {
    fn from(error: SpawnError) -> Self {
        Self::Spawn(error)
    }
}

impl From<ChildEnded> for ServeError {
    fn from(ended: ChildEnded) -> Self {
        Self::Child(ended)
    }
}

impl From<TimeError> for ServeError {
    fn from(error: TimeError) -> Self {
        match error {
            TimeError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            TimeError::Denied(denied) => Self::Denied(denied),
            // No other reason to stop waiting for time is known here.
            _ => Self::Overrun,
        }
    }
}

impl From<IoError> for ServeError {
    fn from(error: IoError) -> Self {
        match error {
            IoError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            IoError::Denied(denied) => Self::Denied(denied),
            other => Self::Accept(other),
        }
    }
}

impl fmt::Display for ServeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(cancelled) => cancelled.fmt(f),
            Self::Denied(denied) => denied.fmt(f),
            Self::Accept(error) => error.fmt(f),
            Self::Spawn(error) => error.fmt(f),
            Self::Child(ended) => ended.fmt(f),
            Self::Overrun => f.write_str(
                "the drain took longer than its limit, and what was left was cancelled; raise Options::drain_limit",
            ),
        }
    }
}

impl std::error::Error for ServeError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Cancelled(cancelled) => Some(cancelled),
            Self::Denied(denied) => Some(denied),
            Self::Accept(error) => Some(error),
            Self::Spawn(error) => Some(error),
            Self::Child(ended) => Some(ended),
            Self::Overrun => None,
        }
    }
}
