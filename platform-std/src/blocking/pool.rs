//! `BlockingPool`: threads that run what would block a driver.
//!
//! Owns the settings, the threads and their loop. Which job waits and which thread may leave is decided by the
//! queue; what a job means to a region, by the call. Threads are started when they are needed and leave
//! when they were idle for a while.

use std::fmt;
use std::io;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;
use std::time::Duration;

use asupersync_core::ObligationToken;

use super::error::BlockingError;
use super::queue::{JobQueue, Limits, Refused, Ticket};

/// What a pool runs. Dropped unrun, it tells its waiter that the pool has stopped.
pub(super) trait Job: Send {
    /// Runs it. Catches its panics.
    fn run(self: Box<Self>) -> Ended;
    /// Tells its waiter that it will not run.
    fn refuse(self: Box<Self>, why: BlockingError);
}

/// A job that has run.
pub(super) struct Ended {
    /// It panicked, or its value did when it was dropped.
    pub(super) panicked: bool,
    /// Still open.
    pub(super) token: ObligationToken,
}

/// What a new thread is to run.
pub type ThreadBody = Box<dyn FnOnce() + Send>;

type StartThread = dyn Fn(thread::Builder, ThreadBody) -> io::Result<()> + Send + Sync;

/// Settings of the pool of threads that a runtime blocks on.
///
/// ```
/// use asupersync_std::{BlockingBuilder, Runtime};
/// use std::num::NonZeroUsize;
///
/// let few = BlockingBuilder::new().threads_max(NonZeroUsize::MIN);
/// let runtime = Runtime::builder().blocking(few).on_one_thread();
/// # drop(runtime);
/// ```
#[derive(Clone)]
#[must_use = "a builder does nothing until a runtime is built with it"]
pub struct BlockingBuilder {
    limits: Limits,
    thread_name: String,
    stack_size: Option<usize>,
    start: Arc<StartThread>,
}

impl Default for BlockingBuilder {
    fn default() -> Self {
        let limits = Limits {
            threads_max: 256,
            waiting_max: 64 * 1024,
            idle_max: Some(Duration::from_secs(10)),
        };
        Self {
            limits,
            thread_name: String::from("blocking"),
            stack_size: None,
            start: Arc::new(|builder, body| builder.spawn(body).map(drop)),
        }
    }
}

impl BlockingBuilder {
    /// The defaults: at most 256 threads, 65,536 calls that wait for one, 10 seconds of idle time.
    pub fn new() -> Self {
        Self::default()
    }

    /// How many threads there may be.
    pub fn threads_max(mut self, threads: NonZeroUsize) -> Self {
        self.limits.threads_max = threads.get();
        self
    }

    /// How many calls may wait while every thread is busy; past that, calls fail with
    /// [`AtCapacity`](BlockingError::AtCapacity).
    pub fn waiting_max(mut self, calls: usize) -> Self {
        self.limits.waiting_max = calls;
        self
    }

    /// How long a thread without work stays; `None`: until the runtime shuts down.
    pub fn idle_max(mut self, time: impl Into<Option<Duration>>) -> Self {
        self.limits.idle_max = time.into();
        self
    }

    /// How the threads are called: this name, a hyphen and a number.
    pub fn thread_name(mut self, name: impl Into<String>) -> Self {
        self.thread_name = name.into();
        self
    }

    /// The stack of each thread, in bytes; std's default otherwise.
    pub fn stack_size(mut self, bytes: usize) -> Self {
        self.stack_size = Some(bytes);
        self
    }

    /// How a thread is started, for hosts that pin threads or count them.
    ///
    /// `start` gets a builder with name and stack size set. It must run the body on a thread of its own,
    /// or give an error: a body that is dropped unrun leaves its call waiting for ever.
    pub fn start_threads_with(
        mut self,
        start: impl Fn(thread::Builder, ThreadBody) -> io::Result<()> + Send + Sync + 'static,
    ) -> Self {
        self.start = Arc::new(start);
        self
    }

    pub(crate) fn build(self) -> BlockingPool {
        BlockingPool(Arc::new(Shared {
            queue: JobQueue::new(self.limits),
            started: AtomicUsize::new(0),
            builder: self,
        }))
    }
}

impl fmt::Debug for BlockingBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("BlockingBuilder")
            .field("limits", &self.limits)
            .field("thread_name", &self.thread_name)
            .field("stack_size", &self.stack_size)
            .finish_non_exhaustive()
    }
}

