//! The `futures-io` traits, as crates that know nothing of a `Cx` use them.

use std::io::ErrorKind;
use std::task::Poll;

use asupersync_core::channel::oneshot;
use asupersync_core::{Cx, Error};
use asupersync_std::io::{IoError, TcpListener, TcpStream};
use futures_lite::io::{AsyncReadExt, AsyncWriteExt, copy};

use crate::rig::{LOOPBACK, bytes, listen, peer, run};

#[test]
fn a_foreign_copy_loop_echoes() {
    let sent = bytes(300_000);
    let received = run(async |region| {
        let (listener, at) = listen(region).await?;
        region.spawn(async move |cx: Cx| {
            let (stream, _) = listener.accept(&cx).await?;
            let (reader, mut writer) = stream.into_split();
            copy(reader, &mut writer).await?;
            Ok(writer.close().await?)
        })?;
        let (mut reader, mut writer) = TcpStream::connect(region, at).await?.into_split();
        let writing = sent.clone();
        region.spawn(async move |_cx: Cx| {
            AsyncWriteExt::write_all(&mut writer, &writing).await?;
            Ok(writer.close().await?)
        })?;
        let mut received = Vec::new();
        reader.read_to_end(&mut received).await?;
        Ok(received)
    });
    assert!(received == sent, "the bytes differ");
}

// proves: R-CAN-2, R-IO-2
#[test]
fn a_foreign_read_is_dropped_when_its_task_is_asked_to_stop() {
    run(async |region| {
        let (go, told) = std::sync::mpsc::channel::<()>();
        let (at, thread) = peer(move |stream| {
            let _ = told.recv();
            drop(stream);
        });
        let mut stream = TcpStream::connect(region, at).await?;
        let (started, mut starts) = oneshot::channel();
        let task = region.spawn(async move |cx: Cx| {
            assert!(started.send(()).is_delivered());
            let mut buffer = [0; 8];
            let read = AsyncReadExt::read(&mut stream, &mut buffer);
            match cx.until_cancelled(read).await {
                Err(cancelled) => Err::<(), Error>(cancelled.into()),
                Ok(read) => panic!("the peer says nothing: {read:?}"),
            }
        })?;
        starts.recv(region).await?;
        task.cancel("enough");
        let ended = task.join(region).await.expect_err("it was cancelled");
        assert!(ended.to_string().contains("enough"), "{ended}");
        drop(go);
        thread.join().expect("the peer fails nowhere");
        Ok(())
    });
}

#[test]
fn polling_by_hand_waits_and_goes_on() {
    run(async |region| {
        let (go, told) = std::sync::mpsc::channel::<()>();
        let (at, thread) = peer(move |mut stream| {
            told.recv().expect("told to go on");
            std::io::Write::write_all(&mut stream, b"now").expect("there is room");
        });
        let stream = TcpStream::connect(region, at).await?;
        let (mut buffer, mut waited) = ([0; 8], false);
        let read = std::future::poll_fn(|task| {
            let polled = stream.poll_read(task, &mut buffer);
            if polled.is_pending() && !std::mem::replace(&mut waited, true) {
                go.send(()).expect("the peer listens");
            }
            polled
        })
        .await?;
        assert_eq!((&buffer[..read], waited), (&b"now"[..], true));
        let parts = [&b"a"[..], b"bc"].map(std::io::IoSlice::new);
        let written = std::future::poll_fn(|task| stream.poll_write_vectored(task, &parts)).await?;
        assert_eq!(written, 3);
        let ended = std::future::poll_fn(|task| match stream.poll_shutdown(task) {
            Poll::Ready(ended) => Poll::Ready(ended),
            Poll::Pending => panic!("it never waits"),
        });
        ended.await?;
        thread.join().expect("the peer fails nowhere");
        Ok(())
    });
}

#[test]
fn what_std_cannot_say_it_carries() {
    run(async |region| {
        let listener = TcpListener::bind(region, LOOPBACK).await?;
        let (started, mut starts) = oneshot::channel();
        let task = region.spawn(async move |cx: Cx| {
            assert!(started.send(()).is_delivered());
            // As an adapter would pass it on: through std's error and back.
            let through = listener.accept(&cx).await.map(drop);
            let through = through.map_err(std::io::Error::from);
            let error = through.expect_err("nobody connects");
            assert_eq!(error.kind(), ErrorKind::Other);
            Err::<(), Error>(IoError::from(error).into())
        })?;
        starts.recv(region).await?;
        task.cancel("enough");
        let outcome = task.outcome(region).await?;
        assert!(
            matches!(outcome, asupersync_core::Outcome::Cancelled(_)),
            "{outcome:?}"
        );
        Ok(())
    });
}
