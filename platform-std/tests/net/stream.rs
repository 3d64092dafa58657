//! Streams: bytes in order, half-close, cancelled reads, halves, many connections.

use std::io::{Read, Write};
use std::sync::mpsc;

use asupersync_core::{Cx, CxBase, Either, Error};
use asupersync_std::io::driver::SocketAddress;
use asupersync_std::io::{IoError, Shutdown, Stream, TcpStream};

use crate::rig::{Choices, bytes, listen, peer, run};

/// Reads to the end of the stream.
async fn read_to_end(
    stream: &mut TcpStream,
    cx: &CxBase,
    into: &mut Vec<u8>,
) -> Result<(), IoError> {
    let mut buffer = [0; 4096];
    loop {
        match stream.read(cx, &mut buffer).await? {
            0 => return Ok(()),
            read => into.extend_from_slice(&buffer[..read]),
        }
    }
}

/// Sends back what comes, until the peer writes no more.
pub async fn echo<A: SocketAddress>(cx: &CxBase, mut stream: Stream<A>) -> Result<(), Error> {
    let mut buffer = [0; 16 * 1024];
    loop {
        match stream.read(cx, &mut buffer).await? {
            0 => break,
            read => stream.write_all(cx, &buffer[..read]).await?,
        }
    }
    Ok(stream.shutdown(cx, Shutdown::Write).await?)
}

// proves: R-IO-1
#[test]
fn large_data_goes_both_ways_and_ends_with_a_half_close() {
    let sent = bytes(4 << 20);
    let received = run(async |region| {
        let (listener, at) = listen(region).await?;
        region.spawn(async move |cx| echo(&cx, listener.accept(&cx).await?.0).await)?;
        let stream = TcpStream::connect(region, at).await?;
        let (mut reader, mut writer) = stream.into_split();
        let reading = region.spawn(async move |cx: Cx| {
            let mut received = Vec::new();
            let mut buffer = vec![0; 10_000];
            loop {
                match reader.read(&cx, &mut buffer).await? {
                    0 => return Ok(received),
                    read => received.extend_from_slice(&buffer[..read]),
                }
            }
        })?;
        writer.write_all(region, &sent).await?;
        writer.shutdown(region).await?;
        reading.join(region).await
    });
    assert!(received == sent, "the bytes differ");
}

#[test]
fn a_peer_that_writes_no_more_can_still_be_written_to() {
    let heard = run(async |region| {
        let (at, thread) = peer(|mut stream| {
            stream
                .shutdown(std::net::Shutdown::Write)
                .expect("ours to end");
            let mut heard = Vec::new();
            stream
                .read_to_end(&mut heard)
                .expect("the other end closes");
            heard
        });
        let mut stream = TcpStream::connect(region, at).await?;
        assert_eq!(stream.read(region, &mut [0; 8]).await?, 0);
        assert_eq!(stream.read(region, &mut [0; 8]).await?, 0, "the end stays");
        stream.write_all(region, b"still here").await?;
        drop(stream);
        Ok(thread.join().expect("the peer fails nowhere"))
    });
    assert_eq!(heard, b"still here");
}

// The last bytes and the end of the stream are one piece of news: the end must not be waited for.
#[test]
fn the_end_that_comes_with_the_last_bytes_is_seen() {
    let received = run(async |region| {
        let (at, thread) =
            peer(|mut stream| stream.write_all(b"last words").expect("there is room"));
        let mut stream = TcpStream::connect(region, at).await?;
        thread.join().expect("the peer fails nowhere");
        let mut received = Vec::new();
        read_to_end(&mut stream, region, &mut received).await?;
        Ok(received)
    });
    assert_eq!(received, b"last words");
}

// proves: R-IO-1, R-IO-2
#[test]
fn a_cancelled_read_takes_no_byte() {
    let received = run(async |region| {
        let (go, told) = mpsc::channel();
        let (at, thread) = peer(move |mut stream| {
            for part in [&b"one "[..], b"two"] {
                told.recv().expect("told to go on");
                stream.write_all(part).expect("there is room");
            }
        });
        let mut stream = TcpStream::connect(region, at).await?;
        let mut received = Vec::new();
        for _ in 0..2 {
            // Nothing is there: the read waits, and loses.
            let mut buffer = [0; 16];
            let raced = region
                .race(
                    async |cx| Ok(stream.read(cx, &mut buffer).await?),
                    async |cx| Ok(cx.yield_now().await?),
                )
                .await?;
            assert_eq!(raced, Either::B(()));
            go.send(()).expect("the peer listens");
            let read = stream.read(region, &mut buffer).await?;
            received.extend_from_slice(&buffer[..read]);
        }
        thread.join().expect("the peer fails nowhere");
        read_to_end(&mut stream, region, &mut received).await?;
        Ok(received)
    });
    assert_eq!(received, b"one two");
}

