//! The timer wheel: which timer is due, and in which order the due ones fire.
//!
//! Owns the deadlines and the actions behind them. It reads no clock (`now` comes in, the next
//! deadline goes out), runs no action and takes no lock. The kernel's timer driver calls it under
//! the driver's lock, takes due actions out one [`pop_due`](Wheel::pop_due) at a time, and runs
//! them after it has let the lock go.
//!
//! # The ordering rule
//!
//! Timers fire in the total order of their key `(deadline, class, sequence)`: by exact deadline in
//! nanoseconds, cancels before wakes of the same instant, then in order of registration. A timer
//! fires when `now >= deadline` and never earlier. The rule holds across calls: of the timers that
//! are due, the one with the smallest key is always next, even when it was registered while an
//! earlier batch was still running. The tick is only how the wheel files its timers; no fire time,
//! order or reported deadline depends on it.
//!
//! # Levels
//!
//! The structure is the hierarchical timing wheel of Varghese and Lauck, "Hashed and Hierarchical
//! Timing Wheels" (SOSP 1987). A deadline divided by the tick (a power of two), rounded down, is read as a
//! number in base 64. The `cursor` is the current time in the same units. A timer lives at the level of the
//! highest digit in which it differs from the cursor, in the bucket (the paper's slot) that this
//! digit names:
//!
//! ```text
//!             digit 6..10   digit 5   digit 4   digit 3   digit 2   digit 1   digit 0
//! cursor           0           0         0         0         2        17        40
//! timer a          0           0         0         0         2        17        40     near
//! timer b          0           0         0         0         2        17        63     level 0, bucket 63
//! timer c          0           0         0         0         9         3        12     level 2, bucket 9
//! timer d          1           0         0         0         0         0         0     overflow
//! ```
//!
//! From this follow the facts that the code leans on:
//!
//! 1. Every timer in a bucket is later than the cursor's tick, and earlier than every timer of a
//!    later bucket of its level and of all higher levels. The lowest occupied level's lowest
//!    bucket therefore holds the earliest timer of the wheel.
//! 2. One `u64` bitmap per level says which buckets are occupied, so that bucket is found with one
//!    count of trailing zeros.
//! 3. When the cursor moves to `target`, each bucket whose last tick has come joins `near` as it
//!    is. At most one bucket reaches past `target`; its timers are filed anew, at lower levels. A
//!    timer is refiled at most once per level.
//! 4. Timers that differ above the top level (2^36 ticks: more than a year at a tick of 1 ms) wait in
//!    `overflow`, and those of the cursor's tick or before it in `near`. In between lie the 6 x 64
//!    buckets.
//!
//! # Heaps
//!
//! A bucket is a pairing heap (Fredman, Sedgewick, Sleator and Tarjan, "The Pairing Heap", Algorithmica 1, 1986), ordered
//! by the key above; so are `near` and `overflow`. It is kept lazily: a forest, to which a timer is added as a tree of its
//! own, without a comparison, and which becomes one tree when somebody asks for its earliest timer. So a timer that is
//! set and given up before its bucket's time comes, as most timeouts are, costs what it costs in a list, and
//! [`next_deadline`](Wheel::next_deadline) is exact all the same. The links are `u32` indices into a slab: `child` is the
//! first child, `next` the next sibling, `prev` the previous sibling or, for a first child, the parent. The trees of
//! a forest are siblings; only the first of them knows in its `home` which heap it is in.
//!
//! # Cost
//!
//! | operation | cost for n timers of one bucket |
//! |---|---|
//! | `insert` | O(1) |
//! | `cancel` | O(1) for a timer without children in its heap (most); O(log n) amortised otherwise |
//! | `next_deadline` | O(1) amortised over the inserts before it, exact |
//! | `pop_due` | O(log n) amortised, plus at most 6 refilings over a timer's life |
//!
//! Amortised means that one call may do the work that many inserts put off: the first `pop_due` or `next_deadline`
//! in a bucket of n timers, or the cancel of its earliest, can take O(n); so can the refiling of
//! that bucket. Memory is one entry for each timer of the highest number ever live at once, one for
//! each slot retired after 2^32 timers, and 256 bytes for each level that was ever used.

