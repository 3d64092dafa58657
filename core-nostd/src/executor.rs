//! `Executor`: the shared half of an executor, the one that wakers talk to.
//!
//! Owns the trait and its obligations. The other half, which polls, is a loop around
//! [`Driver::run`](crate::Driver::run); see `executors/local` for the reference one.

use crate::task::Runnable;

/// Whether a runtime may have several drivers; without the feature the code for them is left out.
pub(crate) const THREADS: bool = cfg!(any(feature = "threads", loom));

/// Takes runnable tasks from any thread and hands them to a driver.
///
/// # Obligations
/// - `schedule` is infallible: it may not refuse, block, allocate or poll inline. The storage for
///   every admitted task is its own queue link ([`queue`](crate::queue)), so no queue can overflow. An
///   executor that needs memory for tasks with a deadline has it from `admit_timed` on.
/// - Every scheduled task is handed to [`Driver::run`](crate::Driver::run) (or a worker's) eventually, by *any* call
///   that drives: a queue that only one kind of driver looks at loses work.
/// - Both methods may be called from any thread and from within a poll, also after the driver is
///   gone. A [`Runnable`] that is dropped instead of run is handed back to its region and
///   dropped with the driver.
/// - A task with a [`home`](Runnable::home) is queued for that driver, which is woken if it sleeps, whoever else is
///   awake: nobody can take it over.
/// - The lane, deadline and priority of a task are read when it is queued; they may not be
///   re-read while it waits.
pub trait Executor: Send + Sync {
    /// Queues a task. It is in no other queue.
    fn schedule(&self, task: Runnable);

    /// Interrupts a sleeping driver: something other than a task needs a turn (a nearer timer).
    fn interrupt(&self);

    /// How many tasks may be live at once: the admission limit.
    fn capacity(&self) -> usize;

    /// Makes room for one more task that has a deadline, on the way of its spawn and on the spawning thread: from here
    /// on it can always be queued. `home`: the only driver that may poll it, if there is one.
    ///
    /// `false`: there is no memory, and the spawn is refused. Executors whose timed lane needs none keep the default.
    fn admit_timed(&self, home: Option<usize>) -> bool {
        let _ = home;
        true
    }

    /// A task that [`admit_timed`](Self::admit_timed) made room for has ended, or there was no memory for the task
    /// itself. It is in no queue.
    fn release_timed(&self, home: Option<usize>) {
        let _ = home;
    }

    /// How many threads drive: those of the [`Worker`](crate::Worker)s, numbered from zero in the order in which the
    /// driver gave them out, and the one of the [`Driver`](crate::Driver), which is the last. Constant. More than one
    /// takes the feature `threads`.
    fn drivers(&self) -> usize {
        1
    }

    /// Whether the calling thread drives this runtime at the moment. `false` also where the executor cannot tell: what
    /// the kernel does with it is to find a use of a `Cx` in another task than its own while both are polled (R-OWN-5).
    fn is_driving(&self) -> bool {
        false
    }

    /// The number, below [`drivers`](Self::drivers), of the driver that calls; any of them, but always the same, on
    /// a thread that drives nothing. The kernel keeps apart by it what threads would otherwise contend for.
    fn current(&self) -> usize {
        0
    }
}
