//! Locks and signals between tasks: fair, cancel-aware, and safe to hold across an await.
//!
//! Owns [`Mutex`], [`Semaphore`] and [`Notify`]. All three queue their waiters first come, first
//! served, and hand over directly: who is woken already owns what it waited for. They are not for
//! the inside of the kernel, which uses short blocking locks.

#![forbid(unsafe_code)]

pub mod mutex;
pub mod notify;
pub mod semaphore;

pub use mutex::{Mutex, MutexGuard};
pub use notify::{Notified, Notify};
pub use semaphore::{
    AcquireError, OwnedSemaphorePermit, Semaphore, SemaphorePermit, TooManyPermits, TryAcquireError,
};
