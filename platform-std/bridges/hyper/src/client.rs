//! `Client`: one connection to a server; the task that drives it belongs to a region.

use std::fmt;
use std::net::SocketAddr;

use asupersync_core::{
    Cancelled, CapabilityDenied, CapsuleError, Cx, CxBase, Recoverability, Region, SpawnError,
    TaskError,
};
use asupersync_io::{IoError, TcpStream};
use futures_io::{AsyncRead, AsyncWrite};
use hyper::body::Incoming;
use hyper::client::conn::{http1, http2};
use hyper::header::{HOST, HeaderValue};
use hyper::{Method, Request, Response};

use crate::body::Body;
use crate::clock::HyperTimer;
use crate::executor::HyperExecutor;
use crate::io::HyperIo;
use crate::wait::wait;

/// What is spoken on a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Version {
    /// HTTP/1.1: one request at a time.
    Http1,
    /// HTTP/2, with prior knowledge: several at once, over clones.
    Http2,
}

/// Sends requests over one connection. The connection lives as long as the client, or its region.
pub struct Client(Sender);

enum Sender {
    Http1(http1::SendRequest<Body>),
    Http2(http2::SendRequest<Body>),
}

impl Client {
    /// Connects to `at`. What drives the connection is a background task of `region`: it ends with the client, and is
    /// cancelled when the region has nothing else left.
    ///
    /// # Errors
    /// [`ClientError`]; `Io` for a connect that failed.
    pub async fn connect<E: TaskError>(
        region: &Region<E>,
        at: SocketAddr,
        version: Version,
    ) -> Result<Self, ClientError> {
        let stream = TcpStream::connect(region, at).await?;
        stream.set_nodelay(true)?;
        Self::over(region, HyperIo::tcp(stream), version).await
    }

    /// Speaks HTTP over a stream that is connected: TLS, say.
    ///
    /// # Errors
    /// [`ClientError`]; `Http` for a handshake that failed.
    pub async fn over<E, S>(
        region: &Region<E>,
        io: HyperIo<S>,
        version: Version,
    ) -> Result<Self, ClientError>
    where
        E: TaskError,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        match version {
            Version::Http1 => {
                let (sender, driver) = wait(region, http1::handshake(io)).await??;
                let driver = driver.with_upgrades();
                region.spawn_background(async move |cx: Cx<E>| drive(&cx, driver).await)?;
                Ok(Self(Sender::Http1(sender)))
            }
            Version::Http2 => {
                let mut builder = http2::Builder::new(HyperExecutor::new(region.spawner()));
                builder.timer(HyperTimer::new(region)?);
                let (sender, driver) = wait(region, builder.handshake(io)).await??;
                region.spawn_background(async move |cx: Cx<E>| drive(&cx, driver).await)?;
                Ok(Self(Sender::Http2(sender)))
            }
        }
    }

    /// Sends a request and waits for the head of its answer. The URI names the server: HTTP/1.1 gets its `host` and its
    /// path from it.
    ///
    /// # Cancel safety
    /// A cancelled request may have reached the server. HTTP/1.1: the connection is of no use afterwards.
    ///
    /// # Errors
    /// [`ClientError`]; `Http` if the connection or the server failed.
    pub async fn send(
        &mut self,
        cx: &CxBase,
        request: Request<Body>,
    ) -> Result<Response<Incoming>, ClientError> {
        Ok(match &mut self.0 {
            Sender::Http1(sender) => {
                wait(cx, sender.ready()).await??;
                wait(cx, sender.send_request(in_origin_form(request))).await??
            }
            Sender::Http2(sender) => {
                wait(cx, sender.ready()).await??;
                wait(cx, sender.send_request(request)).await??
            }
        })
    }

    /// Another handle to the same connection: HTTP/2 only.
    pub fn try_clone(&self) -> Option<Self> {
        match &self.0 {
            Sender::Http1(_) => None,
            Sender::Http2(sender) => Some(Self(Sender::Http2(sender.clone()))),
        }
    }

    /// Whether the connection is closed.
    pub fn is_closed(&self) -> bool {
        match &self.0 {
            Sender::Http1(sender) => sender.is_closed(),
            Sender::Http2(sender) => sender.is_closed(),
        }
    }
}

