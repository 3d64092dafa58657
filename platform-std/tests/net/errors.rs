//! Errors: authority, resets, addresses in use, a process without handles, and what std makes of them.

use std::io::{Read, Write};
use std::net::{SocketAddr, TcpStream as Plain};
use std::sync::Arc;

use asupersync_core::{CapabilityDenied, Config, Io, Recoverability, RegionOptions, TaskError};
use asupersync_std::Runtime;
use asupersync_std::io::driver::{DynDatagram, DynListener, DynStream, Fault, NetDriver};
use asupersync_std::io::{
    IoError, IoErrorKind, Net, Operation, TcpListener, TcpStream, UdpSocket, UnixStream,
};
use socket2::SockRef;

use crate::rig::{LOOPBACK, fails, listen, peer, run};

// proves: R-IO-4
#[test]
fn without_the_capability_nothing_happens() {
    let builder = Runtime::builder().workers(crate::WORKERS);
    let mut runtime = builder.without_io().build().expect("it starts");
    let denied = runtime.block_on(async |region| {
        let refused = [
            TcpListener::bind(region, LOOPBACK).await.err(),
            TcpStream::connect(region, LOOPBACK).await.err(),
            UdpSocket::bind(region, LOOPBACK).await.err(),
        ];
        Ok::<_, asupersync_core::Error>(refused)
    });
    for error in denied.expect("the body fails nowhere") {
        let Some(IoError::Denied(CapabilityDenied { capability })) = error else {
            panic!("not denied: {error:?}");
        };
        assert_eq!(capability, "net");
    }
    assert_eq!(runtime.io_stats().waits, 0, "a reactor was started");
}

// proves: R-IO-4
#[test]
fn a_region_that_is_denied_the_network_has_none() {
    for (options, name) in [
        (RegionOptions::new().deny::<Net>(), "net"),
        (RegionOptions::new().deny::<Io>(), "io"),
    ] {
        run(async |region| {
            let (_listener, at) = listen(region).await?;
            let bound = region
                .region_with(options, async |inner| {
                    Ok(TcpStream::connect(inner, at).await.map(drop))
                })
                .await?;
            match bound {
                Err(IoError::Denied(denied)) => assert_eq!(denied.capability, name),
                other => panic!("not denied: {other:?}"),
            }
            Ok(())
        });
    }
}

/// A network that has nothing but its own name.
struct Nowhere;

impl NetDriver for Nowhere {
    fn platform(&self) -> &'static str {
        "nowhere"
    }

    fn connect(&self, _to: SocketAddr) -> Result<DynStream<SocketAddr>, Fault> {
        Err(Fault::Failed {
            kind: IoErrorKind::Unreachable,
            code: None,
        })
    }

    fn listen(&self, _at: SocketAddr) -> Result<DynListener<SocketAddr>, Fault> {
        Err(self.unsupported())
    }

    fn datagrams(&self, _at: SocketAddr) -> Result<DynDatagram<SocketAddr>, Fault> {
        Err(self.unsupported())
    }
}

// proves: R-IO-5
#[test]
fn what_a_network_does_not_have_is_unsupported_by_name() {
    let config = Config::default().grant(Net::new(Arc::new(Nowhere)));
    let builder = Runtime::builder().workers(crate::WORKERS).config(config);
    let mut runtime = builder.without_io().build().expect("it starts");
    let asked = runtime.block_on(async |region| {
        let connected = TcpStream::connect(region, LOOPBACK).await;
        let connected = connected.expect_err("it leads nowhere");
        assert_eq!(connected.kind(), Some(IoErrorKind::Unreachable));
        Ok::<_, asupersync_core::Error>([
            TcpListener::bind(region, LOOPBACK).await.err(),
            UnixStream::connect(region, "nowhere").await.err(),
            UnixStream::pair(region).await.err(),
        ])
    });
    let asked = asked.expect("the body fails nowhere");
    let surfaces = [Operation::Bind, Operation::Connect, Operation::Connect];
    for (error, expected) in asked.into_iter().zip(surfaces) {
        let Some(IoError::Unsupported { surface, platform }) = error else {
            panic!("not unsupported: {error:?}");
        };
        assert_eq!((surface, platform), (expected, "nowhere"));
    }
}

// proves: R-IO-1, R-CAN-9
#[test]
fn a_cancelled_task_ends_as_cancelled_through_the_question_mark() {
    run(async |region| {
        let (listener, _) = listen(region).await?;
        let task = region.spawn(async move |cx| Ok(listener.accept(&cx).await?.1))?;
        region.yield_now().await?;
        task.cancel("enough");
        let ended = task.join(region).await.expect_err("it was cancelled");
        let ended = ended.downcast::<asupersync_core::ChildEnded>();
        assert!(matches!(
            ended.expect("the end of a child"),
            asupersync_core::ChildEnded::Cancelled(_)
        ));
        Ok(())
    });
}

