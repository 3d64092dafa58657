//! `Readiness`: what a driver knows about a socket, and who waits to hear it.
//!
//! Owns one word of bits, a count of the driver's news, and the wakers of both directions. It does not own a
//! socket and tries nothing: [`operation`](crate::operation) does, and clears what turned out to be stale. Any
//! thread may call it.
//!
//! | bits | set by | cleared by | meaning |
//! |---|---|---|---|
//! | `READABLE`, `WRITABLE` | driver | an attempt that found the host not ready | an attempt may succeed |
//! | `READ_CLOSED`, `WRITE_CLOSED` | driver | as above | nothing more will come (or go): attempts say so |
//! | `READ_WAITS`, `WRITE_WAITS` | a waiter, under the lock | driver, with the news; the last waiter that leaves | the list of the direction may hold wakers |
//! | the rest | driver, one up with each news | never | tells an attempt whether news came while it was made |
//!
//! # Why no wake is lost
//! - A waiter puts its waker into the list, then raises `WAITS` and sees the bits in the same step. The driver
//!   sets the bits and takes `WAITS` down in one step. Whichever comes second sees the first.
//! - An attempt that found the host not ready clears the bits only if no news came since it looked at them: news
//!   may be about what came after the attempt.
//! - The list is taken whole when there is news: with several waiters in a direction each gets to try, and those
//!   that find nothing wait again.

use alloc::vec::Vec;
use core::fmt;
use core::task::{Poll, Waker};

use asupersync_core::HostObject;

// Counts, not part of the protocol: loom need not see them.
use core::sync::atomic::AtomicU8;
use core::sync::atomic::Ordering::Relaxed;

use crate::mutants::mutant;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};

/// How many attempts in a row go without a wait before the task lets the others run.
const STREAK_MAX: u8 = 64;

const READABLE: usize = 1 << 0;
const WRITABLE: usize = 1 << 1;
const READ_CLOSED: usize = 1 << 2;
const WRITE_CLOSED: usize = 1 << 3;
const READ_WAITS: usize = 1 << 4;
const WRITE_WAITS: usize = 1 << 5;
const NEWS: usize = 1 << 6;

/// The direction that an operation waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Interest {
    /// Reading, receiving, accepting.
    Read,
    /// Writing, sending, being connected.
    Write,
}

impl Interest {
    const fn ready(self) -> usize {
        match self {
            Self::Read => READABLE,
            Self::Write => WRITABLE,
        }
    }

    const fn any(self) -> usize {
        match self {
            Self::Read => READABLE | READ_CLOSED,
            Self::Write => WRITABLE | WRITE_CLOSED,
        }
    }

    const fn waits(self) -> usize {
        match self {
            Self::Read => READ_WAITS,
            Self::Write => WRITE_WAITS,
        }
    }
}

/// News from a driver about a socket.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Ready {
    /// There may be something to read, to receive or to accept, or an error to be told.
    pub readable: bool,
    /// There may be room to write, or a connect has come to its end.
    pub writable: bool,
    /// The peer writes no more. Once set, a read never finds the host not ready.
    pub read_closed: bool,
    /// Nothing can be written any more. Once set, a write never finds the host not ready.
    pub write_closed: bool,
}

impl Ready {
    /// Both directions may go on.
    pub const BOTH: Self = Self {
        readable: true,
        writable: true,
        read_closed: false,
        write_closed: false,
    };

    const fn bits(self) -> usize {
        let mut bits = 0;
        if self.readable {
            bits |= READABLE;
        }
        if self.writable {
            bits |= WRITABLE;
        }
        if self.read_closed {
            bits |= READ_CLOSED;
        }
        if self.write_closed {
            bits |= WRITE_CLOSED;
        }
        bits
    }
}

/// Up to which news an attempt is informed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Seen(usize);

/// Where a waiter's waker is in the list of its direction.
#[derive(Debug, PartialEq, Eq)]
pub struct Place(u32);

impl Place {
    /// The place of one that does not wait yet.
    pub const fn new() -> Self {
        Self(0)
    }

    /// The one place of a direction for waits that cannot say when they give up: the last waker counts.
    pub(crate) const fn poll() -> Self {
        Self(u32::MAX)
    }
}

impl Default for Place {
    fn default() -> Self {
        Self::new()
    }
}

