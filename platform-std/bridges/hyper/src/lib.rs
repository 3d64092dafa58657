//! hyper on asupersync: HTTP/1.1 and HTTP/2, server and client, with every task owned by a region.
//!
//! Owns adapters and two thin helpers; it parses nothing and routes nothing.
//!
//! - The adapters: [`HyperIo`] for streams, [`HyperTimer`] for the runtime's clock, [`HyperExecutor`] for tasks, which
//!   belong to a region. With them hyper's own builders work as anywhere.
//! - [`Server`]: an accept loop in a region. Each connection is a task with a region of its own, each request a task in
//!   it with a [`Cx`](asupersync_core::Cx) and a deadline. It sheds load, drains, and counts what became of each request.
//! - [`Client`]: a connection whose driving task belongs to a region.
//!
//! ```
//! use asupersync_core::{Cx, LocalRegion};
//! use asupersync_hyper::{Body, Call, Client, Options, Server, Version, wait};
//! use asupersync_io::TcpListener;
//! use asupersync_std::Runtime;
//! use http_body_util::BodyExt;
//! use hyper::{Request, Response};
//!
//! let mut runtime = Runtime::current_thread();
//! let server = Server::new(Options::new());
//! let text = runtime.block_on(async |region: &LocalRegion| {
//!     let listener = TcpListener::bind(region, ([127, 0, 0, 1], 0).into()).await?;
//!     let at = listener.local_addr()?;
//!     let serving = server.clone();
//!     region.spawn(async move |cx: Cx| {
//!         let hello = async |_cx: Cx, call: Call| Ok(call.reply(Response::new(Body::from("hello")))?);
//!         Ok(serving.serve(&cx, &listener, hello).await?)
//!     })?;
//!     let mut client = Client::connect(region, at, Version::Http1).await?;
//!     let request = Request::get(format!("http://{at}/")).body(Body::empty())?;
//!     let answer = client.send(region, request).await?;
//!     let text = wait(region, answer.into_body().collect()).await??.to_bytes();
//!     server.drain();
//!     Ok(text)
//! })?;
//! assert_eq!(&text[..], b"hello");
//! let ledger = server.ledger();
//! assert_eq!((ledger.accepted, ledger.answered, ledger.open()), (1, 1, 0));
//! # Ok::<(), asupersync_core::Error>(())
//! ```

#![deny(unsafe_code)]

mod body;
mod client;
mod clock;
mod executor;
mod io;
mod server;
mod wait;

pub use body::{Aborted, Body, BodyError, BodyWriter};
pub use client::{Client, ClientError, Version};
pub use clock::HyperTimer;
pub use executor::HyperExecutor;
pub use io::{FuturesIo, HyperIo};
pub use server::{Call, Ledger, Options, Reply, ReplyError, ServeError, Server};
pub use wait::wait;
