//! The kernel: what every region of one runtime shares. Clock, timers, admission, trace and counters.
//!
//! Owns the meeting of the two seams: it calls the [`Platform`] and the [`Executor`] and nobody
//! else does. It knows regions and tasks only as targets of timers.

use alloc::boxed::Box;
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::num::NonZeroU64;
use core::ops::Deref;
use core::task::Waker;
use core::time::Duration;

use crate::cancel::{CAUSE_DEPTH_MAX, CancelKind, CleanupBudgets};
use crate::capacity::Capacity;
use crate::diagnostic::Diagnostic;
use crate::executor::{Executor, THREADS};
use crate::homes::Homes;
use crate::inspect::{Polls, Registry};
use crate::mutants::mutant;
use crate::outcome::PanicPayload;
use crate::path::PathId;
use crate::platform::{Platform, guarded};
use crate::region::{self, Capabilities, Capability, RegionCore};
use crate::request::CancelRequest;
use crate::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use crate::sync::{Mutex, Name};
use crate::task::{self, Runnable, TaskRef};
use crate::time::Time;
use crate::timer::{Fired, TimerClaim, TimerClass, TimerKey, Timers};
use crate::trace::{EventKind, Sink};

/// What happens when an obligation is never resolved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum LeakResponse {
    /// The region ends as panicked. While a panic already unwinds, as `Log`.
    Panic,
    /// It is counted and shown through [`Platform::report`].
    #[default]
    Log,
    /// It is counted.
    Silent,
}

/// What a panic does beyond the task that it ends (R-PAN-1): every panic that the kernel catches counts, in a poll, in
/// a drop, in a finalizer and in a waker that the program made.
///
/// The kernel shuts down and keeps the panic; who runs a body asks [`Driver::panicked`](crate::Driver::panicked) when it
/// has ended, as the `Runtime` of `asupersync-std` does.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum PanicPolicy {
    /// Nothing: its region hears of it, and everything else runs on.
    #[default]
    Isolate,
    /// The runtime shuts down: the root region is cancelled with [`CancelKind::Shutdown`], everything cleans up, and
    /// who runs a body is given [`ChildEnded::Panicked`](crate::ChildEnded::Panicked) with the first panic's payload.
    ShutDown,
    /// The runtime shuts down, and the first panic goes on in who runs a body.
    Resume,
}

/// The settings of a runtime. The defaults suit a service on a host.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Config {
    /// Cancel turns in a row before other lanes get one.
    pub cancel_streak_limit: u32,
    /// How many links a chain of causes keeps.
    pub cause_depth_max: usize,
    /// How long what is asked to stop has to clean up, by kind.
    pub cleanup: CleanupBudgets,
    /// The time each finalizer has.
    pub finalizer_budget: Duration,
    /// How long a closing region waits for obligations that outlived its children.
    pub obligation_budget: Duration,
    /// What happens to obligations that are still open then.
    pub leak_response: LeakResponse,
    /// What a panic does beyond the task that it ends.
    pub panic_policy: PanicPolicy,
    /// Whether every use of a `Cx` checks that its own task is being polled (R-OWN-5).
    pub check_foreign_cx: bool,
    /// The timer wheel's finest step, rounded down to a power of two of nanoseconds; timers are exact, the
    /// tick only groups them.
    pub timer_tick: Duration,
    /// How late timers may fire so that several do so in one wake-up of a driver that sleeps; counts as the power of
    /// two nanoseconds below. Zero, the default: none is late on purpose. A driver that is awake fires them in time.
    pub timer_slack: Duration,
    /// Whether the runtime remembers what its [`Dump`](crate::Dump)s tell: a record of each live task, made and changed
    /// under a lock of its own. Spawns then need memory that they cannot be refused for.
    #[cfg(feature = "inspect")]
    pub inspect: bool,
    /// Whether each driver says which task it polls, for a [`StallWatch`](crate::StallWatch): a few stores per poll.
    #[cfg(feature = "inspect")]
    pub watch_polls: bool,
    /// What the root region holds; see [`grant`](Self::grant).
    pub(crate) capabilities: Arc<Capabilities>,
}

