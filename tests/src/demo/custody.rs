//! Custody: which records of a batch are not in the ledger yet, and who has each.
//!
//! Owns the answer to "what if the task that holds a record is dropped": the record is still here. A
//! record enters custody when its batch begins and leaves it in [`settle`](Custody::settle), in the
//! same step in which its entry is committed to the ledger's channel. No await lies between, so no
//! cancel, and no drop, can come between: each record is in custody or in the ledger, never in
//! both, never in neither. Who takes over what a lost worker leaves behind is the pipeline's matter.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use asupersync_core::channel::Sent;
use asupersync_core::channel::mpsc::{self, ReserveError};
use asupersync_core::internal::Mutex;
use asupersync_core::{CxBase, Error};

use super::ledger::{Entry, Rejection, Verdict};
use super::orders::Order;
use super::pipeline::Mark;

/// Who has a record.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Holder {
    /// Nobody yet: it waits to be picked up.
    Queue,
    /// The batch's worker of this number.
    Worker(u32),
}

/// The unsettled records of one batch.
pub struct Custody {
    held: Mutex<BTreeMap<u32, (Order, Holder)>>,
    ledger: mpsc::Sender<Entry>,
}

impl Custody {
    /// Takes in a batch whose verdicts go to `ledger`.
    pub fn new(batch: &[Order], ledger: mpsc::Sender<Entry>) -> Self {
        let held = batch
            .iter()
            .map(|order| (order.id, (*order, Holder::Queue)));
        Self {
            held: Mutex::new(held.collect()),
            ledger,
        }
    }

    /// Notes that a worker has the record from now on.
    pub fn pick_up(&self, order: Order, worker: u32) {
        self.held
            .lock()
            .insert(order.id, (order, Holder::Worker(worker)));
    }

    /// Commits the verdict on a record to the ledger, and lets go of the record.
    ///
    /// # Errors
    /// If the ledger takes no more, or the wait for a slot was cancelled. Custody keeps the record.
    ///
    /// # Cancel safety
    /// Dropping the future leaves the record in custody.
    pub async fn settle(&self, cx: &CxBase, order: Order, verdict: Verdict) -> Result<(), Error> {
        let permit = self.ledger.reserve(cx).await?;
        // The record changes hands between here and the end: without a single await.
        cx.trace(Mark::Settled as u64, order.id.into())?;
        match permit.send(Entry { order, verdict }) {
            Sent::Delivered => {
                self.held.lock().remove(&order.id);
                Ok(())
            }
            Sent::Returned(_) => Err(ReserveError::Closed.into()),
        }
    }

    /// Rejects what `holder` still has.
    pub async fn reject_held_by(&self, cx: &CxBase, holder: Holder, why: Rejection) {
        let left: Vec<Order> = self
            .held
            .lock()
            .values()
            .filter(|(_, held_by)| *held_by == holder)
            .map(|(order, _)| *order)
            .collect();
        for order in left {
            // A finalizer has nobody to tell. If the ledger is gone, the audit finds the record lost.
            let _ = self.settle(cx, order, Verdict::Rejected(why)).await;
        }
    }
}
