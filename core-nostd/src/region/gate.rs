//! The gate of a region: who is inside, and whether anybody may still come in.
//!
//! Owns admission and the last-out decision. Admission *is* the counter operation: a separate look
//! at a closed flag would be a race (loom model `spawn_vs_close`). Exactly one exit, or the close
//! itself, finds the count at zero with the gate closed.
//!
//! A *narrow* gate is one word: bit 0 closed, bit 1 wide, then foreground children; in the upper half background
//! children. Where several threads meet at it, it becomes *wide*, for good: each driver has a word of its own, which
//! children enter and leave by, not always the same one, so that only the sum means anything. To close it is to
//! fold those words into the first one; from then on everybody leaves by that.
//!
//! ```text
//! enter: first closed? no; wide? -> add to mine: was it closed? no: inside
//! leave: first wide? -> take off mine: was it closed? -> then take it off the first as well: zero? last out
//! close: first |= closed, += BIAS; each one |= closed, sum up; first += sum - BIAS: zero? last out
//! ```
//!
//! `BIAS` keeps the first word from zero until the sum is in it (loom model `fold_vs_last_out`).

use alloc::boxed::Box;
use alloc::vec::Vec;

use once_cell::race::OnceBox;

use crate::executor::THREADS;
use crate::mutants::mutant;
use crate::sync::Mutex;
#[cfg(any(target_has_atomic = "64", loom))]
use crate::sync::atomic::AtomicU64 as AtomicWord;
#[cfg(not(any(target_has_atomic = "64", loom)))]
use crate::sync::atomic::AtomicUsize as AtomicWord;
use crate::sync::atomic::{AtomicUsize, Ordering};

#[cfg(any(target_has_atomic = "64", loom))]
type Word = u64;
#[cfg(not(any(target_has_atomic = "64", loom)))]
type Word = usize;

const CLOSED: Word = 1 << 0;
const WIDE: Word = 1 << 1;
const FOREGROUND: Word = 1 << 2;
const BACKGROUND: Word = 1 << (Word::BITS / 2);
/// More of either than there will ever be inside.
const BIAS: Word = (BACKGROUND + BACKGROUND * (BACKGROUND / FOREGROUND)) / 2;

/// How many children a region can hold at most: what an executor's capacity is capped to.
pub const CHILDREN_MAX: usize = (BACKGROUND / FOREGROUND / 2 - 1) as usize;

/// How often an admission may lose against another one before it makes the gate wide.
const PATIENCE: u32 = 2;

/// Who is inside a closed gate.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Inside {
    /// Foreground tasks and adopted regions.
    pub foreground: usize,
    /// Background tasks.
    pub background: usize,
}

impl Inside {
    fn of(word: Word) -> Self {
        Self {
            foreground: ((word & (BACKGROUND - 1)) / FOREGROUND) as usize,
            background: (word / BACKGROUND) as usize,
        }
    }

    /// Nobody.
    pub const fn is_empty(self) -> bool {
        self.foreground == 0 && self.background == 0
    }
}

/// The counters of a region. Callers say by which driver they come and go; see [`Executor::current`].
///
/// [`Executor::current`]: crate::Executor::current
#[derive(Debug)]
pub struct Gate {
    first: AtomicWord,
    /// Children that ended well and left nothing behind; those of a wide gate are in its shards.
    ended_well: AtomicUsize,
    /// How many drivers there are.
    drivers: usize,
    /// One, as an array: what a `Vec`, which can be refused memory, can be turned into.
    wide: OnceBox<[Wide; 1]>,
}

#[derive(Debug)]
struct Wide {
    shards: Vec<Shard>,
    /// Held while they are folded: who closes for a second time waits for the sum.
    folding: Mutex<()>,
}

/// One driver's part, on a line of its own.
#[derive(Debug)]
#[repr(align(64))]
struct Shard {
    word: AtomicWord,
    ended_well: AtomicUsize,
}

impl Wide {
    /// `None`: there is no memory for it.
    fn of(drivers: usize) -> Option<Box<[Self; 1]>> {
        let mut shards = Vec::new();
        shards.try_reserve_exact(drivers).ok()?;
        shards.extend((0..drivers).map(|_| Shard {
            word: AtomicWord::new(0),
            ended_well: AtomicUsize::new(0),
        }));
        let mut one = Vec::new();
        one.try_reserve_exact(1).ok()?;
        one.push(Self {
            shards,
            folding: Mutex::new(()),
        });
        one.into_boxed_slice().try_into().ok()
    }
}