use alloc::alloc::{Layout, handle_alloc_error};
use alloc::vec::Vec;
use core::num::NonZeroU64;

use crate::mutants::mutant;
use crate::time::Time;

/// Bits of a tick number that one level decides.
const LEVEL_BITS: u32 = 6;
/// Buckets of one level: one for each bit of its occupancy bitmap.
const BUCKETS: usize = 1 << LEVEL_BITS;
const LEVELS: usize = 6;
/// Bits of a tick number that all levels together decide; the rest is told apart by `OVERFLOW`.
const WHEEL_BITS: u32 = LEVEL_BITS * LEVELS as u32;

/// The heap of timers at or before the cursor's tick. Homes below it are `level * BUCKETS + digit`.
const NEAR: usize = LEVELS * BUCKETS;
/// The heap of timers that differ from the cursor above the top level.
const OVERFLOW: usize = NEAR + 1;

/// The link that leads nowhere.
const NONE: u32 = u32::MAX;

/// The handle of one registered timer.
///
/// A key outlives its timer harmlessly: once the timer has fired or was cancelled, the key is
/// stale and matches nothing, also after the slot has been reused.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct TimerKey {
    slot: u32,
    generation: u32,
}

/// An entry, and the levels that its timer may pass through: filling it needs no memory.
#[must_use = "an entry that is not filled is lost"]
pub(crate) struct Claim(u32);

/// What a timer does, as far as the order of one instant is concerned.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub(crate) enum TimerClass {
    /// Requests a cancel. Fires before the wakes of the same instant.
    Cancel = 0,
    /// Wakes a waiting task.
    Wake = 1,
}

/// A timer that is due, taken out of the wheel for its action to be run.
#[derive(Debug, PartialEq, Eq)]
#[must_use = "the timer has left the wheel; dropping this loses its action"]
pub(crate) struct Fired<A> {
    /// The deadline it was registered with, not the time at which it fires.
    pub deadline: Time,
    /// The class it was registered with.
    pub class: TimerClass,
    /// Its place in the order of registration.
    pub seq: u64,
    /// What to do.
    pub action: A,
}

/// A set of timers, each with a deadline, a class and an action. See the module for its shape.
pub(crate) struct Wheel<A> {
    /// The tick is 2 to the power of this many nanoseconds: a division of 64 bits is long on a small core.
    tick_bits: u32,
    /// The latest time seen. It never goes back, whatever the caller's clock does.
    now: Time,
    /// `now` in ticks, rounded down.
    cursor: u64,
    next_seq: u64,
    len: usize,
    /// One bit for each bucket that holds a timer.
    occupied: [u64; LEVELS],
    roots: Roots,
    entries: Vec<Entry<A>>,
    /// The first vacant entry; vacant entries are chained by `next`.
    vacant: u32,
}

/// The root of each heap: the buckets level by level, then `NEAR`, then `OVERFLOW`.
///
/// A level takes its memory when the first timer comes that may pass through it: a small board has few
/// timers, and they are near.
struct Roots {
    levels: [Vec<u32>; LEVELS],
    near: u32,
    overflow: u32,
}

impl Default for Roots {
    fn default() -> Self {
        Self {
            levels: [const { Vec::new() }; LEVELS],
            near: NONE,
            overflow: NONE,
        }
    }
}

impl Roots {
    fn get(&self, home: usize) -> u32 {
        match home {
            NEAR => self.near,
            OVERFLOW => self.overflow,
            bucket => {
                let level = &self.levels[bucket / BUCKETS];
                level.get(bucket % BUCKETS).copied().unwrap_or(NONE)
            }
        }
    }

