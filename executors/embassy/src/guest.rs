//! `Guest`: the local executor's turns as futures of a host.
//!
//! Owns when a turn is taken and what is waited for in between. Each poll of the host is one bounded
//! turn. The order of steps keeps wakes from being lost:
//!
//! 1. the host's waker is registered: `Platform::pend` finds it from here on;
//! 2. the turn drains the inbox, and raises the sleep flag last (`Queues::rest`);
//! 3. a push from then on sees the flag and pends; one before then was drained, or turned
//!    the turn's answer into `More`.

use alloc::sync::Arc;
use core::fmt;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::Poll;

use asupersync_core::trace::Sink;
use asupersync_core::{Config, Error, LocalRegion, Platform, Spawner, Stats, TaskError};
use asupersync_local::{LocalDriver, Turn};

use crate::host::Host;
use crate::platform::GuestPlatform;

/// How many tasks one poll of the host polls, unless told otherwise.
const POLLS_PER_TURN: u32 = 128;

/// A runtime that is polled by a host executor.
///
/// Not `Send`: it belongs to the host's thread on which it was made. Dropping it drops every future in it;
/// [`shut_down`](Self::shut_down) first for an orderly end.
pub struct Guest<H: Host> {
    driver: LocalDriver,
    platform: Arc<GuestPlatform<H>>,
    polls: u32,
}

impl<H: Host> Guest<H> {
    /// A runtime in `host` that admits at most `capacity` tasks at once; the body of [`run`](Self::run) is one.
    pub fn new(host: H, capacity: usize) -> Self {
        Self::with_config(host, capacity, Config::default(), None)
    }

    /// [`new`](Self::new) with settings, and a sink for trace events.
    pub fn with_config(host: H, capacity: usize, config: Config, sink: Option<Sink>) -> Self {
        let platform = Arc::new(GuestPlatform::new(host));
        let world: Arc<dyn Platform> = Arc::<GuestPlatform<H>>::clone(&platform);
        Self {
            driver: LocalDriver::with_config(world, capacity, config, sink),
            platform,
            polls: POLLS_PER_TURN,
        }
    }

    /// How many tasks one poll of the host polls before the host has control again; at least one.
    ///
    /// Fewer let the host's other tasks in sooner, more cost less per task. 128 unless set.
    #[must_use]
    pub fn polls_per_turn(mut self, polls: u32) -> Self {
        self.polls = polls.max(1);
        self
    }

    /// Runs `body` in a region of its own until it, and everything in it, has ended; gives its value.
    ///
    /// Tasks in the runtime's root region ([`spawner`](Self::spawner)) are driven too, and wait for the next
    /// `run` afterwards. What wakes the guest may come from any thread or interrupt.
    ///
    /// # Errors
    /// The severity join of the body and its children, as for [`Cx::region`](asupersync_core::Cx::region);
    /// `E::from(SpawnError)` if the runtime is at capacity or was asked to stop.
    ///
    /// # Cancel safety
    /// Dropped half-way, it asks the body to stop, and the guest is as good as before: the body cleans up in the polls
    /// of the next `run`, or of [`shut_down`](Self::shut_down).
    pub async fn run<T, E, F>(&mut self, body: F) -> Result<T, E>
    where
        T: 'static,
        E: TaskError,
        F: AsyncFnOnce(&LocalRegion<E>) -> Result<T, E> + 'static,
    {
        let mut main = self.driver.start(body)?;
        self.drive(|_| main.try_result()).await
    }

    /// Asks every task to stop and returns the last counters when the root region is closed (R-CAN-7).
    ///
    /// Takes at most the cleanup budgets, unless a task blocks in a poll or the host does not poll.
    ///
    /// # Cancel safety
    /// Dropped half-way, it drops the guest, and every future that is left.
    pub async fn shut_down(mut self) -> Stats {
        self.driver.request_shutdown();
        self.drive(|driver| driver.is_shut_down().then(|| driver.stats()))
            .await
    }

    /// Spawns into the root region, from any thread; what it spawns runs while the guest is polled.
    pub fn spawner(&self) -> Spawner<Error> {
        self.driver.spawner()
    }

    /// The runtime's counters.
    pub fn stats(&self) -> Stats {
        self.driver.stats()
    }

    /// The executor underneath.
    pub fn driver(&self) -> &LocalDriver {
        &self.driver
    }

    /// Takes one turn per poll until, after one of them, `ended` gives a value.
    async fn drive<R>(&mut self, mut ended: impl FnMut(&LocalDriver) -> Option<R>) -> R {
        let Self {
            driver,
            platform,
            polls,
        } = self;
        let _line = Line(platform);
        let mut timer = pin!(None::<H::Timer>);
        let mut timer_at = None;
        poll_fn(|cx| {
            platform.listen(cx.waker());
            let turn = driver.turn(*polls);
            if let Some(value) = ended(driver) {
                return Poll::Ready(value);
            }
            let is_due = match turn {
                Turn::More => true,
                Turn::Idle(until) => {
                    if timer_at != until {
                        timer.set(until.map(|at| platform.host.timer(at)));
                        timer_at = until;
                    }
                    let polled = timer.as_mut().as_pin_mut().map(|timer| timer.poll(cx));
                    matches!(polled, Some(Poll::Ready(())))
                }
            };
            if is_due {
                // A finished timer may not be polled again, and a busy guest needs none.
                timer.set(None);
                timer_at = None;
                cx.waker().wake_by_ref();
            }
            Poll::Pending
        })
        .await
    }
}

impl<H: Host> fmt::Debug for Guest<H> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Guest")
            .field("stats", &self.stats())
            .finish_non_exhaustive()
    }
}

/// The line to the host's waker, for as long as a future of the guest lives: a waker kept longer would keep the host's
/// task in memory.
struct Line<'a, H>(&'a GuestPlatform<H>);

impl<H> Drop for Line<'_, H> {
    fn drop(&mut self) {
        self.0.hang_up();
    }
}
