//! `Port`: messages to another window or worker whose end is told.

use alloc::string::ToString;

use asupersync_core::CxBase;

use super::{Call, IoError, Kind, Message, Operation, Ports};

/// One side of a channel, or everybody under one name. The other sides are wrapped as well, in TypeScript or here; dropped, it
/// tells them.
#[derive(Debug)]
#[must_use = "dropping a port closes it"]
pub struct Port(Operation);

impl Port {
    /// Takes the `MessagePort` behind a number of `lend`, which is over with that.
    ///
    /// # Errors
    /// [`IoError::Denied`] without [`Ports`], and what the host says.
    pub fn open(cx: &CxBase, lent: u32) -> Result<Self, IoError> {
        Operation::open::<Ports>(cx, Kind::Port, &lent.to_string(), &[]).map(Self)
    }

    /// Everybody of this origin who has opened the same name.
    ///
    /// # Errors
    /// [`IoError::Denied`] without [`Ports`], and what the host says.
    pub fn broadcast(cx: &CxBase, name: &str) -> Result<Self, IoError> {
        Operation::open::<Ports>(cx, Kind::Broadcast, name, &[]).map(Self)
    }

    /// Waits for the other side to be there.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if this context was asked to stop; `ConnectTimeout` after 10 seconds.
    ///
    /// # Cancel safety
    /// Dropping the wait loses nothing.
    pub async fn opened(&self, cx: &CxBase) -> Result<(), IoError> {
        self.0.ask(cx, Call::Opened, &[]).await.map(|_| ())
    }

    /// The next message; `None` when the other side has ended.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if this context was asked to stop, and what the host says.
    ///
    /// # Cancel safety
    /// Dropping the wait loses nothing: what comes is there for the next one.
    pub async fn next(&self, cx: &CxBase) -> Result<Option<Message>, IoError> {
        self.0.next(cx).await
    }

    /// Sends a message.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if this context was asked to stop, and what the host says.
    ///
    /// # Cancel safety
    /// It is sent at the first poll, which does not wait for anybody.
    pub async fn send(&self, cx: &CxBase, message: &Message) -> Result<(), IoError> {
        self.0.send(cx, message).await
    }
}
