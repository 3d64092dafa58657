//! Unix sockets: the same machinery under paths.

use std::os::unix::net::UnixStream as Plain;
use std::path::PathBuf;
use std::sync::atomic::{AtomicUsize, Ordering};

use asupersync_core::{Cx, Either};
use asupersync_std::io::{IoErrorKind, UnixAddr, UnixDatagram, UnixListener, UnixStream};

use crate::rig::{bytes, run};
use crate::stream::{CONNECTIONS, ask, echo};

/// A path that nobody else uses, removed at the end.
struct Path(PathBuf);

impl Path {
    fn new() -> Self {
        static NEXT: AtomicUsize = AtomicUsize::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("asupersync-{}-{number}.sock", std::process::id());
        Self(std::env::temp_dir().join(name))
    }

    fn address(&self) -> UnixAddr {
        self.0.as_path().into()
    }
}

impl Drop for Path {
    fn drop(&mut self) {
        let _ = std::fs::remove_file(&self.0);
    }
}

#[test]
fn many_connections_get_their_own_answers() {
    let path = Path::new();
    run(async |region| {
        let listener = UnixListener::bind(region, path.address()).await?;
        assert_eq!(listener.local_addr()?, path.address());
        let serving = region.spawner();
        region.spawn(async move |cx| {
            for _ in 0..CONNECTIONS {
                let (stream, from) = listener.accept(&cx).await?;
                assert_eq!(from, UnixAddr::unnamed());
                drop(serving.spawn(async move |cx| echo(&cx, stream).await)?);
            }
            Ok(())
        })?;
        let clients = (0..CONNECTIONS).map(|connection| {
            let at = path.address();
            region.spawn(async move |cx: Cx| {
                let mut stream = UnixStream::connect(&cx, at).await?;
                ask(&cx, &mut stream, connection).await
            })
        });
        for client in clients.collect::<Result<Vec<_>, _>>()? {
            client.join(region).await?;
        }
        Ok(())
    });
}

#[test]
fn a_pair_carries_large_data_both_ways() {
    let sent = bytes(1 << 20);
    let received = run(async |region| {
        let (mut near, far) = UnixStream::pair(region).await?;
        region.spawn(async move |cx| echo(&cx, far).await)?;
        let (mut reader, mut writer) = near.split();
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

// proves: R-IO-1, R-IO-2
#[test]
fn a_cancelled_accept_takes_no_connection() {
    let path = Path::new();
    run(async |region| {
        let listener = UnixListener::bind(region, path.address()).await?;
        let raced = region
            .race(
                async |cx| Ok(listener.accept(cx).await?),
                async |cx| Ok(cx.yield_now().await?),
            )
            .await?;
        assert!(matches!(raced, Either::B(())));
        let _client = Plain::connect(&path.0).expect("it listens");
        listener.accept(region).await?;
        Ok(())
    });
}

#[test]
fn a_path_without_a_socket_is_named() {
    let path = Path::new();
    run(async |region| {
        let error = UnixStream::connect(region, path.address()).await;
        let error = error.expect_err("nothing is there");
        assert_eq!(error.kind(), Some(IoErrorKind::NotFound));
        let name = path.0.to_string_lossy().into_owned();
        assert!(error.to_string().contains(&name), "{error}");
        Ok(())
    });
}

#[test]
fn datagrams_go_by_path() {
    let path = Path::new();
    run(async |region| {
        let receiver = UnixDatagram::bind(region, path.address()).await?;
        let sender = UnixDatagram::bind(region, UnixAddr::unnamed()).await?;
        sender.send_to(region, b"hello", &path.address()).await?;
        let mut buffer = [0; 16];
        let (len, from) = receiver.recv_from(region, &mut buffer).await?;
        assert_eq!((&buffer[..len], from), (&b"hello"[..], UnixAddr::unnamed()));
        sender.connect(region, &path.address()).await?;
        sender.send(region, b"again").await?;
        let len = receiver.recv(region, &mut buffer).await?;
        assert_eq!(&buffer[..len], b"again");
        Ok(())
    });
}
