//! `Server`: an accept loop in a region, and what it owes to each connection and request.
//!
//! Owns admission, draining and the ledger. `connection` speaks HTTP over one stream, `call` is one request on its way
//! to its answer, `ledger` counts. Routing, TLS and formats are other crates' matter.

mod call;
mod connection;
mod error;
mod ledger;
mod options;
mod sniff;

use std::fmt;
use std::future::Future;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use asupersync_core::lock::{AcquireError, OwnedSemaphorePermit, Semaphore};
use asupersync_core::{
    Cancelled, CapsuleError, Cx, CxBase, Either, Error, Recoverability, Region, RegionOptions,
    SpawnError, TaskError,
};
use asupersync_io::{IoError, TcpListener, TcpStream};
use futures_io::{AsyncRead, AsyncWrite};

use crate::io::HyperIo;
use ledger::Counters;

pub use call::{Call, Reply, ReplyError};
pub use error::ServeError;
pub use ledger::Ledger;
pub use options::Options;

/// Serves HTTP/1.1 and HTTP/2 (with prior knowledge) on one port. Clones are handles to the same server.
///
/// # Ends
/// - **Drain** ([`drain`](Self::drain)): it accepts no connection any more, requests that have begun are answered, each
///   connection closes after its last answer, [`serve`](Self::serve) returns. What is not answered within
///   [`Options::drain_limit`] is cancelled.
/// - **Cancel** of the region around it: as a drain, but the handlers are asked to stop too. Those that end without an
///   answer are answered for with 503; what does not end within its cleanup budget is dropped.
///
/// # Load
/// Past [`Options::requests_max`] requests at once, and on connections past [`Options::connections_max`], requests are
/// answered with 503 and `Retry-After` at once. Past twice as many connections it accepts no more until some have closed.
#[derive(Clone)]
pub struct Server {
    shared: Arc<Shared>,
}

/// What all connections of a server know.
struct Shared {
    options: Options,
    counters: Arc<Counters>,
    in_flight: AtomicU32,
    /// Closed when the server drains: whoever waits here, now or later, hears it.
    drain: Semaphore,
    connections: Arc<Semaphore>,
}

/// What a server calls for each request.
trait Handler: Send + Sync + 'static {
    type Answering: Future<Output = Result<(), Error>> + Send + 'static;
    fn handle(&self, cx: Cx, call: Call) -> Self::Answering;
}

impl<H, Fut> Handler for H
where
    H: Fn(Cx, Call) -> Fut + Send + Sync + 'static,
    Fut: Future<Output = Result<(), Error>> + Send + 'static,
{
    type Answering = Fut;
    fn handle(&self, cx: Cx, call: Call) -> Fut {
        self(cx, call)
    }
}

/// The next thing that the accept loop meets.
enum Next {
    Connection(TcpStream, OwnedSemaphorePermit),
    Drain,
}

impl Server {
    /// A server that does not serve yet.
    pub fn new(options: Options) -> Self {
        let hard_limit = options.connections_max.saturating_mul(2).max(1);
        Self {
            shared: Arc::new(Shared {
                options,
                counters: Arc::default(),
                in_flight: AtomicU32::new(0),
                drain: Semaphore::with_waiters(0, u32::MAX),
                connections: Arc::new(Semaphore::new(hard_limit)),
            }),
        }
    }

