//! What the host is waited with: one variant per file, with the same names in each.
//!
//! - `Source`: what can be waited for.
//! - `Poller`: adds, arms and removes sources under keys; `wait` fills `Events`; `interrupt` ends a wait.
//! - `Arming`: of one source, what the host was asked to tell, where it tells only once.
//! - `Events`: what a wait found, and what the next wait need not ask the host again.
//! - `TELLS_CLOSED`: whether news say that the peer closed. Then a short read needs no second look.

#[cfg(all(
    any(target_os = "linux", target_os = "android"),
    not(feature = "portable-poller")
))]
#[path = "epoll.rs"]
mod chosen;
#[cfg(any(
    not(any(target_os = "linux", target_os = "android")),
    feature = "portable-poller"
))]
#[path = "portable.rs"]
mod chosen;

pub(crate) use chosen::{Arming, Events, Poller, Source, TELLS_CLOSED};

use std::time::Instant;

/// How long to wait.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Patience {
    /// Only look.
    None,
    /// Until this time.
    Until(Instant),
    /// Until something happens.
    Endless,
}
