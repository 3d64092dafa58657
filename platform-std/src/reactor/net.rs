//! `HostNet`: the host's network behind the capability `Net`.

use std::io;
use std::net::{SocketAddr, TcpListener, UdpSocket};
use std::sync::Arc;

use asupersync_io::IoErrorKind;
use asupersync_io::driver::{DynDatagram, DynListener, DynStream, Fault, NetDriver};
use socket2::{Domain, Protocol, Type};

use super::Reactor;
use super::socket::HostSocket;
use crate::seats::Seats;

/// Makes sockets of the host; the first one starts the reactor.
#[derive(Debug)]
pub(crate) struct HostNet {
    seats: Arc<Seats>,
}

impl HostNet {
    pub(crate) fn new(seats: Arc<Seats>) -> Self {
        Self { seats }
    }

    fn reactor(&self) -> Result<&Arc<Reactor>, Fault> {
        Ok(self.seats.start_reactor()?)
    }
}

impl NetDriver for HostNet {
    fn platform(&self) -> &'static str {
        "std"
    }

    fn connect(&self, to: SocketAddr) -> Result<DynStream<SocketAddr>, Fault> {
        let reactor = self.reactor()?;
        let socket = unconnected(Domain::for_address(to), Type::STREAM, Some(Protocol::TCP))?;
        begun(socket.connect(&to.into()))?;
        Ok(Arc::new(HostSocket::<std::net::TcpStream>::new(
            reactor,
            socket.into(),
        )?))
    }

    fn listen(&self, at: SocketAddr) -> Result<DynListener<SocketAddr>, Fault> {
        let reactor = self.reactor()?;
        let listener = TcpListener::bind(at)?;
        listener.set_nonblocking(true)?;
        Ok(Arc::new(HostSocket::new(reactor, listener)?))
    }

    fn datagrams(&self, at: SocketAddr) -> Result<DynDatagram<SocketAddr>, Fault> {
        let reactor = self.reactor()?;
        let socket = UdpSocket::bind(at)?;
        socket.set_nonblocking(true)?;
        Ok(Arc::new(HostSocket::new(reactor, socket)?))
    }

    #[cfg(unix)]
    fn connect_unix(
        &self,
        to: &asupersync_io::UnixAddr,
    ) -> Result<DynStream<asupersync_io::UnixAddr>, Fault> {
        let reactor = self.reactor()?;
        let socket = unconnected(Domain::UNIX, Type::STREAM, None)?;
        match socket.connect(&unix::address(to)?) {
            // The listener's queue is full. The host does not tell when there is room.
            Err(error) if error.kind() == io::ErrorKind::WouldBlock => Err(Fault::Failed {
                kind: IoErrorKind::Busy,
                code: error.raw_os_error(),
            }),
            other => {
                begun(other)?;
                let stream =
                    std::os::unix::net::UnixStream::from(std::os::fd::OwnedFd::from(socket));
                Ok(Arc::new(HostSocket::new(reactor, stream)?))
            }
        }
    }

    #[cfg(unix)]
    fn listen_unix(
        &self,
        at: &asupersync_io::UnixAddr,
    ) -> Result<DynListener<asupersync_io::UnixAddr>, Fault> {
        let reactor = self.reactor()?;
        let listener = std::os::unix::net::UnixListener::bind(unix::path(at)?)?;
        listener.set_nonblocking(true)?;
        Ok(Arc::new(HostSocket::new(reactor, listener)?))
    }

    #[cfg(unix)]
    fn datagrams_unix(
        &self,
        at: &asupersync_io::UnixAddr,
    ) -> Result<DynDatagram<asupersync_io::UnixAddr>, Fault> {
        use std::os::unix::net::UnixDatagram;
        let reactor = self.reactor()?;
        let socket = match at.path() {
            Some(_) => UnixDatagram::bind(unix::path(at)?)?,
            None => UnixDatagram::unbound()?,
        };
        socket.set_nonblocking(true)?;
        Ok(Arc::new(HostSocket::new(reactor, socket)?))
    }

    #[cfg(unix)]
    fn pair_unix(
        &self,
    ) -> Result<
        (
            DynStream<asupersync_io::UnixAddr>,
            DynStream<asupersync_io::UnixAddr>,
        ),
        Fault,
    > {
        let reactor = self.reactor()?;
        let (a, b) = std::os::unix::net::UnixStream::pair()?;
        a.set_nonblocking(true)?;
        b.set_nonblocking(true)?;
        let a = HostSocket::new(reactor, a)?;
        Ok((Arc::new(a), Arc::new(HostSocket::new(reactor, b)?)))
    }
}

/// A socket that is not connected, and does not block.
fn unconnected(
    domain: Domain,
    kind: Type,
    protocol: Option<Protocol>,
) -> io::Result<socket2::Socket> {
    let socket = socket2::Socket::new(domain, kind, protocol)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// A connect that does not end at once is under way.
fn begun(connect: io::Result<()>) -> io::Result<()> {
    match connect {
        Err(error) if is_under_way(&error) => Ok(()),
        other => other,
    }
}

#[cfg(unix)]
fn is_under_way(error: &io::Error) -> bool {
    error.raw_os_error() == Some(rustix::io::Errno::INPROGRESS.raw_os_error())
}

#[cfg(not(unix))]
fn is_under_way(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::io;
    use std::os::unix::ffi::OsStrExt;
    use std::path::Path;

    use asupersync_io::UnixAddr;
    use socket2::SockAddr;

    pub(super) fn path(at: &UnixAddr) -> io::Result<&Path> {
        let path = at.path().ok_or(io::ErrorKind::InvalidInput)?;
        Ok(Path::new(OsStr::from_bytes(path)))
    }

    pub(super) fn address(at: &UnixAddr) -> io::Result<SockAddr> {
        SockAddr::unix(path(at)?)
    }
}
