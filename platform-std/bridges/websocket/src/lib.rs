//! WebSockets on asupersync, over an upgraded hyper connection.
//!
//! Owns the handshake at both ends and the waits; the protocol is tungstenite's. A WebSocket belongs to the task that has it:
//! to the handler of the request that it came from, so to the region of that connection.
//!
//! ```
//! use asupersync_core::{Cx, Error};
//! use asupersync_hyper::Call;
//! use asupersync_websocket::WebSocket;
//!
//! /// A handler that gives back what it gets.
//! async fn echo(cx: Cx, call: Call) -> Result<(), Error> {
//!     let mut socket = WebSocket::accept(&cx, call).await?;
//!     while let Some(message) = socket.recv(&cx).await? {
//!         socket.send(&cx, message).await?;
//!     }
//!     Ok(())
//! }
//! ```

#![deny(unsafe_code)]

mod error;
mod handshake;

use std::fmt;
use std::future::poll_fn;
use std::pin::Pin;

use asupersync_core::CxBase;
use asupersync_hyper::{Call, Client, FuturesIo, wait};
use async_tungstenite::WebSocketStream;
use async_tungstenite::tungstenite::protocol::frame::coding::CloseCode;
use async_tungstenite::tungstenite::protocol::{CloseFrame, Role};
use futures_core::Stream;
use hyper::Uri;
use hyper::upgrade::Upgraded;

pub use async_tungstenite::tungstenite::Message;
pub use error::WebSocketError;

/// A WebSocket: messages, both ways. Dropping it ends the connection without a farewell; [`close`](Self::close) says one.
pub struct WebSocket {
    stream: WebSocketStream<FuturesIo<Upgraded>>,
}

impl WebSocket {
    /// Takes a request to become a WebSocket, in its handler. A request that is none is answered with 400.
    ///
    /// # Errors
    /// [`WebSocketError::Handshake`] if the request asks for something else; [`WebSocketError::Http`] if the connection
    /// ends; [`WebSocketError::Cancelled`].
    pub async fn accept(cx: &CxBase, call: Call) -> Result<Self, WebSocketError> {
        let upgrade = handshake::answer(call)?;
        let upgraded = wait(cx, upgrade).await??;
        Ok(Self::over(upgraded, Role::Server).await)
    }

    /// Asks a server for a WebSocket at `uri`, over an HTTP/1.1 connection that is for nothing else from then on.
    ///
    /// # Errors
    /// [`WebSocketError::Handshake`] if the server answers something else; [`WebSocketError::Client`] if it does not
    /// answer; [`WebSocketError::Cancelled`].
    pub async fn connect(
        cx: &CxBase,
        mut client: Client,
        uri: &Uri,
    ) -> Result<Self, WebSocketError> {
        let (request, key) = handshake::request(uri)?;
        let answer = client.send(cx, request).await?;
        let upgrade = handshake::check(answer, &key)?;
        let upgraded = wait(cx, upgrade).await??;
        Ok(Self::over(upgraded, Role::Client).await)
    }

    async fn over(upgraded: Upgraded, role: Role) -> Self {
        let io = FuturesIo::new(upgraded);
        Self {
            stream: WebSocketStream::from_raw_socket(io, role, None).await,
        }
    }

    /// Waits for the next text or binary message; `None` when the peer has closed. Pings are answered on the way.
    ///
    /// # Cancel safety
    /// A cancelled or dropped `recv` loses no message.
    ///
    /// # Errors
    /// [`WebSocketError::Protocol`] if the peer breaks the protocol or the connection; [`WebSocketError::Cancelled`].
    pub async fn recv(&mut self, cx: &CxBase) -> Result<Option<Message>, WebSocketError> {
        loop {
            let stream = &mut self.stream;
            let next = poll_fn(|task| Pin::new(&mut *stream).poll_next(task));
            match wait(cx, next).await?.transpose()? {
                Some(message @ (Message::Text(_) | Message::Binary(_))) => {
                    return Ok(Some(message));
                }
                Some(_) => {}
                None => return Ok(None),
            }
        }
    }

    /// Sends a message; waits until the host has taken it.
    ///
    /// # Cancel safety
    /// A message whose `send` was cancelled is sent whole with the next one, or not at all if there is none.
    ///
    /// # Errors
    /// As [`recv`](Self::recv).
    pub async fn send(&mut self, cx: &CxBase, message: Message) -> Result<(), WebSocketError> {
        Ok(wait(cx, self.stream.send(message)).await??)
    }

    /// Says farewell and waits for the peer's.
    ///
    /// # Errors
    /// As [`recv`](Self::recv). A peer that is gone already is none.
    pub async fn close(mut self, cx: &CxBase) -> Result<(), WebSocketError> {
        let farewell = CloseFrame {
            code: CloseCode::Normal,
            reason: "".into(),
        };
        if wait(cx, self.stream.close(Some(farewell))).await?.is_err() {
            return Ok(());
        }
        // What was on its way is dropped.
        while let Ok(Some(_)) = self.recv(cx).await {}
        Ok(cx.checkpoint()?)
    }
}

impl fmt::Debug for WebSocket {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WebSocket").finish_non_exhaustive()
    }
}