/// A look at the counters of a pool.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct BlockingStats {
    /// Threads now, those included that are being started.
    pub threads: usize,
    /// The most threads there ever were.
    pub threads_peak: usize,
    /// Threads that wait for work.
    pub idle: usize,
    /// Calls that wait for a thread.
    pub waiting: usize,
    /// Closures that run.
    pub running: usize,
    /// Calls that a thread has ended.
    pub finished: u64,
    /// Of those: closures that panicked, or whose value did when it was dropped.
    pub panicked: u64,
    /// Values, and panics, that nobody took, since the waiter was gone; they were dropped (R-IO-3).
    pub late: u64,
    /// Calls taken back before they started.
    pub withdrawn: u64,
    /// Calls that were refused: too many waiting, no thread, or the pool was stopped.
    pub refused: u64,
    /// Threads that left since they had nothing to do.
    pub retired: u64,
    /// Threads that the host did not give.
    pub start_failures: u64,
}

/// The pool itself; every capability that blocks holds it.
#[derive(Clone)]
pub(crate) struct BlockingPool(Arc<Shared>);

struct Shared {
    queue: JobQueue<Box<dyn Job>>,
    /// Numbers the threads.
    started: AtomicUsize,
    builder: BlockingBuilder,
}

impl BlockingPool {
    pub(super) fn submit(&self, job: Box<dyn Job>) -> Result<Ticket, BlockingError> {
        match self.0.queue.submit(job) {
            Ok(submitted) => {
                if submitted.start {
                    self.start_thread();
                }
                Ok(submitted.ticket)
            }
            Err(Refused::Full(job)) => {
                drop(job);
                Err(BlockingError::AtCapacity)
            }
            Err(Refused::Stopped(job)) => {
                drop(job);
                Err(BlockingError::Stopped)
            }
        }
    }

    pub(super) fn withdraw(&self, ticket: Ticket) -> Option<Box<dyn Job>> {
        self.0.queue.withdraw(ticket)
    }

    pub(super) fn count_late(&self) {
        self.0.queue.count_late();
    }

    pub(crate) fn stats(&self) -> BlockingStats {
        let counts = self.0.queue.counts();
        BlockingStats {
            threads: counts.threads,
            threads_peak: counts.threads_peak,
            idle: counts.idle,
            waiting: counts.waiting,
            running: counts.running,
            finished: counts.finished,
            panicked: counts.panicked,
            late: counts.late,
            withdrawn: counts.withdrawn,
            refused: counts.refused,
            retired: counts.retired,
            start_failures: counts.start_failures,
        }
    }

    /// Takes no calls any more, drops those that wait, and sends idle threads away.
    pub(crate) fn stop(&self) {
        drop(self.0.queue.stop());
    }

    /// [`stop`](Self::stop), and waits for the threads to be gone.
    ///
    /// Called when the root region is closed: what still runs then was abandoned, and is not waited for.
    pub(crate) fn stop_and_wait(&self) {
        self.stop();
        self.0.queue.wait_until_left();
    }

    fn start_thread(&self) {
        let shared = Arc::clone(&self.0);
        let started = self.0.start_thread(Box::new(move || shared.work()));
        let Err(error) = started else { return };
        let error = Arc::new(error);
        for job in self.0.queue.start_failed() {
            job.refuse(BlockingError::NoThread(Arc::clone(&error)));
        }
    }
}

impl Shared {
    fn start_thread(&self, body: ThreadBody) -> io::Result<()> {
        let settings = &self.builder;
        let number = self.started.fetch_add(1, Ordering::Relaxed);
        let mut builder = thread::Builder::new().name(format!("{}-{number}", settings.thread_name));
        if let Some(bytes) = settings.stack_size {
            builder = builder.stack_size(bytes);
        }
        (settings.start)(builder, body)
    }

    /// The loop of a thread.
    fn work(&self) {
        self.queue.arrived();
        while let Some(job) = self.queue.next() {
            let Ended { panicked, token } = job.run();
            // Counted before the region may close, so that who sees it closed sees the counts.
            self.queue.finished(panicked);
            // `false`: abandoned meanwhile, which the region has reported.
            let _ = token.commit();
        }
    }
}

impl fmt::Debug for BlockingPool {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.stats().fmt(f)
    }
}
