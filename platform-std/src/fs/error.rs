//! `FsError`: which operation failed, on what, and why.

use std::error::Error;
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use asupersync_core::Recoverability;

use crate::blocking::BlockingError;

/// An operation on a file or folder failed, or its wait was cancelled.
#[derive(Debug, Clone)]
pub struct FsError {
    operation: &'static str,
    path: PathBuf,
    cause: FsCause,
}

/// Why an operation on a file or folder failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum FsCause {
    /// The host says so.
    Host(Arc<io::Error>),
    /// The call itself: cancelled, denied, or the pool did not run it.
    Call(BlockingError),
}

impl FsError {
    /// What was to be done, as in "read".
    pub const fn operation(&self) -> &'static str {
        self.operation
    }

    /// What it was to be done with.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Why it was not done.
    pub const fn cause(&self) -> &FsCause {
        &self.cause
    }

    /// Whether the waiting task was asked to stop.
    pub const fn is_cancelled(&self) -> bool {
        matches!(&self.cause, FsCause::Call(call) if call.is_cancelled())
    }

    /// What the host says, if it was the host.
    pub fn kind(&self) -> Option<io::ErrorKind> {
        match &self.cause {
            FsCause::Host(error) => Some(error.kind()),
            FsCause::Call(_) => None,
        }
    }

    /// What the caller can do about it.
    pub fn recoverability(&self) -> Recoverability {
        use io::ErrorKind::{Interrupted, ResourceBusy, TimedOut, WouldBlock};
        match &self.cause {
            FsCause::Host(error) => match error.kind() {
                Interrupted | ResourceBusy | TimedOut | WouldBlock => Recoverability::Retry,
                _ => Recoverability::Fatal,
            },
            FsCause::Call(call) => call.recoverability(),
        }
    }
}

impl fmt::Display for FsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operation, path) = (self.operation, self.path.display());
        match &self.cause {
            FsCause::Host(error) => write!(f, "cannot {operation} {path}: {error}"),
            FsCause::Call(call) => write!(f, "cannot {operation} {path}: {call}"),
        }
    }
}

impl Error for FsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            FsCause::Host(error) => Some(&**error),
            FsCause::Call(call) => Some(call),
        }
    }
}

/// An error of the call.
pub(super) fn of_call(call: BlockingError, operation: &'static str, path: &Path) -> FsError {
    FsError {
        operation,
        path: path.to_path_buf(),
        cause: FsCause::Call(call),
    }
}

/// An error of the host.
pub(super) fn of_host(
    error: impl Into<Arc<io::Error>>,
    operation: &'static str,
    path: &Path,
) -> FsError {
    FsError {
        operation,
        path: path.to_path_buf(),
        cause: FsCause::Host(error.into()),
    }
}

/// What a call gave, with the operation and the path in its error.
pub(super) fn flatten<T>(
    result: Result<Result<T, impl Into<Arc<io::Error>>>, BlockingError>,
    operation: &'static str,
    path: &Path,
) -> Result<T, FsError> {
    match result {
        Ok(Ok(value)) => Ok(value),
        Ok(Err(error)) => Err(of_host(error, operation, path)),
        Err(call) => Err(of_call(call, operation, path)),
    }
}
