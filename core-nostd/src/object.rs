//! `ObjectId`: the trace name of a channel, lock or queue that no task owns.
//!
//! Owns the naming rule: the first *traced* task to touch an object names it, after its own path.
//! Equivalent runs have the same first toucher, so the name does not depend on the schedule
//! beyond what the fingerprint already sees.

use crate::path::PathId;
use crate::sync::atomic::{AtomicU64, Ordering};

/// 0 until somebody traced touches it.
#[derive(Debug, Default)]
pub(crate) struct ObjectId(AtomicU64);

impl ObjectId {
    #[inline]
    pub(crate) fn new() -> Self {
        Self(AtomicU64::new(0))
    }

    /// The name, given now if there is none.
    pub(crate) fn name(&self, first: impl FnOnce() -> PathId) -> u64 {
        let name = self.0.load(Ordering::Relaxed);
        if name != 0 {
            return name;
        }
        let given = first().as_u64();
        match self
            .0
            .compare_exchange(0, given, Ordering::Relaxed, Ordering::Relaxed)
        {
            Ok(_) => given,
            Err(named) => named,
        }
    }
}
