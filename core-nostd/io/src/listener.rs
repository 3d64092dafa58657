//! `Listener`: takes connections, over any driver.

use core::fmt;
use core::net::SocketAddr;
use core::task::{Context, Poll};

use asupersync_core::{CxBase, HostObject};

use crate::driver::{DynListener, SocketAddress};
use crate::error::{IoError, Operation};
use crate::net::Net;
use crate::operation::{at_once, poll_attempt, run};
use crate::readiness::{Interest, Place};
use crate::stream::{Stream, configured};
use crate::unix::UnixAddr;

/// Takes TCP connections.
pub type TcpListener = Listener<SocketAddr>;

/// Takes connections over a Unix socket. Dropping it leaves its path in the file system.
pub type UnixListener = Listener<UnixAddr>;

/// Takes connections. Any number of tasks may accept from one listener; each connection goes to one of them.
pub struct Listener<A> {
    socket: DynListener<A>,
}

impl<A> Listener<A> {
    /// The listener of a driver's socket.
    pub fn from_driver(socket: DynListener<A>) -> Self {
        Self { socket }
    }
}

impl<A: SocketAddress> Listener<A> {
    /// Waits for a connection, and says where it comes from.
    ///
    /// # Cancel safety
    /// A cancelled or dropped accept has taken no connection: those that wait are there for the next one.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if the task was asked to stop. The host's failures: after
    /// [`OutOfHandles`](crate::IoErrorKind::OutOfHandles) and
    /// [`ConnectionAborted`](crate::IoErrorKind::ConnectionAborted) the listener goes on; try again later.
    pub async fn accept(&self, cx: &CxBase) -> Result<(Stream<A>, A), IoError> {
        let attempt = |_seen| self.socket.try_accept();
        let accept = run(
            cx,
            &*self.socket,
            Interest::Read,
            Operation::Accept,
            attempt,
        );
        let (socket, from) = accept.await?;
        Ok((Stream::from_driver(socket), from))
    }

    /// Takes a connection, for code that polls by hand.
    ///
    /// There is one place for a waker of this kind: of two tasks that poll, the first is forgotten.
    ///
    /// # Errors
    /// The host's failures, as in [`accept`](Self::accept).
    pub fn poll_accept(&self, task: &mut Context<'_>) -> Poll<Result<(Stream<A>, A), IoError>> {
        let mut place = Place::poll();
        let attempt = |_seen| self.socket.try_accept();
        poll_attempt(&*self.socket, Interest::Read, &mut place, task, attempt)
            .map_ok(|(socket, from)| (Stream::from_driver(socket), from))
            .map_err(|fault| IoError::of(Operation::Accept, fault))
    }

    /// Where it listens.
    ///
    /// # Errors
    /// The host's failures.
    pub fn local_addr(&self) -> Result<A, IoError> {
        configured(self.socket.local_addr())
    }
}

impl TcpListener {
    /// Listens at `at`. Port 0: a free one; [`local_addr`](Self::local_addr) says which.
    ///
    /// # Errors
    /// [`IoError::Denied`] without the capability [`Net`], before any effect; [`IoError::Cancelled`]; the host's
    /// failures, such as [`AddressInUse`](crate::IoErrorKind::AddressInUse), with the address.
    pub async fn bind(cx: &CxBase, at: SocketAddr) -> Result<Self, IoError> {
        let driver = Net::driver_of(cx)?;
        let object = HostObject::new();
        let bound = at_once(cx, &object, Operation::Bind, || driver.listen(at)).await;
        bound.map(Self::from_driver).map_err(|error| error.at(at))
    }
}

impl UnixListener {
    /// Listens at a path, where nothing may be yet.
    ///
    /// # Errors
    /// As [`TcpListener::bind`]; [`IoError::Unsupported`] where there are no Unix sockets.
    pub async fn bind(cx: &CxBase, at: impl Into<UnixAddr>) -> Result<Self, IoError> {
        let at = at.into();
        let driver = Net::driver_of(cx)?;
        let object = HostObject::new();
        let bound = at_once(cx, &object, Operation::Bind, || driver.listen_unix(&at)).await;
        bound.map(Self::from_driver).map_err(|error| error.at(at))
    }
}

impl<A> fmt::Debug for Listener<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Listener").finish_non_exhaustive()
    }
}
