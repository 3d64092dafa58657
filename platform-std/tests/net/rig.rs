//! What the tests share: a runtime, peers on threads, bytes that tell where they belong.

use std::net::{Ipv4Addr, SocketAddr};
use std::thread::{self, JoinHandle};

use asupersync_core::{Error, LocalRegion, Stats};
use asupersync_std::io::TcpListener;
use asupersync_std::{ReactorStats, Runtime};

/// A free port of the loopback interface.
pub const LOOPBACK: SocketAddr = SocketAddr::new(std::net::IpAddr::V4(Ipv4Addr::LOCALHOST), 0);

/// A runtime with as many workers as this test binary is about; 0: on the calling thread alone.
pub fn runtime() -> Runtime {
    let runtime = Runtime::builder().workers(crate::WORKERS).build();
    runtime.expect("the host has threads")
}

/// Runs `body` on a runtime of its own and checks that nothing is left behind.
pub fn run<T>(body: impl AsyncFnOnce(&LocalRegion) -> Result<T, Error>) -> T {
    let mut runtime = runtime();
    let value = runtime.block_on(body).expect("the body fails nowhere");
    assert_eq!(runtime.io_stats().sources, 0, "a registration is left");
    let stats = runtime.shut_down();
    assert_eq!((stats.live, stats.leaked), (0, 0), "something is left");
    value
}

/// As [`run`], for a body that fails; the counters as they are afterwards.
pub fn fails(
    body: impl AsyncFnOnce(&LocalRegion) -> Result<(), Error>,
) -> (Error, ReactorStats, Stats) {
    let mut runtime = runtime();
    let error = runtime.block_on(body).expect_err("the body fails");
    (error, runtime.io_stats(), runtime.stats())
}

/// A listener of ours, and where it is.
pub async fn listen(region: &LocalRegion) -> Result<(TcpListener, SocketAddr), Error> {
    let listener = TcpListener::bind(region, LOOPBACK).await?;
    let at = listener.local_addr()?;
    Ok((listener, at))
}

/// A peer on a thread of its own: accepts one connection and talks to it.
pub fn peer<T: Send + 'static>(
    talk: impl FnOnce(std::net::TcpStream) -> T + Send + 'static,
) -> (SocketAddr, JoinHandle<T>) {
    let listener = std::net::TcpListener::bind(LOOPBACK).expect("a port is free");
    let at = listener.local_addr().expect("it is bound");
    let thread = thread::spawn(move || talk(listener.accept().expect("somebody connects").0));
    (at, thread)
}

/// `len` bytes that differ from their neighbours near and far.
pub fn bytes(len: usize) -> Vec<u8> {
    (0..len)
        .map(|at| (at ^ (at >> 8) ^ (at >> 16)) as u8)
        .collect()
}

/// A small generator of choices: splitmix64 (Steele, Lea, Flood 2014).
pub struct Choices(pub u64);

impl Choices {
    pub fn below(&mut self, bound: usize) -> usize {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        usize::try_from((x ^ (x >> 31)) % bound as u64).expect("below a usize")
    }
}
