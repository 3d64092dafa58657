//! Nobody but the kernel makes the token of having been cancelled.
use asupersync_core::{CancelReason, Cancelled, PathId};

fn body(reason: CancelReason) -> Cancelled {
    Cancelled::new(reason, PathId::ROOT)
}

fn main() {}
