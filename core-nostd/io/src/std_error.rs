//! To and from [`std::io::Error`]. Nothing is lost on the way: std's error carries ours.

use std::io;

use crate::driver::Fault;
use crate::error::{IoError, IoErrorKind, Operation};

/// POSIX numbers these alike on every Unix; Windows has its own.
#[cfg(unix)]
const OUT_OF_HANDLES: [i32; 2] = [23, 24];
#[cfg(unix)]
const OUT_OF_BUFFERS: [i32; 2] = [55, 105];
#[cfg(not(unix))]
const OUT_OF_HANDLES: [i32; 2] = [4, 10024];
#[cfg(not(unix))]
const OUT_OF_BUFFERS: [i32; 2] = [10055, 14];

impl IoErrorKind {
    fn of_std(error: &io::Error) -> Self {
        use io::ErrorKind as Std;
        match error.raw_os_error() {
            Some(code) if OUT_OF_HANDLES.contains(&code) => return Self::OutOfHandles,
            Some(code) if OUT_OF_BUFFERS.contains(&code) => return Self::OutOfMemory,
            _ => {}
        }
        match error.kind() {
            Std::ConnectionRefused => Self::ConnectionRefused,
            Std::ConnectionReset => Self::ConnectionReset,
            Std::ConnectionAborted => Self::ConnectionAborted,
            Std::NotConnected => Self::NotConnected,
            Std::AddrInUse => Self::AddressInUse,
            Std::AddrNotAvailable => Self::AddressNotAvailable,
            Std::BrokenPipe => Self::BrokenPipe,
            Std::TimedOut => Self::TimedOut,
            Std::HostUnreachable | Std::NetworkUnreachable | Std::NetworkDown => Self::Unreachable,
            Std::PermissionDenied => Self::PermissionDenied,
            Std::NotFound => Self::NotFound,
            Std::AlreadyExists => Self::AlreadyExists,
            Std::InvalidInput | Std::InvalidData => Self::InvalidInput,
            Std::UnexpectedEof => Self::UnexpectedEnd,
            Std::WriteZero => Self::WriteZero,
            Std::OutOfMemory => Self::OutOfMemory,
            Std::WouldBlock | Std::Interrupted | Std::ResourceBusy => Self::Busy,
            _ => Self::Other,
        }
    }

    const fn to_std(self) -> io::ErrorKind {
        use io::ErrorKind as Std;
        match self {
            Self::ConnectionRefused => Std::ConnectionRefused,
            Self::ConnectionReset => Std::ConnectionReset,
            Self::ConnectionAborted => Std::ConnectionAborted,
            Self::NotConnected => Std::NotConnected,
            Self::AddressInUse => Std::AddrInUse,
            Self::AddressNotAvailable => Std::AddrNotAvailable,
            Self::BrokenPipe => Std::BrokenPipe,
            Self::TimedOut => Std::TimedOut,
            Self::Unreachable => Std::HostUnreachable,
            Self::PermissionDenied => Std::PermissionDenied,
            Self::NotFound => Std::NotFound,
            Self::AlreadyExists => Std::AlreadyExists,
            Self::InvalidInput => Std::InvalidInput,
            Self::UnexpectedEnd => Std::UnexpectedEof,
            Self::WriteZero => Std::WriteZero,
            Self::OutOfMemory => Std::OutOfMemory,
            Self::Busy => Std::ResourceBusy,
            Self::OutOfHandles | Self::DriverGone | Self::Other => Std::Other,
        }
    }
}

impl From<io::Error> for Fault {
    fn from(error: io::Error) -> Self {
        match error.kind() {
            io::ErrorKind::WouldBlock => Self::NotReady,
            io::ErrorKind::Interrupted => Self::Interrupted,
            _ => Self::Failed {
                kind: IoErrorKind::of_std(&error),
                code: error.raw_os_error(),
            },
        }
    }
}

impl IoError {
    /// The failure that std reports for an operation. An error of ours that std carries comes out unchanged.
    pub fn from_std(operation: Operation, error: io::Error) -> Self {
        match error.downcast::<Self>() {
            Ok(ours) => ours,
            Err(error) => Self::host(operation, IoErrorKind::of_std(&error), error.raw_os_error()),
        }
    }
}

impl From<io::Error> for IoError {
    fn from(error: io::Error) -> Self {
        Self::from_std(Operation::Other, error)
    }
}

impl From<IoError> for io::Error {
    /// The kind says what std can say of it; `downcast` gives the error back. A cancel is `Other`, never
    /// `Interrupted`, which would be tried again.
    fn from(error: IoError) -> Self {
        let kind = match &error {
            IoError::Host(host) => host.kind().to_std(),
            IoError::Unsupported { .. } => io::ErrorKind::Unsupported,
            IoError::Denied(_) => io::ErrorKind::PermissionDenied,
            IoError::Cancelled(_) => io::ErrorKind::Other,
        };
        Self::new(kind, error)
    }
}
