//! `SignalError`: why nobody listens, or nothing was heard.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use asupersync_core::{Cancelled, CapabilityDenied, Recoverability};

use super::Signal;
use crate::unsupported::Unsupported;

/// A signal was not listened for, or not heard.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum SignalError {
    /// The waiting task was asked to stop.
    Cancelled(Cancelled),
    /// The region does not hold the capability.
    Denied(CapabilityDenied),
    /// Nobody can listen for this signal.
    Unheard(Signal),
    /// The host has no signals.
    Unsupported(Unsupported),
    /// The host refused.
    Host(Arc<io::Error>),
    /// The region that the listener was made in is closed.
    RegionClosed,
}

impl SignalError {
    /// Whether the waiting task was asked to stop.
    pub const fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_))
    }

    /// What the caller can do about it.
    pub const fn recoverability(&self) -> Recoverability {
        match self {
            Self::Cancelled(_) => Recoverability::Cancelled,
            Self::Denied(_) | Self::Unheard(_) | Self::RegionClosed => Recoverability::Misuse,
            Self::Unsupported(_) => Recoverability::Fatal,
            Self::Host(_) => Recoverability::Retry,
        }
    }
}

impl From<Cancelled> for SignalError {
    fn from(cancelled: Cancelled) -> Self {
        Self::Cancelled(cancelled)
    }
}

impl From<CapabilityDenied> for SignalError {
    fn from(denied: CapabilityDenied) -> Self {
        Self::Denied(denied)
    }
}

impl fmt::Display for SignalError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(cancelled) => cancelled.fmt(f),
            Self::Denied(denied) => denied.fmt(f),
            Self::Unheard(signal) => write!(
                f,
                "{signal} never reaches a program; listen for {} to be asked to end",
                Signal::Terminate
            ),
            Self::Unsupported(unsupported) => unsupported.fmt(f),
            Self::Host(error) => write!(f, "the host does not deliver signals: {error}"),
            Self::RegionClosed => f.write_str(
                "the region that the signal listener was made in is closed; listen in a region that lives as long as the listener",
            ),
        }
    }
}

impl Error for SignalError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Cancelled(cancelled) => Some(cancelled),
            Self::Denied(denied) => Some(denied),
            Self::Unsupported(unsupported) => Some(unsupported),
            Self::Host(error) => Some(&**error),
            Self::Unheard(_) | Self::RegionClosed => None,
        }
    }
}
