//! The `futures-io` traits for streams and their halves, for crates that are written against those.
//!
//! No `Cx` takes part in these signatures: a task that waits here does not see its cancel by itself. Wrap what it
//! does in [`CxBase::until_cancelled`](asupersync_core::CxBase::until_cancelled), which drops it then; otherwise
//! it is dropped when the cleanup budget is spent.

use core::pin::Pin;
use core::task::{Context, Poll};
use std::io::{self, IoSlice};

use futures_io::{AsyncRead, AsyncWrite};

use crate::driver::SocketAddress;
use crate::split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
use crate::stream::Stream;

macro_rules! async_read {
    ($end:ident $(<$life:lifetime>)?) => {
        impl<$($life,)? A> AsyncRead for $end<$($life,)? A>
        where
            A: SocketAddress,
        {
            fn poll_read(
                self: Pin<&mut Self>,
                task: &mut Context<'_>,
                into: &mut [u8],
            ) -> Poll<io::Result<usize>> {
                $end::poll_read(&self, task, into).map_err(io::Error::from)
            }
        }
    };
}

macro_rules! async_write {
    ($end:ident $(<$life:lifetime>)?) => {
        impl<$($life,)? A> AsyncWrite for $end<$($life,)? A>
        where
            A: SocketAddress,
        {
            fn poll_write(
                self: Pin<&mut Self>,
                task: &mut Context<'_>,
                from: &[u8],
            ) -> Poll<io::Result<usize>> {
                $end::poll_write(&self, task, from).map_err(io::Error::from)
            }

            fn poll_write_vectored(
                self: Pin<&mut Self>,
                task: &mut Context<'_>,
                from: &[IoSlice<'_>],
            ) -> Poll<io::Result<usize>> {
                $end::poll_write_vectored(&self, task, from).map_err(io::Error::from)
            }

            /// Does nothing: what was written is the host's.
            fn poll_flush(self: Pin<&mut Self>, _task: &mut Context<'_>) -> Poll<io::Result<()>> {
                Poll::Ready(Ok(()))
            }

            /// Ends the writing direction.
            fn poll_close(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<io::Result<()>> {
                self.poll_shutdown(task).map_err(io::Error::from)
            }
        }
    };
}

async_read!(Stream);
async_read!(ReadHalf<'a>);
async_read!(OwnedReadHalf);
async_write!(Stream);
async_write!(WriteHalf<'a>);
async_write!(OwnedWriteHalf);
