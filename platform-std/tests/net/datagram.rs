//! Datagrams: whole messages, fixed peers, cancelled receives, several who receive.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use asupersync_core::{Cx, Either, Error};
use asupersync_std::io::{IoErrorKind, UdpSocket};

use crate::rig::{LOOPBACK, run};

#[test]
fn messages_are_whole_and_tell_where_they_come_from() {
    run(async |region| {
        let (a, b) = (
            UdpSocket::bind(region, LOOPBACK).await?,
            UdpSocket::bind(region, LOOPBACK).await?,
        );
        let mut buffer = [0; 64];
        for message in [&b"one"[..], b"", b"three"] {
            assert_eq!(
                a.send_to(region, message, &b.local_addr()?).await?,
                message.len()
            );
            let (len, from) = b.recv_from(region, &mut buffer).await?;
            assert_eq!((&buffer[..len], from), (message, a.local_addr()?));
        }
        a.send_to(region, b"too long", &b.local_addr()?).await?;
        let (len, _) = b.recv_from(region, &mut buffer[..3]).await?;
        assert_eq!(&buffer[..len], b"too", "what does not fit is lost");
        Ok(())
    });
}

#[test]
fn a_fixed_peer_is_the_only_one_heard() {
    run(async |region| {
        let (a, b, stranger) = (
            UdpSocket::bind(region, LOOPBACK).await?,
            UdpSocket::bind(region, LOOPBACK).await?,
            UdpSocket::bind(region, LOOPBACK).await?,
        );
        let unfixed = a.send(region, b"to whom?").await.expect_err("no peer");
        assert!(unfixed.kind().is_some(), "{unfixed}");
        a.connect(region, &b.local_addr()?).await?;
        b.connect(region, &a.local_addr()?).await?;
        assert_eq!(a.peer_addr()?, b.local_addr()?);
        let mut buffer = [0; 64];
        stranger.send_to(region, b"psst", &b.local_addr()?).await?;
        a.send(region, b"hello").await?;
        let len = b.recv(region, &mut buffer).await?;
        assert_eq!(&buffer[..len], b"hello");
        Ok(())
    });
}

#[test]
fn a_message_to_nobody_comes_back_as_an_error() {
    run(async |region| {
        let gone = UdpSocket::bind(region, LOOPBACK).await?.local_addr()?;
        let socket = UdpSocket::bind(region, LOOPBACK).await?;
        socket.connect(region, &gone).await?;
        socket.send(region, b"anybody?").await?;
        let error = socket.recv(region, &mut [0; 8]).await.expect_err("nobody");
        assert_eq!(
            error.kind(),
            Some(IoErrorKind::ConnectionRefused),
            "{error}"
        );
        Ok(())
    });
}

// proves: R-IO-1, R-IO-2
#[test]
fn a_cancelled_receive_takes_no_message() {
    run(async |region| {
        let (a, b) = (
            UdpSocket::bind(region, LOOPBACK).await?,
            UdpSocket::bind(region, LOOPBACK).await?,
        );
        let mut buffer = [0; 64];
        for number in 0..20u8 {
            let raced = region
                .race(
                    async |cx| Ok(b.recv_from(cx, &mut buffer).await?),
                    async |cx| Ok(cx.yield_now().await?),
                )
                .await?;
            assert!(matches!(raced, Either::B(())), "there was no message yet");
            a.send_to(region, &[number], &b.local_addr()?).await?;
            let (len, _) = b.recv_from(region, &mut buffer).await?;
            assert_eq!(buffer[..len], [number]);
        }
        Ok(())
    });
}

// One message at a time, so that none is dropped for want of room: each goes to one of the receivers.
#[test]
fn several_tasks_receive_from_one_socket() {
    const RECEIVERS: usize = 4;
    const EACH: usize = 25;
    run(async |region| {
        let socket = Arc::new(UdpSocket::bind(region, LOOPBACK).await?);
        let sender = UdpSocket::bind(region, LOOPBACK).await?;
        let (told, mut heard) =
            asupersync_core::channel::mpsc::channel(std::num::NonZeroUsize::MIN);
        let tasks: Vec<_> = (0..RECEIVERS)
            .map(|_| {
                let (socket, told) = (Arc::clone(&socket), told.clone());
                region.spawn(async move |cx: Cx| {
                    for _ in 0..EACH {
                        let mut buffer = [0; 8];
                        let (len, _) = socket.recv_from(&cx, &mut buffer).await?;
                        told.send(&cx, buffer[..len].to_vec()).await?;
                    }
                    Ok::<_, Error>(())
                })
            })
            .collect::<Result<_, _>>()?;
        for number in 0..RECEIVERS * EACH {
            let message = [number as u8];
            sender
                .send_to(region, &message, &socket.local_addr()?)
                .await?;
            assert_eq!(heard.recv(region).await?, message);
        }
        for task in tasks {
            task.join(region).await?;
        }
        Ok(())
    });
}

// The host always has room for one more message: the sender never waits, and still lets its sibling run.
#[test]
fn a_task_that_never_waits_for_its_socket_lets_others_run() {
    run(async |region| {
        let socket = UdpSocket::bind(region, LOOPBACK).await?;
        let told = Arc::new(AtomicBool::new(false));
        let tell = Arc::clone(&told);
        region.spawn(async move |_cx: Cx| {
            tell.store(true, Ordering::Relaxed);
            Ok(())
        })?;
        let mut sent = 0;
        while !told.load(Ordering::Relaxed) {
            socket.send_to(region, b"x", &socket.local_addr()?).await?;
            sent += 1;
            // A worker takes the time that the host gives it.
            let is_alone = crate::WORKERS == 0;
            assert!(sent < 1_000 || !is_alone, "the sibling never ran");
        }
        Ok(())
    });
}
