//! `Body`: what is sent: bytes that are there, or a stream that a task writes.
//!
//! Owns the end of a streamed body: only [`BodyWriter::finish`] makes it whole. A writer that is dropped before, because its
//! task was cancelled or failed, cuts the body off, and the peer sees that it is not complete.

use std::fmt;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use asupersync_core::{
    Cancelled, CapabilityDenied, CapsuleError, CxBase, HostObject, Recoverability,
};
use futures_channel::mpsc;
use futures_core::Stream;
use hyper::body::{Bytes, Frame, SizeHint};

/// What is sent as a request or as an answer.
pub struct Body(Kind);

enum Kind {
    Whole(Bytes),
    Stream {
        chunks: mpsc::Receiver<Bytes>,
        is_whole: Arc<AtomicBool>,
        has_ended: bool,
    },
}

impl Body {
    /// Nothing.
    pub fn empty() -> Self {
        Self::from(Bytes::new())
    }

    /// A body that a task writes, chunk by chunk. At most `room + 1` chunks wait for the peer to take them.
    pub fn stream(room: usize) -> (BodyWriter, Self) {
        let (sender, chunks) = mpsc::channel(room);
        let is_whole = Arc::new(AtomicBool::new(false));
        let writer = BodyWriter {
            chunks: sender,
            is_whole: Arc::clone(&is_whole),
            object: HostObject::new(),
        };
        let kind = Kind::Stream {
            chunks,
            is_whole,
            has_ended: false,
        };
        (writer, Self(kind))
    }
}

impl<B: Into<Bytes>> From<B> for Body {
    fn from(bytes: B) -> Self {
        Self(Kind::Whole(bytes.into()))
    }
}

impl hyper::body::Body for Body {
    type Data = Bytes;
    type Error = Aborted;

    fn poll_frame(
        self: Pin<&mut Self>,
        task: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Aborted>>> {
        match &mut self.get_mut().0 {
            Kind::Whole(bytes) if bytes.is_empty() => Poll::Ready(None),
            Kind::Whole(bytes) => Poll::Ready(Some(Ok(Frame::data(std::mem::take(bytes))))),
            Kind::Stream {
                chunks,
                is_whole,
                has_ended,
            } => {
                let next = ready!(Pin::new(chunks).poll_next(task));
                if next.is_none() && !std::mem::replace(has_ended, true) {
                    // The writer set the flag before it closed the channel.
                    let whole = is_whole.load(Ordering::Acquire);
                    return Poll::Ready((!whole).then_some(Err(Aborted)));
                }
                Poll::Ready(next.map(|bytes| Ok(Frame::data(bytes))))
            }
        }
    }

    fn is_end_stream(&self) -> bool {
        match &self.0 {
            Kind::Whole(bytes) => bytes.is_empty(),
            Kind::Stream { has_ended, .. } => *has_ended,
        }
    }

    fn size_hint(&self) -> SizeHint {
        match &self.0 {
            Kind::Whole(bytes) => SizeHint::with_exact(bytes.len() as u64),
            Kind::Stream { .. } => SizeHint::default(),
        }
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Whole(bytes) => write!(f, "Body of {} bytes", bytes.len()),
            Kind::Stream { .. } => f.write_str("Body that is streamed"),
        }
    }
}

/// Writes a streamed body; made by [`Body::stream`]. Dropped before [`finish`](Self::finish), it cuts the body off.
#[must_use = "a writer that is dropped cuts its body off"]
pub struct BodyWriter {
    chunks: mpsc::Sender<Bytes>,
    is_whole: Arc<AtomicBool>,
    object: HostObject,
}

impl BodyWriter {
    /// Adds a chunk; waits while the peer is behind.
    ///
    /// # Cancel safety
    /// A cancelled or dropped `send` has added nothing.
    ///
    /// # Errors
    /// [`BodyError::Gone`] if nobody will read it; [`BodyError::Cancelled`]; [`BodyError::Denied`] without the capability
    /// [`Io`](asupersync_core::Io).
    pub async fn send(&mut self, cx: &CxBase, chunk: impl Into<Bytes>) -> Result<(), BodyError> {
        let chunks = &mut self.chunks;
        let room = cx.io_wait(&self.object, |task| chunks.poll_ready(task));
        room.await?.map_err(|_| BodyError::Gone)?;
        let sent = self.chunks.start_send(chunk.into());
        sent.map_err(|_| BodyError::Gone)
    }

    /// Ends the body: it is whole.
    pub fn finish(self) {
        self.is_whole.store(true, Ordering::Release);
    }
}

impl fmt::Debug for BodyWriter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BodyWriter").finish_non_exhaustive()
    }
}

/// The body was cut off: whoever wrote it did not finish it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Aborted;

impl fmt::Display for Aborted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("the body was cut off: its writer was dropped before it was finished")
    }
}

impl std::error::Error for Aborted {}

/// Why a chunk was not added to a body.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum BodyError {
    /// The task was asked to stop.
    Cancelled(Cancelled),
    /// The region does not hold the capability.
    Denied(CapabilityDenied),
    /// Nobody will read it: the peer, or the connection, is gone.
    Gone,
}

impl BodyError {
    /// What a caller can do about it.
    pub const fn recoverability(&self) -> Recoverability {
        match self {
            Self::Cancelled(_) => Recoverability::Cancelled,
            Self::Denied(_) => Recoverability::Misuse,
            Self::Gone => Recoverability::Fatal,
        }
    }
}

impl From<CapsuleError> for BodyError {
    fn from(error: CapsuleError) -> Self {
        match error {
            CapsuleError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            CapsuleError::Denied(denied) => Self::Denied(denied),
            _ => Self::Gone,
        }
    }
}

impl fmt::Display for BodyError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(cancelled) => cancelled.fmt(f),
            Self::Denied(denied) => denied.fmt(f),
            Self::Gone => f.write_str("the peer will not read the rest of the body"),
        }
    }
}

impl std::error::Error for BodyError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Cancelled(cancelled) => Some(cancelled),
            Self::Denied(denied) => Some(denied),
            Self::Gone => None,
        }
    }
}
