//! asupersync's side of the HTTP workload; see [`ours`](crate::ours) for the rules.

use crate::harness::{Contestant, Role};
use crate::workload::hyper_hello::{answer, ask};
use crate::workload::tcp_echo::loopback;
use asupersync_core::{Cx, Error, LocalRegion};
use asupersync_hyper::{Body, Call, HyperIo, Options, Server};
use asupersync_std::Runtime;
use asupersync_std::io::TcpListener;
use hyper::Response;
use std::net::SocketAddr;

/// A runtime on two threads, and a listener.
fn start() -> (Runtime, TcpListener, SocketAddr) {
    let mut runtime = Runtime::builder().workers(2).build().expect("threads");
    let bound = runtime.block_on(async |region: &LocalRegion| {
        let listener = TcpListener::bind(region, loopback()).await?;
        let at = listener.local_addr()?;
        Ok::<_, Error>((listener, at))
    });
    let (listener, at) = bound.expect("a port is free");
    (runtime, listener, at)
}

/// hyper's own loop over the adapters, as on tokio; and the server with its ledger, deadlines and a task for each request.
pub fn hello(requests: u64) -> Vec<Contestant> {
    let (runtime, listener, at) = start();
    let serving = runtime.spawner().spawn(async move |cx: Cx| {
        cx.region(async |region| -> Result<(), Error> {
            loop {
                let (stream, _) = listener.accept(region).await?;
                stream.set_nodelay(true)?;
                region.spawn(async move |_cx| {
                    let service = hyper::service::service_fn(answer);
                    let builder = hyper::server::conn::http1::Builder::new();
                    let connection = builder.serve_connection(HyperIo::tcp(stream), service);
                    // The client ends each round by leaving.
                    let _ = connection.await;
                    Ok(())
                })?;
            }
        })
        .await
    });
    drop(serving.expect("there is room"));
    let adapters = Contestant::new("asupersync", Role::Ours, move || {
        let _served_by = &runtime;
        ask(at, requests)
    });

    let (runtime, listener, at) = start();
    let serving = runtime.spawner().spawn(async move |cx: Cx| {
        let hello =
            async |_cx: Cx, call: Call| Ok(call.reply(Response::new(Body::from("hello, world")))?);
        let server = Server::new(Options::new());
        Ok(server.serve(&cx, &listener, hello).await?)
    });
    drop(serving.expect("there is room"));
    let server = Contestant::new("asupersync, Server", Role::Other, move || {
        let _served_by = &runtime;
        ask(at, requests)
    });
    vec![adapters, server]
}