    /// Accepts connections and has `handler` answer their requests, until the server is drained or the task is cancelled.
    ///
    /// Each request is a task: `handler` is given its context and the [`Call`] that it owes an answer. A handler that
    /// fails, panics or is cancelled before it has answered is answered for.
    ///
    /// # Errors
    /// [`ServeError::Accept`] if the listener fails for good, [`ServeError::Cancelled`], [`ServeError::Overrun`] if the
    /// drain took longer than [`Options::drain_limit`]. In each case no connection and no request is left.
    pub async fn serve<E, H, Fut>(
        &self,
        cx: &Cx<E>,
        listener: &TcpListener,
        handler: H,
    ) -> Result<(), ServeError>
    where
        E: TaskError,
        H: Fn(Cx, Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Error>> + Send + 'static,
    {
        let handler = Arc::new(handler);
        cx.region_of(RegionOptions::new(), async |region: &Region<ServeError>| {
            while let Next::Connection(stream, place) = self.next(region, listener).await? {
                // Where the host refuses, small writes wait for more: slow, not wrong.
                let _ = stream.set_nodelay(true);
                self.admit(region, stream, place, Arc::clone(&handler))?;
            }
            self.limit_drain(region)
        })
        .await
    }

    /// Speaks HTTP over one stream that was accepted elsewhere (TLS, a Unix socket), until it closes.
    ///
    /// # Errors
    /// [`ServeError::Cancelled`]. What the peer does wrong is its own matter, and counted.
    pub async fn connection<E, S, H, Fut>(
        &self,
        cx: &Cx<E>,
        io: HyperIo<S>,
        handler: H,
    ) -> Result<(), ServeError>
    where
        E: TaskError,
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
        H: Fn(Cx, Call) -> Fut + Send + Sync + 'static,
        Fut: Future<Output = Result<(), Error>> + Send + 'static,
    {
        connection::serve(&self.shared, cx, io, Arc::new(handler), false).await
    }

    /// Begins the drain. Idempotent; may be called from any thread.
    pub fn drain(&self) {
        self.shared.drain.close();
    }

    /// Whether the drain has begun.
    pub fn is_draining(&self) -> bool {
        self.shared.drain.is_closed()
    }

    /// Waits until the drain begins: for handlers whose answer has no end of its own.
    ///
    /// # Errors
    /// [`Cancelled`] if the task was asked to stop.
    pub async fn draining(&self, cx: &CxBase) -> Result<(), Cancelled> {
        self.shared.draining(cx).await
    }

    /// What became of the requests so far.
    pub fn ledger(&self) -> Ledger {
        self.shared.counters.ledger()
    }

    async fn next(
        &self,
        region: &Region<ServeError>,
        listener: &TcpListener,
    ) -> Result<Next, ServeError> {
        let next = region.race(
            async |cx| self.accept(cx, listener).await,
            async |cx| Ok(self.draining(cx).await?),
        );
        Ok(match next.await? {
            Either::A((stream, place)) => Next::Connection(stream, place),
            Either::B(()) => Next::Drain,
        })
    }

    /// The next connection. A host that is out of handles is asked again later.
    async fn accept(
        &self,
        cx: &Cx<ServeError>,
        listener: &TcpListener,
    ) -> Result<(TcpStream, OwnedSemaphorePermit), ServeError> {
        let place = self.shared.connections.acquire_owned(cx, 1).await?;
        loop {
            match listener.accept(cx).await {
                Ok((stream, _from)) => return Ok((stream, place)),
                Err(error) if error.recoverability() == Recoverability::Retry => {
                    cx.sleep(self.shared.options.accept_pause).await?;
                }
                Err(error) => return Err(ServeError::from(error)),
            }
        }
    }

    fn admit<H: Handler>(
        &self,
        region: &Region<ServeError>,
        stream: TcpStream,
        place: OwnedSemaphorePermit,
        handler: Arc<H>,
    ) -> Result<(), ServeError> {
        let shared = Arc::clone(&self.shared);
        let is_over = shared.connections.available_permits() < shared.options.connections_max;
        let spawned = region.spawn(async move |cx: Cx<ServeError>| {
            let io = HyperIo::tcp(stream);
            let served = connection::serve(&shared, &cx, io, handler, is_over).await;
            drop(place);
            served
        });
        match spawned {
            // The peer sees its connection closed, and no request of its was accepted.
            Err(SpawnError::AtCapacity) => {
                self.shared.counters.refused.fetch_add(1, Ordering::Relaxed);
                Ok(())
            }
            Err(error) => Err(ServeError::Spawn(error)),
            Ok(_) => Ok(()),
        }
    }

    /// Sees to it that the drain has an end.
    fn limit_drain(&self, region: &Region<ServeError>) -> Result<(), ServeError> {
        let limit = self.shared.options.drain_limit;
        let watched = region.spawner();
        region.spawn_background(async move |cx: Cx<ServeError>| {
            cx.sleep(limit).await?;
            watched.cancel("the drain took longer than its limit");
            Err(ServeError::Overrun)
        })?;
        Ok(())
    }
}

impl Shared {
    async fn draining(&self, cx: &CxBase) -> Result<(), Cancelled> {
        match self.drain.acquire(cx, 1).await {
            Err(AcquireError::Cancelled(cancelled)) => Err(cancelled),
            // There are no permits: it ends when the semaphore is closed.
            _ => Ok(()),
        }
    }

    /// A place among the requests in flight; `None`: shed.
    fn try_enter(self: &Arc<Self>) -> Option<InFlight> {
        let before = self.in_flight.fetch_add(1, Ordering::AcqRel);
        let place = InFlight(Arc::clone(self));
        (before < self.options.requests_max).then_some(place)
    }
}

/// A request's place among those in flight.
struct InFlight(Arc<Shared>);

impl Drop for InFlight {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::AcqRel);
    }
}

impl From<AcquireError> for ServeError {
    fn from(error: AcquireError) -> Self {
        match error {
            AcquireError::Cancelled(cancelled) => Self::Cancelled(cancelled),
            // The semaphore of places is never closed, and one task waits at it.
            _ => Self::Spawn(SpawnError::AtCapacity),
        }
    }
}

impl From<CapsuleError> for ServeError {
    fn from(error: CapsuleError) -> Self {
        Self::from(IoError::from(error))
    }
}

impl fmt::Debug for Server {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Server")
            .field("options", &self.shared.options)
            .field("ledger", &self.ledger())
            .field("is_draining", &self.is_draining())
            .finish()
    }
}