impl fmt::Debug for Client {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Client")
            .field("is_closed", &self.is_closed())
            .finish_non_exhaustive()
    }
}

/// HTTP/1.1 has the server's name in a header and the path alone in the first line (RFC 9112, 3.2.1).
fn in_origin_form(mut request: Request<Body>) -> Request<Body> {
    if request.method() == Method::CONNECT {
        return request;
    }
    if let Some(host) = request.uri().authority() {
        let host = HeaderValue::from_str(host.as_str());
        if let (Ok(host), false) = (host, request.headers().contains_key(HOST)) {
            request.headers_mut().insert(HOST, host);
        }
        let path = request
            .uri()
            .path_and_query()
            .map_or("/", |path| path.as_str());
        if let Ok(path) = path.parse() {
            *request.uri_mut() = path;
        }
    }
    request
}

/// Moves the connection until it ends. How it failed whoever sends learns.
async fn drive<E, F>(cx: &Cx<E>, connection: F) -> Result<(), E>
where
    E: TaskError,
    F: Future<Output = hyper::Result<()>>,
{
    match wait(cx, connection).await {
        Ok(_) => Ok(()),
        Err(CapsuleError::Cancelled(cancelled)) => Err(E::from(cancelled)),
        Err(CapsuleError::Denied(denied)) => Err(E::from(SpawnError::Denied(denied))),
        Err(_) => Ok(()),
    }
}

/// Why there is no connection, or no answer.
#[derive(Debug)]
#[non_exhaustive]
pub enum ClientError {
    /// The task was asked to stop.
    Cancelled(Cancelled),
    /// The region does not hold the capability.
    Denied(CapabilityDenied),
    /// The region admits no task to drive the connection.
    Spawn(SpawnError),
    /// The connection could not be made.
    Io(IoError),
    /// The connection failed, or the server did not speak HTTP.
    Http(hyper::Error),
}

impl ClientError {
    /// What a caller can do about it.
    pub fn recoverability(&self) -> Recoverability {
        match self {
            Self::Cancelled(_) => Recoverability::Cancelled,
            Self::Denied(_) => Recoverability::Misuse,
            Self::Spawn(error) => error.recoverability(),
            Self::Io(error) => error.recoverability(),
            // Whether the request may be sent again is a question of what it asks for.
            Self::Http(_) => Recoverability::Fatal,
        }
    }
}

impl From<CapsuleError> for ClientError {
    fn from(error: CapsuleError) -> Self {
        match error {
            CapsuleError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            CapsuleError::Denied(denied) => Self::Denied(denied),
            other => Self::Io(IoError::from(other)),
        }
    }
}

impl From<CapabilityDenied> for ClientError {
    fn from(denied: CapabilityDenied) -> Self {
        Self::Denied(denied)
    }
}

impl From<SpawnError> for ClientError {
    fn from(error: SpawnError) -> Self {
        Self::Spawn(error)
    }
}

impl From<IoError> for ClientError {
    fn from(error: IoError) -> Self {
        match error {
            IoError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            IoError::Denied(denied) => Self::Denied(denied),
            other => Self::Io(other),
        }
    }
}

impl From<hyper::Error> for ClientError {
    fn from(error: hyper::Error) -> Self {
        Self::Http(error)
    }
}

impl fmt::Display for ClientError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(cancelled) => cancelled.fmt(f),
            Self::Denied(denied) => denied.fmt(f),
            Self::Spawn(error) => error.fmt(f),
            Self::Io(error) => error.fmt(f),
            Self::Http(error) => write!(f, "HTTP: {error}"),
        }
    }
}

impl std::error::Error for ClientError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Cancelled(cancelled) => Some(cancelled),
            Self::Denied(denied) => Some(denied),
            Self::Spawn(error) => Some(error),
            Self::Io(error) => Some(error),
            Self::Http(error) => error.source(),
        }
    }
}
