//! Obligations: effects reserved and not yet committed or aborted, and the ledger a region keeps of them.
//!
//! Owns ids, the ledger and the travelling token. Borrowed permits never come here: they are
//! counted in their task's header (R-OBL-3).

use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::task::{Context, Poll};
use core::time::Duration;

use crate::kernel::TimerGuard;
use crate::path::PathId;
use crate::region::{RegionCore, settle_obligations};
use crate::time::Time;

/// How long the end of an effect is waited for that may not be abandoned.
const FOR_EVER: Duration = Duration::MAX;
/// Longer than any other patience.
pub(crate) const VERY_LONG: Duration = FOR_EVER.saturating_sub(Duration::from_nanos(1));

/// What was reserved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum ObligationKind {
    /// A slot in a channel.
    SendPermit = 1,
    /// An operation the host runs for us.
    IoOp = 2,
    /// Units of a semaphore.
    Lease = 3,
}

impl fmt::Display for ObligationKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::SendPermit => "send permit(s)",
            Self::IoOp => "I/O operation(s)",
            Self::Lease => "lease(s)",
        })
    }
}

/// The address of a ledger entry: a slot and the generation of its use.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct ObligationId {
    slot: u32,
    generation: u32,
}

/// One open obligation.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Entry {
    pub(crate) kind: ObligationKind,
    pub(crate) task: PathId,
    pub(crate) path: PathId,
    pub(crate) since: Time,
}

/// The open obligations of a region. A slot whose generation would wrap is retired.
#[derive(Debug, Default)]
pub(crate) struct Ledger {
    slots: Vec<Slot>,
    free: Vec<u32>,
    open: usize,
    /// Set by the first entry: what is reached only from here is left out of programs that own no obligations.
    settle: Option<Settle>,
}

/// How a region ends with its ledger: waits while there is patience, and then gives up on what is open. Called
/// without the region's lock; `Ready` when nothing is open.
pub(crate) type Settle = fn(&Arc<RegionCore>, Option<Patience<'_, '_>>) -> Poll<()>;

/// Since when nothing but tokens is waited for, and what wakes the waiter to give up on the next.
pub(crate) type Waited = (Time, Option<TimerGuard>);

/// A wait for obligations, and whom it wakes.
pub(crate) struct Patience<'a, 'w> {
    pub(crate) waited: &'a mut Option<Waited>,
    pub(crate) waker: &'a Context<'w>,
}

#[derive(Debug, Default)]
struct Slot {
    generation: u32,
    entry: Option<Entry>,
    /// The effect is under way: too late to revoke. How long a close waits for its end before it abandons
    /// it.
    under_way: Option<Duration>,
}

impl Slot {
    fn holds(&self, id: ObligationId) -> bool {
        self.generation == id.generation && self.entry.is_some()
    }
}

impl Ledger {
    /// How many obligations are open.
    pub(crate) fn len(&self) -> usize {
        self.open
    }

    /// How its region ends with it, once it had an entry.
    pub(crate) fn settle(&self) -> Option<Settle> {
        self.settle
    }