#[test]
fn a_reset_connection_is_told_from_a_closed_one() {
    run(async |region| {
        let (at, thread) = peer(|mut stream: Plain| {
            // The reset comes once the connection is there, or connecting would see it.
            stream.read_exact(&mut [0]).expect("somebody connects");
            let linger = Some(std::time::Duration::ZERO);
            SockRef::from(&stream)
                .set_linger(linger)
                .expect("ours to set");
        });
        let mut stream = TcpStream::connect(region, at).await?;
        stream.write_all(region, b"!").await?;
        thread.join().expect("the peer fails nowhere");
        let error = stream.read(region, &mut [0; 8]).await.expect_err("reset");
        assert_eq!(error.kind(), Some(IoErrorKind::ConnectionReset), "{error}");
        assert_eq!(error.recoverability(), Recoverability::Fatal);
        Ok(())
    });
}

#[test]
fn an_early_end_is_told_from_a_full_read() {
    run(async |region| {
        let (at, thread) = peer(|mut stream| stream.write_all(b"half").expect("there is room"));
        let mut stream = TcpStream::connect(region, at).await?;
        let error = stream.read_exact(region, &mut [0; 8]).await;
        let error = error.expect_err("the peer closes");
        assert_eq!(error.kind(), Some(IoErrorKind::UnexpectedEnd));
        thread.join().expect("the peer fails nowhere");
        Ok(())
    });
}

#[test]
fn an_address_in_use_is_named() {
    run(async |region| {
        let (_listener, at) = listen(region).await?;
        let error = TcpListener::bind(region, at)
            .await
            .expect_err("it is taken");
        assert_eq!(error.kind(), Some(IoErrorKind::AddressInUse));
        assert_eq!(error.recoverability(), Recoverability::Retry);
        assert!(error.to_string().contains(&at.to_string()), "{error}");
        Ok(())
    });
}

#[test]
fn an_error_keeps_everything_on_its_way_through_std() {
    let (error, stats, _) = fails(async |region| {
        let (listener, at) = listen(region).await?;
        let error = TcpListener::bind(region, at)
            .await
            .expect_err("it is taken");
        drop(listener);
        let std = std::io::Error::from(error);
        assert_eq!(std.kind(), std::io::ErrorKind::AddrInUse);
        let back = IoError::from(std);
        assert_eq!(back.kind(), Some(IoErrorKind::AddressInUse));
        Err(back)?
    });
    assert!(error.cancelled().is_none());
    assert_eq!(stats.sources, 0);
}

/// Set in the process that runs out of handles.
#[cfg(unix)]
const WITHOUT_HANDLES: &str = "ASUPERSYNC_TEST_WITHOUT_HANDLES";

// The limit is the process's, so the test runs itself again in one of its own.
#[cfg(unix)]
#[test]
fn without_handles_accept_and_connect_fail_and_the_listener_goes_on() {
    if std::env::var_os(WITHOUT_HANDLES).is_some() {
        return out_of_handles();
    }
    let this = std::env::current_exe().expect("the test's own path");
    let name = "errors::without_handles_accept_and_connect_fail_and_the_listener_goes_on";
    let output = std::process::Command::new(this)
        .args(["--exact", name, "--nocapture"])
        .env(WITHOUT_HANDLES, "1")
        .output()
        .expect("the test starts again");
    let said = String::from_utf8_lossy(&output.stdout);
    let complained = String::from_utf8_lossy(&output.stderr);
    assert!(output.status.success(), "{said}\n{complained}");
    assert!(said.contains("1 passed"), "{said}");
}

#[cfg(unix)]
fn out_of_handles() {
    use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
    run(async |region| {
        let (listener, at) = listen(region).await?;
        let clients = [Plain::connect(at), Plain::connect(at)];
        let allow = |handles| {
            let limit = Rlimit {
                current: Some(handles),
                ..getrlimit(Resource::Nofile)
            };
            setrlimit(Resource::Nofile, limit).expect("ours to lower");
        };
        // Every handle that is free now is above those in use, or was freed for it.
        allow(0);
        let refused = listener
            .accept(region)
            .await
            .expect_err("no handle is free");
        assert_eq!(refused.kind(), Some(IoErrorKind::OutOfHandles), "{refused}");
        assert_eq!(refused.recoverability(), Recoverability::Retry);
        let refused = TcpStream::connect(region, at).await.expect_err("no handle");
        assert_eq!(refused.kind(), Some(IoErrorKind::OutOfHandles), "{refused}");
        allow(1024);
        for client in clients {
            let client = client.expect("it listens");
            let (_, from) = listener.accept(region).await?;
            assert_eq!(from, client.local_addr().expect("it is connected"));
        }
        Ok(())
    });
}