struct Waiter {
    place: u32,
    waker: Waker,
}

/// The waiters of one direction. Mostly there is one.
#[derive(Default)]
struct Waiters {
    first: Option<Waiter>,
    more: Vec<Waiter>,
    last_place: u32,
}

impl Waiters {
    /// Puts a waker in its place; what it replaces comes back, to be dropped outside the lock.
    fn put(&mut self, place: &mut Place, waker: Waker) -> Option<Waker> {
        if place.0 == 0 {
            self.last_place = self.last_place % (u32::MAX - 1) + 1;
            place.0 = self.last_place;
        }
        let place = place.0;
        let held = self.first.iter_mut().chain(&mut self.more);
        if let Some(held) = held.into_iter().find(|waiter| waiter.place == place) {
            return Some(core::mem::replace(&mut held.waker, waker));
        }
        let waiter = Waiter { place, waker };
        if self.first.is_none() {
            self.first = Some(waiter);
        } else {
            self.more.push(waiter);
        }
        None
    }

    fn remove(&mut self, place: &Place) -> Option<Waiter> {
        if self
            .first
            .as_ref()
            .is_some_and(|first| first.place == place.0)
        {
            return self.first.take();
        }
        let at = self.more.iter().position(|held| held.place == place.0)?;
        Some(self.more.swap_remove(at))
    }

    fn is_empty(&self) -> bool {
        self.first.is_none() && self.more.is_empty()
    }

    fn take(&mut self) -> Woken {
        Woken {
            first: self.first.take(),
            more: core::mem::take(&mut self.more),
        }
    }
}

/// Wakers on their way out of the lock. Dropping it wakes them, also when one of them panics.
#[derive(Default)]
struct Woken {
    first: Option<Waiter>,
    more: Vec<Waiter>,
}

impl Drop for Woken {
    fn drop(&mut self) {
        struct Rest(Vec<Waiter>);
        impl Drop for Rest {
            fn drop(&mut self) {
                while let Some(waiter) = self.0.pop() {
                    waiter.waker.wake();
                }
            }
        }
        let _rest = Rest(core::mem::take(&mut self.more));
        if let Some(waiter) = self.first.take() {
            waiter.waker.wake();
        }
    }
}

/// What a driver knows about a socket, and who waits to hear it. See the table in the source.
pub struct Readiness {
    state: AtomicUsize,
    waiters: Mutex<[Waiters; 2]>,
    object: HostObject,
    /// Attempts in a row, per direction, that did not have to wait. Not part of the protocol.
    streaks: [AtomicU8; 2],
}

impl Readiness {
    /// The cell of a socket about which `ready` is known.
    ///
    /// To presume that a socket is ready costs one attempt; not to presume it costs a wait for the first news.
    pub fn new(ready: Ready) -> Self {
        Self {
            state: AtomicUsize::new(ready.bits()),
            waiters: Mutex::new(Default::default()),
            object: HostObject::new(),
            streaks: Default::default(),
        }
    }

    /// The socket's name in traces.
    pub fn object(&self) -> &HostObject {
        &self.object
    }

    /// Whether a task that never has to wait for this socket should let the others run first.
    ///
    /// Two tasks may miscount each other's: that moves a yield, no more.
    #[inline]
    pub(crate) fn is_streak_over(&self, interest: Interest) -> bool {
        let streak = &self.streaks[interest as usize];
        let next = streak.load(Relaxed).wrapping_add(1) % STREAK_MAX;
        streak.store(next, Relaxed);
        next == 0
    }

    #[inline]
    pub(crate) fn end_streak(&self, interest: Interest) {
        self.streaks[interest as usize].store(0, Relaxed);
    }

    /// News from the driver. Wakes who waits for it, with no lock held.
    pub fn set(&self, ready: Ready) {
        let news = ready.bits();
        let mut told = 0;
        for interest in [Interest::Read, Interest::Write] {
            if news & interest.any() != 0 {
                told |= interest.waits();
            }
        }
        // Release: what the driver did before is seen by the attempt that the bits cause. Acquire: the list
        // of whoever raised `WAITS`.
        let change = |now: usize| Some((now | news).wrapping_add(NEWS) & !told);
        let (done, failed) = (Ordering::AcqRel, Ordering::Relaxed);
        let before = match self.state.fetch_update(done, failed, change) {
            Ok(before) | Err(before) => before,
        };
        let waiting = before & told;
        if waiting == 0 {
            return;
        }
        let _woken = {
            let mut waiters = self.waiters.lock();
            [Interest::Read, Interest::Write].map(|interest| {
                if waiting & interest.waits() == 0 {
                    return Woken::default();
                }
                waiters[interest as usize].take()
            })
        };
    }

