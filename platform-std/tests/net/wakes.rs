//! Wakes from other threads reach a runtime that waits for I/O, also while it changes over to waiting for it.

use std::sync::mpsc;
use std::thread;

use asupersync_core::channel::oneshot;
use asupersync_std::Runtime;
use asupersync_std::io::TcpListener;

use crate::rig::{LOOPBACK, runtime};

/// A thread that has the runtime run `tasks`, one after the other, and then sends the last word.
fn remote(runtime: &Runtime, tasks: usize, done: oneshot::Sender<()>) -> thread::JoinHandle<()> {
    let spawner = runtime.spawner();
    thread::spawn(move || {
        for number in 0..tasks {
            let (tell, told) = mpsc::channel();
            let spawned = spawner.spawn(async move |_cx| {
                tell.send(number).expect("the thread listens");
                Ok(())
            });
            drop(spawned.expect("the runtime has room"));
            assert_eq!(told.recv(), Ok(number));
        }
        assert!(done.send(()).is_delivered());
    })
}

#[test]
fn each_wake_ends_a_wait_in_the_reactor() {
    let mut runtime = runtime();
    let (done, mut ends) = oneshot::channel();
    let thread = remote(&runtime, 5_000, done);
    let ran = runtime.block_on(async |region| {
        let _listener = TcpListener::bind(region, LOOPBACK).await?;
        Ok::<_, asupersync_core::Error>(ends.recv(region).await?)
    });
    ran.expect("the body fails nowhere");
    thread.join().expect("the thread fails nowhere");
    assert!(
        runtime.io_stats().waits > 0,
        "it did not wait in the reactor"
    );
}

#[test]
fn no_wake_is_lost_while_the_reactor_starts() {
    for _ in 0..200 {
        let mut runtime = runtime();
        let (done, mut ends) = oneshot::channel();
        let thread = remote(&runtime, 10, done);
        let ran = runtime.block_on(async |region| {
            region.yield_now().await?;
            let _listener = TcpListener::bind(region, LOOPBACK).await?;
            Ok::<_, asupersync_core::Error>(ends.recv(region).await?)
        });
        ran.expect("the body fails nowhere");
        thread.join().expect("the thread fails nowhere");
    }
}
