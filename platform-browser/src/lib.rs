//! asupersync in the browser: a [`Runtime`] on the event loop of a page, of a worker, or of node.
//!
//! Owns the pump and its pace, the one timer, the guard against re-entry and the page's lifecycle. It brings four raw
//! imports and two raw exports, whose other side is `js/host.mjs`; no wasm-bindgen, no formatting, no DOM. With the feature
//! `browser-io` the module `io` has fetches, sockets, streams and ports. The surface for TypeScript stands above it.
//!
//! ```ignore
//! #[unsafe(no_mangle)]
//! extern "C" fn start() {
//!     let runtime = Runtime::new(64);
//!     runtime.start(
//!         async |region: &LocalRegion| {
//!             region.sleep(Duration::from_secs(1)).await?;
//!             draw();
//!             Ok(())
//!         },
//!         |_ended: Result<(), Error>| (),
//!     );
//!     runtime.leave_running();
//! }
//! ```
//!
//! ```js
//! import { connect } from "./host.mjs";
//!
//! const host = connect();
//! const { instance } = await WebAssembly.instantiateStreaming(fetch("app.wasm"), { asupersync: host.imports });
//! host.attach(instance.exports);
//! host.enter("start");
//! ```
//!
//! # How it is scheduled
//! - A pump polls at most 64 times, then asks for another as a microtask: a saved `Promise.resolve().then`.
//! - After 5 ms, or 1,024 pumps, without a macrotask it asks for one: a message on a channel of its own. So timers, frames,
//!   messages and input have their turn, whatever the tasks do; a single poll that takes long still blocks the page.
//! - What JavaScript calls enters by [`enter`]: what that made runnable runs before it returns.
//! - All deadlines share one `setTimeout`.
//!
//! # Panics
//! Where a panic aborts, it poisons the instance: [`report_panic`] says what has happened, the trap leaves through
//! `js/host.mjs`, which takes back its timer and its channel, tells the page an `InstancePoisoned`, and throws that at
//! whoever enters later. No destructor and no finalizer of the module runs any more. Where panics unwind (see the README), a
//! panic is the outcome of its task alone (R-PAN-1).
//!
//! # Common issues
//! - *Nothing runs*: [`Runtime`] was dropped at the end of the export; see [`Runtime::leave_running`].
//! - *The first poll is late*: an export that did not [`enter`] is taken for a microtask of a slice long over, and its work waits
//!   for a macrotask.
//! - *`asupersync_pump` is missing*: the module was linked without this crate in use.
//!
//! Empty on other targets, but for the tests, which bring a host of their own.

#![no_std]
#![cfg(any(target_arch = "wasm32", test))]

extern crate alloc;
#[cfg(any(test, feature = "std"))]
extern crate std;

#[cfg(all(target_arch = "wasm32", panic = "unwind", not(feature = "std")))]
compile_error!(
    "panics unwind in this build, and only std can catch them: switch on the feature `std` of asupersync-browser, or build with panic=abort"
);

mod event_loop;
mod host;
#[cfg(all(feature = "browser-io", target_arch = "wasm32"))]
pub mod io;
#[cfg(feature = "lifecycle")]
mod lifecycle;
mod pace;
mod panics;
mod platform;
mod runtime;
mod seat;
#[cfg(test)]
mod tests;

#[cfg(feature = "lifecycle")]
pub use lifecycle::{PageEvent, PageEvents};
pub use pace::Entry;
pub use panics::report_panic;
pub use runtime::{Options, Runtime, enter, yield_to_host};
