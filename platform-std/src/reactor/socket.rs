//! `HostSocket`: a socket of the host and its registration, as the network types drive it.

use std::io::{self, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::sync::Arc;

use asupersync_io::driver::{
    DatagramSocket, DynStream, Fault, ListenerSocket, Socket, SocketAddress, StreamSocket,
};
use asupersync_io::{Interest, Readiness, Ready, Shutdown};

use super::poller::{Source, TELLS_CLOSED};
use super::{Reactor, Registration};

/// A socket that the reactor watches. Dropping it ends the registration, then closes it.
pub(super) struct HostSocket<S: Source> {
    registration: Registration,
    io: S,
}

impl<S: Source> HostSocket<S> {
    /// Takes a socket that does not block; both directions are presumed ready, since to try is cheap.
    pub(super) fn new(reactor: &Arc<Reactor>, io: S) -> Result<Self, Fault> {
        let registration = reactor.register(&io, Ready::BOTH)?;
        Ok(Self { registration, io })
    }

    pub(super) fn io(&self) -> &S {
        &self.io
    }

    pub(super) fn reactor(&self) -> &Arc<Reactor> {
        &self.registration.reactor
    }

    pub(super) fn readiness(&self) -> &Readiness {
        &self.registration.entry.readiness
    }

    pub(super) fn arm(&self, interest: Interest) -> Result<(), Fault> {
        let Registration {
            reactor,
            entry,
            key,
        } = &self.registration;
        Ok(entry
            .arming
            .arm(&reactor.poller, &self.io, *key, interest)?)
    }
}

impl<S: Source> Drop for HostSocket<S> {
    fn drop(&mut self) {
        self.registration.end(&self.io);
    }
}

/// What std calls the same for every kind of socket, under the names of the seam.
macro_rules! socket {
    ($io:ty, $addr:ty) => {
        impl Socket for HostSocket<$io> {
            type Addr = $addr;

            fn readiness(&self) -> &Readiness {
                self.readiness()
            }

            fn arm(&self, interest: Interest) -> Result<(), Fault> {
                self.arm(interest)
            }

            fn is_short_drained(&self) -> bool {
                TELLS_CLOSED
            }

            fn local_addr(&self) -> Result<$addr, Fault> {
                Ok(self.io().local_addr()?.into_ours())
            }
        }
    };
}

macro_rules! stream_basics {
    () => {
        fn try_connected(&self) -> Result<(), Fault> {
            if let Some(error) = self.io().take_error()? {
                return Err(error.into());
            }
            match self.io().peer_addr() {
                Ok(_) => Ok(()),
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Err(Fault::NotReady),
                Err(error) => Err(error.into()),
            }
        }

        #[inline]
        fn try_read(&self, into: &mut [u8]) -> Result<usize, Fault> {
            Ok(self.io().read(into)?)
        }

        #[inline]
        fn try_write(&self, from: &[u8]) -> Result<usize, Fault> {
            Ok(self.io().write(from)?)
        }

        fn try_write_vectored(&self, from: &[io::IoSlice<'_>]) -> Result<usize, Fault> {
            Ok(self.io().write_vectored(from)?)
        }

        fn shutdown(&self, how: Shutdown) -> Result<(), Fault> {
            let how = match how {
                Shutdown::Read => std::net::Shutdown::Read,
                Shutdown::Write => std::net::Shutdown::Write,
                Shutdown::Both => std::net::Shutdown::Both,
            };
            match self.io().shutdown(how) {
                // Both sides have ended it already: there is nothing left to end.
                Err(error) if error.kind() == io::ErrorKind::NotConnected => Ok(()),
                ended => Ok(ended?),
            }
        }

        fn peer_addr(&self) -> Result<Self::Addr, Fault> {
            Ok(self.io().peer_addr()?.into_ours())
        }
    };
}

macro_rules! listener {
    ($io:ty, $addr:ty) => {
        impl ListenerSocket for HostSocket<$io> {
            fn try_accept(&self) -> Result<(DynStream<$addr>, $addr), Fault> {
                let (stream, from) = self.io().accept()?;
                stream.set_nonblocking(true)?;
                let stream = HostSocket::new(self.reactor(), stream)?;
                Ok((Arc::new(stream), from.into_ours()))
            }
        }
    };
}

macro_rules! datagram_basics {
    () => {
        fn try_recv_from(&self, into: &mut [u8]) -> Result<(usize, Self::Addr), Fault> {
            let (len, from) = self.io().recv_from(into)?;
            Ok((len, from.into_ours()))
        }

        fn try_send(&self, from: &[u8]) -> Result<usize, Fault> {
            Ok(self.io().send(from)?)
        }

        fn try_recv(&self, into: &mut [u8]) -> Result<usize, Fault> {
            Ok(self.io().recv(into)?)
        }

        fn peer_addr(&self) -> Result<Self::Addr, Fault> {
            Ok(self.io().peer_addr()?.into_ours())
        }
    };
}

/// An address of the host as the network types have it.
trait IntoOurs {
    type Ours: SocketAddress;
    fn into_ours(self) -> Self::Ours;
}

impl IntoOurs for SocketAddr {
    type Ours = Self;
    fn into_ours(self) -> Self {
        self
    }
}

socket!(TcpStream, SocketAddr);
socket!(TcpListener, SocketAddr);
socket!(UdpSocket, SocketAddr);

impl StreamSocket for HostSocket<TcpStream> {
    stream_basics!();

    fn nodelay(&self) -> Result<bool, Fault> {
        Ok(self.io().nodelay()?)
    }

    fn set_nodelay(&self, on: bool) -> Result<(), Fault> {
        Ok(self.io().set_nodelay(on)?)
    }
}

listener!(TcpListener, SocketAddr);

impl DatagramSocket for HostSocket<UdpSocket> {
    datagram_basics!();

    fn try_send_to(&self, from: &[u8], to: &SocketAddr) -> Result<usize, Fault> {
        Ok(self.io().send_to(from, to)?)
    }

    fn connect(&self, to: &SocketAddr) -> Result<(), Fault> {
        Ok(self.io().connect(to)?)
    }
}

#[cfg(unix)]
mod unix {
    use std::ffi::OsStr;
    use std::os::unix::ffi::OsStrExt;
    use std::os::unix::net::{SocketAddr, UnixDatagram, UnixListener, UnixStream};

    use asupersync_io::UnixAddr;

    use super::*;

    impl IntoOurs for SocketAddr {
        type Ours = UnixAddr;
        fn into_ours(self) -> UnixAddr {
            self.as_pathname()
                .map_or_else(UnixAddr::unnamed, UnixAddr::from)
        }
    }

    socket!(UnixStream, UnixAddr);
    socket!(UnixListener, UnixAddr);
    socket!(UnixDatagram, UnixAddr);

    impl StreamSocket for HostSocket<UnixStream> {
        stream_basics!();

        /// Nothing is ever held back within a host.
        fn nodelay(&self) -> Result<bool, Fault> {
            Ok(true)
        }

        fn set_nodelay(&self, _on: bool) -> Result<(), Fault> {
            Ok(())
        }
    }

    listener!(UnixListener, UnixAddr);

    impl DatagramSocket for HostSocket<UnixDatagram> {
        datagram_basics!();

        fn try_send_to(&self, from: &[u8], to: &UnixAddr) -> Result<usize, Fault> {
            Ok(self.io().send_to(from, path(to))?)
        }

        fn connect(&self, to: &UnixAddr) -> Result<(), Fault> {
            Ok(self.io().connect(path(to))?)
        }
    }

    fn path(address: &UnixAddr) -> &OsStr {
        OsStr::from_bytes(address.path().unwrap_or_default())
    }
}
