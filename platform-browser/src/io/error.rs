//! `IoError`: why an operation of the host has no result.

use alloc::string::String;
use core::fmt;

use asupersync_core::{Cancelled, CapabilityDenied, CapsuleError, Recoverability};

/// What the host, or its half of this crate, says of a failure; the table is in `packages/browser/README.md`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum IoErrorCode {
    /// A use after the end.
    Closed,
    /// No connection, or nobody at the other side of a port, in time.
    ConnectTimeout,
    /// No connection, or one that broke off.
    ConnectionFailed,
    /// The peer of a socket has closed with a code of its own, or is gone.
    ConnectionLost,
    /// The host cut it while the page was away.
    Interrupted,
    /// An argument is not what it should be; nothing was opened.
    InvalidArgument,
    /// A close code is 1000, or from 3000 to 4999.
    InvalidCloseCode,
    /// A port was given what cannot be cloned.
    NotCloneable,
    /// More messages came than are kept.
    QueueOverflow,
    /// The host has no such thing.
    UnsupportedRuntimeContext,
}

/// In the order of `CODES` in `js/io/bridge.mjs`.
const CODES: [(IoErrorCode, &str); 10] = [
    (IoErrorCode::Closed, "closed"),
    (IoErrorCode::ConnectTimeout, "connect_timeout"),
    (IoErrorCode::ConnectionFailed, "connection_failed"),
    (IoErrorCode::ConnectionLost, "connection_lost"),
    (IoErrorCode::Interrupted, "interrupted"),
    (IoErrorCode::InvalidArgument, "invalid_argument"),
    (IoErrorCode::InvalidCloseCode, "invalid_close_code"),
    (IoErrorCode::NotCloneable, "not_cloneable"),
    (IoErrorCode::QueueOverflow, "queue_overflow"),
    (
        IoErrorCode::UnsupportedRuntimeContext,
        "unsupported_runtime_context",
    ),
];

impl IoErrorCode {
    /// Its name, the same as in TypeScript.
    pub const fn name(self) -> &'static str {
        CODES[self as usize].1
    }

    /// The code of a negative status.
    pub(crate) fn of(status: i32) -> Self {
        let found = usize::try_from(-1 - status)
            .ok()
            .and_then(|at| CODES.get(at));
        found.map_or(Self::ConnectionFailed, |(code, _)| *code)
    }
}

/// Why an operation of the host has no result.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum IoError {
    /// The task was asked to stop.
    Cancelled(Cancelled),
    /// The region does not hold the capability. Nothing was tried.
    Denied(CapabilityDenied),
    /// The runtime has as many operations under way as it can number, or the region is closing. Nothing was tried.
    Refused,
    /// The host said so.
    Host {
        /// For programs.
        code: IoErrorCode,
        /// For people.
        message: String,
    },
}

impl IoError {
    /// Whether the task was asked to stop.
    pub const fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_))
    }

    /// The code, if the host has said why.
    pub const fn code(&self) -> Option<IoErrorCode> {
        match self {
            Self::Host { code, .. } => Some(*code),
            _ => None,
        }
    }

    /// What a caller can do about it.
    pub const fn recoverability(&self) -> Recoverability {
        match self {
            Self::Cancelled(_) => Recoverability::Cancelled,
            Self::Denied(_) => Recoverability::Misuse,
            Self::Refused => Recoverability::Retry,
            Self::Host { code, .. } => match code {
                IoErrorCode::ConnectTimeout
                | IoErrorCode::ConnectionFailed
                | IoErrorCode::ConnectionLost
                | IoErrorCode::Interrupted
                | IoErrorCode::QueueOverflow => Recoverability::Retry,
                _ => Recoverability::Misuse,
            },
        }
    }
}

impl From<CapsuleError> for IoError {
    fn from(error: CapsuleError) -> Self {
        match error {
            CapsuleError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            CapsuleError::Denied(denied) => Self::Denied(denied),
            _ => Self::Refused,
        }
    }
}

impl From<Cancelled> for IoError {
    fn from(cancelled: Cancelled) -> Self {
        Self::Cancelled(cancelled)
    }
}

impl From<CapabilityDenied> for IoError {
    fn from(denied: CapabilityDenied) -> Self {
        Self::Denied(denied)
    }
}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(cancelled) => cancelled.fmt(f),
            Self::Denied(denied) => denied.fmt(f),
            Self::Refused => f.write_str("nothing more can be opened: the region closes, or a million operations are under way"),
            Self::Host { code, message } => write!(f, "{}: {message}", code.name()),
        }
    }
}

impl core::error::Error for IoError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        match self {
            Self::Cancelled(cancelled) => Some(cancelled),
            Self::Denied(denied) => Some(denied),
            _ => None,
        }
    }
}
