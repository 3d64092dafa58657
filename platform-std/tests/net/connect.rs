//! Connecting: refused, cancelled, and peers that never answer.

use std::net::{SocketAddr, TcpStream as Plain};
use std::time::Duration;

use asupersync_core::{ChildEnded, Either, Error};
use asupersync_std::io::{IoError, IoErrorKind, Operation, TcpStream};
use socket2::{Domain, Socket, Type};

use crate::rig::{LOOPBACK, peer, run};

/// A listener whose queue is full, so that the host lets further connects wait.
struct Crowded {
    _listener: Socket,
    _queue: Vec<Socket>,
    at: SocketAddr,
}

impl Crowded {
    fn new() -> Self {
        let listener = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a handle is free");
        listener.bind(&LOOPBACK.into()).expect("a port is free");
        listener.listen(0).expect("it is bound");
        let address = listener.local_addr().expect("it is bound");
        let at = address.as_socket().expect("of the IP family");
        let mut queue = Vec::new();
        loop {
            let client = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a handle is free");
            let connected = client.connect_timeout(&at.into(), Duration::from_millis(50));
            queue.push(client);
            if connected.is_err() {
                break;
            }
        }
        Self {
            _listener: listener,
            _queue: queue,
            at,
        }
    }
}

// proves: R-IO-1, R-IO-2
#[test]
fn a_connect_that_is_cancelled_leaves_nothing() {
    let crowded = Crowded::new();
    run(async |region| {
        let raced = region
            .race(
                async |cx| Ok(TcpStream::connect(cx, crowded.at).await?),
                async |cx| Ok(cx.yield_now().await?),
            )
            .await?;
        assert!(matches!(raced, Either::B(())));
        Ok(())
    });
}

#[test]
fn a_connect_that_nobody_answers_ends_with_its_time() {
    let crowded = Crowded::new();
    run(async |region| {
        let limit = Duration::from_millis(5);
        let late = region
            .timeout(limit, async |cx| {
                Ok(TcpStream::connect(cx, crowded.at).await?)
            })
            .await;
        assert_timeout(late.expect_err("nobody answers"));
        Ok(())
    });
}

fn assert_timeout(error: Error) {
    let ended = error.downcast::<ChildEnded>().expect("the end of a child");
    assert!(ended.is_timeout(), "{ended}");
}

// A peer that takes the connection and then says nothing.
// proves: R-IO-2
#[test]
fn a_peer_that_stalls_ends_with_the_callers_time() {
    run(async |region| {
        let (go, told) = std::sync::mpsc::channel::<()>();
        let (at, thread) = peer(move |stream| {
            // Holds the connection until it is told to go.
            let _ = told.recv();
            drop(stream);
        });
        let mut stream = TcpStream::connect(region, at).await?;
        let late = region
            .timeout(Duration::from_millis(5), async |cx| {
                Ok(stream.read(cx, &mut [0; 8]).await?)
            })
            .await;
        assert_timeout(late.expect_err("the peer says nothing"));
        drop(go);
        assert_eq!(stream.read(region, &mut [0; 8]).await?, 0);
        thread.join().expect("the peer fails nowhere");
        Ok(())
    });
}

#[test]
fn a_refused_connect_names_the_address() {
    run(async |region| {
        let listener = std::net::TcpListener::bind(LOOPBACK).expect("a port is free");
        let at = listener.local_addr().expect("it is bound");
        drop(listener);
        let error = TcpStream::connect(region, at)
            .await
            .expect_err("nobody listens");
        let IoError::Host(host) = &error else {
            panic!("not the host's: {error}");
        };
        assert_eq!(host.kind(), IoErrorKind::ConnectionRefused);
        assert_eq!(host.operation(), Operation::Connect);
        assert_eq!(host.address(), Some(&at.into()));
        assert!(error.to_string().contains(&at.to_string()), "{error}");
        Ok(())
    });
}

#[test]
fn a_connected_stream_works_with_std_on_the_other_end() {
    run(async |region| {
        let (at, thread) = peer(|stream: Plain| stream.peer_addr().expect("connected"));
        let stream = TcpStream::connect(region, at).await?;
        let seen = thread.join().expect("the peer fails nowhere");
        assert_eq!(seen, stream.local_addr()?);
        Ok(())
    });
}
