//! `WebSocketError`: why there is no WebSocket, or no message.

use std::fmt;

use asupersync_core::{Cancelled, CapabilityDenied, CapsuleError, Recoverability};
use asupersync_hyper::ClientError;
use async_tungstenite::tungstenite;

/// Why there is no WebSocket, or no message.
#[derive(Debug)]
#[non_exhaustive]
pub enum WebSocketError {
    /// The task was asked to stop.
    Cancelled(Cancelled),
    /// The region does not hold the capability.
    Denied(CapabilityDenied),
    /// The other end wants something else; why.
    Handshake(String),
    /// The server did not answer.
    Client(ClientError),
    /// The connection ended before it was upgraded.
    Http(hyper::Error),
    /// The client was gone before it was answered.
    Gone,
    /// The peer broke the protocol, or the connection failed.
    Protocol(tungstenite::Error),
}

impl WebSocketError {
    /// What a caller can do about it.
    pub fn recoverability(&self) -> Recoverability {
        match self {
            Self::Cancelled(_) => Recoverability::Cancelled,
            Self::Denied(_) => Recoverability::Misuse,
            Self::Client(error) => error.recoverability(),
            _ => Recoverability::Fatal,
        }
    }
}

impl From<Cancelled> for WebSocketError {
    fn from(cancelled: Cancelled) -> Self {
        Self::Cancelled(cancelled)
    }
}

impl From<CapsuleError> for WebSocketError {
    fn from(error: CapsuleError) -> Self {
        match error {
            CapsuleError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            CapsuleError::Denied(denied) => Self::Denied(denied),
            _ => Self::Gone,
        }
    }
}

impl From<ClientError> for WebSocketError {
    fn from(error: ClientError) -> Self {
        match error {
            ClientError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            ClientError::Denied(denied) => Self::Denied(denied),
            other => Self::Client(other),
        }
    }
}

impl From<hyper::Error> for WebSocketError {
    fn from(error: hyper::Error) -> Self {
        Self::Http(error)
    }
}

impl From<tungstenite::Error> for WebSocketError {
    fn from(error: tungstenite::Error) -> Self {
        Self::Protocol(error)
    }
}

impl fmt::Display for WebSocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(cancelled) => cancelled.fmt(f),
            Self::Denied(denied) => denied.fmt(f),
            Self::Handshake(why) => write!(f, "no WebSocket: {why}"),
            Self::Client(error) => write!(f, "no WebSocket: {error}"),
            Self::Http(error) => write!(f, "no WebSocket: {error}"),
            Self::Gone => f.write_str("the client is gone"),
            Self::Protocol(error) => write!(f, "WebSocket: {error}"),
        }
    }
}

impl std::error::Error for WebSocketError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Cancelled(cancelled) => Some(cancelled),
            Self::Denied(denied) => Some(denied),
            Self::Client(error) => Some(error),
            Self::Http(error) => Some(error),
            Self::Protocol(error) => Some(error),
            Self::Handshake(_) | Self::Gone => None,
        }
    }
}
