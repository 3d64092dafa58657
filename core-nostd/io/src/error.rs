//! `IoError`: why an operation of the host did not give what was asked for.
//!
//! Owns the error, its kinds and the names of the operations. A cancel and a missing capability have variants of
//! their own and are never flattened into a failure of the host.

use core::error::Error;
use core::fmt;
use core::net::SocketAddr;

use asupersync_core::{Cancelled, CapabilityDenied, CapsuleError, Recoverability};

use crate::driver::Fault;
use crate::unix::UnixAddr;

/// Why an operation did not give what was asked for.
///
/// In a task body `?` converts it; the token of a cancel is found through
/// [`source`](Error::source), so a body that was asked to stop ends as cancelled.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum IoError {
    /// The task was asked to stop. What the operation says about its cancel safety holds.
    Cancelled(Cancelled),
    /// The region does not hold the capability. Nothing happened.
    Denied(CapabilityDenied),
    /// The platform has no such thing. Nothing happened.
    Unsupported {
        /// What was asked for.
        surface: Operation,
        /// Who does not have it.
        platform: &'static str,
    },
    /// The host, or the peer, failed it.
    Host(HostError),
}

/// What the host, or the peer, failed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HostError {
    operation: Operation,
    kind: IoErrorKind,
    code: Option<i32>,
    address: Option<Address>,
}

/// The address of either family.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Address {
    /// TCP and UDP.
    Ip(SocketAddr),
    /// A Unix socket.
    Unix(UnixAddr),
}

/// What was tried.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Operation {
    /// Connecting a stream, or fixing a datagram socket's peer.
    Connect,
    /// Taking an address to listen or receive at.
    Bind,
    /// Accepting a connection.
    Accept,
    /// Reading from a stream.
    Read,
    /// Writing to a stream.
    Write,
    /// Ending a direction of a stream.
    Shutdown,
    /// Sending a datagram.
    Send,
    /// Receiving a datagram.
    Receive,
    /// Asking for, or changing, a property of a socket.
    Configure,
    /// Something that std reported without saying what.
    Other,
}

/// What kind of failure it is; the same on every platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum IoErrorKind {
    /// Nobody listens there.
    ConnectionRefused,
    /// The peer ended the connection without closing it.
    ConnectionReset,
    /// The connection was ended before it was used.
    ConnectionAborted,
    /// The socket has no peer.
    NotConnected,
    /// The address is taken.
    AddressInUse,
    /// The address is not one of this host's.
    AddressNotAvailable,
    /// The peer reads no more, or writing was shut down.
    BrokenPipe,
    /// The host's own time for it has passed (not the program's: that cancels).
    TimedOut,
    /// No way leads to the peer.
    Unreachable,
    /// The host does not allow it.
    PermissionDenied,
    /// There is nothing under that name.
    NotFound,
    /// There is something under that name already.
    AlreadyExists,
    /// The host cannot make sense of what it was given.
    InvalidInput,
    /// The peer closed before all that was to be read had come.
    UnexpectedEnd,
    /// The host took nothing of what was to be written.
    WriteZero,
    /// The process, or the host, has as many files and sockets open as it may.
    OutOfHandles,
    /// The host is out of memory or buffers for it.
    OutOfMemory,
    /// The host cannot take it now.
    Busy,
    /// The driver is gone, or could not be started.
    DriverGone,
    /// Something else; the code says what.
    Other,
}

impl IoError {
    /// A failure of the host.
    pub fn host(operation: Operation, kind: IoErrorKind, code: Option<i32>) -> Self {
        Self::Host(HostError {
            operation,
            kind,
            code,
            address: None,
        })
    }

    /// The same failure, with the address that it is about.
    #[must_use]
    pub fn at(mut self, at: impl Into<Address>) -> Self {
        if let Self::Host(error) = &mut self {
            error.address = Some(at.into());
        }
        self
    }

    pub(crate) fn of(operation: Operation, fault: Fault) -> Self {
        match fault {
            Fault::Unsupported { platform } => Self::Unsupported {
                surface: operation,
                platform,
            },
            Fault::Failed { kind, code } => Self::host(operation, kind, code),
            // Operations try again; only those that never wait get here.
            Fault::NotReady | Fault::Interrupted => Self::host(operation, IoErrorKind::Busy, None),
        }
    }

    /// Whether the task was asked to stop.
    pub const fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_))
    }

    /// The kind of the host's failure, if it is one.
    pub const fn kind(&self) -> Option<IoErrorKind> {
        match self {
            Self::Host(error) => Some(error.kind),
            _ => None,
        }
    }

    /// The host's failure, if it is one.
    pub const fn as_host(&self) -> Option<&HostError> {
        match self {
            Self::Host(error) => Some(error),
            _ => None,
        }
    }

    /// What a caller can do about it.
    pub const fn recoverability(&self) -> Recoverability {
        match self {
            Self::Cancelled(_) => Recoverability::Cancelled,
            Self::Denied(_) => Recoverability::Misuse,
            Self::Unsupported { .. } => Recoverability::Fatal,
            Self::Host(error) => error.kind.recoverability(),
        }
    }
}