impl Config {
    /// Gives the root region a capability, and so every region below it that is not denied it: how a
    /// platform hands out what it can do.
    #[must_use]
    pub fn grant<C: Capability>(mut self, authority: C) -> Self {
        Arc::make_mut(&mut self.capabilities).grant(authority);
        self
    }
}

impl Default for Config {
    fn default() -> Self {
        Self {
            cancel_streak_limit: 16,
            cause_depth_max: CAUSE_DEPTH_MAX,
            cleanup: CleanupBudgets::default(),
            finalizer_budget: Duration::from_secs(1),
            obligation_budget: Duration::from_secs(2),
            leak_response: LeakResponse::Log,
            panic_policy: PanicPolicy::Isolate,
            check_foreign_cx: cfg!(debug_assertions),
            timer_tick: Duration::from_micros(1),
            timer_slack: Duration::ZERO,
            #[cfg(feature = "inspect")]
            inspect: false,
            #[cfg(feature = "inspect")]
            watch_polls: false,
            capabilities: Arc::new(Capabilities::root()),
        }
    }
}

/// Counters of a runtime since it began.
#[derive(Debug, Default)]
pub(crate) struct Counters {
    pub(crate) forced: AtomicUsize,
    pub(crate) leaked: AtomicUsize,
    pub(crate) abandoned: AtomicUsize,
    pub(crate) late_values: AtomicUsize,
    pub(crate) timers_fired: AtomicUsize,
    #[cfg(feature = "inspect")]
    pub(crate) stalls: AtomicUsize,
}

/// A look at a runtime's counters.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Stats {
    /// Tasks admitted and not yet ended.
    pub live: usize,
    /// Tasks, scopes and finalizers that were dropped because their cleanup budget was spent.
    pub forced: u64,
    /// Obligations that were never resolved.
    pub leaked: u64,
    /// Operations of the host that a region did not wait for to the end, as their callers had allowed.
    pub abandoned: u64,
    /// Values of race losers that nobody asked for.
    pub late_values: u64,
    /// Timers that fired.
    pub timers_fired: u64,
    /// Timers that wait.
    pub timers: usize,
    /// Polls that lasted so long that they were told of, where somebody watches.
    #[cfg(feature = "inspect")]
    pub stalls: u64,
}

pub(crate) struct Kernel {
    pub(crate) platform: Arc<dyn Platform>,
    executor: Arc<dyn Executor>,
    pub(crate) config: Config,
    sink: Option<Sink>,
    timers: Timers<TimerAction>,
    capacity: Capacity,
    pub(crate) stats: Counters,
    pub(crate) inspect: Registry,
    pub(crate) homes: Homes,
    /// As many as the executor said at first: what is kept apart by driver is sized by it.
    drivers: usize,
    pub(crate) polls: Polls,
    seed: u64,
    /// The root region, once it is made; for who has no other way there.
    root: Mutex<Weak<RegionCore>>,
    /// The first panic, where that shuts the runtime down.
    fatal: Mutex<Option<PanicPayload>>,
    /// The path of the task that each driver polls; kept up only for tasks that are observed.
    polling: Box<[Name]>,
    /// The driver is gone: nobody polls any more.
    dead: AtomicBool,
    /// `Some` once the driver is gone: regions whose tasks are still to be dropped.
    swept: Mutex<Option<Vec<Arc<RegionCore>>>>,
}

enum TimerAction {
    Wake(Waker),
    RegionDeadline(Weak<RegionCore>),
    RegionForce(Weak<RegionCore>),
    TaskDeadline(TaskRef),
    TaskForce(TaskRef),
}

/// What a timer does when it fires.
pub(crate) enum Alarm {
    RegionDeadline,
    RegionForce,
}

