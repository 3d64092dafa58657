//! `Stream`: one connection, over any driver. [`TcpStream`] and [`UnixStream`] are streams of two address families.

use alloc::sync::Arc;
use core::fmt;
use core::net::SocketAddr;
use core::task::{Context, Poll};

use asupersync_core::{CxBase, HostObject};

use crate::driver::{DynStream, Fault, Shutdown, SocketAddress, StreamSocket};
use crate::error::{IoError, IoErrorKind, Operation};
use crate::net::Net;
use crate::operation::{at_once, poll_attempt, run};
use crate::readiness::{Interest, Place, Seen};
use crate::split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::unix::UnixAddr;

/// A TCP connection.
///
/// ```
/// use asupersync_core::{CxBase, Error};
/// use asupersync_io::{Shutdown, TcpStream};
/// use core::net::SocketAddr;
///
/// /// Asks a question and reads the answer to its end.
/// async fn ask(cx: &CxBase, whom: SocketAddr, answer: &mut [u8; 64]) -> Result<(), Error> {
///     let mut stream = TcpStream::connect(cx, whom).await?;
///     stream.write_all(cx, b"what time is it?").await?;
///     stream.shutdown(cx, Shutdown::Write).await?;
///     stream.read_exact(cx, answer).await?;
///     Ok(())
/// }
/// ```
pub type TcpStream = Stream<SocketAddr>;

/// A connection over a Unix socket.
pub type UnixStream = Stream<UnixAddr>;

/// A connection: bytes in order, both ways. Dropping it closes it.
///
/// Reading and writing take `&mut self`: one task does each. Halves for two tasks: [`split`](Self::split),
/// [`into_split`](Self::into_split).
///
/// # Cancel safety
/// Of all operations, unless they say more: a cancelled or dropped one has done nothing. No byte is lost, and the
/// stream can be used again.
pub struct Stream<A> {
    pub(crate) socket: DynStream<A>,
}

impl<A> Stream<A> {
    /// The stream of a driver's socket.
    pub fn from_driver(socket: DynStream<A>) -> Self {
        Self { socket }
    }
}

impl<A: SocketAddress> Stream<A> {
    /// Reads what is there, at least one byte; waits if nothing is. `0`: the peer writes no more, or `into` is
    /// empty.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if the task was asked to stop; the host's failures, such as
    /// [`ConnectionReset`](IoErrorKind::ConnectionReset).
    #[inline]
    pub async fn read(&mut self, cx: &CxBase, into: &mut [u8]) -> Result<usize, IoError> {
        read(&*self.socket, cx, into).await
    }

    /// Reads until `into` is full.
    ///
    /// # Cancel safety
    /// Not safe to repeat: what was read before the cancel is in `into`, but nothing says how much. Where that
    /// matters, count with [`read`](Self::read).
    ///
    /// # Errors
    /// As [`read`](Self::read); [`UnexpectedEnd`](IoErrorKind::UnexpectedEnd) if the peer closes before.
    pub async fn read_exact(&mut self, cx: &CxBase, into: &mut [u8]) -> Result<(), IoError> {
        read_exact(&*self.socket, cx, into).await
    }

    /// Writes what there is room for, at least one byte; waits if there is none.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if the task was asked to stop; the host's failures, such as
    /// [`BrokenPipe`](IoErrorKind::BrokenPipe).
    #[inline]
    pub async fn write(&mut self, cx: &CxBase, from: &[u8]) -> Result<usize, IoError> {
        write(&*self.socket, cx, from).await
    }

    /// Writes all of it.
    ///
    /// # Cancel safety
    /// Not safe to repeat: a start of `from` of unknown length was written. Where that matters, count with
    /// [`write`](Self::write).
    ///
    /// # Errors
    /// As [`write`](Self::write).
    pub async fn write_all(&mut self, cx: &CxBase, from: &[u8]) -> Result<(), IoError> {
        write_all(&*self.socket, cx, from).await
    }

    /// Ends directions: after [`Shutdown::Write`] the peer reads to the end, and this side may go on reading.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if the task was asked to stop before; the host's failures.
    pub async fn shutdown(&mut self, cx: &CxBase, how: Shutdown) -> Result<(), IoError> {
        shutdown(&*self.socket, cx, how).await
    }

    /// Two halves that borrow the stream, for two fibers of one task.
    pub fn split(&mut self) -> (ReadHalf<'_, A>, WriteHalf<'_, A>) {
        (ReadHalf::new(&*self.socket), WriteHalf::new(&*self.socket))
    }

    /// Two halves that own the stream together, for two tasks. It closes when both are dropped.
    pub fn into_split(self) -> (OwnedReadHalf<A>, OwnedWriteHalf<A>) {
        let read = OwnedReadHalf::new(Arc::clone(&self.socket));
        (read, OwnedWriteHalf::new(self.socket))
    }

    /// Where this end is.
    ///
    /// # Errors
    /// The host's failures.
    pub fn local_addr(&self) -> Result<A, IoError> {
        configured(self.socket.local_addr())
    }

