//! The shared half: where a task goes that becomes runnable, and which driver is woken for it.

use std::sync::Arc;
use std::sync::atomic::AtomicUsize as Counter;

use asupersync_core::lanes::Lane;
use asupersync_core::queue::{Ring, Sleepers, Timed};
use asupersync_core::{Executor, Runnable};

use crate::host::Host;
use crate::local;
use crate::mutants::mutant;
use crate::shard::Shard;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering, fence};

/// Nobody keeps watch.
const NOBODY: usize = usize::MAX;

/// The queues of all drivers of one pool: its workers first, then the thread of its driver.
pub(crate) struct Queues {
    pub(crate) shards: Box<[Shard]>,
    /// The timed lane, one for all drivers: the earliest deadline of the pool is served first.
    pub(crate) timed: Timed,
    pub(crate) sleepers: Sleepers,
    /// The driver that waits for time and I/O on behalf of all.
    watch: AtomicUsize,
    /// Workers leave.
    stop: AtomicBool,
    /// The driver's own thread waits for the root region's end.
    closing: AtomicBool,
    /// Deals the shards out to the threads that drive nothing.
    dealt: Counter,
    pub(crate) host: Arc<dyn Host>,
    capacity: usize,
}

impl Queues {
    /// The queues of drivers that own `rings`; the last of them is the driver's own thread.
    pub(crate) fn new(rings: &[Ring], host: Arc<dyn Host>, capacity: usize) -> Self {
        Self {
            shards: rings.iter().map(Shard::of).collect(),
            timed: Timed::new(),
            sleepers: Sleepers::new(rings.len()),
            watch: AtomicUsize::new(NOBODY),
            stop: AtomicBool::new(false),
            closing: AtomicBool::new(false),
            dealt: Counter::new(0),
            host,
            capacity,
        }
    }

    /// The number of the driver's own thread.
    pub(crate) fn home(&self) -> usize {
        self.shards.len() - 1
    }

    /// What tells this pool's threads from another's.
    pub(crate) fn id(&self) -> usize {
        std::ptr::from_ref(self).addr()
    }

    /// Whether driver `driver` would find something to do anywhere. Part of how it falls asleep.
    pub(crate) fn has_work(&self, driver: usize) -> bool {
        !self.timed.is_empty()
            || (!self.shards[driver].pinned.is_empty() && !mutant!(PinnedUnseen))
            || self.shards.iter().any(|shard| !shard.is_empty())
    }

    /// Wakes a driver for a task that was queued, if none is on its way to it.
    #[inline]
    pub(crate) fn wake_one(&self) {
        if let Some(driver) = self.sleepers.to_wake() {
            self.host.notify(driver);
        }
    }

    /// Wakes one driver, if it sleeps.
    fn wake(&self, driver: usize) {
        if self.sleepers.wake(driver) {
            self.host.notify(driver);
        }
    }

    // ------------------------------------------------------------ the watch

    /// `true`: the driver, which has said that it falls asleep, waits for time and I/O on behalf of all. The next
    /// deadline has to be read after this.
    pub(crate) fn take_watch(&self, driver: usize) -> bool {
        let (done, failed) = (Ordering::SeqCst, Ordering::Relaxed);
        let taken = self.watch.compare_exchange(NOBODY, driver, done, failed);
        // Pairs with the fence of `interrupt`.
        fence(Ordering::SeqCst);
        taken.is_ok()
    }

    /// The driver is awake again.
    pub(crate) fn leave_watch(&self, driver: usize) {
        let (done, failed) = (Ordering::SeqCst, Ordering::Relaxed);
        let _ = self.watch.compare_exchange(driver, NOBODY, done, failed);
    }

    // ------------------------------------------------------------ the end

    /// From here on the driver's own thread is woken when the root region may have ended.
    pub(crate) fn begin_closing(&self) {
        self.closing.store(true, Ordering::SeqCst);
    }

