//! `Runtime`: a runtime that the host's event loop drives.
//!
//! Owns the handle. There is no `block_on`: nobody may block here, so what ends later says so by a call.

use alloc::boxed::Box;
use alloc::rc::Rc;
use alloc::sync::Arc;
use core::fmt;
use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;

use asupersync_core::trace::Sink;
use asupersync_core::{
    Cancelled, Config, CxBase, Diagnostic, Error, LocalRegion, MainTask, Spawner, Stats, TaskError,
};
use asupersync_local::LocalDriver;

use crate::host::{self, with_loop};
use crate::pace::Entry;
use crate::platform::Browser;
use crate::seat::Seat;

/// What a runtime is made with.
pub struct Options {
    /// How many tasks may live at once.
    pub capacity: usize,
    /// The kernel's settings. A finer `timer_tick` than the default here, a millisecond, serves nobody: no host has finer timers.
    pub config: Config,
    /// What its tasks may ask the host for; everything, if not said.
    #[cfg(all(feature = "browser-io", target_arch = "wasm32"))]
    pub io: crate::io::Grants,
    /// Takes trace events.
    pub sink: Option<Sink>,
    /// Shows a diagnostic to a person. Without it none is formatted, and the module is smaller.
    pub report: Option<fn(&Diagnostic)>,
}

impl Default for Options {
    fn default() -> Self {
        let mut config = Config::default();
        config.timer_tick = Duration::from_millis(1);
        Self {
            capacity: 1 << 16,
            config,
            #[cfg(all(feature = "browser-io", target_arch = "wasm32"))]
            io: crate::io::Grants::ALL,
            sink: None,
            report: None,
        }
    }
}

impl fmt::Debug for Options {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Options")
            .field("capacity", &self.capacity)
            .finish_non_exhaustive()
    }
}

/// A runtime on this instance's event loop.
///
/// Not `Send`. Dropping it drops its tasks, from within one of them at the end of the pump; for an orderly end
/// [`shut_down`](Self::shut_down), for none [`leave_running`](Self::leave_running).
pub struct Runtime {
    /// `None` once the handle has no say any more.
    seat: Option<Rc<Seat>>,
    spawner: Spawner<Error>,
}

impl Runtime {
    /// A runtime that admits at most `capacity` tasks at once.
    pub fn new(capacity: usize) -> Self {
        Self::with_options(Options {
            capacity,
            ..Options::default()
        })
    }

    /// A runtime made with `options`.
    pub fn with_options(options: Options) -> Self {
        #[cfg(all(target_arch = "wasm32", feature = "std"))]
        crate::panics::hook();
        let epoch = host::now();
        let browser = Arc::new(Browser {
            epoch,
            report: options.report,
        });
        let config = options.config;
        #[cfg(all(feature = "browser-io", target_arch = "wasm32"))]
        let config = options.io.give(config);
        let driver = LocalDriver::with_config(browser, options.capacity, config, options.sink);
        let spawner = driver.spawner();
        let seat = Rc::new(Seat::new(driver, epoch));
        with_loop(|event_loop| {
            event_loop.join(Rc::clone(&seat));
            // A driver that has never had a turn is not asleep, so wakes would not pend.
            event_loop.pend();
        });
        Self {
            seat: Some(seat),
            spawner,
        }
    }

    /// Spawns into the root region, which lives as long as the runtime.
    pub fn spawner(&self) -> Spawner<Error> {
        self.spawner.clone()
    }

    /// Runs `body` in a region of its own, and calls `then` when it, and everything in it, has ended.
    ///
    /// Returns at once; the first poll comes with the next pump. `then` gets the body's error, or
    /// `E::from(SpawnError)` if the runtime is at capacity or shuts down. It is dropped uncalled with the runtime.
    pub fn start<T, E, F>(&self, body: F, then: impl FnOnce(Result<T, E>) + 'static)
    where
        T: 'static,
        E: TaskError,
        F: AsyncFnOnce(&LocalRegion<E>) -> Result<T, E> + 'static,
    {
        let Some(seat) = &self.seat else { return };
        let mut stage = Stage::Waits(body);
        let mut then = Some(then);
        let mut end = move |result| {
            if let Some(then) = then.take() {
                then(result);
            }
            true
        };
        seat.add(Box::new(move |driver: &mut LocalDriver| {
            match stage.advance(driver) {
                Some(result) => end(result),
                None => false,
            }
        }));
        with_loop(|event_loop| event_loop.pend());
    }

    /// Asks every task to stop, and calls `then` with the last counters when all have ended.
    pub fn shut_down(mut self, then: impl FnOnce(Stats) + 'static) {
        if let Some(seat) = self.seat.take() {
            seat.close(Box::new(then));
            with_loop(|event_loop| event_loop.pend());
        }
    }

    /// Gives the runtime to the event loop: it runs for as long as the page, the worker or the process.
    pub fn leave_running(mut self) {
        self.seat = None;
    }

    /// The counters; `None` from within a task, when they are about to change.
    pub fn stats(&self) -> Option<Stats> {
        self.seat.as_ref()?.stats()
    }
}

/// A body on its way: it needs the driver to be started, and is asked after each turn.
enum Stage<F, T, E: TaskError> {
    Waits(F),
    Runs(MainTask<T, E>),
    Ended,
}

impl<F, T, E> Stage<F, T, E>
where
    T: 'static,
    E: TaskError,
    F: AsyncFnOnce(&LocalRegion<E>) -> Result<T, E> + 'static,
{
    /// The result, once.
    fn advance(&mut self, driver: &mut LocalDriver) -> Option<Result<T, E>> {
        match core::mem::replace(self, Self::Ended) {
            Self::Waits(body) => match driver.start(body) {
                Ok(task) => *self = Self::Runs(task),
                Err(refused) => return Some(Err(E::from(refused))),
            },
            Self::Runs(mut task) => match task.try_result() {
                None => *self = Self::Runs(task),
                result => return result,
            },
            Self::Ended => {}
        }
        None
    }
}

impl Drop for Runtime {
    fn drop(&mut self) {
        let Some(seat) = self.seat.take() else { return };
        if seat.drop_driver() {
            with_loop(|event_loop| event_loop.leave(&seat));
        }
    }
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// Lets the host in: runs `call`, then what it made runnable, before it returns.
///
/// For exports of an app: without it the work waits for a microtask. From within a poll only `call` is run.
pub fn enter<R>(entry: Entry, call: impl FnOnce() -> R) -> R {
    with_loop(|event_loop| event_loop.enter(entry, call))
}

/// Gives the host a turn: timers, frames, messages and input come before this task goes on.
///
/// Costs a macrotask, microseconds; [`CxBase::yield_now`] gives a turn to other tasks, for nanoseconds. A task that
/// never does either still leaves the host a turn every 5 ms.
///
/// # Errors
/// [`Cancelled`] if this context was asked to stop.
///
/// # Cancel safety
/// Dropping the wait loses nothing.
pub async fn yield_to_host(cx: &CxBase) -> Result<(), Cancelled> {
    let before = with_loop(|event_loop| event_loop.macrotasks());
    cx.until_cancelled(poll_fn(|task| {
        with_loop(|event_loop| {
            if event_loop.macrotasks() != before {
                return Poll::Ready(());
            }
            event_loop.at_macrotask(task.waker());
            Poll::Pending
        })
    }))
    .await
}
