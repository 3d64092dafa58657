//! The gate of a region: who is inside, and whether anybody may still come in, in one word.
//!
//! Owns admission and the last-out decision. Admission *is* the counter operation: a separate look
//! at a closed flag would be a race (loom model `spawn_vs_close`). Exactly one exit, or the close
//! itself, finds the count at zero with the gate closed.
//!
//! Layout of the word: bit 0 closed; then foreground children; then, in the upper half, background
//! children.

use crate::mutants::mutant;
use crate::sync::atomic::{AtomicUsize, Ordering};

const CLOSED: usize = 1;
const FOREGROUND: usize = 2;
const BACKGROUND: usize = 1 << (usize::BITS / 2);

/// How many children a region can hold at most: what an executor's capacity is capped to.
pub const CHILDREN_MAX: usize = BACKGROUND / FOREGROUND - 1;

/// Who is inside a closed gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inside {
    /// Foreground tasks and adopted regions.
    pub foreground: usize,
    /// Background tasks.
    pub background: usize,
}

impl Inside {
    fn of(word: usize) -> Self {
        Self {
            foreground: (word & (BACKGROUND - 1)) / FOREGROUND,
            background: word / BACKGROUND,
        }
    }

    /// Nobody.
    pub const fn is_empty(self) -> bool {
        self.foreground == 0 && self.background == 0
    }
}

/// The counter word of a region.
#[derive(Debug)]
pub struct Gate(AtomicUsize);

impl Default for Gate {
    fn default() -> Self {
        Self::new()
    }
}

impl Gate {
    /// An open gate with nobody inside.
    pub fn new() -> Self {
        Self(AtomicUsize::new(0))
    }

    /// Admits one child. `false`: the gate is closed, and nothing happened.
    #[must_use]
    #[inline]
    pub fn enter(&self, background: bool) -> bool {
        let unit = if background { BACKGROUND } else { FOREGROUND };
        let mut current = self.0.load(Ordering::Relaxed);
        loop {
            if current & CLOSED != 0 && !mutant!(SpawnAfterClose) {
                return false;
            }
            if mutant!(GateLooksThenAdds) {
                self.0.fetch_add(unit, Ordering::AcqRel);
                return true;
            }
            // Acquire: a child that gets in sees what the region's opener wrote.
            match self.0.compare_exchange_weak(
                current,
                current + unit,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return true,
                Err(now) => current = now,
            }
        }
    }

    /// Counts an adopted region as a foreground child, closed gate or not.
    ///
    /// The caller is inside itself, so the count cannot have reached zero.
    pub fn enter_adopted(&self) {
        self.0.fetch_add(FOREGROUND, Ordering::AcqRel);
    }

    /// One child less. Returns who is inside if the gate is closed and this exit emptied the
    /// foreground or the whole region: the closer wants to know.
    #[must_use]
    #[inline]
    pub fn exit(&self, background: bool) -> Option<Inside> {
        let unit = if background { BACKGROUND } else { FOREGROUND };
        // AcqRel: everything the children did happens before the closer goes on.
        let order = if mutant!(GateExitRelaxed) {
            Ordering::Relaxed
        } else {
            Ordering::AcqRel
        };
        let after = self.0.fetch_sub(unit, order) - unit;
        let inside = Inside::of(after);
        let emptied = if background {
            inside.is_empty()
        } else {
            inside.foreground == 0
        };
        (after & CLOSED != 0 && emptied).then_some(inside)
    }

    /// Closes the gate for good and says who is inside.
    pub fn close(&self) -> Inside {
        Inside::of(self.0.fetch_or(CLOSED, Ordering::AcqRel))
    }

    /// Who is inside now.
    pub fn inside(&self) -> Inside {
        Inside::of(self.0.load(Ordering::Acquire))
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn last_out_of_a_closed_gate_is_told_once() {
        let gate = Gate::new();
        assert!(gate.enter(false) && gate.enter(false) && gate.enter(true));
        assert_eq!(gate.exit(false), None, "open: nobody waits");
        assert_eq!(
            gate.close(),
            Inside {
                foreground: 1,
                background: 1
            }
        );
        assert!(!gate.enter(false) && !gate.enter(true), "closed");
        assert_eq!(
            gate.exit(false),
            Some(Inside {
                foreground: 0,
                background: 1
            })
        );
        assert!(gate.exit(true).is_some_and(Inside::is_empty));
        assert!(gate.inside().is_empty());
    }
}
