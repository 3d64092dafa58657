//! One connection: which version it speaks, hyper's driver, and its end.
//!
//! Owns the connection's region: the requests in it, and hyper's own tasks. The connection is driven past a cancel, until
//! its requests are answered or the cleanup budget is spent: nobody else could tell the client.

use std::future::{Future, poll_fn};
use std::pin::{Pin, pin};
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll};

use asupersync_core::{ChildEnded, Cx, Error, Region, RegionOptions, TaskError};
use futures_io::{AsyncRead, AsyncWrite};
use hyper::server::conn::{http1, http2};

use super::call::Service;
use super::{Handler, ServeError, Shared, sniff};
use crate::client::Version;
use crate::clock::HyperTimer;
use crate::executor::HyperExecutor;
use crate::io::HyperIo;

pub(super) async fn serve<E, S, H>(
    shared: &Arc<Shared>,
    cx: &Cx<E>,
    mut io: HyperIo<S>,
    handler: Arc<H>,
    is_over: bool,
) -> Result<(), ServeError>
where
    E: TaskError,
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    shared.counters.connections.fetch_add(1, Ordering::Relaxed);
    let options = RegionOptions::new();
    let served = cx.region_of(options, async |region: &Region<ServeError>| {
        let limit = shared.options.header_deadline;
        let version = region.timeout(limit, async |cx| sniff::version(shared, cx, &mut io).await);
        let Some(version) = version.await? else {
            return Ok(());
        };
        speak(shared, region, io, version, handler, is_over).await
    });
    match served.await {
        Err(ServeError::Child(ended)) if ended.is_timeout() => {
            shared.counters.broken.fetch_add(1, Ordering::Relaxed);
            Ok(())
        }
        ended => ended,
    }
}

/// Has hyper speak, until the connection ends and everything that belongs to it.
async fn speak<S, H>(
    shared: &Arc<Shared>,
    cx: &Cx<ServeError>,
    io: HyperIo<S>,
    version: Version,
    handler: Arc<H>,
    is_over: bool,
) -> Result<(), ServeError>
where
    S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    H: Handler,
{
    let timer = HyperTimer::new(cx)?;
    let limit = shared.options.header_deadline;
    let body = async |region: &Region<Error>| {
        let clock = timer.clock().clone();
        let service = Service::new(shared, region.spawner(), clock, handler, is_over);
        let ended = match version {
            Version::Http1 => {
                let mut builder = http1::Builder::new();
                builder.timer(timer).header_read_timeout(limit);
                let connection = builder.serve_connection(io, service).with_upgrades();
                let shut = http1::UpgradeableConnection::graceful_shutdown;
                drive(shared, region, pin!(connection), shut).await
            }
            Version::Http2 => {
                let mut builder = http2::Builder::new(HyperExecutor::new(region.spawner()));
                builder
                    .timer(timer)
                    .keep_alive_interval(limit)
                    .keep_alive_timeout(limit);
                let connection = builder.serve_connection(io, service);
                let shut = http2::Connection::graceful_shutdown;
                drive(shared, region, pin!(connection), shut).await
            }
        };
        if ended.is_err() {
            shared.counters.broken.fetch_add(1, Ordering::Relaxed);
        }
        Ok(())
    };
    match cx.region_of(RegionOptions::new(), body).await {
        Ok(()) => Ok(()),
        Err(error) => Err(ended_as(error)),
    }
}

/// Drives a connection to its end; from a drain or a cancel on it takes no new request.
async fn drive<C>(
    shared: &Shared,
    cx: &Cx,
    mut connection: Pin<&mut C>,
    shut: fn(Pin<&mut C>),
) -> hyper::Result<()>
where
    C: Future<Output = hyper::Result<()>>,
{
    let mut draining = pin!(shared.draining(cx));
    let mut is_told = false;
    poll_fn(move |task: &mut Context<'_>| -> Poll<hyper::Result<()>> {
        // Ready with the drain and with the cancel alike.
        if !is_told && draining.as_mut().poll(task).is_ready() {
            is_told = true;
            shut(connection.as_mut());
        }
        connection.as_mut().poll(task)
    })
    .await
}

/// The end of the inner region, in the words of the outer one.
fn ended_as(error: Error) -> ServeError {
    let error = match error.downcast::<asupersync_core::Cancelled>() {
        Ok(cancelled) => return ServeError::Cancelled(cancelled),
        Err(error) => error,
    };
    let error = match error.downcast::<ChildEnded>() {
        Ok(ended) => return ServeError::Child(ended),
        Err(error) => error,
    };
    match error.downcast::<asupersync_core::SpawnError>() {
        Ok(error) => ServeError::Spawn(error),
        Err(_) => ServeError::Child(ChildEnded::Failed),
    }
}
