//! Clients and their echo servers over loopback TCP, all in one runtime: each client sends a message of 64 bytes, waits
//! for it to come back, and does so again. Connections are made outside the time, with Nagle's algorithm off.
//!
//! Dominated by: four system calls per request (a write and a read on each side), and what the runtime adds to each: the
//! look at the poller, the wake, the reads that find nothing.

use crate::harness::{Contestant, Role, Unit, Workload, ns_each, timed};
use crate::ours_net;
use async_executor::LocalExecutor;
use async_io::Async;
use futures_lite::{AsyncReadExt, AsyncWriteExt};
use std::net::{Ipv4Addr, SocketAddr};
use std::rc::Rc;
use std::time::Duration;

/// The length of a message.
pub const MESSAGE: usize = 64;
/// How much a server reads at once, at most.
pub const BUFFER: usize = 1024;

/// `messages` on each of `connections`.
pub fn workload(name: &'static str, connections: u64, messages: u64, bar: Option<f64>) -> Workload {
    let mut contestants = ours_net::tcp_echo(connections, messages);
    contestants.extend([tokio(connections, messages), smol(connections, messages)]);
    Workload {
        name,
        per: "request",
        unit: Unit::Ns,
        bar,
        contestants,
    }
}

/// A free port of the loopback interface.
pub const fn loopback() -> SocketAddr {
    SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0)
}

/// The message of a number: an answer that was mixed up is noticed.
pub fn message(number: u64) -> [u8; MESSAGE] {
    let mut message = [0; MESSAGE];
    message[..8].copy_from_slice(&number.to_ne_bytes());
    message
}

fn figure(spent: Duration, answered: u64, requests: u64) -> f64 {
    assert_eq!(answered, requests);
    ns_each(spent, requests)
}

fn tokio(connections: u64, messages: u64) -> Contestant {
    use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
    use tokio::net::{TcpListener, TcpStream};

    async fn serve(mut stream: TcpStream) {
        let mut buffer = [0; BUFFER];
        loop {
            match stream.read(&mut buffer).await.expect("the client lives") {
                0 => return,
                read => {
                    let echoed = stream.write_all(&buffer[..read]).await;
                    echoed.expect("the client reads");
                }
            }
        }
    }
    async fn ask(mut stream: TcpStream, messages: u64) -> u64 {
        let mut answer = [0; MESSAGE];
        for number in 0..messages {
            let question = message(number);
            stream.write_all(&question).await.expect("the server reads");
            stream.read_exact(&mut answer).await.expect("it answers");
            assert_eq!(question, answer);
        }
        messages
    }
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_io()
        .build()
        .expect("the host has handles");
    Contestant::new("tokio current_thread", Role::Named, move || {
        let (spent, answered) = runtime.block_on(async {
            let listener = TcpListener::bind(loopback()).await.expect("a port is free");
            let at = listener.local_addr().expect("it is bound");
            let (mut clients, mut servers) = (Vec::new(), Vec::new());
            for _ in 0..connections {
                let client = TcpStream::connect(at).await.expect("it listens");
                let (server, _) = listener.accept().await.expect("one waits");
                client.set_nodelay(true).expect("ours to set");
                server.set_nodelay(true).expect("ours to set");
                servers.push(tokio::spawn(serve(server)));
                clients.push(client);
            }
            let start = std::time::Instant::now();
            let asking: Vec<_> = clients
                .into_iter()
                .map(|client| tokio::spawn(ask(client, messages)))
                .collect();
            let mut answered = 0;
            for client in asking {
                answered += client.await.expect("the client returns");
            }
            let spent = start.elapsed();
            for server in servers {
                server.await.expect("the server returns");
            }
            (spent, answered)
        });
        figure(spent, answered, connections * messages)
    })
}

fn smol(connections: u64, messages: u64) -> Contestant {
    type Stream = Async<std::net::TcpStream>;
    async fn serve(mut stream: Stream) {
        let mut buffer = [0; BUFFER];
        loop {
            match stream.read(&mut buffer).await.expect("the client lives") {
                0 => return,
                read => {
                    let echoed = stream.write_all(&buffer[..read]).await;
                    echoed.expect("the client reads");
                }
            }
        }
    }
    async fn ask(mut stream: Stream, messages: u64) -> u64 {
        let mut answer = [0; MESSAGE];
        for number in 0..messages {
            let question = message(number);
            stream.write_all(&question).await.expect("the server reads");
            stream.read_exact(&mut answer).await.expect("it answers");
            assert_eq!(question, answer);
        }
        messages
    }
    let executor = Rc::new(LocalExecutor::new());
    Contestant::new("smol LocalExecutor + async-io", Role::Named, move || {
        let host = executor.clone();
        let work = executor.run(async move {
            let listener = Async::<std::net::TcpListener>::bind(loopback());
            let listener = listener.expect("a port is free");
            let at = listener.get_ref().local_addr().expect("it is bound");
            let (mut clients, mut servers) = (Vec::new(), Vec::new());
            for _ in 0..connections {
                let client = Stream::connect(at).await.expect("it listens");
                let (server, _) = listener.accept().await.expect("one waits");
                client.get_ref().set_nodelay(true).expect("ours to set");
                server.get_ref().set_nodelay(true).expect("ours to set");
                servers.push(host.spawn(serve(server)));
                clients.push(client);
            }
            let start = std::time::Instant::now();
            let asking: Vec<_> = clients
                .into_iter()
                .map(|client| host.spawn(ask(client, messages)))
                .collect();
            let mut answered = 0;
            for client in asking {
                answered += client.await;
            }
            let spent = start.elapsed();
            for server in servers {
                server.await;
            }
            (spent, answered)
        });
        // Drives the reactor on this thread while the executor has nothing to run.
        let (_, (spent, answered)) = timed(|| async_io::block_on(work));
        figure(spent, answered, connections * messages)
    })
}
