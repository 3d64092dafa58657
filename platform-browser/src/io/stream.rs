//! Streams of bytes that the page lends: by a number of `lend`, which it passes to an export of the app.

use alloc::string::ToString;
use alloc::vec::Vec;

use asupersync_core::CxBase;

use super::{Call, IoError, Kind, Operation, Reply, Streams};

/// What a `ReadableStream` gives. Dropped before its end, it cancels the stream.
#[derive(Debug)]
#[must_use = "dropping a source cancels its stream"]
pub struct ByteSource(Operation);

impl ByteSource {
    /// Takes the stream behind a number of `lend`, which is over with that.
    ///
    /// # Errors
    /// [`IoError::Denied`] without [`Streams`], and what the host says.
    pub fn open(cx: &CxBase, lent: u32) -> Result<Self, IoError> {
        Operation::open::<Streams>(cx, Kind::Source, &lent.to_string(), &[]).map(Self)
    }

    /// The next bytes; `None` at the end.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if this context was asked to stop, and what the stream fails with.
    ///
    /// # Cancel safety
    /// Dropping the wait loses nothing: what comes is there for the next one.
    pub async fn next(&self, cx: &CxBase) -> Result<Option<Vec<u8>>, IoError> {
        match self.0.ask(cx, Call::Next, &[]).await? {
            Reply::Bytes(bytes) => Ok(Some(bytes)),
            Reply::Text(text) => Ok(Some(text.into_bytes())),
            Reply::Done => Ok(None),
        }
    }
}

/// Writes into a `WritableStream`. Dropped before it is closed, it aborts the stream.
#[derive(Debug)]
#[must_use = "dropping a sink aborts its stream"]
pub struct ByteSink(Operation);

impl ByteSink {
    /// Takes the stream behind a number of `lend`, which is over with that.
    ///
    /// # Errors
    /// [`IoError::Denied`] without [`Streams`], and what the host says.
    pub fn open(cx: &CxBase, lent: u32) -> Result<Self, IoError> {
        Operation::open::<Streams>(cx, Kind::Sink, &lent.to_string(), &[]).map(Self)
    }

    /// Writes; waits until the stream has taken it.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if this context was asked to stop, and what the stream fails with.
    ///
    /// # Cancel safety
    /// Dropping the wait may leave the bytes written or not: drop the sink then.
    pub async fn write(&self, cx: &CxBase, bytes: &[u8]) -> Result<(), IoError> {
        self.0.ask(cx, Call::SendBytes, bytes).await.map(|_| ())
    }

    /// Ends the stream in order.
    ///
    /// # Errors
    /// As [`write`](Self::write).
    ///
    /// # Cancel safety
    /// Dropping the wait ends the stream all the same, or aborts it.
    pub async fn close(self, cx: &CxBase) -> Result<(), IoError> {
        self.0.ask(cx, Call::Close, &[]).await.map(|_| ())
    }
}