impl HostError {
    /// What was tried.
    pub const fn operation(&self) -> Operation {
        self.operation
    }

    /// What kind of failure it is.
    pub const fn kind(&self) -> IoErrorKind {
        self.kind
    }

    /// The host's own number for it.
    pub const fn code(&self) -> Option<i32> {
        self.code
    }

    /// The address it is about, where the operation has one.
    pub const fn address(&self) -> Option<&Address> {
        self.address.as_ref()
    }
}

impl IoErrorKind {
    /// What a caller can do about it.
    pub const fn recoverability(self) -> Recoverability {
        match self {
            Self::ConnectionRefused
            | Self::ConnectionAborted
            | Self::AddressInUse
            | Self::TimedOut
            | Self::Unreachable
            | Self::OutOfHandles
            | Self::OutOfMemory
            | Self::Busy => Recoverability::Retry,
            Self::InvalidInput | Self::NotConnected => Recoverability::Misuse,
            _ => Recoverability::Fatal,
        }
    }

    const fn text(self) -> &'static str {
        match self {
            Self::ConnectionRefused => "nobody listens there",
            Self::ConnectionReset => "the peer reset the connection",
            Self::ConnectionAborted => "the connection was ended before it was used",
            Self::NotConnected => "the socket has no peer; connect it first",
            Self::AddressInUse => "the address is in use; choose another, or end its user",
            Self::AddressNotAvailable => "the address is not one of this host's",
            Self::BrokenPipe => "the peer reads no more, or writing was shut down",
            Self::TimedOut => "the host gave up waiting for the peer",
            Self::Unreachable => "no way leads to the peer",
            Self::PermissionDenied => "the host does not allow it",
            Self::NotFound => "there is nothing under that name",
            Self::AlreadyExists => "there is something under that name already",
            Self::InvalidInput => "the host cannot make sense of it",
            Self::UnexpectedEnd => "the peer closed before everything had come",
            Self::WriteZero => "the host took none of it",
            Self::OutOfHandles => {
                "no handle is free; close some files or sockets, or raise the limit of open files"
            }
            Self::OutOfMemory => "the host is out of memory for it",
            Self::Busy => "the host cannot take it now; try again",
            Self::DriverGone => "the I/O driver is gone or could not start",
            Self::Other => "the host failed it",
        }
    }
}

impl Operation {
    const fn text(self) -> &'static str {
        match self {
            Self::Connect => "connect",
            Self::Bind => "bind",
            Self::Accept => "accept",
            Self::Read => "read",
            Self::Write => "write",
            Self::Shutdown => "shutdown",
            Self::Send => "send",
            Self::Receive => "receive",
            Self::Configure => "configure",
            Self::Other => "I/O",
        }
    }
}

impl fmt::Display for Operation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Display for IoErrorKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.text())
    }
}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ip(address) => address.fmt(f),
            Self::Unix(address) => address.fmt(f),
        }
    }
}

impl fmt::Display for HostError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.operation.fmt(f)?;
        if let Some(address) = &self.address {
            write!(f, " {address}")?;
        }
        write!(f, ": {}", self.kind)?;
        if let Some(code) = self.code {
            write!(f, " (host error {code})")?;
        }
        Ok(())
    }
}

impl Error for HostError {}

impl fmt::Display for IoError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(cancelled) => cancelled.fmt(f),
            Self::Denied(denied) => denied.fmt(f),
            Self::Unsupported { surface, platform } => {
                write!(f, "{surface}: the platform `{platform}` does not have this")
            }
            Self::Host(error) => error.fmt(f),
        }
    }
}

impl Error for IoError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match self {
            Self::Cancelled(cancelled) => Some(cancelled),
            Self::Denied(denied) => Some(denied),
            // The text is its own: the chain ends here.
            Self::Unsupported { .. } | Self::Host(_) => None,
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

impl From<CapsuleError> for IoError {
    fn from(error: CapsuleError) -> Self {
        match error {
            CapsuleError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            CapsuleError::Denied(denied) => Self::Denied(denied),
            _ => Self::host(Operation::Other, IoErrorKind::Other, None),
        }
    }
}

impl From<SocketAddr> for Address {
    fn from(address: SocketAddr) -> Self {
        Self::Ip(address)
    }
}

impl From<UnixAddr> for Address {
    fn from(address: UnixAddr) -> Self {
        Self::Unix(address)
    }
}