    fn set(&mut self, home: usize, root: u32) {
        match home {
            NEAR => self.near = root,
            OVERFLOW => self.overflow = root,
            bucket => self.levels[bucket / BUCKETS][bucket % BUCKETS] = root,
        }
    }

    /// Makes room for a timer that is filed here: for this level and those that it may sink to, so that
    /// nothing has to be allocated when time passes.
    /// `None`: there is no memory for it.
    fn reserve(&mut self, home: usize) -> Option<()> {
        let levels = match home {
            NEAR => 0,
            OVERFLOW => LEVELS,
            bucket => bucket / BUCKETS + 1,
        };
        for level in self.levels.iter_mut().take(levels) {
            if level.is_empty() {
                level.try_reserve(BUCKETS).ok()?;
                level.resize(BUCKETS, NONE);
            }
        }
        Some(())
    }
}

/// A slot of the slab. It is live while it has an action; only then do the other fields count,
/// except `generation`, which counts how many timers the slot has seen off.
struct Entry<A> {
    deadline: Time,
    seq: u64,
    child: u32,
    next: u32,
    prev: u32,
    generation: u32,
    home: u16,
    class: TimerClass,
    action: Option<A>,
}

impl<A> Entry<A> {
    /// What all order in this module is by.
    fn key(&self) -> (Time, TimerClass, u64) {
        let seq = if mutant!(TimerTieReversed) {
            !self.seq
        } else {
            self.seq
        };
        (self.deadline, self.class, seq)
    }
}

impl<A> Wheel<A> {
    /// An empty wheel that files timers by `tick` nanoseconds, rounded down to a power of two, and whose
    /// clock stands at `start`.
    ///
    /// A tick near the platform's timer resolution files best; it has no effect on precision.
    pub fn new(tick: NonZeroU64, start: Time) -> Self {
        let tick_bits = tick.ilog2();
        Self {
            tick_bits,
            now: start,
            cursor: start.as_nanos() >> tick_bits,
            next_seq: 0,
            len: 0,
            occupied: [0; LEVELS],
            roots: Roots::default(),
            entries: Vec::new(),
            vacant: NONE,
        }
    }

    /// Registers a timer. Any deadline will do; one in the past is due at once.
    ///
    /// Costs O(1), and an allocation when more timers are live, or further away, than ever before.
    ///
    /// Where there is no memory for it, the allocator's error handler is called. [`claim`](Self::claim) says so
    /// instead.
    pub fn insert(&mut self, deadline: Time, class: TimerClass, action: A) -> TimerKey {
        match self.claim(deadline) {
            Some(claim) => self.fill(claim, deadline, class, action),
            None => handle_alloc_error(Layout::new::<Entry<A>>()),
        }
    }

    /// The first half of [`insert`](Self::insert), all that may fail of it: `None` when there is no memory, or 2^32 - 1
    /// timers are live.
    pub fn claim(&mut self, deadline: Time) -> Option<Claim> {
        self.roots.reserve(self.home_of(deadline))?;
        self.claim_entry().map(Claim)
    }

    /// The second half of [`insert`](Self::insert), with the deadline that the entry was claimed for. Time may have
    /// passed in between: that only brings the timer to lower levels.
    pub fn fill(
        &mut self,
        Claim(slot): Claim,
        deadline: Time,
        class: TimerClass,
        action: A,
    ) -> TimerKey {
        let seq = self.next_seq;
        self.next_seq += 1;
        self.len += 1;

        let entry = self.entry_mut(slot);
        entry.deadline = deadline;
        entry.class = class;
        entry.seq = seq;
        entry.action = Some(action);
        let generation = entry.generation;
        self.add(self.home_of(deadline), slot);
        TimerKey { slot, generation }
    }

