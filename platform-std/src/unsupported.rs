//! `Unsupported`: the host does not have what was asked for.

use std::error::Error;
use std::fmt;

use asupersync_core::Recoverability;

/// The host has no such surface; nothing happened (R-IO-5).
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Unsupported {
    /// What was asked for.
    pub surface: &'static str,
    /// The host, as Rust calls it.
    pub platform: &'static str,
}

impl Unsupported {
    #[cfg_attr(unix, allow(dead_code))] // Unix has them all
    pub(crate) const fn new(surface: &'static str) -> Self {
        Self {
            surface,
            platform: std::env::consts::OS,
        }
    }

    /// What the caller can do about it: nothing on this host.
    pub const fn recoverability(&self) -> Recoverability {
        Recoverability::Fatal
    }
}

impl fmt::Display for Unsupported {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { surface, platform } = self;
        write!(
            f,
            "{platform} has no {surface} here; ask for it only where the target has it"
        )
    }
}

impl Error for Unsupported {}
