//! `OpenSlots`: the free slots of a channel that nobody waits for, taken and given back without its lock.
//!
//! Owns one word and its transitions. Who may call what is said at each; the callers are the ends of
//! the channel, and the rule of hand-over stays with [`Permits`](crate::wait::Permits).
//!
//! | word | meaning |
//! |---|---|
//! | `n` | open: `n` free slots are here, and nobody waits |
//! | `SHUT + n` | free slots are counted under the lock; `n` were given back and are still to be fetched |
//!
//! It is shut while somebody waits, after a close, and where the storage has to grow before more
//! slots may be taken. Only who holds the lock shuts or opens it. Both sides work on the one word:
//! who gives a slot back either leaves it where the next `shut` fetches it, or sees that the word is
//! shut and looks under the lock. So no waiter misses a slot.

use crate::mutants::mutant;
use crate::sync::atomic::{AtomicU32, Ordering};

/// Above every count: a channel has fewer than 2^31 slots.
const SHUT: u32 = 1 << 31;

/// The word. See the module header.
pub(super) struct OpenSlots(AtomicU32);

impl OpenSlots {
    /// Shut: a new channel has no storage yet.
    pub(super) fn new() -> Self {
        Self(AtomicU32::new(SHUT))
    }

    /// Takes a slot if one is open. `false` says nothing: look under the lock.
    #[inline]
    pub(super) fn take(&self) -> bool {
        let mut seen = self.0.load(Ordering::Relaxed);
        while seen & SHUT == 0 && seen != 0 {
            if mutant!(TakeLooksFirst) {
                self.0.fetch_sub(1, Ordering::Acquire);
                return true;
            }
            // Acquire, with the Release in `give`: a receive happens before the send that it made room for.
            match self
                .0
                .compare_exchange_weak(seen, seen - 1, Ordering::Acquire, Ordering::Relaxed)
            {
                Ok(_) => return true,
                Err(now) => seen = now,
            }
        }
        false
    }

    /// Gives `n` slots back. `true`: fetch them under the lock, somebody may wait for them.
    #[inline]
    #[must_use]
    pub(super) fn give(&self, n: u32) -> bool {
        if mutant!(GiveLooksFirst) {
            let shut = self.is_shut();
            self.0.fetch_add(n, Ordering::Release);
            return shut;
        }
        self.0.fetch_add(n, Ordering::Release) & SHUT != 0
    }

    /// Under the lock: shuts it and fetches what was open.
    pub(super) fn shut(&self) -> u32 {
        if self.0.load(Ordering::Relaxed) == SHUT {
            return 0;
        }
        self.0.swap(SHUT, Ordering::Acquire) & !SHUT
    }

    /// Under the lock: opens it with `n` slots, besides those that were given back since `shut`.
    pub(super) fn open(&self, n: u32) {
        self.0.fetch_add(n.wrapping_sub(SHUT), Ordering::Release);
    }

    /// Under the lock, where the answer lasts.
    pub(super) fn is_shut(&self) -> bool {
        self.0.load(Ordering::Relaxed) & SHUT != 0
    }
}