impl Kernel {
    pub(crate) fn new(
        platform: Arc<dyn Platform>,
        executor: Arc<dyn Executor>,
        config: Config,
        sink: Option<Sink>,
    ) -> Self {
        let tick = Time::ZERO.saturating_add(config.timer_tick).as_nanos();
        let start = platform.now();
        let drivers = executor.drivers().max(1);
        Self {
            timers: Timers::new(
                drivers,
                NonZeroU64::new(tick).unwrap_or(NonZeroU64::MIN),
                start,
            ),
            capacity: Capacity::new(executor.capacity().min(region::CHILDREN_MAX), drivers),
            seed: platform.entropy(),
            root: Mutex::new(Weak::new()),
            fatal: Mutex::new(None),
            polling: (0..drivers)
                .map(|_| Name::new(PathId::NOBODY.as_u64()))
                .collect(),
            dead: AtomicBool::new(false),
            swept: Mutex::new(None),
            stats: Counters::default(),
            inspect: Registry::new(&config),
            homes: Homes::new(if THREADS { drivers } else { 1 }),
            drivers,
            polls: Polls::new(&config, drivers),
            platform,
            executor,
            config,
            sink,
        }
    }

    /// What time it is: never earlier than what any driver has seen, whatever the clocks of two cores say. So who is woken
    /// by a timer finds that its time has come.
    pub(crate) fn now(&self) -> Time {
        let now = self.platform.now();
        now.max(self.timers.seen(now))
    }

    #[inline]
    pub(crate) fn schedule(&self, task: Runnable) {
        // Relaxed: a late wake that misses the flag leaves its task in a queue that is dropped whole.
        if self.dead.load(Ordering::Relaxed) {
            drop(task);
        } else {
            self.executor.schedule(task);
        }
    }

    /// Whether the driver is gone, and a sweep drops what is left.
    pub(crate) fn is_dead(&self) -> bool {
        self.dead.load(Ordering::Relaxed)
    }

    /// How many drivers there are.
    pub(crate) fn drivers(&self) -> usize {
        if THREADS { self.drivers } else { 1 }
    }

    /// Which driver calls.
    #[inline]
    pub(crate) fn driver(&self) -> usize {
        if THREADS { self.executor.current() } else { 0 }
    }

    /// Has a driver that sleeps take a turn.
    pub(crate) fn interrupt(&self) {
        self.executor.interrupt();
    }

    /// Whether events are recorded.
    #[inline]
    pub(crate) fn is_traced(&self) -> bool {
        cfg!(feature = "trace") && self.sink.is_some()
    }

    /// Whether each driver says which task it polls.
    #[inline]
    pub(crate) fn is_watched(&self) -> bool {
        #[cfg(feature = "inspect")]
        return self.config.watch_polls;
        #[cfg(not(feature = "inspect"))]
        false
    }

    /// Whether anybody looks at what a task does.
    pub(crate) fn is_observed(&self) -> bool {
        self.is_traced()
            || self.is_watched()
            || self.inspect.is_live()
            || self.config.check_foreign_cx
    }

    /// Records an event. `arg` is a closure so that untraced runs do not compute it.
    #[inline]
    pub(crate) fn emit(
        &self,
        kind: EventKind,
        actor: PathId,
        object: u64,
        arg: impl FnOnce() -> u64,
    ) {
        #[cfg(feature = "trace")]
        if let Some(sink) = &self.sink {
            sink.record(&crate::trace::Event {
                at: self.now(),
                actor,
                kind,
                object,
                arg: arg(),
            });
        }
        #[cfg(not(feature = "trace"))]
        let _ = (kind, actor, object, arg);
    }

    pub(crate) fn task_woken(&self, path: PathId) {
        self.emit(EventKind::TaskWoken, self.polling(), path.as_u64(), || 0);
    }

    /// The task that is being polled, if events are recorded: who wakes, and who spawns.
    pub(crate) fn polling(&self) -> PathId {
        if !self.is_traced() {
            return PathId::NOBODY;
        }
        let name = self.polling.get(self.driver());
        name.map_or(PathId::NOBODY, |name| PathId::from_u64(name.get()))
    }