    /// Removes a timer and gives its action back; `None` when it has fired or was cancelled.
    ///
    /// The action is returned, not dropped, so that the caller can drop it outside the lock.
    pub fn cancel(&mut self, key: TimerKey) -> Option<A> {
        if !self.contains(key) {
            return None;
        }
        self.remove(key.slot)
    }

    /// Whether the timer is still waiting to fire.
    pub fn contains(&self, key: TimerKey) -> bool {
        self.sequence(key).is_some()
    }

    /// The timer's place in the order of registration, by which traces name it.
    pub fn sequence(&self, key: TimerKey) -> Option<u64> {
        let entry = self.entries.get(key.slot as usize)?;
        let live = entry.generation == key.generation && entry.action.is_some();
        live.then_some(entry.seq)
    }

    /// How many timers are waiting to fire, those that are due included.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether no timer is waiting to fire.
    #[cfg(test)]
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// The earliest deadline of all timers, exactly; `None` when there is no timer.
    ///
    /// It depends on nothing but the set of live timers, so a virtual clock that jumps to it sees
    /// the same steps with every tick. It lies in the past when a timer is already due.
    pub fn next_deadline(&mut self) -> Option<Time> {
        let home = if self.roots.get(NEAR) != NONE {
            NEAR
        } else {
            self.first_bucket().unwrap_or(OVERFLOW)
        };
        let root = self.earliest(home);
        (root != NONE).then(|| self.entry(root).deadline)
    }

    /// Whether a timer of this deadline may be the earliest, were it added now; cheaper than to know.
    pub fn may_be_next(&self, deadline: Time) -> bool {
        let home = self.home_of(deadline);
        home == NEAR
            || self.roots.get(NEAR) == NONE && self.first_bucket().is_none_or(|first| home <= first)
    }

    /// Takes out the next timer whose deadline is `now` or earlier.
    ///
    /// Call it until it returns `None`, or until a batch is full; the order is the same however
    /// the calls are grouped. A `now` earlier than one seen before counts as the latest one seen.
    pub fn pop_due(&mut self, now: Time) -> Option<Fired<A>> {
        self.advance(now);
        let slot = self.earliest(NEAR);
        if slot == NONE {
            return None;
        }
        let &Entry {
            deadline,
            class,
            seq,
            ..
        } = self.entry(slot);
        // The cursor's tick may be only partly over.
        if deadline > self.now {
            return None;
        }
        let action = self.remove(slot)?;
        Some(Fired {
            deadline,
            class,
            seq,
            action,
        })
    }
}

/// Filing: which heap a timer belongs to, and what moves when the cursor does.
impl<A> Wheel<A> {
    /// Moves the clock to `now`, and into `NEAR` every timer of the ticks up to it.
    fn advance(&mut self, now: Time) {
        if now <= self.now {
            return;
        }
        self.now = now;
        let target = self.tick_of(now);

        while let Some(bucket) = self.first_bucket() {
            let (first, last) = self.ticks_of(bucket);
            if first > target {
                break;
            }
            let root = self.roots.get(bucket);
            self.set_first(bucket, NONE);
            if last <= target {
                let root = self.meld_siblings(root);
                self.add(NEAR, root);
            } else {
                // The target lies inside this bucket. All lower levels are empty by now, and all
                // other buckets are later, so the cursor can take its final place first and each
                // timer is filed once.
                self.cursor = target;
                self.refile(root);
                break;
            }
        }
        self.cursor = target;

        // What waited beyond the top level is reachable, or due, once the high digits agree.
        loop {
            let root = self.earliest(OVERFLOW);
            if root == NONE || self.home_of(self.entry(root).deadline) == OVERFLOW {
                break;
            }
            self.unlink(root);
            self.file(root);
        }
    }

    /// Adds a timer without links to the heap where the cursor says it belongs.
    fn file(&mut self, slot: u32) {
        self.add(self.home_of(self.entry(slot).deadline), slot);
    }