    /// Whether an attempt may succeed, without waiting.
    #[inline]
    pub fn look(&self, interest: Interest) -> Option<Seen> {
        let state = self.state.load(Ordering::Acquire);
        (state & interest.any() != 0).then_some(Seen(state))
    }

    /// Whether an attempt may succeed; if not, `waker` is woken with the next news about it.
    ///
    /// A waiter that gives up says so with [`leave`](Self::leave).
    #[inline]
    pub fn poll_ready(&self, interest: Interest, place: &mut Place, waker: &Waker) -> Poll<Seen> {
        match self.look(interest) {
            Some(seen) => {
                // If it waited: the news that set the bits also take the list, so there is no place to leave.
                *place = Place::new();
                Poll::Ready(seen)
            }
            None => self.wait(interest, place, waker.clone()),
        }
    }

    fn wait(&self, interest: Interest, place: &mut Place, waker: Waker) -> Poll<Seen> {
        let (before, _old) = {
            let mut waiters = self.waiters.lock();
            let list = &mut waiters[interest as usize];
            let replaced = list.put(place, waker);
            // Release: the waker is in the list for the driver that sees the bit. Acquire: what the driver
            // did before it set the bits that this step sees.
            let before = self.state.fetch_or(interest.waits(), Ordering::AcqRel);
            if before & interest.any() == 0 || mutant!(ReadyLooksFirst) {
                (None, replaced)
            } else {
                // The driver may have looked before the bit was up: nobody has to wake this one any more.
                let own = list.remove(place).map(|waiter| waiter.waker);
                *place = Place::new();
                self.settle(interest, list);
                (Some(before), own)
            }
        };
        before.map_or(Poll::Pending, |state| Poll::Ready(Seen(state)))
    }

    /// A waiter gives up. Nothing happens if its waker was taken meanwhile.
    pub fn leave(&self, interest: Interest, place: &Place) {
        if *place == Place::new() {
            return;
        }
        let _waiter = {
            let mut waiters = self.waiters.lock();
            let list = &mut waiters[interest as usize];
            let waiter = list.remove(place);
            self.settle(interest, list);
            waiter
        };
    }

    /// Takes `WAITS` down if nobody waits. Under the lock, so that no waiter is overlooked.
    fn settle(&self, interest: Interest, list: &Waiters) {
        if list.is_empty() || mutant!(LeaveForgetsOthers) {
            // Relaxed: nothing is handed over; the lock orders it with the other waiters.
            self.state.fetch_and(!interest.waits(), Ordering::Relaxed);
        }
    }

    /// An attempt that had `seen` found the host not ready. Without effect if news came since.
    #[inline]
    pub fn clear(&self, interest: Interest, seen: Seen) {
        self.clear_bits(interest.any(), seen);
    }

    /// An attempt that had `seen` took all there was: the next one would find the host not ready, unless the
    /// direction is closed. Without effect if news came since.
    #[inline]
    pub fn drained(&self, interest: Interest, seen: Seen) {
        self.clear_bits(interest.ready(), seen);
    }

    #[inline]
    fn clear_bits(&self, bits: usize, seen: Seen) {
        let mut now = self.state.load(Ordering::Relaxed);
        let is_news = |now: usize| now / NEWS != seen.0 / NEWS && !mutant!(NewsForgotten);
        while !is_news(now) && now & bits != 0 {
            // Relaxed: only the bits themselves are at stake, and one word has one order.
            match self.state.compare_exchange_weak(
                now,
                now & !bits,
                Ordering::Relaxed,
                Ordering::Relaxed,
            ) {
                Ok(_) => return,
                Err(changed) => now = changed,
            }
        }
    }
}

impl fmt::Debug for Readiness {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let state = self.state.load(Ordering::Relaxed);
        f.debug_struct("Readiness")
            .field("readable", &(state & Interest::Read.any() != 0))
            .field("writable", &(state & Interest::Write.any() != 0))
            .finish_non_exhaustive()
    }
}
