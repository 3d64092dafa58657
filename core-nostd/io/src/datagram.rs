//! `Datagram`: sends and receives messages, over any driver.

use core::fmt;
use core::net::SocketAddr;

use asupersync_core::{CxBase, HostObject};

use crate::driver::{DynDatagram, SocketAddress};
use crate::error::{IoError, Operation};
use crate::net::Net;
use crate::operation::{at_once, run};
use crate::readiness::Interest;
use crate::stream::configured;
use crate::unix::UnixAddr;

/// A UDP socket.
pub type UdpSocket = Datagram<SocketAddr>;

/// A datagram socket within the host.
pub type UnixDatagram = Datagram<UnixAddr>;

/// Sends and receives messages, each whole. Any number of tasks may use one socket; each message goes to one of
/// them.
///
/// # Cancel safety
/// Of all operations: a cancelled or dropped one has sent, or taken, no message.
pub struct Datagram<A> {
    socket: DynDatagram<A>,
}

impl<A> Datagram<A> {
    /// The socket of a driver.
    pub fn from_driver(socket: DynDatagram<A>) -> Self {
        Self { socket }
    }
}

impl<A: SocketAddress> Datagram<A> {
    /// Sends one message, and says how long it was.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if the task was asked to stop; the host's failures, with the address.
    pub async fn send_to(&self, cx: &CxBase, from: &[u8], to: &A) -> Result<usize, IoError> {
        let attempt = |_seen| self.socket.try_send_to(from, to);
        let sent = run(cx, &*self.socket, Interest::Write, Operation::Send, attempt).await;
        sent.map_err(|error| error.at(to.clone()))
    }

    /// Waits for a message; says how long it is and where it comes from. What does not fit is lost.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if the task was asked to stop; the host's failures.
    pub async fn recv_from(&self, cx: &CxBase, into: &mut [u8]) -> Result<(usize, A), IoError> {
        let attempt = |_seen| self.socket.try_recv_from(into);
        run(
            cx,
            &*self.socket,
            Interest::Read,
            Operation::Receive,
            attempt,
        )
        .await
    }

    /// Fixes the peer: [`send`](Self::send) sends there, and only what comes from there is received.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if the task was asked to stop before; the host's failures, with the address.
    pub async fn connect(&self, cx: &CxBase, to: &A) -> Result<(), IoError> {
        let object = self.socket.readiness().object();
        let connected = at_once(cx, object, Operation::Connect, || self.socket.connect(to)).await;
        connected.map_err(|error| error.at(to.clone()))
    }

    /// Sends one message to the fixed peer, and says how long it was.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if the task was asked to stop; the host's failures, such as
    /// [`NotConnected`](crate::IoErrorKind::NotConnected), and
    /// [`ConnectionRefused`](crate::IoErrorKind::ConnectionRefused) where an earlier message found nobody.
    pub async fn send(&self, cx: &CxBase, from: &[u8]) -> Result<usize, IoError> {
        let attempt = |_seen| self.socket.try_send(from);
        run(cx, &*self.socket, Interest::Write, Operation::Send, attempt).await
    }

    /// Waits for a message of the fixed peer, and says how long it is. What does not fit is lost.
    ///
    /// # Errors
    /// As [`send`](Self::send).
    pub async fn recv(&self, cx: &CxBase, into: &mut [u8]) -> Result<usize, IoError> {
        let attempt = |_seen| self.socket.try_recv(into);
        run(
            cx,
            &*self.socket,
            Interest::Read,
            Operation::Receive,
            attempt,
        )
        .await
    }

    /// Where it is.
    ///
    /// # Errors
    /// The host's failures.
    pub fn local_addr(&self) -> Result<A, IoError> {
        configured(self.socket.local_addr())
    }

    /// The fixed peer.
    ///
    /// # Errors
    /// The host's failures, such as [`NotConnected`](crate::IoErrorKind::NotConnected).
    pub fn peer_addr(&self) -> Result<A, IoError> {
        configured(self.socket.peer_addr())
    }
}

impl UdpSocket {
    /// Takes the address `at`. Port 0: a free one; [`local_addr`](Self::local_addr) says which.
    ///
    /// # Errors
    /// [`IoError::Denied`] without the capability [`Net`], before any effect; [`IoError::Cancelled`]; the host's
    /// failures, such as [`AddressInUse`](crate::IoErrorKind::AddressInUse), with the address.
    pub async fn bind(cx: &CxBase, at: SocketAddr) -> Result<Self, IoError> {
        let driver = Net::driver_of(cx)?;
        let object = HostObject::new();
        let bound = at_once(cx, &object, Operation::Bind, || driver.datagrams(at)).await;
        bound.map(Self::from_driver).map_err(|error| error.at(at))
    }
}

impl UnixDatagram {
    /// Takes a path, where nothing may be yet; or no name, to only send.
    ///
    /// # Errors
    /// As [`UdpSocket::bind`]; [`IoError::Unsupported`] where there are no Unix sockets.
    pub async fn bind(cx: &CxBase, at: impl Into<UnixAddr>) -> Result<Self, IoError> {
        let at = at.into();
        let driver = Net::driver_of(cx)?;
        let object = HostObject::new();
        let bound = at_once(cx, &object, Operation::Bind, || driver.datagrams_unix(&at)).await;
        bound.map(Self::from_driver).map_err(|error| error.at(at))
    }
}

impl<A> fmt::Debug for Datagram<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Datagram").finish_non_exhaustive()
    }
}