    /// Has the workers leave their loops.
    pub(crate) fn stop(&self) {
        self.stop.store(true, Ordering::SeqCst);
        self.sleepers.wake_all(|driver| self.host.notify(driver));
    }

    pub(crate) fn is_stopped(&self) -> bool {
        self.stop.load(Ordering::SeqCst)
    }

    /// Hands every queued task back to its region.
    pub(crate) fn clear(&self) {
        let timed = self.shards.iter().map(|shard| &shard.pinned_timed);
        for timed in timed.chain([&self.timed]) {
            while let Some(task) = timed.pop() {
                drop(task);
            }
        }
        for shard in &self.shards {
            shard.pinned.drain(drop);
            for queue in [&shard.ready, &shard.cancel] {
                while let Some(task) = queue.pop() {
                    drop(task);
                }
            }
        }
    }

    // ------------------------------------------------------------ scheduling

    /// The timed lane of tasks that only driver `home` may poll, or of those that any may.
    fn timed_lane(&self, home: Option<usize>) -> &Timed {
        home.map_or(&self.timed, |home| &self.shards[home].pinned_timed)
    }

    /// The shard of the calling thread.
    fn shard(&self) -> &Shard {
        &self.shards[self.current()]
    }

    /// Queues a ready task with the driver that polls on this thread. `Err`: this thread drives nothing.
    #[inline]
    fn schedule_here(&self, task: Runnable) -> Result<(), Runnable> {
        let mut task = Some(task);
        let displaced = local::with(self.id(), |local| {
            let displaced = task.take().and_then(|task| local.replace_next(task))?;
            let full = local.ring.borrow_mut().push(displaced).err();
            if let Some(task) = full {
                self.shards[local.driver].ready.push(task);
            }
            Some(())
        });
        // What is in the slot alone is this driver's next task: nobody need come for it.
        if displaced.flatten().is_some() {
            self.wake_one();
        }
        task.map_or(Ok(()), Err)
    }
}

impl Executor for Queues {
    #[inline]
    fn schedule(&self, task: Runnable) {
        if let Some(home) = task.home() {
            self.shards[home].pinned.push(task);
            // This very driver, whoever searches: nobody else may take the task.
            return match mutant!(PinnedWakesAnybody) {
                true => self.wake_one(),
                false => self.wake(home),
            };
        }
        match task.lane() {
            Lane::Ready => match self.schedule_here(task) {
                Ok(()) => return,
                Err(task) => self.shard().ready.push(task),
            },
            Lane::Cancel => self.shard().cancel.push(task),
            Lane::Timed => self.timed.push(task),
        }
        self.wake_one();
    }

    fn interrupt(&self) {
        // What the caller wrote, then the watch; `take_watch` has it the other way round.
        fence(Ordering::SeqCst);
        let watch = self.watch.load(Ordering::SeqCst);
        if watch != NOBODY {
            self.wake(watch);
        }
        if self.closing.load(Ordering::SeqCst) && !mutant!(LastEndUntold) {
            self.wake(self.home());
        }
    }

    fn capacity(&self) -> usize {
        self.capacity
    }

    fn admit_timed(&self, home: Option<usize>) -> bool {
        self.timed_lane(home).admit()
    }

    fn release_timed(&self, home: Option<usize>) {
        self.timed_lane(home).release();
    }

    fn drivers(&self) -> usize {
        self.shards.len()
    }

    fn is_driving(&self) -> bool {
        local::with(self.id(), |_| ()).is_some()
    }

    fn current(&self) -> usize {
        let elsewhere = || {
            // Workers always drive; the driver's own thread does so only at times, unless it is alone.
            let shards = self.home().max(1);
            let first = || self.dealt.fetch_add(1, Ordering::Relaxed);
            local::home(first) % shards
        };
        local::with(self.id(), |local| local.driver).unwrap_or_else(elsewhere)
    }
}
