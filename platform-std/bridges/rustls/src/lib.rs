//! TLS on asupersync, through rustls.
//!
//! Owns the handshake as an operation of ours: a cancellation point with an obligation. What comes out is a stream with the
//! `futures-io` traits, which `asupersync-hyper` takes as it is. Certificates and protocol versions are rustls' matter: bring
//! a [`ServerConfig`] or a [`ClientConfig`].
//!
//! ```
//! use asupersync_core::CxBase;
//! use asupersync_io::TcpStream;
//! use asupersync_rustls::rustls::ClientConfig;
//! use asupersync_rustls::{ServerName, TlsError, TlsStream};
//! use std::sync::Arc;
//!
//! async fn secure(cx: &CxBase, tcp: TcpStream, config: Arc<ClientConfig>) -> Result<TlsStream<TcpStream>, TlsError> {
//!     let name = ServerName::try_from("example.org").expect("a name");
//!     asupersync_rustls::connect(cx, config, name, tcp).await
//! }
//! ```

#![deny(unsafe_code)]

use std::fmt;
use std::future::Future;
use std::io;
use std::pin::pin;
use std::sync::Arc;

use asupersync_core::{
    Cancelled, CapabilityDenied, CapsuleError, CxBase, HostObject, Recoverability,
};
use futures_io::{AsyncRead, AsyncWrite};
use futures_rustls::{TlsAcceptor, TlsConnector};

pub use futures_rustls::TlsStream;
pub use futures_rustls::pki_types::ServerName;
/// TLS itself: configurations, certificates, errors.
pub use futures_rustls::rustls;
use rustls::{ClientConfig, ServerConfig};

/// Waits for the client's half of the handshake, and gives its own.
///
/// # Cancel safety
/// A cancelled handshake closes the stream.
///
/// # Errors
/// [`TlsError::Handshake`] if the client does not speak TLS, refuses the certificate, or leaves; [`TlsError::Cancelled`].
/// A client that sends nothing is waited for: put a deadline around it.
pub async fn accept<S>(
    cx: &CxBase,
    config: Arc<ServerConfig>,
    stream: S,
) -> Result<TlsStream<S>, TlsError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let handshake = TlsAcceptor::from(config).accept(stream);
    Ok(TlsStream::Server(shake(cx, handshake).await?))
}

/// Begins the handshake with a server that has to be `name`.
///
/// # Cancel safety
/// A cancelled handshake closes the stream.
///
/// # Errors
/// [`TlsError::Handshake`] if the server does not speak TLS, is another than `name`, or leaves; [`TlsError::Cancelled`].
pub async fn connect<S>(
    cx: &CxBase,
    config: Arc<ClientConfig>,
    name: ServerName<'static>,
    stream: S,
) -> Result<TlsStream<S>, TlsError>
where
    S: AsyncRead + AsyncWrite + Unpin,
{
    let handshake = TlsConnector::from(config).connect(name, stream);
    Ok(TlsStream::Client(shake(cx, handshake).await?))
}

async fn shake<F, T>(cx: &CxBase, handshake: F) -> Result<T, TlsError>
where
    F: Future<Output = io::Result<T>>,
{
    let object = HostObject::new();
    let mut handshake = pin!(handshake);
    let shaken = cx.io_wait(&object, |task| handshake.as_mut().poll(task));
    shaken.await?.map_err(TlsError::Handshake)
}

/// Why there is no secure stream. The stream below is closed.
#[derive(Debug)]
#[non_exhaustive]
pub enum TlsError {
    /// The task was asked to stop.
    Cancelled(Cancelled),
    /// The region does not hold the capability.
    Denied(CapabilityDenied),
    /// The handshake failed: the peer's fault, or the host's.
    Handshake(io::Error),
}

impl TlsError {
    /// What a caller can do about it.
    pub const fn recoverability(&self) -> Recoverability {
        match self {
            Self::Cancelled(_) => Recoverability::Cancelled,
            Self::Denied(_) => Recoverability::Misuse,
            Self::Handshake(_) => Recoverability::Fatal,
        }
    }

    /// What rustls says about it, if it was rustls' to say.
    pub fn as_rustls(&self) -> Option<&rustls::Error> {
        match self {
            Self::Handshake(error) => error.get_ref()?.downcast_ref(),
            _ => None,
        }
    }
}

impl From<CapsuleError> for TlsError {
    fn from(error: CapsuleError) -> Self {
        match error {
            CapsuleError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            CapsuleError::Denied(denied) => Self::Denied(denied),
            other => Self::Handshake(io::Error::other(other)),
        }
    }
}

impl fmt::Display for TlsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(cancelled) => cancelled.fmt(f),
            Self::Denied(denied) => denied.fmt(f),
            Self::Handshake(error) => write!(f, "TLS handshake: {error}"),
        }
    }
}

impl std::error::Error for TlsError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Cancelled(cancelled) => Some(cancelled),
            Self::Denied(denied) => Some(denied),
            Self::Handshake(error) => Some(error),
        }
    }
}
