//! Intrusive queues of runnable tasks: storage is the task's own link, so a push can never fail.
//!
//! Owns the two shapes an executor needs: [`Inbox`] (any thread or interrupt pushes, the driver
//! drains) and [`Fifo`] (the driver's own), and with [`Sleep`] the way a driver rests between
//! pushes. None of them allocates, all may be used from `no_std`.
//! What order lanes are served in is the [`lanes`](crate::lanes) module's matter.

mod fifo;
mod inbox;
mod sleep;

pub use fifo::Fifo;
pub use inbox::Inbox;
pub use sleep::Sleep;
