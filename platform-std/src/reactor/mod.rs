//! `Reactor`: waits for the host's news about sockets and wakes the tasks that wait for them.
//!
//! Owns the poller, the table of sources and the one wait. It knows neither tasks nor operations: a source is a
//! [`Readiness`] cell, and the types above try and wait. Runtimes call [`wait`](Reactor::wait) where they would
//! sleep, [`poll`](Reactor::poll) now and then while they are busy, [`notify`](Reactor::notify) to end a wait.
//!
//! ```text
//!  a task                       the reactor                        the thread that waits
//!  (1) attempt: not ready
//!  (2) waker into the cell
//!                               (3) events, by key <-------------- wait
//!                               (4) key -> cell, or stale
//!  (6) attempt again <--------- (5) cell.set: bits, then wakers, no lock held
//! ```
//!
//! Sources are registered once, for both directions, edge-triggered where the host can: a wait then costs no system
//! call of its own, only the attempt that found nothing.

mod net;
mod poller;
mod socket;
#[cfg(test)]
mod tests;

use std::fmt;
use std::io;
use std::sync::atomic::{AtomicU8, AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, TryLockError};
use std::time::Instant;

use asupersync_io::driver::Table;
use asupersync_io::{Readiness, Ready};

pub(crate) use net::HostNet;
use poller::{Arming, Events, Patience, Poller, Source};

/// Nobody waits.
const IDLE: u8 = 0;
/// A thread waits: to notify takes a system call.
const WAITING: u8 = 1;
/// The wait under way, or the next one, ends at once.
const NOTIFIED: u8 = 2;

/// One registered source.
#[derive(Debug)]
struct Entry {
    readiness: Readiness,
    arming: Arming,
}

/// The host's I/O events, for one runtime. Any thread may use it; one at a time waits.
pub struct Reactor {
    poller: Poller,
    table: Mutex<Table<Arc<Entry>>>,
    waiter: Mutex<Waiter>,
    state: AtomicU8,
    events: AtomicU64,
    stale: AtomicU64,
    waits: AtomicU64,
    interrupts: AtomicU64,
}

/// What the thread that waits works with.
struct Waiter {
    events: Events,
    /// Kept for its memory.
    news: Vec<(Arc<Entry>, Ready)>,
}

/// A look at a reactor's counters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub struct ReactorStats {
    /// Sources registered now.
    pub sources: usize,
    /// Events of sources that the host reported.
    pub events: u64,
    /// Events about sources that were gone; they woke nobody (R-IO-3).
    pub stale: u64,
    /// Times that the host was asked, waiting or not.
    pub waits: u64,
    /// Waits that a notification had to end.
    pub interrupts: u64,
}

impl Reactor {
    /// A reactor without sources.
    ///
    /// # Errors
    /// The host's, when it has no handles or no memory for it.
    pub fn new() -> io::Result<Arc<Self>> {
        Ok(Arc::new(Self {
            poller: Poller::new()?,
            table: Mutex::new(Table::new()),
            waiter: Mutex::new(Waiter {
                events: Events::new(),
                news: Vec::new(),
            }),
            state: AtomicU8::new(IDLE),
            events: AtomicU64::new(0),
            stale: AtomicU64::new(0),
            waits: AtomicU64::new(0),
            interrupts: AtomicU64::new(0),
        }))
    }

    /// Waits for events until `until`, or without end, and wakes who they are for.
    ///
    /// Ends early, also without an event, at a [`notify`](Self::notify). One thread waits at a time: `false`
    /// means that another one does, and nothing was waited for.
    ///
    /// # Errors
    /// The host's. It has none for a poller that is used as it is here.
    pub fn wait(&self, until: Option<Instant>) -> io::Result<bool> {
        let Some(mut waiter) = self.try_waiter() else {
            return Ok(false);
        };
        // Acquire: what was done before the notification is seen by whoever looks after this returns.
        let (waits, notified) = (Ordering::SeqCst, Ordering::Acquire);
        if self
            .state
            .compare_exchange(IDLE, WAITING, waits, notified)
            .is_ok()
        {
            let patience = until.map_or(Patience::Endless, Patience::Until);
            let found = self.poller.wait(&mut waiter.events, patience);
            // The tasks that are woken here notify: their thread is this one, and awake. A swap, so that what was
            // done before a notification that it overwrites is seen below all the same.
            self.state.swap(NOTIFIED, Ordering::SeqCst);
            let delivered = found.map(|()| self.deliver(&mut waiter));
            self.state.swap(IDLE, Ordering::SeqCst);
            delivered?;
        } else {
            self.state.swap(IDLE, Ordering::SeqCst);
        }
        Ok(true)
    }

