//! asupersync on std: [`Runtime`], on one thread or many, and what hosts with an operating system have: clock,
//! network, files, names, child processes, signals, and threads for what blocks.
//!
//! Owns the [`Platform`](asupersync_core::Platform) of such hosts, the loops around the executors, and the reactor behind
//! the network types ([`io`]). It gives no meaning to tasks: that is the core's.
//!
//! ```
//! use asupersync_core::LocalRegion;
//! use asupersync_std::Runtime;
//!
//! let mut runtime = Runtime::new()?;
//! let sum = runtime.block_on(async |region: &LocalRegion| {
//!     let a = region.spawn(async |_cx| Ok(20))?;
//!     let b = region.spawn(async |_cx| Ok(22))?;
//!     Ok(a.join(region).await? + b.join(region).await?)
//! })?;
//! assert_eq!(sum, 42);
//! # Ok::<(), asupersync_core::Error>(())
//! ```
//!
//! # An echo server
//! Each connection is a child of the region around the accept loop. When the region is asked to stop, the loop and
//! the connections see that at their next wait, and the region closes when the last of them has ended.
//!
//! ```
//! use asupersync_core::{Cx, CxBase, Error, Region};
//! use asupersync_std::Runtime;
//! use asupersync_std::io::{Shutdown, TcpListener, TcpStream};
//!
//! async fn echo(cx: Cx, mut stream: TcpStream) -> Result<(), Error> {
//!     let mut buffer = [0; 4096];
//!     loop {
//!         match stream.read(&cx, &mut buffer).await? {
//!             0 => return Ok(()),
//!             read => stream.write_all(&cx, &buffer[..read]).await?,
//!         }
//!     }
//! }
//!
//! async fn serve(region: &Region, listener: TcpListener) -> Result<(), Error> {
//!     loop {
//!         let (stream, _from) = listener.accept(region).await?;
//!         region.spawn_background(move |cx| echo(cx, stream))?;
//!     }
//! }
//!
//! # async fn ask(cx: &CxBase, stream: &mut TcpStream) -> Result<[u8; 5], Error> {
//! #     stream.write_all(cx, b"hello").await?;
//! #     let mut answer = [0; 5];
//! #     stream.read_exact(cx, &mut answer).await?;
//! #     Ok(answer)
//! # }
//! let answer = Runtime::current_thread().block_on(async |region| {
//!     let listener = TcpListener::bind(region, "127.0.0.1:0".parse()?).await?;
//!     let at = listener.local_addr()?;
//!     let server = region.spawn(async move |cx| {
//!         cx.region(async |region| serve(region, listener).await).await
//!     })?;
//!     let mut stream = TcpStream::connect(region, at).await?;
//!     let answer = ask(region, &mut stream).await?;
//!     server.cancel("the example is over");
//!     Ok::<_, Error>(answer)
//! })?;
//! assert_eq!(&answer, b"hello");
//! # Ok::<(), Error>(())
//! ```

// But for what the module says that allows it.
#![deny(unsafe_code)]

mod blocking;
mod clock;
pub mod dns;
pub mod fs;
mod platform;
pub mod process;
mod reactor;
mod runtime;
mod seats;
mod services;
pub mod signal;
#[cfg(feature = "tracing")]
mod spans;
mod stall;
#[cfg(feature = "tracing")]
mod tracing;
mod unsupported;

#[cfg(feature = "tracing")]
pub use self::spans::TracingSpans;
#[cfg(feature = "tracing")]
pub use self::tracing::TracingSink;
/// The network types: sockets, their errors, and the capability that a runtime grants to its root region.
pub use asupersync_io as io;
pub use asupersync_work_stealing::{DriverStats, StartError};
pub use blocking::{
    Blocking, BlockingBuilder, BlockingError, BlockingOptions, BlockingStats, CancelFlag,
    ThreadBody, spawn_blocking, spawn_blocking_with,
};
pub use platform::StdPlatform;
pub use reactor::{Reactor, ReactorStats};
pub use runtime::{Builder, Runtime, RuntimeStats};
pub use unsupported::Unsupported;
