//! Streams, both ways: [`HyperIo`] gives hyper a stream of ours, [`FuturesIo`] gives others a stream of hyper's.

use std::fmt;
use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use asupersync_io::TcpStream;
use futures_io::{AsyncRead, AsyncWrite};
use hyper::rt::{Read, ReadBuf, ReadBufCursor, Write};

/// How much is read at once, at most. On the stack: hyper's buffers are not initialized, and to say so takes `unsafe`.
const CHUNK: usize = 8 * 1024;

/// A stream as hyper takes it: TCP, TLS, or anything else with the `futures-io` traits.
///
/// hyper's operations know no `Cx`. Whoever drives the connection looks for the cancel, as [`Server`](crate::Server) and
/// [`Client`](crate::Client) do.
pub struct HyperIo<S> {
    stream: S,
    /// What was read before hyper came, up to `used`.
    prefix: Vec<u8>,
    used: usize,
    is_vectored: bool,
}

impl<S> HyperIo<S> {
    /// Any stream. Small writes are gathered before they go down: good for TLS.
    pub fn new(stream: S) -> Self {
        Self {
            stream,
            prefix: Vec::new(),
            used: 0,
            is_vectored: false,
        }
    }

    /// The stream, if nothing was read ahead of hyper, or hyper has read it.
    pub fn into_inner(self) -> S {
        self.stream
    }

    pub(crate) fn stream(&mut self) -> &mut S {
        &mut self.stream
    }

    /// Gives back what was read to find out who speaks.
    pub(crate) fn unread(&mut self, bytes: &[u8]) {
        self.prefix = bytes.to_vec();
        self.used = 0;
    }

    fn take_prefix(&mut self, mut into: ReadBufCursor<'_>) {
        let left = &self.prefix[self.used..];
        let taken = left.len().min(into.remaining());
        into.put_slice(&left[..taken]);
        self.used += taken;
        if self.used == self.prefix.len() {
            self.prefix = Vec::new();
            self.used = 0;
        }
    }
}

impl HyperIo<TcpStream> {
    /// A TCP stream: several buffers go out in one write of the host.
    pub fn tcp(stream: TcpStream) -> Self {
        Self {
            is_vectored: true,
            ..Self::new(stream)
        }
    }
}

impl<S: AsyncRead + Unpin> Read for HyperIo<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        mut into: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        if this.used < this.prefix.len() {
            this.take_prefix(into);
            return Poll::Ready(Ok(()));
        }
        let mut chunk = [0; CHUNK];
        let room = into.remaining().min(CHUNK);
        let read = ready!(Pin::new(&mut this.stream).poll_read(task, &mut chunk[..room]))?;
        into.put_slice(&chunk[..read]);
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncWrite + Unpin> Write for HyperIo<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write(task, from)
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_flush(task)
    }

    fn poll_shutdown(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().stream).poll_close(task)
    }

    fn is_write_vectored(&self) -> bool {
        self.is_vectored
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        from: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().stream).poll_write_vectored(task, from)
    }
}

impl<S> fmt::Debug for HyperIo<S> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HyperIo").finish_non_exhaustive()
    }
}

/// A stream of hyper's with the `futures-io` traits: an upgraded connection, for a protocol that takes over.
pub struct FuturesIo<T>(T);

impl<T> FuturesIo<T> {
    /// Any stream that has hyper's traits.
    pub fn new(stream: T) -> Self {
        Self(stream)
    }

    /// The stream.
    pub fn into_inner(self) -> T {
        self.0
    }
}

impl<T: Read + Unpin> AsyncRead for FuturesIo<T> {
    fn poll_read(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<io::Result<usize>> {
        let mut buffer = ReadBuf::new(into);
        ready!(Pin::new(&mut self.get_mut().0).poll_read(task, buffer.unfilled()))?;
        Poll::Ready(Ok(buffer.filled().len()))
    }
}

impl<T: Write + Unpin> AsyncWrite for FuturesIo<T> {
    fn poll_write(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
        from: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(task, from)
    }

    fn poll_flush(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(task)
    }

    fn poll_close(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(task)
    }
}

impl<T> fmt::Debug for FuturesIo<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("FuturesIo").finish_non_exhaustive()
    }
}