    /// Takes the events that are there, without waiting, and wakes who they are for. Does nothing while another
    /// thread waits.
    ///
    /// # Errors
    /// As [`wait`](Self::wait).
    pub fn poll(&self) -> io::Result<()> {
        if let Some(mut waiter) = self.try_waiter() {
            self.poller.wait(&mut waiter.events, Patience::None)?;
            self.deliver(&mut waiter);
        }
        Ok(())
    }

    /// Ends the wait under way, or else the next one before it begins. From any thread; costs one atomic step
    /// when nobody waits.
    ///
    /// What the caller did before is seen by the thread whose wait it ends.
    pub fn notify(&self) {
        if self.state.swap(NOTIFIED, Ordering::SeqCst) == WAITING {
            self.interrupts.fetch_add(1, Ordering::Relaxed);
            // An eventfd that is open takes one more: there is nobody to tell.
            let _ = self.poller.interrupt();
        }
    }

    /// The counters.
    pub fn stats(&self) -> ReactorStats {
        ReactorStats {
            sources: self.table().len(),
            events: self.events.load(Ordering::Relaxed),
            stale: self.stale.load(Ordering::Relaxed),
            waits: self.waits.load(Ordering::Relaxed),
            interrupts: self.interrupts.load(Ordering::Relaxed),
        }
    }

    /// Takes the place of the waiting thread; a wait that panicked left it in order.
    fn try_waiter(&self) -> Option<MutexGuard<'_, Waiter>> {
        match self.waiter.try_lock() {
            Ok(waiter) => Some(waiter),
            Err(TryLockError::Poisoned(waiter)) => Some(waiter.into_inner()),
            Err(TryLockError::WouldBlock) => None,
        }
    }

    fn table(&self) -> MutexGuard<'_, Table<Arc<Entry>>> {
        self.table.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Tells the cells what the host told. The table's lock is not held while tasks are woken.
    fn deliver(&self, waiter: &mut Waiter) {
        let Waiter { events, news } = waiter;
        self.look_up(events.drain(), news);
        Delivery(news.drain(..)).go();
    }

    fn look_up(
        &self,
        events: impl Iterator<Item = (usize, Ready)>,
        news: &mut Vec<(Arc<Entry>, Ready)>,
    ) {
        let (mut told, mut stale) = (0, 0);
        let table = self.table();
        for (key, ready) in events {
            told += 1;
            match table.get(key) {
                Some(entry) => news.push((Arc::clone(entry), ready)),
                None => stale += 1,
            }
        }
        drop(table);
        self.waits.fetch_add(1, Ordering::Relaxed);
        self.events.fetch_add(told, Ordering::Relaxed);
        self.stale.fetch_add(stale, Ordering::Relaxed);
    }

    /// Registers a source, about which `ready` is presumed.
    fn register(self: &Arc<Self>, source: &impl Source, ready: Ready) -> io::Result<Registration> {
        let entry = Arc::new(Entry {
            readiness: Readiness::new(ready),
            arming: Arming::new(),
        });
        let Some(key) = self.table().insert(Arc::clone(&entry)) else {
            return Err(io::Error::from(io::ErrorKind::OutOfMemory));
        };
        if let Err(error) = self.poller.add(source, key) {
            self.table().remove(key);
            return Err(error);
        }
        Ok(Registration {
            reactor: Arc::clone(self),
            entry,
            key,
        })
    }
}

/// Cells with their news. What is left when a waker panics is delivered on the way out.
struct Delivery<'a>(std::vec::Drain<'a, (Arc<Entry>, Ready)>);

impl Delivery<'_> {
    fn go(&mut self) {
        for (entry, ready) in self.0.by_ref() {
            entry.readiness.set(entry.arming.heard(ready));
        }
    }
}

impl Drop for Delivery<'_> {
    fn drop(&mut self) {
        self.go();
    }
}

/// A source's entry in the table. Whoever has it ends it, once, before the source is closed.
struct Registration {
    reactor: Arc<Reactor>,
    entry: Arc<Entry>,
    key: usize,
}

impl Registration {
    fn end(&self, source: &impl Source) {
        // First the key, then the host: what it still tells about the source is stale.
        self.reactor.table().remove(self.key);
        // It fails only where the source is not registered, and then there is nothing to undo.
        let _ = self.reactor.poller.remove(source);
    }
}

impl fmt::Debug for Reactor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Reactor")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}