// Reads that are cancelled at any moment, against a peer that writes when it likes: what the reads that were not
// cancelled gave is the whole stream.
// proves: R-IO-1, R-IO-2, R-CAN-5
#[test]
fn reads_cancelled_at_any_moment_leave_the_stream_whole() {
    let sent = bytes(200_000);
    let expected = sent.clone();
    let (received, cancelled) = run(async |region| {
        let (at, thread) = peer(move |mut stream| {
            let mut choices = Choices(7);
            let mut rest = &sent[..];
            while !rest.is_empty() {
                let (part, after) = rest.split_at(rest.len().min(1 + choices.below(700)));
                stream.write_all(part).expect("there is room");
                rest = after;
            }
        });
        let mut stream = TcpStream::connect(region, at).await?;
        let mut choices = Choices(11);
        let (mut received, mut cancelled) = (Vec::new(), 0);
        loop {
            let mut buffer = [0; 512];
            let patience = choices.below(3);
            let mut read = None;
            // The read's result is kept even where it comes in while the fiber drains.
            region
                .race(
                    async |cx| {
                        read = Some(stream.read(cx, &mut buffer).await?);
                        Ok(())
                    },
                    async |cx| {
                        for _ in 0..patience {
                            cx.yield_now().await?;
                        }
                        Ok(())
                    },
                )
                .await?;
            match read {
                Some(0) => break,
                Some(read) => received.extend_from_slice(&buffer[..read]),
                None => cancelled += 1,
            }
        }
        thread.join().expect("the peer fails nowhere");
        Ok((received, cancelled))
    });
    assert!(received == expected, "the bytes differ");
    assert!(cancelled > 0, "no read was cancelled");
}

#[test]
fn borrowed_halves_serve_two_fibers() {
    let sent = bytes(1 << 20);
    let received = run(async |region| {
        let (listener, at) = listen(region).await?;
        region.spawn(async move |cx| echo(&cx, listener.accept(&cx).await?.0).await)?;
        let mut stream = TcpStream::connect(region, at).await?;
        let (mut reader, mut writer) = stream.split();
        let mut received = vec![0; sent.len()];
        let both = region.join(
            async |cx| Ok(reader.read_exact(cx, &mut received).await?),
            async |cx| Ok(writer.write_all(cx, &sent).await?),
        );
        both.await?;
        Ok(received)
    });
    assert!(received == sent, "the bytes differ");
}

#[test]
fn addresses_and_options_are_those_of_the_host() {
    run(async |region| {
        let (listener, at) = listen(region).await?;
        let stream = TcpStream::connect(region, at).await?;
        let (accepted, from) = listener.accept(region).await?;
        assert_eq!(stream.peer_addr()?, at);
        assert_eq!(stream.local_addr()?, from);
        assert_eq!(accepted.peer_addr()?, from);
        stream.set_nodelay(true)?;
        assert!(stream.nodelay()?);
        Ok(())
    });
}

pub const CONNECTIONS: usize = 64;
const MESSAGES: usize = 200;

/// Asks, and checks the answer; all but the first byte say which message it is.
pub async fn ask<A: SocketAddress>(
    cx: &CxBase,
    stream: &mut Stream<A>,
    connection: usize,
) -> Result<(), Error> {
    for message in 0..MESSAGES {
        let mut question = [message as u8; 64];
        question[0] = connection as u8;
        let mut answer = [0; 64];
        stream.write_all(cx, &question).await?;
        stream.read_exact(cx, &mut answer).await?;
        assert_eq!(question, answer);
    }
    Ok(())
}

#[test]
fn many_connections_get_their_own_answers() {
    run(async |region| {
        let (listener, at) = listen(region).await?;
        let serving = region.spawner();
        region.spawn(async move |cx| {
            for _ in 0..CONNECTIONS {
                let (stream, _) = listener.accept(&cx).await?;
                drop(serving.spawn(async move |cx| echo(&cx, stream).await)?);
            }
            Ok(())
        })?;
        let clients = (0..CONNECTIONS).map(|connection| {
            region.spawn(async move |cx: Cx| {
                let mut stream = TcpStream::connect(&cx, at).await?;
                ask(&cx, &mut stream, connection).await
            })
        });
        for client in clients.collect::<Result<Vec<_>, _>>()? {
            client.join(region).await?;
        }
        Ok(())
    });
}
