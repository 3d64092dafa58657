//! `Permit` and `OwnedPermit`: a reserved slot, and the commit into it.

use super::{Sender, Sent};
use crate::cx::CxBase;
use crate::mutants::mutant;
use crate::obligation::{ObligationKind, ObligationToken};
use core::fmt;
use core::mem;

/// A slot in the channel, reserved by and for this task.
///
/// Dropping it gives the slot to the next sender.
#[must_use = "dropping a permit gives the slot back"]
pub struct Permit<'a, T> {
    sender: &'a Sender<T>,
    cx: &'a CxBase,
}

impl<'a, T> Permit<'a, T> {
    /// A permit for a slot that the caller has just reserved.
    #[inline]
    pub(super) fn new(sender: &'a Sender<T>, cx: &'a CxBase) -> Self {
        cx.permit_reserved(&sender.shared.object, ObligationKind::SendPermit);
        Self { sender, cx }
    }

    /// Commits `value` into the slot. Never waits and never fails; where the receiver is gone the
    /// value comes back.
    #[inline]
    pub fn send(self, value: T) -> Sent<T> {
        let (sender, cx) = self.into_parts();
        let sent = sender.shared.commit(value);
        cx.permit_resolved(
            &sender.shared.object,
            ObligationKind::SendPermit,
            sent.is_delivered(),
        );
        if mutant!(DoubleCommit) {
            cx.permit_resolved(&sender.shared.object, ObligationKind::SendPermit, true);
        }
        sent
    }

    /// A permit for the same slot that may leave this task.
    pub fn into_owned(self) -> OwnedPermit<T> {
        let (sender, cx) = self.into_parts();
        let token = cx.enter_obligation(ObligationKind::SendPermit);
        cx.permit_resolved(&sender.shared.object, ObligationKind::SendPermit, false);
        OwnedPermit::new(sender.clone(), token)
    }

    /// Takes the permit apart without giving the slot back.
    #[inline]
    fn into_parts(self) -> (&'a Sender<T>, &'a CxBase) {
        let parts = (self.sender, self.cx);
        // Only borrows are forgotten.
        mem::forget(self);
        parts
    }
}

impl<T> Drop for Permit<'_, T> {
    #[inline]
    fn drop(&mut self) {
        self.cx.permit_resolved(
            &self.sender.shared.object,
            ObligationKind::SendPermit,
            false,
        );
        if !mutant!(AbortKeepsSlot) {
            self.sender.shared.give(1, Some(self.cx));
        }
    }
}

impl<T> fmt::Debug for Permit<'_, T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Permit").finish_non_exhaustive()
    }
}

/// A slot in the channel that may travel: `'static`, and it keeps the channel open like a sender.
///
/// It is an obligation of the region it was reserved in. Dropping it gives the slot to the next
/// sender. When the region has revoked it (R-OBL-2), [`send`](Self::send) gives the value back.
#[must_use = "dropping a permit gives the slot back"]
pub struct OwnedPermit<T> {
    sender: Sender<T>,
    /// The entry in the ledger. `None`: the region keeps none for this permit.
    token: Option<ObligationToken>,
    /// Whether the slot is still to be given back.
    holds_slot: bool,
}

impl<T> OwnedPermit<T> {
    pub(super) fn new(sender: Sender<T>, token: Option<ObligationToken>) -> Self {
        Self {
            sender,
            token,
            holds_slot: true,
        }
    }

    /// Commits `value` into the slot. Never waits and never fails; where the receiver is gone or
    /// the permit was revoked the value comes back.
    pub fn send(mut self, value: T) -> Sent<T> {
        let mut token = self.token.take();
        if token.as_ref().is_some_and(|token| !token.begin_commit()) {
            // Dropping `self` gives the slot back.
            return Sent::Returned(value);
        }
        if mutant!(CommitLeavesLedgerFirst) {
            drop(token.take());
        }
        self.holds_slot = false;
        let sent = self.sender.shared.commit(value);
        // The entry leaves the ledger last: the region does not close before the value is delivered.
        if let Some(token) = token {
            let _ = if sent.is_delivered() {
                token.commit()
            } else {
                token.abort()
            };
        }
        sent
    }
}

impl<T> Drop for OwnedPermit<T> {
    fn drop(&mut self) {
        // The token's own drop aborts the entry.
        if self.holds_slot && !mutant!(AbortKeepsSlot) {
            self.sender.shared.give(1, None);
        }
    }
}

impl<T> fmt::Debug for OwnedPermit<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("OwnedPermit").finish_non_exhaustive()
    }
}
