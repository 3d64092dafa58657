//! The seam to a platform: non-blocking sockets, and a [`Readiness`] cell for each.
//!
//! Owns the traits and the obligations on whoever implements them. Waiting, cancellation and errors as programs
//! see them are the business of the types above; a driver only tries, and tells when to try again.
//!
//! # Obligations
//! - Every method returns at once. One that would have to wait returns [`Fault::NotReady`] and has done nothing.
//! - After an attempt of a direction was `NotReady`, the driver calls [`Readiness::set`] with that direction as
//!   soon as the next attempt may succeed or fail. It may call too often, never too late. [`Socket::arm`] is
//!   called after each such attempt, before the task waits; a driver that is told once (edge-triggered) needs
//!   none.
//! - Dropping a socket closes it, and after that its cell is not set on behalf of another socket.
//! - Methods may be called from any thread, one reader and one writer of a stream at once, any number for
//!   listeners and datagram sockets.

use alloc::sync::Arc;
use core::net::SocketAddr;

use crate::error::{Address, IoErrorKind};
use crate::readiness::{Interest, Readiness};
use crate::unix::UnixAddr;

pub use crate::table::Table;

/// Why an attempt did not give what was asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum Fault {
    /// It would have to wait; nothing happened.
    NotReady,
    /// Try again at once; nothing happened.
    Interrupted,
    /// The platform has no such thing; nothing happened.
    Unsupported {
        /// Who does not have it.
        platform: &'static str,
    },
    /// It failed.
    Failed {
        /// What kind of failure it is.
        kind: IoErrorKind,
        /// The host's own number for it.
        code: Option<i32>,
    },
}

/// Which directions of a stream to end.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Shutdown {
    /// Nothing more will be read.
    Read,
    /// Nothing more will be written: the peer sees the end of the stream.
    Write,
    /// Both.
    Both,
}

/// The addresses of one family of sockets.
pub trait SocketAddress: Clone + Into<Address> + Send + Sync + 'static {}

impl<A: Clone + Into<Address> + Send + Sync + 'static> SocketAddress for A {}

/// What every socket has.
pub trait Socket: Send + Sync {
    /// How its addresses look.
    type Addr: SocketAddress;

    /// What is known about it, and who waits.
    fn readiness(&self) -> &Readiness;

    /// A task is about to wait: the host has to be asked again where it tells only once for each time it was asked.
    fn arm(&self, interest: Interest) -> Result<(), Fault> {
        let _ = interest;
        Ok(())
    }

    /// Whether an attempt that moved less than it could have took all there was.
    ///
    /// Only where the cell also knows whether the direction is closed: the end of a stream is no news of its own
    /// when it came together with the last bytes.
    fn is_short_drained(&self) -> bool {
        false
    }

    /// Where it is.
    fn local_addr(&self) -> Result<Self::Addr, Fault>;
}

/// One end of a byte stream.
pub trait StreamSocket: Socket {
    /// Whether a connect that was begun has come to its end. `Interest::Write` tells when to ask again.
    fn try_connected(&self) -> Result<(), Fault>;
    /// Reads what is there. `0`: the peer writes no more, or `into` is empty.
    fn try_read(&self, into: &mut [u8]) -> Result<usize, Fault>;
    /// Writes what there is room for.
    fn try_write(&self, from: &[u8]) -> Result<usize, Fault>;
    /// Writes what there is room for, from several buffers in order. The default writes from the first one.
    #[cfg(feature = "std")]
    fn try_write_vectored(&self, from: &[std::io::IoSlice<'_>]) -> Result<usize, Fault> {
        let first = from.iter().find(|part| !part.is_empty());
        self.try_write(first.map_or(&[], |part| part))
    }
    /// Ends directions. One that has ended already is no failure.
    fn shutdown(&self, how: Shutdown) -> Result<(), Fault>;
    /// Where the peer is.
    fn peer_addr(&self) -> Result<Self::Addr, Fault>;
    /// Whether small writes wait for more to send along.
    fn nodelay(&self) -> Result<bool, Fault>;
    /// Sets whether small writes go out at once.
    fn set_nodelay(&self, on: bool) -> Result<(), Fault>;
}

/// A stream of a driver.
pub type DynStream<A> = Arc<dyn StreamSocket<Addr = A>>;

/// A socket that takes connections.
pub trait ListenerSocket: Socket {
    /// Takes the next connection, if one waits.
    fn try_accept(&self) -> Result<(DynStream<Self::Addr>, Self::Addr), Fault>;
}

/// A listener of a driver.
pub type DynListener<A> = Arc<dyn ListenerSocket<Addr = A>>;

/// A socket that sends and receives messages.
pub trait DatagramSocket: Socket {
    /// Sends one message, whole or not at all.
    fn try_send_to(&self, from: &[u8], to: &Self::Addr) -> Result<usize, Fault>;
    /// Receives one message; what does not fit is lost.
    fn try_recv_from(&self, into: &mut [u8]) -> Result<(usize, Self::Addr), Fault>;
    /// Fixes the peer.
    fn connect(&self, to: &Self::Addr) -> Result<(), Fault>;
    /// As `try_send_to`, to the fixed peer.
    fn try_send(&self, from: &[u8]) -> Result<usize, Fault>;
    /// As `try_recv_from`, from the fixed peer.
    fn try_recv(&self, into: &mut [u8]) -> Result<usize, Fault>;
    /// The fixed peer.
    fn peer_addr(&self) -> Result<Self::Addr, Fault>;
}

/// A datagram socket of a driver.
pub type DynDatagram<A> = Arc<dyn DatagramSocket<Addr = A>>;

/// A network: the host's, or a virtual one. Behind the capability [`Net`](crate::Net).
pub trait NetDriver: Send + Sync {
    /// Its name in errors.
    fn platform(&self) -> &'static str;

    /// Begins to connect a stream; [`StreamSocket::try_connected`] tells how it goes.
    fn connect(&self, to: SocketAddr) -> Result<DynStream<SocketAddr>, Fault>;
    /// Listens at an address.
    fn listen(&self, at: SocketAddr) -> Result<DynListener<SocketAddr>, Fault>;
    /// Sends and receives messages at an address.
    fn datagrams(&self, at: SocketAddr) -> Result<DynDatagram<SocketAddr>, Fault>;

    /// As [`connect`](Self::connect), within this host.
    fn connect_unix(&self, to: &UnixAddr) -> Result<DynStream<UnixAddr>, Fault> {
        let _ = to;
        Err(self.unsupported())
    }
    /// As [`listen`](Self::listen), within this host.
    fn listen_unix(&self, at: &UnixAddr) -> Result<DynListener<UnixAddr>, Fault> {
        let _ = at;
        Err(self.unsupported())
    }
    /// As [`datagrams`](Self::datagrams), within this host. An unnamed address: a socket that only sends.
    fn datagrams_unix(&self, at: &UnixAddr) -> Result<DynDatagram<UnixAddr>, Fault> {
        let _ = at;
        Err(self.unsupported())
    }
    /// Two connected streams within this host.
    fn pair_unix(&self) -> Result<(DynStream<UnixAddr>, DynStream<UnixAddr>), Fault> {
        Err(self.unsupported())
    }

    /// The answer to what the platform does not have.
    fn unsupported(&self) -> Fault {
        Fault::Unsupported {
            platform: self.platform(),
        }
    }
}