    /// Enters an obligation; `None` when all 2^32 slots are taken.
    pub(crate) fn enter(&mut self, entry: Entry) -> Option<ObligationId> {
        self.settle = Some(settle_obligations);
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None => {
                let slot = u32::try_from(self.slots.len()).ok()?;
                self.slots.push(Slot::default());
                slot
            }
        };
        let place = self.slots.get_mut(slot as usize)?;
        place.entry = Some(entry);
        place.under_way = None;
        self.open += 1;
        Some(ObligationId {
            slot,
            generation: place.generation,
        })
    }

    /// What is open.
    #[cfg(feature = "inspect")]
    pub(crate) fn entries(&self) -> Vec<Entry> {
        self.slots.iter().filter_map(|slot| slot.entry).collect()
    }

    pub(crate) fn contains(&self, id: ObligationId) -> bool {
        self.slots
            .get(id.slot as usize)
            .is_some_and(|slot| slot.holds(id))
    }

    /// Keeps the entry from being revoked: its effect begins, and a close waits for it at most `patience`.
    /// `false`: it was revoked before.
    pub(crate) fn begin(&mut self, id: ObligationId, patience: Duration) -> bool {
        let slot = self.slots.get_mut(id.slot as usize);
        let held = slot.filter(|slot| slot.holds(id));
        held.map(|slot| slot.under_way = Some(patience)).is_some()
    }

    /// Takes the entry out; `None` if it was revoked (the generation moved on).
    pub(crate) fn resolve(&mut self, id: ObligationId) -> Option<Entry> {
        let place = self.slots.get_mut(id.slot as usize)?;
        if place.generation != id.generation {
            return None;
        }
        let entry = place.entry.take()?;
        self.open -= 1;
        if let Some(next) = place.generation.checked_add(1) {
            place.generation = next;
            self.free.push(id.slot);
        }
        Some(entry)
    }

    /// Takes every open entry out, but for those whose effect is under way; the tokens are stale
    /// from here on.
    pub(crate) fn revoke_all(&mut self) -> Vec<Entry> {
        self.take_where(|place| place.under_way.is_none())
    }

    /// Takes every entry out that is under way and has been waited for long enough; the tokens are stale
    /// from here on.
    pub(crate) fn abandon_all(&mut self, waited: Duration) -> Vec<Entry> {
        self.take_where(|place| place.under_way.is_some_and(|patience| patience <= waited))
    }

    /// The shortest patience with an entry that is under way, unless all are waited for for ever.
    pub(crate) fn least_patience(&self) -> Option<Duration> {
        let open = self.slots.iter().filter(|place| place.entry.is_some());
        let least = open.filter_map(|place| place.under_way).min();
        least.filter(|patience| *patience < FOR_EVER)
    }

    fn take_where(&mut self, chosen: impl Fn(&Slot) -> bool) -> Vec<Entry> {
        let ids: Vec<_> = (0u32..)
            .zip(&self.slots)
            .filter(|(_, place)| place.entry.is_some() && chosen(place))
            .map(|(slot, place)| ObligationId {
                slot,
                generation: place.generation,
            })
            .collect();
        ids.into_iter().filter_map(|id| self.resolve(id)).collect()
    }
}

/// An open obligation that may travel: commit it, abort it, or drop it, which aborts.
///
/// The region it was reserved in does not close while it is open; past the region's cleanup budget
/// it is revoked and counted as leaked (R-OBL-2), unless the host has the operation by then
/// ([`submit`](Self::submit)).
#[must_use = "dropping an obligation aborts it"]
#[derive(Debug)]
pub struct ObligationToken {
    region: Arc<RegionCore>,
    id: Option<ObligationId>,
}

impl ObligationToken {
    pub(crate) fn new(region: Arc<RegionCore>, id: ObligationId) -> Self {
        Self {
            region,
            id: Some(id),
        }
    }

    /// The effect has happened. `false`: the token was revoked before, and nothing may happen now.
    #[must_use]
    pub fn commit(mut self) -> bool {
        self.close(true)
    }

    /// The effect will not happen. `false`: the token was revoked before.
    pub fn abort(mut self) -> bool {
        self.close(false)
    }

    /// Whether the region gave up on it.
    pub fn is_revoked(&self) -> bool {
        self.id.is_none_or(|id| !self.region.has_obligation(id))
    }

    /// The host has the operation now and cannot be asked to stop: the region waits for its end, however long
    /// that takes, instead of revoking the token (R-IO-2). `commit` or drop the token at the operation's end.
    ///
    /// With `abandon_after` the region waits that long, counted from when nothing else is left in it; then it
    /// closes, reports the operation as [`abandoned`](crate::RegionReport::abandoned), and the token
    /// is stale. Only an operation that touches nothing of the region's may be abandoned.
    ///
    /// `false`: the token was revoked before, and nothing may happen.
    #[must_use]
    pub fn submit(&self, abandon_after: Option<Duration>) -> bool {
        self.begin(abandon_after.unwrap_or(FOR_EVER))
    }

    /// The effect begins now: the region waits for it and revokes no more. Follow with `commit` or
    /// `abort` at once. `false`: the token was revoked before, and nothing may happen.
    pub(crate) fn begin_commit(&self) -> bool {
        self.begin(FOR_EVER)
    }

    fn begin(&self, patience: Duration) -> bool {
        self.id
            .is_some_and(|id| self.region.begin_obligation(id, patience))
    }

    fn close(&mut self, committed: bool) -> bool {
        self.id
            .take()
            .is_some_and(|id| self.region.resolve_obligation(id, committed))
    }
}

impl Drop for ObligationToken {
    fn drop(&mut self) {
        self.close(false);
    }
}
