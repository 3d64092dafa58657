//! Intrusive queues of runnable tasks: storage is the task's own link, so a push can never fail.
//!
//! Owns the shapes an executor needs. For one driver: [`Inbox`] (any thread or interrupt pushes, the driver
//! drains) and [`Fifo`] (the driver's own), and with [`Sleep`] the way a driver rests between pushes. For several:
//! [`Injector`] (any thread pushes, any driver takes), [`Ring`] (one driver's own, others steal from it) and
//! [`Sleepers`] (who is woken for a push). For either: [`Timed`] (by deadline). A push never allocates, and all may be used from `no_std`.
//! What order lanes are served in is the [`lanes`](crate::lanes) module's matter.

mod fifo;
mod inbox;
mod injector;
mod ring;
mod sleep;
mod sleepers;
mod timed;

pub use fifo::Fifo;
pub use inbox::Inbox;
pub use injector::Injector;
pub use ring::{Ring, Stealer};
pub use sleep::Sleep;
pub use sleepers::Sleepers;
pub use timed::Timed;
