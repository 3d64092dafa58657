//! A runtime small enough to explore: one driver, one queue, a clock that stands still unless it is set.
//!
//! Everything up to the first `thread::spawn` of a model runs without alternatives, so setting the
//! scene costs no interleavings.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Poll, Waker};

use asupersync_core::queue::{Fifo, Inbox};
use asupersync_core::{Config, CxBase, Driver, Executor, Platform, Ran, Runnable, Spawner, Time};
use loom::sync::Notify;
use loom::thread::{self, ThreadId};

/// The world of a [`Rig`]: its clock, and the bell that ends a wait.
pub struct World {
    now: AtomicU64,
    bell: Notify,
}

impl World {
    /// A world at time zero.
    pub fn new() -> Arc<Self> {
        Arc::new(Self {
            now: AtomicU64::new(0),
            bell: Notify::new(),
        })
    }

    /// Moves the clock.
    pub fn set_now(&self, now: Time) {
        self.now.store(now.as_nanos(), Ordering::SeqCst);
    }

    /// Waits until somebody calls `pend`, or for no reason.
    pub fn wait(&self) {
        self.bell.wait();
    }
}

impl Platform for World {
    fn now(&self) -> Time {
        Time::from_nanos(self.now.load(Ordering::SeqCst))
    }

    fn arm(&self, _deadline: Option<Time>) {}

    fn pend(&self) {
        self.bell.notify();
    }

    fn entropy(&self) -> u64 {
        1
    }
}

/// The shared half: one inbox, and a bell that rings on every push.
struct Shared {
    inbox: Inbox,
    world: Arc<World>,
}

impl Executor for Shared {
    fn schedule(&self, task: Runnable) {
        self.inbox.push(task);
        self.world.pend();
    }

    fn interrupt(&self) {
        self.world.pend();
    }

    fn capacity(&self) -> usize {
        8
    }
}

/// A driver and its queue.
pub struct Rig {
    /// The driver.
    pub driver: Driver,
    queue: Fifo,
    shared: Arc<Shared>,
    /// Its world.
    pub world: Arc<World>,
}

impl Default for Rig {
    fn default() -> Self {
        Self::new()
    }
}

impl Rig {
    /// A runtime with nothing in it.
    pub fn new() -> Self {
        let world = World::new();
        let shared = Arc::new(Shared {
            inbox: Inbox::new(),
            world: Arc::clone(&world),
        });
        let platform: Arc<dyn Platform> = Arc::<World>::clone(&world);
        let executor: Arc<dyn Executor> = Arc::<Shared>::clone(&shared);
        Self {
            driver: Driver::new(platform, executor, Config::default(), None),
            queue: Fifo::new(),
            shared,
            world,
        }
    }

    /// What will be left when the runtime is dropped.
    pub fn remains(&self) -> Remains {
        Remains(Arc::clone(&self.shared))
    }

    /// A spawner into the root region.
    pub fn spawner(&self) -> Spawner {
        self.driver.spawner()
    }

    /// Polls until nothing is runnable.
    pub fn run(&mut self) {
        loop {
            self.driver.fire_timers(8);
            self.shared.inbox.drain_into(&mut self.queue);
            let Some(task) = self.queue.pop_front() else {
                return;
            };
            self.poll(task);
        }
    }

    /// Takes what is queued, for a model that has queues of its own.
    pub fn take_queued(&mut self) -> Vec<Runnable> {
        self.shared.inbox.drain_into(&mut self.queue);
        std::iter::from_fn(|| self.queue.pop_front()).collect()
    }

    /// Polls one task that was taken.
    pub fn poll(&mut self, task: Runnable) {
        match self.driver.run(task) {
            Ok(Ran::Again(task)) => self.queue.push_back(task),
            Ok(Ran::Done | Ran::Idle) => {}
            Err(foreign) => panic!("{foreign}"),
        }
    }

    /// Polls and waits until `done`. A wake that is lost on the way is a deadlock, which loom reports.
    pub fn run_until(&mut self, mut done: impl FnMut() -> bool) {
        loop {
            self.run();
            if done() {
                return;
            }
            self.world.wait();
        }
    }
}

/// What an executor still has when its driver is gone: an inbox that late wakes may have reached.
pub struct Remains(Arc<Shared>);

impl Remains {
    /// Empties the inbox, and says whether the runtime's memory is freed.
    pub fn are_all(self) -> bool {
        self.0.inbox.drain(drop);
        Arc::strong_count(&self.0) == 1
    }
}

impl Drop for Rig {
    /// The queues first, as an executor owes it to its driver.
    fn drop(&mut self) {
        self.shared.inbox.drain_into(&mut self.queue);
        while let Some(task) = self.queue.pop_front() {
            drop(task);
        }
    }
}

/// Waits for cancellation and for nothing else, then ends.
pub async fn until_cancelled(cx: &CxBase) {
    std::future::poll_fn(|_| match cx.checkpoint() {
        Ok(()) => Poll::Pending,
        Err(_) => Poll::Ready(()),
    })
    .await;
}

/// A door that the model opens: for waits inside tasks. It is not itself modelled, so it adds no
/// interleavings but those of the wake.
#[derive(Default)]
pub struct Door(Mutex<(bool, Option<Waker>)>);

impl Door {
    /// A closed door.
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// Waits until it is open, whatever is cancelled meanwhile.
    pub async fn pass(&self) {
        std::future::poll_fn(|task| {
            // Before the lock, which is not modelled: no thread may be stopped inside.
            let waker = task.waker().clone();
            let mut state = self.state();
            if state.0 {
                drop(state);
                return Poll::Ready(());
            }
            let before = state.1.replace(waker);
            drop(state);
            drop(before);
            Poll::Pending
        })
        .await;
    }

    /// Opens it and wakes who waits.
    pub fn open(&self) {
        let waker = {
            let mut state = self.state();
            state.0 = true;
            state.1.take()
        };
        if let Some(waker) = waker {
            waker.wake();
        }
    }

    fn state(&self) -> MutexGuard<'_, (bool, Option<Waker>)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// How often values were dropped, and by which thread the last time.
#[derive(Debug, Default)]
pub struct Drops {
    count: AtomicUsize,
    by: Mutex<Option<ThreadId>>,
}

impl Drops {
    /// How often.
    pub fn count(&self) -> usize {
        self.count.load(Ordering::SeqCst)
    }

    /// Whether the last drop was this thread's.
    pub fn were_here(&self) -> bool {
        self.were_by(thread::current().id())
    }

    /// Whether the last drop was that thread's.
    pub fn were_by(&self, thread: ThreadId) -> bool {
        let by = self.by.lock().unwrap_or_else(PoisonError::into_inner);
        *by == Some(thread)
    }
}

/// A value that counts its drops.
#[derive(Debug)]
pub struct Value(Arc<Drops>);

impl Value {
    /// A value whose drop is counted in `drops`.
    pub fn new(drops: &Arc<Drops>) -> Self {
        Self(Arc::clone(drops))
    }
}

impl Drop for Value {
    fn drop(&mut self) {
        self.0.count.fetch_add(1, Ordering::SeqCst);
        let mut by = self.0.by.lock().unwrap_or_else(PoisonError::into_inner);
        *by = Some(thread::current().id());
    }
}