impl Gate {
    /// An open gate with nobody inside, in a runtime of `drivers` drivers.
    pub fn new(drivers: usize) -> Self {
        Self {
            first: AtomicWord::new(0),
            ended_well: AtomicUsize::new(0),
            drivers,
            wide: OnceBox::new(),
        }
    }

    /// Gives each driver a word of its own. A no-op where there is only one driver, words are too short, or memory is
    /// out: a narrow gate is slower where threads meet, and nothing else.
    pub fn widen(&self) {
        let drivers = self.drivers;
        if !THREADS || drivers < 2 || Word::BITS < 64 {
            return;
        }
        if self.wide.get().is_none() {
            let Some(wide) = Wide::of(drivers) else {
                return;
            };
            // Another thread may have been faster: then its shards are the ones.
            let _ = self.wide.set(wide);
        }
        let mut first = self.first.load(Ordering::Relaxed);
        // A closed gate stays as it is: nobody would fold the shards.
        while first & CLOSED == 0 {
            // Release publishes the shards.
            match self.first.compare_exchange_weak(
                first,
                first | WIDE,
                Ordering::AcqRel,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(now) => first = now,
            }
        }
    }

    fn wide(&self) -> Option<&Wide> {
        self.wide.get().map(|[wide]| wide)
    }

    /// The shard that `driver` uses, if `first` says that there are shards.
    #[inline]
    fn shard(&self, first: Word, driver: impl Fn() -> usize) -> Option<&Shard> {
        if !THREADS || first & WIDE == 0 {
            return None;
        }
        let shards = &self.wide()?.shards;
        shards.get(driver() % shards.len())
    }

    /// Admits one child. `false`: the gate is closed, and nothing happened.
    #[must_use]
    #[inline]
    pub fn enter(&self, background: bool, driver: impl Fn() -> usize) -> bool {
        let unit = if background { BACKGROUND } else { FOREGROUND };
        let mut first = self.first.load(Ordering::Acquire);
        let mut lost = 0;
        loop {
            if first & CLOSED != 0 && !mutant!(SpawnAfterClose) {
                return false;
            }
            if let Some(shard) = self.shard(first, &driver) {
                // What is added to a closed word is never looked at again: there is nothing to undo.
                let before = shard.word.fetch_add(unit, Ordering::AcqRel);
                return before & CLOSED == 0 || mutant!(ShardIgnoresClose);
            }
            if mutant!(GateLooksThenAdds) {
                self.first.fetch_add(unit, Ordering::AcqRel);
                return true;
            }
            // Acquire: a child that gets in sees what the region's opener wrote.
            match self.first.compare_exchange_weak(
                first,
                first + unit,
                Ordering::AcqRel,
                Ordering::Acquire,
            ) {
                Ok(_) => return true,
                Err(_) if lost < PATIENCE => lost += 1,
                Err(_) => self.widen(),
            }
            first = self.first.load(Ordering::Acquire);
        }
    }

    /// Counts an adopted region as a foreground child, closed gate or not.
    ///
    /// The caller is inside itself, so the count cannot have reached zero.
    pub fn enter_adopted(&self) {
        self.first.fetch_add(FOREGROUND, Ordering::AcqRel);
    }

