//! The tests of `net` on a runtime with workers: tasks wait for their sockets on one thread and go on on another.

#[path = "net/accept.rs"]
mod accept;
#[path = "net/chunks.rs"]
mod chunks;
#[path = "net/connect.rs"]
mod connect;
#[path = "net/datagram.rs"]
mod datagram;
#[path = "net/errors.rs"]
mod errors;
#[path = "net/foreign.rs"]
mod foreign;
#[path = "net/rig.rs"]
mod rig;
#[path = "net/stream.rs"]
mod stream;
#[cfg(unix)]
#[path = "net/unix.rs"]
mod unix;
#[path = "net/wakes.rs"]
mod wakes;

/// How many workers the runtimes of these tests have, beside the thread that they belong to.
const WORKERS: usize = 2;
