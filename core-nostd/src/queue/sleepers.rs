//! Which of several drivers sleep, how many look for work, and who is woken for a push.
//!
//! Owns the protocol by which a push that comes while a driver falls asleep is not lost, and the throttle that keeps
//! a burst of pushes from waking everybody. It blocks nobody: to wait, and to end a wait, is the platform's.
//!
//! A driver is *working*, *searching* (it found its own queues empty and looks at those of others) or *sleeping*. A
//! push wakes a sleeper only if nobody searches. That one becomes a searcher; who stops searching because it found
//! something, and was the last, has the next one woken, so that a burst wakes as many as it takes.
//!
//! | who | writes | fence | reads |
//! |---|---|---|---|
//! | a push | a queue | `SeqCst` | the counts: somebody asleep, nobody searching? |
//! | a driver that falls asleep | the counts | `SeqCst` | every queue |
//!
//! One of the two sees the other (loom model `push_vs_searcher`).

use alloc::vec::Vec;

use crate::mutants::mutant;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering, fence};

const SEARCHING: usize = 1;
const SLEEPING: usize = 1 << (usize::BITS / 2);

/// The drivers of one runtime, by number.
#[derive(Debug)]
pub struct Sleepers {
    /// How many search, and in the upper half how many sleep.
    counts: AtomicUsize,
    /// Who sleeps; the last to fall asleep is woken first, since its memory is the warmest.
    asleep: Mutex<Vec<usize>>,
    drivers: usize,
}

impl Sleepers {
    /// `drivers` drivers, of which none sleeps.
    pub fn new(drivers: usize) -> Self {
        Self {
            counts: AtomicUsize::new(0),
            // All the room there will ever be need for: a push never allocates.
            asleep: Mutex::new(Vec::with_capacity(drivers)),
            drivers,
        }
    }

    /// Asked after a push: which driver the caller has to wake for it, as a searcher.
    #[inline]
    #[must_use = "the driver waits to be woken"]
    pub fn to_wake(&self) -> Option<usize> {
        if !mutant!(WakeUnfenced) {
            fence(Ordering::SeqCst);
        }
        // A plain load, not an update: the line stays shared while everybody works.
        if self.nobody_comes(Ordering::Relaxed) {
            self.pick()
        } else {
            None
        }
    }

    /// Whether somebody sleeps and nobody searches.
    #[inline]
    fn nobody_comes(&self, order: Ordering) -> bool {
        let counts = self.counts.load(order);
        counts >= SLEEPING && counts % SLEEPING == 0
    }

    #[cold]
    fn pick(&self) -> Option<usize> {
        let mut asleep = self.asleep.lock();
        if !self.nobody_comes(Ordering::SeqCst) {
            return None;
        }
        let driver = asleep.pop()?;
        self.counts
            .fetch_sub(SLEEPING - SEARCHING, Ordering::SeqCst);
        Some(driver)
    }

    /// Wakes this very driver: it has work that only it may do. `true`: it slept, and the caller wakes it.
    #[must_use = "the driver waits to be woken"]
    pub fn wake(&self, driver: usize) -> bool {
        fence(Ordering::SeqCst);
        if self.counts.load(Ordering::Relaxed) < SLEEPING {
            return false;
        }
        let mut asleep = self.asleep.lock();
        let Some(place) = asleep.iter().position(|&other| other == driver) else {
            return false;
        };
        asleep.remove(place);
        self.counts
            .fetch_sub(SLEEPING - SEARCHING, Ordering::SeqCst);
        true
    }

    /// The driver's queues are empty. `true`: it may search those of others; at most half of those awake do.
    #[must_use]
    pub fn start_searching(&self) -> bool {
        let counts = self.counts.load(Ordering::SeqCst);
        let awake = self.drivers - counts / SLEEPING;
        if 2 * (counts % SLEEPING) >= awake {
            return false;
        }
        self.counts.fetch_add(SEARCHING, Ordering::SeqCst);
        true
    }

    /// A searcher found something. The driver that the caller has to wake, to search on in its place.
    #[must_use = "the driver waits to be woken"]
    pub fn stop_searching(&self) -> Option<usize> {
        let counts = self.counts.fetch_sub(SEARCHING, Ordering::SeqCst);
        if counts % SLEEPING == SEARCHING && !mutant!(LastSearcherLeaves) {
            self.to_wake()
        } else {
            None
        }
    }

    /// The driver found nothing and wants to sleep. From here on pushes count on nobody but those who still search, so
    /// it looks at every queue once more, and says [`stay_awake`](Self::stay_awake) if one of them has something.
    pub fn fall_asleep(&self, driver: usize, was_searching: bool) {
        let mut asleep = self.asleep.lock();
        asleep.push(driver);
        let searching = if was_searching { SEARCHING } else { 0 };
        self.counts
            .fetch_add(SLEEPING - searching, Ordering::SeqCst);
        drop(asleep);
        fence(Ordering::SeqCst);
    }

    /// A driver is awake again, by its own account. `true`: somebody picked it meanwhile, so it is a searcher.
    #[must_use = "a searcher has to stop searching"]
    pub fn stay_awake(&self, driver: usize) -> bool {
        let mut asleep = self.asleep.lock();
        match asleep.iter().position(|&other| other == driver) {
            Some(place) => {
                asleep.remove(place);
                self.counts.fetch_sub(SLEEPING, Ordering::SeqCst);
                false
            }
            None => true,
        }
    }

    /// Has nobody sleep: for the end of a runtime. Calls `each`, outside the lock, with those that slept.
    pub fn wake_all(&self, mut each: impl FnMut(usize)) {
        while let Some(driver) = self.asleep.lock().pop() {
            self.counts
                .fetch_sub(SLEEPING - SEARCHING, Ordering::SeqCst);
            each(driver);
        }
    }
}