    /// Takes the forest that begins with `first` apart and files each of its timers.
    fn refile(&mut self, first: u32) {
        // The timers still to visit form a stack. It is chained by `prev`, because `next` is
        // needed to walk the siblings of the one being visited.
        let mut stack = NONE;
        let mut tree = first;
        while tree != NONE {
            let entry = self.entry_mut(tree);
            entry.prev = stack;
            stack = tree;
            tree = entry.next;
        }
        while stack != NONE {
            let slot = stack;
            let entry = self.entry_mut(slot);
            stack = entry.prev;
            let mut child = entry.child;
            entry.child = NONE;
            while child != NONE {
                let entry = self.entry_mut(child);
                entry.prev = stack;
                stack = child;
                child = entry.next;
            }
            self.file(slot);
        }
    }

    fn tick_of(&self, time: Time) -> u64 {
        time.as_nanos() >> self.tick_bits
    }

    /// The heap where a timer belongs: see "Levels" in the module's documentation.
    fn home_of(&self, deadline: Time) -> usize {
        let tick = self.tick_of(deadline);
        if tick <= self.cursor {
            return NEAR;
        }
        let highest_bit = (tick ^ self.cursor).ilog2();
        if highest_bit >= WHEEL_BITS {
            return OVERFLOW;
        }
        let level = highest_bit / LEVEL_BITS;
        let digit = (tick >> (level * LEVEL_BITS)) as usize % BUCKETS;
        level as usize * BUCKETS + digit
    }

    /// The first and the last tick of a bucket.
    fn ticks_of(&self, bucket: usize) -> (u64, u64) {
        let shift = (bucket / BUCKETS) as u32 * LEVEL_BITS;
        let digit = (bucket % BUCKETS) as u64;
        let below = (1 << shift) - 1;
        let above = !((1 << (shift + LEVEL_BITS)) - 1);
        let first = (self.cursor & above) | (digit << shift);
        (first, first | below)
    }

    /// The bucket that holds the earliest timer of all buckets.
    fn first_bucket(&self) -> Option<usize> {
        let level = self.occupied.iter().position(|&bits| bits != 0)?;
        Some(level * BUCKETS + self.occupied[level].trailing_zeros() as usize)
    }
}

/// The pairing heaps.
impl<A> Wheel<A> {
    /// Adds the tree under `root` to the forest of `home`.
    fn add(&mut self, home: usize, root: u32) {
        let next = self.roots.get(home);
        self.entry_mut(root).next = next;
        if next != NONE {
            self.entry_mut(next).prev = root;
        }
        self.set_first(home, root);
    }

    /// Makes one tree of the forest of `home`, and returns its root: the earliest timer.
    fn earliest(&mut self, home: usize) -> u32 {
        let first = self.roots.get(home);
        if first == NONE || self.entry(first).next == NONE {
            return first;
        }
        let root = self.meld_siblings(first);
        self.entry_mut(root).next = NONE;
        self.set_first(home, root);
        root
    }

    /// Makes `first` the first tree of `home`, and keeps the bitmap true.
    fn set_first(&mut self, home: usize, first: u32) {
        self.roots.set(home, first);
        if first != NONE {
            let entry = self.entry_mut(first);
            entry.prev = NONE;
            entry.home = home as u16;
        }
        if home < NEAR {
            let bit = 1 << (home % BUCKETS);
            let bits = &mut self.occupied[home / BUCKETS];
            if first == NONE {
                *bits &= !bit;
            } else {
                *bits |= bit;
            }
        }
    }

    /// Joins two heaps and returns the root; its `prev` and `next` are for the caller to set.
    fn meld(&mut self, a: u32, b: u32) -> u32 {
        if a == NONE {
            return b;
        }
        if b == NONE {
            return a;
        }
        let a_first = self.entry(a).key() < self.entry(b).key();
        let (parent, child) = if a_first { (a, b) } else { (b, a) };

        let sibling = core::mem::replace(&mut self.entry_mut(parent).child, child);
        let entry = self.entry_mut(child);
        entry.prev = parent;
        entry.next = sibling;
        if sibling != NONE {
            self.entry_mut(sibling).prev = child;
        }
        parent
    }