    /// Where the peer is.
    ///
    /// # Errors
    /// The host's failures, such as [`NotConnected`](IoErrorKind::NotConnected).
    pub fn peer_addr(&self) -> Result<A, IoError> {
        configured(self.socket.peer_addr())
    }

    /// Reads what is there, for code that polls by hand.
    ///
    /// There is one place for a waker of this kind in each direction: of two tasks that poll the same direction,
    /// the first is forgotten. No `Cx` takes part: a cancel acts when the future around it looks, or is dropped.
    ///
    /// # Errors
    /// The host's failures.
    pub fn poll_read(
        &self,
        task: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<Result<usize, IoError>> {
        poll_read(&*self.socket, task, into)
    }

    /// Writes what there is room for, for code that polls by hand; see [`poll_read`](Self::poll_read).
    ///
    /// # Errors
    /// The host's failures.
    pub fn poll_write(&self, task: &mut Context<'_>, from: &[u8]) -> Poll<Result<usize, IoError>> {
        poll_write(&*self.socket, task, from)
    }

    /// Writes what there is room for from several buffers, for code that polls by hand; see
    /// [`poll_read`](Self::poll_read).
    ///
    /// # Errors
    /// The host's failures.
    #[cfg(feature = "std")]
    pub fn poll_write_vectored(
        &self,
        task: &mut Context<'_>,
        from: &[std::io::IoSlice<'_>],
    ) -> Poll<Result<usize, IoError>> {
        poll_write_vectored(&*self.socket, task, from)
    }

    /// Ends the writing direction, for code that polls by hand. It never waits.
    ///
    /// # Errors
    /// The host's failures.
    pub fn poll_shutdown(&self, task: &mut Context<'_>) -> Poll<Result<(), IoError>> {
        poll_shutdown(&*self.socket, task)
    }
}

impl TcpStream {
    /// Connects to `to`.
    ///
    /// # Cancel safety
    /// A cancelled or dropped connect closes its socket: the peer sees no connection, or one that ends at once.
    ///
    /// # Errors
    /// [`IoError::Denied`] without the capability [`Net`], before any effect; [`IoError::Cancelled`]; the host's
    /// failures, such as [`ConnectionRefused`](IoErrorKind::ConnectionRefused), with the address.
    pub async fn connect(cx: &CxBase, to: SocketAddr) -> Result<Self, IoError> {
        let driver = Net::driver_of(cx)?;
        let connected = connect(cx, || driver.connect(to)).await;
        connected.map_err(|error| error.at(to))
    }

    /// Whether small writes go out at once.
    ///
    /// # Errors
    /// The host's failures.
    pub fn nodelay(&self) -> Result<bool, IoError> {
        configured(self.socket.nodelay())
    }

    /// Sets whether small writes go out at once, instead of waiting for more to send along (Nagle's algorithm).
    ///
    /// # Errors
    /// The host's failures.
    pub fn set_nodelay(&self, on: bool) -> Result<(), IoError> {
        configured(self.socket.set_nodelay(on))
    }
}

impl UnixStream {
    /// Connects to the socket at a path.
    ///
    /// # Cancel safety
    /// As [`TcpStream::connect`].
    ///
    /// # Errors
    /// As [`TcpStream::connect`]; [`Busy`](IoErrorKind::Busy) if the listener's queue is full;
    /// [`IoError::Unsupported`] where there are no Unix sockets.
    pub async fn connect(cx: &CxBase, to: impl Into<UnixAddr>) -> Result<Self, IoError> {
        let to = to.into();
        let driver = Net::driver_of(cx)?;
        let connected = connect(cx, || driver.connect_unix(&to)).await;
        connected.map_err(|error| error.at(to))
    }

    /// Two connected streams without names.
    ///
    /// # Errors
    /// As [`connect`](Self::connect).
    pub async fn pair(cx: &CxBase) -> Result<(Self, Self), IoError> {
        let driver = Net::driver_of(cx)?;
        let object = HostObject::new();
        let pair = at_once(cx, &object, Operation::Connect, || driver.pair_unix()).await?;
        Ok((Self::from_driver(pair.0), Self::from_driver(pair.1)))
    }
}

impl<A> fmt::Debug for Stream<A> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Stream").finish_non_exhaustive()
    }
}

pub(crate) type DynSocket<A> = dyn StreamSocket<Addr = A>;

/// The whole connect is one operation: `begin` is its first step, so that nothing has happened before.
async fn connect<A: SocketAddress>(
    cx: &CxBase,
    mut begin: impl FnMut() -> Result<DynStream<A>, Fault> + Unpin,
) -> Result<Stream<A>, IoError> {
    let object = HostObject::new();
    let mut begun: Option<DynStream<A>> = None;
    let done = cx.io_wait(&object, |task| {
        let socket = match &begun {
            Some(socket) => socket,
            None => &*begun.insert(begin()?),
        };
        // The place goes with the socket, so nobody has to leave it.
        let mut place = Place::poll();
        let attempt = |_seen| socket.try_connected();
        let connected = poll_attempt(&**socket, Interest::Write, &mut place, task, attempt);
        connected.map_ok(|()| Arc::clone(socket))
    });
    match done.await? {
        Ok(socket) => Ok(Stream::from_driver(socket)),
        Err(fault) => Err(IoError::of(Operation::Connect, fault)),
    }
}