    /// One child less. Returns who is inside if the gate is closed and this exit emptied the
    /// foreground or the whole region: the closer wants to know.
    #[must_use]
    #[inline]
    pub fn exit(&self, background: bool, driver: impl Fn() -> usize) -> Option<Inside> {
        let unit = if background { BACKGROUND } else { FOREGROUND };
        // AcqRel: everything the children did happens before the closer goes on.
        let order = if mutant!(GateExitRelaxed) {
            Ordering::Relaxed
        } else {
            Ordering::AcqRel
        };
        if let Some(shard) = self.shard(self.first.load(Ordering::Acquire), driver) {
            let before = shard.word.fetch_sub(unit, order);
            if before & CLOSED == 0 {
                return None;
            }
        }
        let after = self.first.fetch_sub(unit, order).wrapping_sub(unit);
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
        let mut first = self.first.load(Ordering::Acquire);
        let folding = loop {
            let wide = (THREADS && first & WIDE != 0)
                .then(|| self.wide())
                .flatten();
            // Taken before the gate says that it is closed: who finds it closed then waits for the sum.
            let folding = wide.map(|wide| (wide, wide.folding.lock()));
            if first & CLOSED != 0 {
                return self.inside();
            }
            let bias = match &folding {
                Some(_) if !mutant!(FoldUnbiased) => BIAS,
                _ => 0,
            };
            let closed = (first | CLOSED).wrapping_add(bias);
            let orders = (Ordering::AcqRel, Ordering::Acquire);
            match self
                .first
                .compare_exchange(first, closed, orders.0, orders.1)
            {
                Ok(_) => break folding,
                Err(now) => first = now,
            }
        };
        let Some((wide, _guard)) = folding else {
            return Inside::of(first);
        };
        let sum = wide.shards.iter().fold(0, |sum: Word, shard| {
            let word = shard.word.fetch_or(CLOSED, Ordering::AcqRel);
            sum.wrapping_add(word)
        });
        let bias = if mutant!(FoldUnbiased) { 0 } else { BIAS };
        let missing = sum.wrapping_sub(bias);
        let before = self.first.fetch_add(missing, Ordering::AcqRel);
        Inside::of(before.wrapping_add(missing))
    }

    /// Who is inside now; of an open gate that is wide, about.
    pub fn inside(&self) -> Inside {
        let first = self.first.load(Ordering::Acquire);
        let wide = (THREADS && first & (WIDE | CLOSED) == WIDE).then(|| self.wide());
        let shards = wide.flatten().map_or(&[][..], |wide| &wide.shards);
        let sum = shards.iter().fold(first, |sum, shard| {
            sum.wrapping_add(shard.word.load(Ordering::Acquire))
        });
        Inside::of(sum)
    }

    /// Counts a child that ended well and left nothing behind.
    #[inline]
    pub fn count_ended_well(&self, driver: impl Fn() -> usize) {
        let shard = self.shard(self.first.load(Ordering::Acquire), driver);
        let count = shard.map_or(&self.ended_well, |shard| &shard.ended_well);
        count.fetch_add(1, Ordering::Relaxed);
    }

    /// How many children ended well and left nothing behind.
    pub fn ended_well(&self) -> u64 {
        let wide = self.wide().filter(|_| THREADS);
        let shards = wide.map_or(&[][..], |wide| &wide.shards);
        let counts = shards.iter().map(|shard| &shard.ended_well);
        counts
            .chain([&self.ended_well])
            .map(|count| count.load(Ordering::Relaxed) as u64)
            .sum()
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    #[test]
    fn last_out_of_a_closed_gate_is_told_once() {
        for drivers in [1, 3] {
            let gate = Gate::new(drivers);
            gate.widen();
            let enter = |background, driver| gate.enter(background, || driver);
            assert!(enter(false, 0) && enter(false, 1) && enter(true, 2));
            assert_eq!(gate.exit(false, || 2), None, "open: nobody waits");
            let inside = |foreground, background| Inside {
                foreground,
                background,
            };
            assert_eq!(gate.inside(), inside(1, 1));
            assert_eq!(gate.close(), inside(1, 1));
            assert_eq!(gate.close(), inside(1, 1), "for a second time");
            assert!(!enter(false, 0) && !enter(true, 1), "closed");
            assert_eq!(gate.exit(false, || 0), Some(inside(0, 1)));
            assert!(gate.exit(true, || 1).is_some_and(Inside::is_empty));
            assert!(gate.inside().is_empty());
        }
    }

    #[test]
    fn a_gate_becomes_wide_with_children_inside() {
        let gate = Gate::new(2);
        assert!(gate.enter(false, || 0) && gate.enter(true, || 1));
        gate.widen();
        assert!(gate.enter(false, || 1));
        assert_eq!(gate.exit(false, || 0), None);
        assert_eq!(gate.exit(false, || 0), None);
        assert_eq!(gate.close().foreground, 0);
        assert!(gate.exit(true, || 0).is_some_and(Inside::is_empty));
    }

    #[test]
    fn a_closed_gate_stays_narrow() {
        let gate = Gate::new(2);
        assert!(gate.enter(false, || 0));
        let _ = gate.close();
        gate.widen();
        assert!(!gate.enter(false, || 0));
        assert!(gate.exit(false, || 1).is_some_and(Inside::is_empty));
    }
}
