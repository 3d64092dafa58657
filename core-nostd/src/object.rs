//! `ObjectId`: the trace name of a channel, lock or queue that no task owns.
//!
//! Owns the naming rule: the first *traced* task to touch an object names it, after its own path.
//! Equivalent runs have the same first toucher, so the name does not depend on the schedule
//! beyond what the fingerprint already sees.

use crate::path::PathId;
use crate::sync::Name;

/// 0 until somebody traced touches it.
#[derive(Debug)]
pub(crate) struct ObjectId(Name);

impl ObjectId {
    #[inline]
    pub(crate) fn new() -> Self {
        Self(Name::new(0))
    }

    /// The name, given now if there is none.
    pub(crate) fn name(&self, first: impl FnOnce() -> PathId) -> u64 {
        match self.0.get() {
            0 => self.0.get_or_set(first().as_u64()),
            name => name,
        }
    }
}
