//! `PathId`: the identity of a task, region or scope that does not depend on the schedule.
//!
//! Owns the derivation: who made it, and as that maker's how-manieth. Order, ties, traces and
//! fingerprints use it. It is versioned with the trace schema: changing the mix changes every trace.

use core::fmt;

use crate::sync::atomic::{AtomicU32, Ordering};

/// A 64-bit hash of (maker's path, ordinal).
///
/// The order of ids is fixed but otherwise arbitrary; two makers' children interleave.
///
/// ```
/// use asupersync_core::PathId;
///
/// let first = PathId::ROOT.child(0);
/// assert_ne!(first, PathId::ROOT.child(1));
/// assert_eq!(first, PathId::ROOT.child(0));
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct PathId(u64);

impl PathId {
    /// The root region. Its value is the fraction of the golden ratio, which no rule depends on.
    pub const ROOT: Self = Self(0x9e37_79b9_7f4a_7c15);

    /// Nobody in particular: the actor of what the host or a timer does.
    pub const NOBODY: Self = Self(0);

    /// The id of what this one makes as number `ordinal`.
    ///
    /// `mix(parent ^ (ordinal + 1) * 0xd1342543de82ef95)`, where `mix` is the finaliser of
    /// splitmix64 (Steele, Lea and Flood, "Fast splittable pseudorandom number generators", 2014).
    #[must_use]
    #[inline]
    pub const fn child(self, ordinal: u32) -> Self {
        let step = (ordinal as u64 + 1).wrapping_mul(0xd134_2543_de82_ef95);
        let mut x = self.0 ^ step;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        Self(x ^ (x >> 31))
    }

    /// The number that traces write.
    pub const fn as_u64(self) -> u64 {
        self.0
    }

    /// The id with this number, as read from a trace. Ids are names, not handles: one made up names nothing.
    pub const fn from_u64(number: u64) -> Self {
        Self(number)
    }
}

/// Who makes things: its path, and how many it has made.
#[derive(Clone, Copy)]
pub(crate) struct Parent<'a> {
    path: PathId,
    made: &'a AtomicU32,
}

impl<'a> Parent<'a> {
    #[inline]
    pub(crate) fn new(path: PathId, made: &'a AtomicU32) -> Self {
        Self { path, made }
    }

    /// The id of the next thing that it makes.
    #[inline]
    pub(crate) fn next_path(self) -> PathId {
        self.path.child(self.made.fetch_add(1, Ordering::Relaxed))
    }
}

impl fmt::Display for PathId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if *self == Self::ROOT {
            f.write_str("root")
        } else {
            write!(f, "{:016x}", self.0)
        }
    }
}

impl fmt::Debug for PathId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

#[cfg(test)]
mod tests {
    use super::PathId;

    // proves: R-DET-1
    #[test]
    fn the_derivation_never_changes_silently() {
        // Computed by a separate implementation of the formula in the docs of `child`.
        let first = PathId::ROOT.child(0);
        assert_eq!(first.as_u64(), 0x12c2_c0a3_12a3_0281);
        assert_eq!(PathId::ROOT.child(1).as_u64(), 0x9df4_f0ac_b7c0_7772);
        assert_eq!(first.child(u32::MAX).as_u64(), 0x11bd_2daa_1f22_3f9e);
    }
}
