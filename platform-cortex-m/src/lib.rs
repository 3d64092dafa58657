//! asupersync on one Cortex-M core: [`Port`], the platform, and [`Runtime`], the loop around the executor.
//!
//! Owns the clock made of SysTick, the flag that ends a sleep, and the loop. The board is the firmware's:
//! vectors, heap, critical section, panic handler, the core's frequency and a seed. It gives no meaning
//! to tasks: that is the core's.
//!
//! ```no_run
//! use asupersync_core::{Error, LocalRegion};
//! use asupersync_cortex_m::{Board, Port, Runtime};
//!
//! static PORT: Port = Port::new(Board {
//!     core_hz: 12_500_000,
//!     tick_hz: 1_000,
//!     seed: 7,
//!     report: |_diagnostic| {},
//! });
//!
//! /// The board's `#[exception] fn SysTick`.
//! fn on_systick() {
//!     PORT.on_tick();
//! }
//!
//! /// From the board's `#[entry] fn main`, once there is a heap.
//! fn run(systick: cortex_m::peripheral::SYST) -> Result<u32, Error> {
//!     PORT.start(systick);
//!     let mut runtime = Runtime::new(&PORT, 16);
//!     runtime.block_on(async |region: &LocalRegion| {
//!         let task = region.spawn(async |_cx| Ok(1))?;
//!         task.join(region).await
//!     })
//! }
//! ```
//!
//! # Interrupts
//! A handler may wake tasks, at any priority. SysTick has to run at least once per period, so nothing may mask
//! interrupts for as long as a tick: time would stand still meanwhile, though never go back.

#![no_std]
#![forbid(unsafe_code)]

extern crate alloc;
#[cfg(test)]
extern crate std;

mod clock;
#[cfg(feature = "defmt")]
mod logging;
mod platform;
mod runtime;

#[cfg(feature = "defmt")]
pub use logging::{DefmtSink, report_with_defmt};
pub use platform::{Board, Port};
pub use runtime::Runtime;
