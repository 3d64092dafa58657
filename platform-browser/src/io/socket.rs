//! `WebSocket`: messages both ways, with limits of what waits.

use alloc::string::{String, ToString};
use core::time::Duration;

use asupersync_core::CxBase;

use super::{Call, IoError, Kind, Message, Operation, Sockets};

/// What happens to a message for which there is no room.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Overflow {
    /// The socket is closed with code 3008; what is there can be taken, then comes the error.
    Close,
    /// The message that has waited longest is dropped.
    DropOldest,
    /// The message that has just come is dropped.
    DropNewest,
}

/// How a socket is opened.
#[derive(Debug, Clone)]
pub struct SocketOptions {
    /// What it may speak, most wanted first.
    pub protocols: &'static [&'static str],
    /// How many messages wait to be taken, at most.
    pub queue: u32,
    /// What happens to more.
    pub overflow: Overflow,
    /// How many bytes may wait in the host before `send` waits.
    pub high_water_mark: u32,
    /// When a connect is given up.
    pub connect_timeout: Duration,
    /// When the close handshake is given up.
    pub close_timeout: Duration,
}

impl Default for SocketOptions {
    fn default() -> Self {
        Self {
            protocols: &[],
            queue: 1024,
            overflow: Overflow::Close,
            high_water_mark: 1 << 16,
            connect_timeout: Duration::from_secs(10),
            close_timeout: Duration::from_millis(500),
        }
    }
}

impl SocketOptions {
    /// Address, numbers and protocols, as `js/io/bridge.mjs` reads them.
    fn head(&self, url: &str) -> String {
        let mut head = url.lines().next().unwrap_or_default().to_string();
        head.push('\n');
        let numbers = [
            u128::from(self.queue),
            self.connect_timeout.as_millis(),
            self.close_timeout.as_millis(),
            u128::from(self.high_water_mark),
        ];
        for number in numbers {
            head.push_str(&number.to_string());
            head.push(' ');
        }
        head.push_str(match self.overflow {
            Overflow::Close => "close",
            Overflow::DropOldest => "drop-oldest",
            Overflow::DropNewest => "drop-newest",
        });
        for protocol in self.protocols {
            head.push('\n');
            head.push_str(protocol);
        }
        head
    }
}

/// How a socket ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Closed {
    /// The code of the handshake; 1006 without one.
    pub code: u16,
    /// The reason given with it.
    pub reason: String,
}

/// A WebSocket. Dropped, it is closed with the handshake, for which its region waits.
#[derive(Debug)]
#[must_use = "dropping a socket closes it"]
pub struct WebSocket {
    operation: Operation,
    protocol: String,
}

impl WebSocket {
    /// Connects; `url` may be relative.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if this context was asked to stop, [`IoError::Denied`] without [`Sockets`], and what the host says.
    ///
    /// # Cancel safety
    /// Dropping the wait gives the connect up.
    pub async fn connect(cx: &CxBase, url: &str, options: &SocketOptions) -> Result<Self, IoError> {
        cx.checkpoint()?;
        let operation = Operation::open::<Sockets>(cx, Kind::Socket, &options.head(url), &[])?;
        let protocol = operation.ask(cx, Call::Opened, &[]).await?.into_text();
        Ok(Self {
            operation,
            protocol,
        })
    }

    /// What the peer has chosen of the protocols.
    pub fn protocol(&self) -> &str {
        &self.protocol
    }

    /// The next message; `None` when the peer has closed in order.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if this context was asked to stop, and what the host says.
    ///
    /// # Cancel safety
    /// Dropping the wait loses nothing: what comes is there for the next one.
    pub async fn next(&self, cx: &CxBase) -> Result<Option<Message>, IoError> {
        self.operation.next(cx).await
    }

    /// Sends a message; waits while more than the high-water mark waits in the host.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if this context was asked to stop, and what the host says.
    ///
    /// # Cancel safety
    /// Dropping the wait leaves the message in the queue, from which it is sent when there is room, or dropped with the socket.
    pub async fn send(&self, cx: &CxBase, message: &Message) -> Result<(), IoError> {
        self.operation.send(cx, message).await
    }

    /// Closes with the handshake, and waits for it. `code` is 1000, or one from 3000 to 4999.
    ///
    /// # Errors
    /// [`IoError::Cancelled`] if this context was asked to stop, and what the host says.
    ///
    /// # Cancel safety
    /// Dropping the wait closes all the same.
    pub async fn close(self, cx: &CxBase, code: u16, reason: &str) -> Result<Closed, IoError> {
        let mut text = code.to_string();
        text.push(' ');
        text.push_str(reason);
        let answer = self
            .operation
            .ask(cx, Call::Close, text.as_bytes())
            .await?
            .into_text();
        let (code, reason) = answer.split_once(' ').unwrap_or_default();
        Ok(Closed {
            code: code.parse().unwrap_or(1006),
            reason: reason.to_string(),
        })
    }
}
