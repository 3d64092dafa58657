//! The ledger: each accepted request has one entry, which ends in exactly one way.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// What became of a server's requests. Once [`serve`](super::Server::serve) has returned, [`open`](Self::open) is zero.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct Ledger {
    /// Requests whose head had come.
    pub accepted: u64,
    /// Answered in full: the whole answer is the connection's.
    pub answered: u64,
    /// Of those: by the server, since the handler failed, panicked or was cancelled without an answer.
    pub answered_for: u64,
    /// Answered with 503 at once, because there were too many.
    pub shed: u64,
    /// The client was gone before its answer was complete.
    pub gone: u64,
    /// The answer had begun and was cut off by its handler's end.
    pub cut: u64,
    /// Connections that were accepted.
    pub connections: u64,
    /// Of those: ended by their peer's fault, a reset or a head that never came.
    pub broken: u64,
    /// Connections for which there was no task.
    pub refused: u64,
    /// Handlers that panicked.
    pub panicked: u64,
}

impl Ledger {
    /// Requests that were accepted and have not ended: under way, or, after the server's end, leaked.
    pub const fn open(&self) -> u64 {
        let ended = self.answered + self.shed + self.gone + self.cut;
        self.accepted.wrapping_sub(ended)
    }
}

#[derive(Default)]
pub(super) struct Counters {
    accepted: AtomicU64,
    ended: [AtomicU64; 4],
    pub(super) answered_for: AtomicU64,
    pub(super) connections: AtomicU64,
    pub(super) broken: AtomicU64,
    pub(super) refused: AtomicU64,
    pub(super) panicked: AtomicU64,
}

/// How a request ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum End {
    Answered,
    Shed,
    Gone,
    Cut,
}

impl Counters {
    pub(super) fn ledger(&self) -> Ledger {
        // Ends first: an entry that is opened and ended meanwhile is seen as open, never as ended too often.
        let [answered, shed, gone, cut] =
            [0, 1, 2, 3].map(|end| self.ended[end].load(Ordering::Acquire));
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        Ledger {
            accepted: self.accepted.load(Ordering::Acquire),
            answered,
            answered_for: of(&self.answered_for),
            shed,
            gone,
            cut,
            connections: of(&self.connections),
            broken: of(&self.broken),
            refused: of(&self.refused),
            panicked: of(&self.panicked),
        }
    }
}

/// The entry of one request. Dropped without an end, the client is gone: only hyper holds it, and drops it early only then.
pub(super) struct Entry {
    counters: Arc<Counters>,
    end: End,
}

impl Entry {
    pub(super) fn open(counters: &Arc<Counters>) -> Self {
        counters.accepted.fetch_add(1, Ordering::AcqRel);
        Self {
            counters: Arc::clone(counters),
            end: End::Gone,
        }
    }

    pub(super) fn is_shed(&self) -> bool {
        self.end == End::Shed
    }

    /// What it ends as unless something else is said.
    pub(super) fn set(&mut self, end: End) {
        self.end = end;
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        self.counters.ended[self.end as usize].fetch_add(1, Ordering::AcqRel);
    }
}
