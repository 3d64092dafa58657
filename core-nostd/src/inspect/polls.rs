//! `Polls`: which task each driver polls at this moment, for whoever watches from another thread.
//!
//! Owns one slot for each driver, which that driver alone writes: when a poll begins and when it ends, with plain stores,
//! no lock and no look at the clock. What is said in words is behind a lock, which only tasks that have a name or say
//! something take. Switched on by [`Config::watch_polls`](crate::Config::watch_polls); what a long poll means is the
//! matter of `stall`.
//!
//! A slot is a sequence lock. The number is odd during a poll. A poll's facts are stored while the number is even, and a
//! reader that finds the same odd number before and after reading has the facts of one poll.

use alloc::boxed::Box;

use crate::kernel::Config;
use crate::path::PathId;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};
use crate::sync::{Mutex, Name};
use crate::task::TaskRef;
use crate::time::Time;

/// Empty: nobody watches.
pub(crate) struct Polls(Box<[PollSlot]>);

/// What one driver polls. On a cache line of its own: its driver writes it at every poll.
#[derive(Debug)]
#[repr(align(64))]
pub struct PollSlot {
    /// Goes up by one when a poll begins, and when it ends.
    number: AtomicUsize,
    task: Name,
    region: Name,
    deadline: Name,
    /// Whether there is anything in `words`.
    has_words: AtomicBool,
    words: Mutex<Words>,
}

#[derive(Debug, Clone, Copy, Default)]
struct Words {
    name: Option<&'static str>,
    message: Option<&'static str>,
}

/// The facts of a poll.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Polled {
    /// The task.
    pub task: PathId,
    /// The region that owns it.
    pub region: PathId,
    /// When its time is over, its own or its region's; [`Time::MAX`] if never.
    pub deadline: Time,
    /// What it was named when it was spawned.
    pub name: Option<&'static str>,
    /// What it said last during this poll.
    pub message: Option<&'static str>,
}

impl Polls {
    pub(crate) fn new(config: &Config, drivers: usize) -> Self {
        let slots = if config.watch_polls { drivers } else { 0 };
        Self((0..slots).map(|_| PollSlot::new()).collect())
    }

    pub(crate) fn slots(&self) -> &[PollSlot] {
        &self.0
    }

    /// `driver` begins to poll. The poll lasts until what this gives is dropped.
    #[inline]
    pub(crate) fn begin(&self, driver: usize, polled: impl FnOnce() -> Polled) -> Option<Poll<'_>> {
        let slot = self.0.get(driver)?;
        slot.begin(polled());
        Some(Poll(slot))
    }

    /// The task, which `driver` polls, says where it is.
    pub(crate) fn say(&self, driver: usize, task: &TaskRef, message: &'static str) {
        let slot = self.0.get(driver);
        if let Some(slot) = slot.filter(|slot| slot.task.get() == task.path.as_u64()) {
            slot.say(message);
        }
    }
}

/// A poll that is under way; also a panic that comes through ends it.
pub(crate) struct Poll<'a>(&'a PollSlot);

impl Drop for Poll<'_> {
    #[inline]
    fn drop(&mut self) {
        self.0.end();
    }
}

impl PollSlot {
    /// A slot of a driver that polls nothing.
    pub fn new() -> Self {
        Self {
            number: AtomicUsize::new(0),
            task: Name::new(0),
            region: Name::new(0),
            deadline: Name::new(0),
            has_words: AtomicBool::new(false),
            words: Mutex::new(Words::default()),
        }
    }

    /// A poll begins. Only the slot's driver calls this, and not during another poll.
    #[inline]
    pub fn begin(&self, polled: Polled) {
        // A reader that sees anything stored below sees that the poll before is over, too.
        fence(Ordering::Release);
        let words = Words {
            name: polled.name,
            message: polled.message,
        };
        let has_words = words.name.is_some() || words.message.is_some();
        // Relaxed: only this thread writes it, and readers come by the number.
        if has_words || self.has_words.load(Ordering::Relaxed) {
            self.set_words(words, has_words);
        }
        self.task.set(polled.task.as_u64());
        self.region.set(polled.region.as_u64());
        self.deadline.set(polled.deadline.as_nanos());
        // Release: whoever reads the number finds the facts.
        self.step(Ordering::Release);
    }

    #[cold]
    fn set_words(&self, words: Words, has_words: bool) {
        *self.words.lock() = words;
        self.has_words.store(has_words, Ordering::Relaxed);
    }

    /// The poll is over. Only the slot's driver calls this.
    #[inline]
    pub fn end(&self) {
        // Relaxed: the fence of the next poll orders it before that one's facts.
        self.step(Ordering::Relaxed);
    }

    #[inline]
    fn step(&self, order: Ordering) {
        // Not a read-modify-write: nobody else writes it.
        let number = self.number.load(Ordering::Relaxed);
        self.number.store(number.wrapping_add(1), order);
    }

    /// The polled task says something. Only the slot's driver calls this.
    pub fn say(&self, message: &'static str) {
        self.words.lock().message = Some(message);
        self.has_words.store(true, Ordering::Relaxed);
    }

    /// The number of the poll that is under way.
    pub fn number(&self) -> Option<usize> {
        let number = self.number.load(Ordering::Relaxed);
        (number % 2 == 1).then_some(number)
    }

    /// The poll that is under way, if it is the one with this number.
    pub fn read(&self, number: usize) -> Option<Polled> {
        if self.number.load(Ordering::Acquire) != number {
            return None;
        }
        let words = match self.has_words.load(Ordering::Relaxed) {
            true => *self.words.lock(),
            false => Words::default(),
        };
        let polled = Polled {
            task: PathId::from_u64(self.task.get()),
            region: PathId::from_u64(self.region.get()),
            deadline: Time::from_nanos(self.deadline.get()),
            name: words.name,
            message: words.message,
        };
        // Pairs with the fence in `begin`: facts of a later poll come with a later number.
        fence(Ordering::Acquire);
        (self.number.load(Ordering::Relaxed) == number).then_some(polled)
    }
}

impl Default for PollSlot {
    fn default() -> Self {
        Self::new()
    }
}