    /// Whether the calling thread is known to poll another task than this one.
    pub(crate) fn polls_another(&self, task: PathId) -> bool {
        if !THREADS || !self.executor.is_driving() {
            return false;
        }
        let polled = self.polling.get(self.driver()).map(|name| name.get());
        polled.is_some_and(|polled| ![task, PathId::NOBODY].contains(&PathId::from_u64(polled)))
    }

    /// A task is polled by the driver that calls, until the guard goes.
    pub(crate) fn trace_poll(&self, task: PathId) -> Polling<'_> {
        self.set_polling(task);
        #[cfg(feature = "trace")]
        if let Some(sink) = &self.sink {
            sink.poll_begins(task);
        }
        Polling { kernel: self, task }
    }

    fn set_polling(&self, task: PathId) {
        if let Some(name) = self.polling.get(self.driver()) {
            name.set(task.as_u64());
        }
    }

    /// Tells the sink of a task what no event tells: its name.
    pub(crate) fn task_spawned(&self, task: PathId, region: PathId, name: Option<&'static str>) {
        #[cfg(feature = "trace")]
        if let Some(sink) = &self.sink {
            sink.task_spawned(task, region, name);
        }
        #[cfg(not(feature = "trace"))]
        let _ = (task, region, name);
    }

    pub(crate) fn report(&self, diagnostic: &Diagnostic) {
        self.platform.report(diagnostic);
    }

    /// Wakes whoever waits, on the kernel's own account. A waker that a program made may panic: that stays here.
    pub(crate) fn wake(&self, waker: Waker) {
        if task::waker::is_ours(&waker) {
            return waker.wake();
        }
        let mut waker = Some(waker);
        let woken = self.guarded(|| {
            if let Some(waker) = waker.take() {
                waker.wake();
            }
        });
        if let Err(payload) = woken {
            self.report(&Diagnostic::WakerPanicked { payload });
        }
    }

    // ------------------------------------------------------------ panics

    /// Runs what belongs to a user under the platform's guard.
    #[inline]
    pub(crate) fn guarded(&self, run: impl FnMut()) -> Result<(), PanicPayload> {
        let result = guarded(&*self.platform, run);
        if let Err(payload) = &result {
            self.panicked(payload);
        }
        result
    }

    /// Something panicked, and what held it has been told: does what the policy says beyond that.
    #[cold]
    pub(crate) fn panicked(&self, payload: &PanicPayload) {
        if self.config.panic_policy == PanicPolicy::Isolate {
            return;
        }
        let mut fatal = self.fatal.lock();
        if fatal.is_some() {
            return;
        }
        *fatal = Some(payload.clone());
        drop(fatal);
        let root = self.root.lock().upgrade();
        if let Some(root) = root {
            root.cancel_itself(CancelKind::Shutdown, "a panic shuts the runtime down");
        }
    }

    /// The panic that shut the runtime down.
    pub(crate) fn fatal(&self) -> Option<PanicPayload> {
        self.fatal.lock().clone()
    }

    pub(crate) fn set_root(&self, root: &Arc<RegionCore>) {
        *self.root.lock() = Arc::downgrade(root);
    }

    // ------------------------------------------------------------ admission

    /// Takes one of the runtime's task slots. `false`: it is at capacity, and nothing happened.
    #[must_use]
    #[inline]
    pub(crate) fn admit(&self) -> bool {
        self.capacity.admit(|| self.driver())
    }

    /// Admits clean-up work, which the limit does not apply to.
    pub(crate) fn admit_cleanup(&self) {
        self.capacity.admit_cleanup();
    }

    #[inline]
    pub(crate) fn release_admission(&self) {
        self.capacity.release(|| self.driver());
    }

    /// Makes room in the executor for a task with a deadline. `false`: there is no memory for it.
    #[must_use]
    pub(crate) fn admit_timed(&self, home: Option<usize>) -> bool {
        self.executor.admit_timed(home)
    }

    pub(crate) fn release_timed(&self, home: Option<usize>) {
        self.executor.release_timed(home);
    }

    // ------------------------------------------------------------ sweep

    /// The driver is gone: from here on, regions that lose their future are swept, not adopted.
    pub(crate) fn begin_sweep(&self, root: &Arc<RegionCore>) {
        self.dead.store(true, Ordering::Relaxed);
        *self.swept.lock() = Some(alloc::vec![Arc::clone(root)]);
    }

    /// Whether the driver is gone; if so the region's tasks will be dropped by the sweep.
    pub(crate) fn hand_to_sweep(&self, region: &Arc<RegionCore>) -> bool {
        match self.swept.lock().as_mut() {
            Some(regions) => {
                regions.push(Arc::clone(region));
                true
            }
            None => false,
        }
    }

    pub(crate) fn next_to_sweep(&self) -> Option<Arc<RegionCore>> {
        self.swept.lock().as_mut()?.pop()
    }

    pub(crate) fn stats(&self) -> Stats {
        Stats {
            live: self.capacity.live(),
            forced: self.stats.forced.load(Ordering::Relaxed) as u64,
            leaked: self.stats.leaked.load(Ordering::Relaxed) as u64,
            abandoned: self.stats.abandoned.load(Ordering::Relaxed) as u64,
            late_values: self.stats.late_values.load(Ordering::Relaxed) as u64,
            timers_fired: self.stats.timers_fired.load(Ordering::Relaxed) as u64,
            timers: self.timers.len(),
            #[cfg(feature = "inspect")]
            stalls: self.stats.stalls.load(Ordering::Relaxed) as u64,
        }
    }

    /// A number that depends on the runtime's seed and the place of the draw, not on the schedule.
    pub(crate) fn random(&self, draw: PathId) -> u64 {
        let mut x = draw.as_u64() ^ self.seed;
        if mutant!(EntropyFromAddress) {
            x ^= core::ptr::from_ref(self) as usize as u64;
            x = x.wrapping_add(self.platform.now().as_nanos());
        }
        // The finaliser of splitmix64 (Steele, Lea, Flood 2014).
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        x ^ (x >> 31)
    }

    // ------------------------------------------------------------ timers

    /// Whether `deadline` has come, as far as a driver has looked: for a wait that sets a timer if it has not. A driver
    /// looks at every turn, so the timer of a deadline that has just passed fires in the next one.
    #[inline]
    pub(crate) fn has_come(&self, deadline: Time) -> bool {
        self.timers.has_come(deadline, || self.platform.now())
    }

    fn insert_timer(&self, deadline: Time, class: TimerClass, action: TimerAction) -> TimerKey {
        self.filed(self.timers.insert(self.driver(), deadline, class, action))
    }

    fn filed(&self, (key, is_nearest): (TimerKey, bool)) -> TimerKey {
        if is_nearest {
            self.executor.interrupt();
        }
        key
    }

    pub(crate) fn insert_region_alarm(
        &self,
        deadline: Time,
        region: &Arc<RegionCore>,
        alarm: Alarm,
    ) -> TimerKey {
        let region = Arc::downgrade(region);
        let action = match alarm {
            Alarm::RegionDeadline => TimerAction::RegionDeadline(region),
            Alarm::RegionForce => TimerAction::RegionForce(region),
        };
        self.insert_timer(deadline, TimerClass::Cancel, action)
    }

    /// A place for a timer, to be filled at once. `None`: there is no memory for it.
    pub(crate) fn claim_timer(&self, deadline: Time) -> Option<TimerClaim> {
        self.timers.claim(self.driver(), deadline)
    }

    pub(crate) fn fill_task_deadline(
        &self,
        claimed: TimerClaim,
        deadline: Time,
        task: TaskRef,
    ) -> TimerKey {
        let action = TimerAction::TaskDeadline(task);
        self.filed(
            self.timers
                .fill(claimed, deadline, TimerClass::Cancel, action),
        )
    }

    pub(crate) fn insert_task_force(&self, deadline: Time, task: TaskRef) -> TimerKey {
        self.insert_timer(deadline, TimerClass::Cancel, TimerAction::TaskForce(task))
    }

    /// Cancels a timer, if there is one; what it held is dropped outside the lock.
    pub(crate) fn cancel_timer(&self, key: Option<TimerKey>) {
        if let Some(key) = key {
            let action = self.timers.cancel(key);
            drop(action);
        }
    }

    /// When a driver that sleeps has to wake: the next deadline, put off by what the slack allows.
    pub(crate) fn next_deadline(&self) -> Option<Time> {
        let slack = self.config.timer_slack;
        let next = self.timers.next_deadline()?.as_nanos();
        let nanos = u64::try_from(slack.as_nanos()).unwrap_or(u64::MAX);
        let below = match nanos.checked_ilog2() {
            Some(bits) => (1 << bits) - 1,
            None => 0,
        };
        Some(Time::from_nanos(next.saturating_add(below) & !below))
    }

    /// Fires what is due, in order, outside the lock; at most `limit` timers. Returns how many.
    pub(crate) fn fire_due(&self, limit: usize) -> usize {
        let mut fired = 0;
        let now = self.now();
        if !self.timers.may_be_due(now) {
            return fired;
        }
        let driver = self.driver();
        while fired < limit {
            let due = self.timers.pop_due(driver, now);
            let Some(Fired {
                deadline, action, ..
            }) = due
            else {
                break;
            };
            fired += 1;
            self.emit(EventKind::TimerFired, PathId::NOBODY, 0, || {
                deadline.as_nanos()
            });
            match action {
                TimerAction::Wake(waker) => self.wake(waker),
                TimerAction::RegionDeadline(region) => {
                    if let Some(region) = region.upgrade() {
                        region.cancel_itself(CancelKind::Timeout, "the region's deadline passed");
                    }
                }
                TimerAction::RegionForce(region) => {
                    if let Some(region) = region.upgrade() {
                        region.force();
                    }
                }
                TimerAction::TaskDeadline(task) => {
                    let request = CancelRequest::timeout("the task's deadline passed");
                    region::cancel_task(&task, task.path, request);
                }
                TimerAction::TaskForce(task) => task.force(),
            }
        }
        self.stats.timers_fired.fetch_add(fired, Ordering::Relaxed);
        // What made the look worth while may be gone: the next one is cheap again.
        let _ = self.timers.next_deadline();
        fired
    }
}

/// A poll that events are recorded of, for as long as it lasts.
pub(crate) struct Polling<'a> {
    kernel: &'a Kernel,
    task: PathId,
}

impl Drop for Polling<'_> {
    fn drop(&mut self) {
        #[cfg(feature = "trace")]
        if let Some(sink) = &self.kernel.sink {
            sink.poll_ends(self.task);
        }
        #[cfg(not(feature = "trace"))]
        let _ = self.task;
        self.kernel.set_polling(PathId::NOBODY);
    }
}

/// A timer that wakes a task; dropping the guard cancels it. It borrows its kernel where it can.
pub(crate) struct TimerGuard<K: Deref<Target = Kernel> = Arc<Kernel>> {
    kernel: K,
    key: TimerKey,
}

impl<K: Deref<Target = Kernel>> TimerGuard<K> {
    pub(crate) fn wake_at(kernel: K, deadline: Time, class: TimerClass, waker: Waker) -> Self {
        let key = kernel.insert_timer(deadline, class, TimerAction::Wake(waker));
        Self { kernel, key }
    }
}

impl<K: Deref<Target = Kernel>> Drop for TimerGuard<K> {
    fn drop(&mut self) {
        self.kernel.cancel_timer(Some(self.key));
    }
}
