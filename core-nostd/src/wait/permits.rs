//! `Permits`: a count of free units and the queue of those who wait for some.
//!
//! Owns the one rule of hand-over: units go to the first waiter or, if nobody waits, to the count.
//! It is plain state that a primitive keeps under its own lock; see [`Gate`](super::Gate).

use super::queue::{Grant, Waiters};
use core::task::Waker;

/// Why units were not taken at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Shut {
    /// Too few units are free, or others were here first.
    Busy,
    /// No units will be given any more.
    Closed,
}

/// Free units and their queue.
pub(crate) struct Permits {
    free: u32,
    closed: bool,
    pub(crate) waiters: Waiters,
}

impl Permits {
    pub(crate) const fn new(free: u32, waiters_max: u32) -> Self {
        Self {
            free,
            closed: false,
            waiters: Waiters::new(waiters_max),
        }
    }

    pub(crate) fn free(&self) -> u32 {
        self.free
    }

    pub(crate) fn is_closed(&self) -> bool {
        self.closed
    }

    /// Takes `n` units if that passes nobody by.
    #[inline]
    pub(crate) fn try_take(&mut self, n: u32) -> Result<(), Shut> {
        if self.closed {
            Err(Shut::Closed)
        } else if self.free >= n && self.waiters.is_empty() {
            self.free -= n;
            Ok(())
        } else {
            Err(Shut::Busy)
        }
    }

    /// Adds `n` free units. Follow with `grant_next` until it says `None`.
    #[inline]
    pub(crate) fn put(&mut self, n: u32) {
        self.free += n;
    }

    /// Makes the free units exactly `n`.
    pub(crate) fn set_free(&mut self, n: u32) {
        self.free = n;
    }

    /// Whether `grant_next` would find somebody.
    #[inline]
    pub(crate) fn can_grant(&self) -> bool {
        !self.closed
            && match self.waiters.front_wanted() {
                Some(wanted) => self.free >= wanted,
                None => false,
            }
    }

    /// Hands the first waiter what it wants, if there is enough of it.
    #[inline]
    pub(crate) fn grant_next(&mut self) -> Option<Waker> {
        if !self.can_grant() {
            return None;
        }
        self.free -= self.waiters.front_wanted()?;
        self.waiters.grant_front(Grant::Units)
    }

    /// From now on units are only given back. Follow with `refuse_next` until it says `None`.
    pub(crate) fn close(&mut self) {
        self.closed = true;
    }

    /// Tells the first waiter of a closed queue.
    pub(crate) fn refuse_next(&mut self) -> Option<Waker> {
        self.waiters.grant_front(Grant::News)
    }
}