pub(crate) fn configured<T>(asked: Result<T, Fault>) -> Result<T, IoError> {
    asked.map_err(|fault| IoError::of(Operation::Configure, fault))
}

/// One attempt to read; tells the cell when it took all there was.
#[inline]
fn attempt_read<A: SocketAddress>(
    socket: &DynSocket<A>,
    into: &mut [u8],
    seen: Seen,
) -> Result<usize, Fault> {
    let read = socket.try_read(into)?;
    if 0 < read && read < into.len() && socket.is_short_drained() {
        socket.readiness().drained(Interest::Read, seen);
    }
    Ok(read)
}

#[inline]
fn attempt_write<A: SocketAddress>(
    socket: &DynSocket<A>,
    from: &[u8],
    seen: Seen,
) -> Result<usize, Fault> {
    let written = socket.try_write(from)?;
    if 0 < written && written < from.len() && socket.is_short_drained() {
        socket.readiness().drained(Interest::Write, seen);
    }
    Ok(written)
}

#[inline]
pub(crate) async fn read<A>(
    socket: &DynSocket<A>,
    cx: &CxBase,
    into: &mut [u8],
) -> Result<usize, IoError>
where
    A: SocketAddress,
{
    if into.is_empty() {
        cx.checkpoint()?;
        return Ok(0);
    }
    let attempt = |seen| attempt_read(socket, into, seen);
    run(cx, socket, Interest::Read, Operation::Read, attempt).await
}

pub(crate) async fn read_exact<A>(
    socket: &DynSocket<A>,
    cx: &CxBase,
    into: &mut [u8],
) -> Result<(), IoError>
where
    A: SocketAddress,
{
    let mut filled = 0;
    while filled < into.len() {
        match read(socket, cx, &mut into[filled..]).await? {
            0 => {
                let kind = IoErrorKind::UnexpectedEnd;
                return Err(IoError::host(Operation::Read, kind, None));
            }
            read => filled += read,
        }
    }
    Ok(())
}

#[inline]
pub(crate) async fn write<A>(
    socket: &DynSocket<A>,
    cx: &CxBase,
    from: &[u8],
) -> Result<usize, IoError>
where
    A: SocketAddress,
{
    let attempt = |seen| attempt_write(socket, from, seen);
    run(cx, socket, Interest::Write, Operation::Write, attempt).await
}

pub(crate) async fn write_all<A>(
    socket: &DynSocket<A>,
    cx: &CxBase,
    mut from: &[u8],
) -> Result<(), IoError>
where
    A: SocketAddress,
{
    while !from.is_empty() {
        match write(socket, cx, from).await? {
            0 => {
                let kind = IoErrorKind::WriteZero;
                return Err(IoError::host(Operation::Write, kind, None));
            }
            written => from = &from[written..],
        }
    }
    Ok(())
}

pub(crate) async fn shutdown<A: SocketAddress>(
    socket: &DynSocket<A>,
    cx: &CxBase,
    how: Shutdown,
) -> Result<(), IoError> {
    let object = socket.readiness().object();
    at_once(cx, object, Operation::Shutdown, || socket.shutdown(how)).await
}

pub(crate) fn poll_read<A>(
    socket: &DynSocket<A>,
    task: &mut Context<'_>,
    into: &mut [u8],
) -> Poll<Result<usize, IoError>>
where
    A: SocketAddress,
{
    if into.is_empty() {
        return Poll::Ready(Ok(0));
    }
    let mut place = Place::poll();
    let attempt = |seen| attempt_read(socket, into, seen);
    poll_attempt(socket, Interest::Read, &mut place, task, attempt)
        .map_err(|fault| IoError::of(Operation::Read, fault))
}

pub(crate) fn poll_write<A>(
    socket: &DynSocket<A>,
    task: &mut Context<'_>,
    from: &[u8],
) -> Poll<Result<usize, IoError>>
where
    A: SocketAddress,
{
    let mut place = Place::poll();
    let attempt = |seen| attempt_write(socket, from, seen);
    poll_attempt(socket, Interest::Write, &mut place, task, attempt)
        .map_err(|fault| IoError::of(Operation::Write, fault))
}

#[cfg(feature = "std")]
pub(crate) fn poll_write_vectored<A>(
    socket: &DynSocket<A>,
    task: &mut Context<'_>,
    from: &[std::io::IoSlice<'_>],
) -> Poll<Result<usize, IoError>>
where
    A: SocketAddress,
{
    let mut place = Place::poll();
    let attempt = |_seen| socket.try_write_vectored(from);
    poll_attempt(socket, Interest::Write, &mut place, task, attempt)
        .map_err(|fault| IoError::of(Operation::Write, fault))
}

pub(crate) fn poll_shutdown<A: SocketAddress>(
    socket: &DynSocket<A>,
    _task: &mut Context<'_>,
) -> Poll<Result<(), IoError>> {
    let done = socket.shutdown(Shutdown::Write);
    Poll::Ready(done.map_err(|fault| IoError::of(Operation::Shutdown, fault)))
}
