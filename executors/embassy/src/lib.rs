//! asupersync as a guest: one future, polled by any host executor, in which a whole runtime runs.
//!
//! Owns [`Guest`], which gives the local executor's turns to a host that already has a loop of its
//! own, and [`Host`], the little that the host lends. It has no loop and no thread: when the host does
//! not poll, nothing runs. With the feature `embassy-time` it has [`EmbassyHost`], for tasks of
//! embassy-executor.
//!
//! ```text
//! the host's executor                             the guest
//!   poll ──────────> register the host's waker ── turn(polls) ──┬─ More: wake the host, Pending
//!     ^                                                         ├─ Idle(until): poll the host's timer, Pending
//!     │                                                         └─ the body has ended: Ready
//!     └── waker ──< pend <── schedule <── wakers of the guest's tasks, from any thread or interrupt
//! ```
//!
//! # In tokio
//! Tokio is the host of this example; any other executor takes the same twenty lines. The guest is not
//! `Send`: it runs in `block_on`, or in a `LocalSet` beside tasks of the host's own.
//!
//! ```
//! use asupersync_core::{Error, LocalRegion, Time};
//! use asupersync_embassy::{Guest, Host};
//! use std::time::Duration;
//! use tokio::time::{Instant, Sleep, sleep_until};
//!
//! struct Tokio { epoch: Instant, seed: u64 }
//!
//! impl Host for Tokio {
//!     type Timer = Sleep;
//!
//!     fn now(&self) -> Time {
//!         Time::ZERO.saturating_add(self.epoch.elapsed())
//!     }
//!
//!     fn timer(&self, deadline: Time) -> Sleep {
//!         sleep_until(self.epoch + deadline.saturating_since(Time::ZERO))
//!     }
//!
//!     fn entropy(&self) -> u64 {
//!         self.seed
//!     }
//! }
//!
//! let tokio = tokio::runtime::Builder::new_current_thread().enable_time().build()?;
//! let sum = tokio.block_on(async {
//!     let host = Tokio { epoch: Instant::now(), seed: 7 };
//!     let mut guest = Guest::new(host, 64);
//!     let sum = guest.run(async |region: &LocalRegion| {
//!         let ours = region.spawn(async |cx| {
//!             cx.sleep(Duration::from_millis(1)).await?;
//!             Ok(20)
//!         })?;
//!         // A future of the host's may be awaited inside the guest.
//!         let theirs = tokio::spawn(async { 22 }).await?;
//!         Ok::<_, Error>(ours.join(region).await? + theirs)
//!     });
//!     let sum = sum.await;
//!     guest.shut_down().await;
//!     sum
//! });
//! assert_eq!(sum.map_err(|error| error.to_string()), Ok(42));
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! # In embassy
//! The same program is firmware with another `#![no_std]` in front. `embassy_executor::main` never returns, hence
//! the `no_run` of this example.
//!
//! ```no_run
//! # #[cfg(feature = "embassy-time")]
//! # mod firmware {
//! use asupersync_core::{Error, LocalRegion};
//! use asupersync_embassy::{EmbassyHost, Guest};
//! use core::time::Duration;
//! use embassy_executor::Spawner;
//!
//! #[embassy_executor::task]
//! async fn control() {
//!     // On a board the seed comes from its random number generator.
//!     let mut guest = Guest::new(EmbassyHost::new(7), 16);
//!     let ended = guest.run(async |region: &LocalRegion| {
//!         let heartbeat = region.spawn(async |cx| {
//!             for _ in 0..3 {
//!                 cx.sleep(Duration::from_millis(500)).await?;
//!             }
//!             Ok(())
//!         })?;
//!         heartbeat.join(region).await
//!     });
//!     let ended: Result<(), Error> = ended.await;
//!     assert!(ended.is_ok());
//!     guest.shut_down().await;
//! }
//!
//! #[embassy_executor::main]
//! async fn main(spawner: Spawner) {
//!     spawner.spawn(control().expect("the first of its kind"));
//! }
//! # }
//! # fn main() {}
//! ```
//!
//! # When the host drops it
//! A host may drop any future half-way: `select!`, `abort`, a task's end. What then holds:
//!
//! - The future of [`run`](Guest::run) dropped, the guest kept: the body is asked to stop. It cleans up when the
//!   guest is polled again, by the next `run` or by [`shut_down`](Guest::shut_down).
//! - The guest dropped: every future in it is dropped at once, children included, without clean-up beyond
//!   their own `Drop`, and every task has ended for those who hold its handle. Wakers that outlive it do nothing.
//!
//! So the orderly end of a guest that the host wants to stop early is:
//!
//! ```text
//! select(guest.run(body), the_host_wants_to_stop).await;
//! guest.shut_down().await;
//! ```
//!
//! # What a guest cannot promise
//! - Nobody drives it but the host. A host that polls late makes its timers late, and clean-up budgets run on
//!   meanwhile: they are measured by the clock, not in polls.
//! - Dropping it cannot wait. The blocking drop of `asupersync_std::Runtime`, which shuts down in order
//!   (R-CAN-7), has no counterpart here: call [`shut_down`](Guest::shut_down).
//! - A body may not borrow from the caller, as with `block_on` it may: a future can be leaked, a stack frame cannot.
//!
//! # Features
//! - `std` (default): panics of tasks are caught, and events are traced. Without it a panic is the panic handler's,
//!   and the binary picks the features of `asupersync-core`: a lock, usually `critical-section`, and `trace` if it
//!   wants events.
//! - `embassy-time`: [`EmbassyHost`].

#![no_std]
#![forbid(unsafe_code)]
#![cfg_attr(docsrs, feature(doc_cfg))]

extern crate alloc;
#[cfg(feature = "std")]
extern crate std;

#[cfg(feature = "embassy-time")]
mod clock;
mod guest;
mod host;
mod platform;

#[cfg(feature = "embassy-time")]
pub use clock::EmbassyHost;
pub use guest::Guest;
pub use host::Host;