    /// Joins a chain of siblings into one heap, and returns its root as [`meld`](Self::meld) does.
    ///
    /// Joining them in pairs first, and the pairs from the last to the first, is what the
    /// amortised bound of the pairing heap rests on.
    fn meld_siblings(&mut self, first: u32) -> u32 {
        let mut pairs = NONE;
        let mut rest = first;
        while rest != NONE {
            let a = rest;
            let b = self.entry(a).next;
            rest = if b == NONE { NONE } else { self.entry(b).next };
            let pair = self.meld(a, b);
            self.entry_mut(pair).next = pairs;
            pairs = pair;
        }
        let mut root = NONE;
        while pairs != NONE {
            let pair = pairs;
            pairs = self.entry(pair).next;
            root = self.meld(root, pair);
        }
        root
    }

    /// Takes one timer out of its heap, wherever in the heap it is, and leaves it without links.
    fn unlink(&mut self, slot: u32) {
        let entry = self.entry_mut(slot);
        let (prev, next, home) = (entry.prev, entry.next, entry.home);
        let orphans = core::mem::replace(&mut entry.child, NONE);
        // The earliest of the children takes the place of the timer. It is later than the parent
        // of the timer, so there is no need to find the root of the heap.
        let heir = self.meld_siblings(orphans);
        let successor = if heir == NONE { next } else { heir };
        if heir != NONE {
            self.entry_mut(heir).next = next;
            if next != NONE {
                self.entry_mut(next).prev = heir;
            }
        }
        if prev == NONE {
            self.set_first(home as usize, successor);
            return;
        }
        if successor != NONE {
            self.entry_mut(successor).prev = prev;
        }
        let before = self.entry_mut(prev);
        if before.child == slot {
            before.child = successor;
        } else {
            before.next = successor;
        }
    }
}

/// The slab.
impl<A> Wheel<A> {
    /// Indexing cannot fail: links lead only to entries, and entries are never given back.
    fn entry(&self, slot: u32) -> &Entry<A> {
        &self.entries[slot as usize]
    }

    fn entry_mut(&mut self, slot: u32) -> &mut Entry<A> {
        &mut self.entries[slot as usize]
    }

    /// An entry without action and links, for the caller to fill.
    fn claim_entry(&mut self) -> Option<u32> {
        let slot = self.vacant;
        if slot != NONE {
            let entry = self.entry_mut(slot);
            let next = core::mem::replace(&mut entry.next, NONE);
            self.vacant = next;
            return Some(slot);
        }
        let slot = u32::try_from(self.entries.len()).ok();
        let slot = slot.filter(|slot| *slot != NONE)?;
        self.entries.try_reserve(1).ok()?;
        self.entries.push(Entry {
            deadline: Time::ZERO,
            seq: 0,
            child: NONE,
            next: NONE,
            prev: NONE,
            generation: 0,
            home: 0,
            class: TimerClass::Wake,
            action: None,
        });
        Some(slot)
    }

    /// Takes a live timer out of its heap and vacates its entry.
    fn remove(&mut self, slot: u32) -> Option<A> {
        self.unlink(slot);
        self.len -= 1;
        let vacant = self.vacant;
        let entry = self.entry_mut(slot);
        let action = entry.action.take();
        // An entry whose generation would wrap is never used again: a key from four billion timers
        // ago could otherwise match a new one. Its old keys find it without an action.
        if let Some(generation) = entry.generation.checked_add(1) {
            entry.generation = generation;
            entry.next = vacant;
            self.vacant = slot;
        }
        action
    }
}

#[cfg(test)]
#[path = "wheel_tests.rs"]
mod tests;
