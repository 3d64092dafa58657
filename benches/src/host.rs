//! The peers' ways to drive futures, so that a workload names a runtime in one line.

use embassy_executor::raw::TaskStorage;
use embassy_executor::{Executor, Spawner};
use std::future::Future;

/// tokio's one-thread scheduler without timers and I/O, which no workload uses.
pub fn tokio() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_current_thread()
        .build()
        .expect("a current_thread runtime needs no resources")
}

/// tokio's scheduler on two threads, without timers and I/O.
pub fn tokio_threads() -> tokio::runtime::Runtime {
    tokio::runtime::Builder::new_multi_thread()
        .worker_threads(2)
        .build()
        .expect("the host has threads")
}

/// The limit: async-task cells in a thread-local FIFO, popped in a loop. No park, no fairness, no shutdown.
pub mod raw {
    use async_task::{Runnable, Task};
    use std::cell::RefCell;
    use std::collections::VecDeque;
    use std::future::Future;

    thread_local! {
        static QUEUE: RefCell<VecDeque<Runnable>> = const { RefCell::new(VecDeque::new()) };
    }

    // A function item has size zero: a schedule closure that captured the queue would clone and drop a waker per wake.
    fn enqueue(runnable: Runnable) {
        QUEUE.with_borrow_mut(|queue| queue.push_back(runnable));
    }

    /// Puts a task at the end of the queue.
    pub fn spawn<F>(future: F) -> Task<F::Output>
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let (runnable, task) = async_task::spawn(future, enqueue);
        runnable.schedule();
        task
    }

    /// Runs tasks until this one is done.
    pub fn block_on<F>(future: F) -> F::Output
    where
        F: Future + Send + 'static,
        F::Output: Send + 'static,
    {
        let root = spawn(future);
        while !root.is_finished() {
            assert!(
                step(),
                "the root task waits for something that no queued task will do"
            );
        }
        futures_lite::future::block_on(root)
    }

    /// Runs tasks until none is queued.
    pub fn run_until_idle() {
        while step() {}
    }

    fn step() -> bool {
        let next = QUEUE.with_borrow_mut(VecDeque::pop_front);
        next.map(Runnable::run).is_some()
    }
}

/// Static storage for `count` embassy tasks with futures of type `F`. The storage is leaked once and reused in every
/// round, as firmware does. The `task` macro would do the same with a linear search for a free slot at each spawn,
/// which with thousands of tasks would measure the search.
pub fn embassy_storage<F: Future + 'static>(count: u64) -> &'static [TaskStorage<F>] {
    Vec::leak((0..count).map(|_| TaskStorage::new()).collect())
}

/// Spawns into one slot of [`embassy_storage`].
pub fn embassy_spawn<F: Future + 'static>(
    spawner: Spawner,
    slot: &'static TaskStorage<F>,
    future: impl FnOnce() -> F,
) {
    spawner.spawn(slot.spawn(future).expect("the slot's last task has ended"));
}

/// Runs embassy's executor until `done`. It has to live forever, hence a leaked one (about 100 bytes) a round.
pub fn embassy_run(init: impl FnOnce(Spawner), done: impl FnMut() -> bool) {
    Box::leak(Box::new(Executor::new())).run_until(init, done);
}
