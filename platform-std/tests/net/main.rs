//! The network types on the host's sockets, through the public API, against loopback peers: on one thread. The same
//! tests on several are `net_on_workers`.
//!
//! Peers that must not share our machinery are plain std sockets on threads. Nothing here waits for time to pass,
//! but for the peers that never answer, whose waits are timeouts.

mod accept;
mod chunks;
mod connect;
mod datagram;
mod errors;
mod foreign;
mod rig;
mod stream;
#[cfg(unix)]
mod unix;
mod wakes;

/// How many workers the runtimes of these tests have.
const WORKERS: usize = 0;
