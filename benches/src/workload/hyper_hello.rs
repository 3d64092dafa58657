//! hyper says hello over HTTP/1.1 on 64 connections that are kept alive; two threads of a runtime serve. The client is the
//! same for all: two threads with plain blocking sockets, each of which asks on all of its connections before it reads the
//! answers.
//!
//! Dominated by: system calls, on both sides, and hyper's own work. The server and its client share two cores.

use std::convert::Infallible;
use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::thread;
use std::time::{Duration, Instant};

use http_body_util::Full;
use hyper::body::{Bytes, Incoming};
use hyper::{Request, Response};

use super::tcp_echo::loopback;
use crate::harness::{Contestant, Role, Unit, Workload, ns_each};
use crate::ours_hyper;

const CONNECTIONS: u64 = 64;
const CLIENTS: u64 = 2;
const HELLO: &[u8] = b"hello, world";

/// `requests` on each connection.
pub fn workload(requests: u64) -> Workload {
    let mut contestants = ours_hyper::hello(requests);
    contestants.push(tokio(requests));
    Workload {
        name: "hyper_hello_64",
        per: "request",
        unit: Unit::Ns,
        // 0.95 of hyper's requests on tokio in the same time.
        bar: Some(1.0 / 0.95),
        contestants,
    }
}

/// What all of them answer.
pub async fn answer(_request: Request<Incoming>) -> Result<Response<Full<Bytes>>, Infallible> {
    Ok(Response::new(Full::from(HELLO)))
}

/// Asks the server at `at`; nanoseconds for each request.
pub fn ask(at: SocketAddr, requests: u64) -> f64 {
    let connect = || {
        let stream = TcpStream::connect(at).expect("it listens");
        stream.set_nodelay(true).expect("ours to set");
        stream
    };
    let mut clients: Vec<Vec<TcpStream>> = (0..CLIENTS)
        .map(|_| (0..CONNECTIONS / CLIENTS).map(|_| connect()).collect())
        .collect();
    // Each connection has been accepted, and has its task, before the time starts.
    clients.iter_mut().for_each(|streams| turn(streams));
    let start = Instant::now();
    let threads = clients.into_iter().map(|mut streams| {
        thread::spawn(move || {
            (0..requests).for_each(|_| turn(&mut streams));
            start.elapsed()
        })
    });
    let threads: Vec<_> = threads.collect();
    let spent = threads
        .into_iter()
        .map(|thread| thread.join().expect("answered"));
    let spent: Duration = spent.max().expect("there are clients");
    ns_each(spent, CONNECTIONS * requests)
}

/// One request on each connection, and its answer.
fn turn(streams: &mut [TcpStream]) {
    for stream in &mut *streams {
        let asked = stream.write_all(b"GET / HTTP/1.1\r\nhost: localhost\r\n\r\n");
        asked.expect("the server reads");
    }
    for stream in streams {
        let mut answer = [0; 1024];
        let mut length = 0;
        while !answer[..length].ends_with(HELLO) {
            let read = stream.read(&mut answer[length..]).expect("it answers");
            assert!(read > 0, "the server closed");
            length += read;
        }
        assert!(answer.starts_with(b"HTTP/1.1 200 OK\r\n"));
    }
}

fn tokio(requests: u64) -> Contestant {
    let runtime = tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .enable_io()
        .build()
        .expect("the host has threads");
    let listener = runtime.block_on(tokio::net::TcpListener::bind(loopback()));
    let listener = listener.expect("a port is free");
    let at = listener.local_addr().expect("it is bound");
    runtime.spawn(async move {
        loop {
            let (stream, _) = listener.accept().await.expect("one waits");
            stream.set_nodelay(true).expect("ours to set");
            tokio::spawn(async move {
                let io = hyper_util::rt::TokioIo::new(stream);
                let service = hyper::service::service_fn(answer);
                let builder = hyper::server::conn::http1::Builder::new();
                // The client ends each round by leaving.
                let _ = builder.serve_connection(io, service).await;
            });
        }
    });
    Contestant::new("tokio multi_thread", Role::Named, move || {
        let _served_by = &runtime;
        ask(at, requests)
    })
}
