//! `ProcessError`: which step failed, for which program, and why.

use std::error::Error;
use std::fmt;
use std::io;
use std::sync::Arc;

use asupersync_core::{ChildEnded, Recoverability, SpawnError, TaskError};

use crate::blocking::BlockingError;
use crate::unsupported::Unsupported;

/// Something about a child process failed, or its wait was cancelled.
#[derive(Debug, Clone)]
pub struct ProcessError {
    operation: &'static str,
    program: String,
    cause: ProcessCause,
}

/// Why something about a child process failed.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ProcessCause {
    /// The host says so.
    Host(Arc<io::Error>),
    /// The call itself: cancelled, denied, or the pool did not run it.
    Call(BlockingError),
    /// The region did not admit the process.
    Spawn(SpawnError),
    /// What read the output ended without it.
    Ended(ChildEnded),
    /// The host has no processes that this crate can own.
    Unsupported(Unsupported),
}

impl ProcessError {
    pub(super) fn new(
        operation: &'static str,
        program: &str,
        cause: impl Into<ProcessCause>,
    ) -> Self {
        Self {
            operation,
            program: program.to_owned(),
            cause: cause.into(),
        }
    }

    /// What was to be done, as in "start".
    pub const fn operation(&self) -> &'static str {
        self.operation
    }

    /// The program, as it was named.
    pub fn program(&self) -> &str {
        &self.program
    }

    /// Why it was not done.
    pub const fn cause(&self) -> &ProcessCause {
        &self.cause
    }

    /// Whether the waiting task was asked to stop.
    pub const fn is_cancelled(&self) -> bool {
        matches!(&self.cause, ProcessCause::Call(call) if call.is_cancelled())
    }

    /// What the host says, if it was the host.
    pub fn kind(&self) -> Option<io::ErrorKind> {
        match &self.cause {
            ProcessCause::Host(error) => Some(error.kind()),
            _ => None,
        }
    }

    /// What the caller can do about it.
    pub fn recoverability(&self) -> Recoverability {
        match &self.cause {
            ProcessCause::Host(error) => match error.kind() {
                // Too many processes, or threads.
                io::ErrorKind::WouldBlock => Recoverability::Retry,
                _ => Recoverability::Fatal,
            },
            ProcessCause::Call(call) => call.recoverability(),
            ProcessCause::Spawn(spawn) => spawn.recoverability(),
            ProcessCause::Ended(ended) => ended.recoverability(),
            ProcessCause::Unsupported(unsupported) => unsupported.recoverability(),
        }
    }
}

macro_rules! from {
    ($($variant:ident($error:ty);)*) => {
        $(
            impl From<$error> for ProcessCause {
                fn from(error: $error) -> Self {
                    Self::$variant(error)
                }
            }
        )*
    };
}

from! {
    Host(Arc<io::Error>);
    Call(BlockingError);
    Spawn(SpawnError);
    Ended(ChildEnded);
    Unsupported(Unsupported);
}

impl From<io::Error> for ProcessCause {
    fn from(error: io::Error) -> Self {
        Self::Host(Arc::new(error))
    }
}

impl ProcessCause {
    fn as_error(&self) -> &(dyn Error + 'static) {
        match self {
            Self::Host(error) => &**error,
            Self::Call(call) => call,
            Self::Spawn(spawn) => spawn,
            Self::Ended(ended) => ended,
            Self::Unsupported(unsupported) => unsupported,
        }
    }
}

impl fmt::Display for ProcessError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (operation, program) = (self.operation, &self.program);
        write!(f, "cannot {operation} {program}: {}", self.cause.as_error())
    }
}

impl Error for ProcessError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(self.cause.as_error())
    }
}

/// The error of a region that did nothing but run `program`.
pub(super) fn of_region<T>(
    result: Result<T, asupersync_core::Error>,
    program: String,
) -> Result<T, ProcessError> {
    let error = match result {
        Ok(value) => return Ok(value),
        Err(error) => error,
    };
    let cause: ProcessCause = if let Some(own) = error.downcast_ref::<ProcessError>() {
        return Err(own.clone());
    } else if let Some(cancelled) = error.cancelled() {
        BlockingError::Cancelled(cancelled.clone()).into()
    } else if let Some(spawn) = error.downcast_ref::<SpawnError>() {
        spawn.clone().into()
    } else if let Some(ended) = error.downcast_ref::<ChildEnded>() {
        ended.clone().into()
    } else {
        io::Error::other(error.to_string()).into()
    };
    Err(ProcessError::new("run", &program, cause))
}
