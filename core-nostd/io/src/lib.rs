//! Network types over driver traits: [`TcpStream`], [`TcpListener`], [`UdpSocket`] and their Unix kin.
//!
//! Owns the types that programs use, the waiting, the errors and the capability [`Net`]. It knows no operating
//! system: a platform supplies non-blocking sockets and a [`Readiness`] cell for each ([`driver`]), so the host
//! and a virtual network can stand behind the same types. `no_std`, with `alloc`.
//!
//! - What a program may reach it reaches through [`Net`], which its `Cx` holds or not: without it an operation
//!   fails with `Denied` before any effect.
//! - Every wait takes the `Cx` of its task, is a cancellation point, and holds an `IoOp` obligation while it is
//!   under way. Each operation says what a cancel leaves behind.
//! - One task reads and one writes a stream: the methods take `&mut`, [`Stream::split`] and
//!   [`Stream::into_split`] give two halves. Any number of tasks may accept from one listener and use one UDP
//!   socket.
//!
//! # Features
//! - `std`: conversions from and to [`std::io::Error`], and the `futures-io` traits.

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;

#[cfg(any(feature = "std", test))]
extern crate std;

mod datagram;
pub mod driver;
mod error;
#[cfg(feature = "std")]
mod futures;
mod listener;
mod mutants;
mod net;
mod operation;
mod readiness;
mod split;
#[cfg(feature = "std")]
mod std_error;
mod stream;
mod sync;
mod table;
mod unix;

pub use datagram::{Datagram, UdpSocket, UnixDatagram};
pub use driver::Shutdown;
pub use error::{Address, HostError, IoError, IoErrorKind, Operation};
pub use listener::{Listener, TcpListener, UnixListener};
pub use net::Net;
pub use readiness::{Interest, Place, Readiness, Ready, Seen};
pub use split::{OwnedReadHalf, OwnedWriteHalf, ReadHalf, WriteHalf};
pub use stream::{Stream, TcpStream, UnixStream};
pub use unix::UnixAddr;
