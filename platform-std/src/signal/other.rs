//! Where there are no signals: everything says so, before any effect.

use std::sync::Arc;

use super::{Ear, Signal, SignalError};
use crate::unsupported::Unsupported;

/// Refuses.
pub(super) fn listen(_ear: &Arc<Ear>, _wanted: &[Signal]) -> Result<(), SignalError> {
    Err(SignalError::Unsupported(Unsupported::new("signals")))
}

/// Nobody listens.
pub(super) fn forget(ear: &Arc<Ear>) {
    let _ = ear;
}
