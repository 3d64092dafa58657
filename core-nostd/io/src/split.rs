//! Halves of a stream: one reads, one writes. Borrowed for fibers of one task, owned for two tasks.

use core::fmt;
use core::task::{Context, Poll};

use asupersync_core::CxBase;

use crate::driver::{DynStream, Shutdown, SocketAddress};
use crate::error::IoError;
use crate::stream::{self, DynSocket};

/// The reading half of a borrowed stream.
pub struct ReadHalf<'a, A> {
    socket: &'a DynSocket<A>,
}

/// The writing half of a borrowed stream.
pub struct WriteHalf<'a, A> {
    socket: &'a DynSocket<A>,
}

/// The reading half of a stream that two tasks share.
pub struct OwnedReadHalf<A> {
    socket: DynStream<A>,
}

/// The writing half of a stream that two tasks share. Dropping it does not end the direction: the peer sees the
/// end after [`shutdown`](Self::shutdown), or when both halves are gone.
pub struct OwnedWriteHalf<A> {
    socket: DynStream<A>,
}

macro_rules! reads {
    ($half:ident $(<$life:lifetime>)?, $socket:ty) => {
        impl<$($life,)? A: SocketAddress> $half<$($life,)? A> {
            pub(crate) fn new(socket: $socket) -> Self {
                Self { socket }
            }

            /// Reads what is there; see [`Stream::read`](crate::Stream::read).
            ///
            /// # Errors
            /// As there.
            ///
            /// # Cancel safety
            /// As there: nothing is lost.
            #[inline]
            pub async fn read(&mut self, cx: &CxBase, into: &mut [u8]) -> Result<usize, IoError> {
                stream::read(&*self.socket, cx, into).await
            }

            /// Reads until `into` is full; see [`Stream::read_exact`](crate::Stream::read_exact).
            ///
            /// # Errors
            /// As there.
            ///
            /// # Cancel safety
            /// As there: not safe to repeat.
            pub async fn read_exact(
                &mut self,
                cx: &CxBase,
                into: &mut [u8],
            ) -> Result<(), IoError> {
                stream::read_exact(&*self.socket, cx, into).await
            }

            /// For code that polls by hand; see [`Stream::poll_read`](crate::Stream::poll_read).
            ///
            /// # Errors
            /// As there.
            pub fn poll_read(
                &self,
                task: &mut Context<'_>,
                into: &mut [u8],
            ) -> Poll<Result<usize, IoError>> {
                stream::poll_read(&*self.socket, task, into)
            }
        }

        impl<$($life,)? A> fmt::Debug for $half<$($life,)? A> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($half)).finish_non_exhaustive()
            }
        }
    };
}

macro_rules! writes {
    ($half:ident $(<$life:lifetime>)?, $socket:ty) => {
        impl<$($life,)? A: SocketAddress> $half<$($life,)? A> {
            pub(crate) fn new(socket: $socket) -> Self {
                Self { socket }
            }

            /// Writes what there is room for; see [`Stream::write`](crate::Stream::write).
            ///
            /// # Errors
            /// As there.
            ///
            /// # Cancel safety
            /// As there: nothing was written.
            #[inline]
            pub async fn write(&mut self, cx: &CxBase, from: &[u8]) -> Result<usize, IoError> {
                stream::write(&*self.socket, cx, from).await
            }

            /// Writes all of it; see [`Stream::write_all`](crate::Stream::write_all).
            ///
            /// # Errors
            /// As there.
            ///
            /// # Cancel safety
            /// As there: not safe to repeat.
            pub async fn write_all(&mut self, cx: &CxBase, from: &[u8]) -> Result<(), IoError> {
                stream::write_all(&*self.socket, cx, from).await
            }

            /// Ends the writing direction: the peer reads to the end.
            ///
            /// # Errors
            /// As [`Stream::shutdown`](crate::Stream::shutdown).
            pub async fn shutdown(&mut self, cx: &CxBase) -> Result<(), IoError> {
                stream::shutdown(&*self.socket, cx, Shutdown::Write).await
            }

            /// For code that polls by hand; see [`Stream::poll_write`](crate::Stream::poll_write).
            ///
            /// # Errors
            /// As there.
            pub fn poll_write(
                &self,
                task: &mut Context<'_>,
                from: &[u8],
            ) -> Poll<Result<usize, IoError>> {
                stream::poll_write(&*self.socket, task, from)
            }

            /// For code that polls by hand; see
            /// [`Stream::poll_write_vectored`](crate::Stream::poll_write_vectored).
            ///
            /// # Errors
            /// As there.
            #[cfg(feature = "std")]
            pub fn poll_write_vectored(
                &self,
                task: &mut Context<'_>,
                from: &[std::io::IoSlice<'_>],
            ) -> Poll<Result<usize, IoError>> {
                stream::poll_write_vectored(&*self.socket, task, from)
            }

            /// For code that polls by hand; see [`Stream::poll_shutdown`](crate::Stream::poll_shutdown).
            ///
            /// # Errors
            /// As there.
            pub fn poll_shutdown(&self, task: &mut Context<'_>) -> Poll<Result<(), IoError>> {
                stream::poll_shutdown(&*self.socket, task)
            }
        }

        impl<$($life,)? A> fmt::Debug for $half<$($life,)? A> {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.debug_struct(stringify!($half)).finish_non_exhaustive()
            }
        }
    };
}

reads!(ReadHalf<'a>, &'a DynSocket<A>);
reads!(OwnedReadHalf, DynStream<A>);
writes!(WriteHalf<'a>, &'a DynSocket<A>);
writes!(OwnedWriteHalf, DynStream<A>);
