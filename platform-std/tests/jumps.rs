//! A clock that jumps: hours ahead, as after a suspend, and back, which it must never do. Waits stay right all the same.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asupersync_core::{
    Budget, CancelKind, Config, Error, LocalRegion, MissedTicks, PanicPayload, Platform,
    RegionOptions, TaskError, Time,
};
use asupersync_std::StdPlatform;
use asupersync_work_stealing::{Host, Pool, Rest, Settings};

const MINUTE: Duration = Duration::from_secs(60);
const HOUR: Duration = Duration::from_secs(3_600);

/// A host whose clock stands until it is set. A driver waits until it is notified: a set clock notifies all of them, as
/// a host does that wakes from a suspend.
struct Jumping {
    host: StdPlatform,
    now: AtomicU64,
    drivers: usize,
}

impl Jumping {
    fn set(&self, now: Duration) {
        let nanos = u64::try_from(now.as_nanos()).expect("within the clock's range");
        self.now.store(nanos, Ordering::SeqCst);
        for driver in 0..self.drivers {
            self.host.notify(driver);
        }
    }
}

impl Platform for Jumping {
    fn now(&self) -> Time {
        Time::from_nanos(self.now.load(Ordering::SeqCst))
    }
    fn arm(&self, deadline: Option<Time>) {
        self.host.arm(deadline);
    }
    fn pend(&self) {
        self.host.pend();
    }
    fn entropy(&self) -> u64 {
        7
    }
    fn guard(&self, run: &mut dyn FnMut()) -> Result<(), PanicPayload> {
        self.host.guard(run)
    }
}

impl Host for Jumping {
    fn wait(&self, driver: usize, rest: Rest) {
        match rest {
            Rest::Watch(Some(until)) if until <= self.now() => {}
            _ => self.host.wait(driver, Rest::Sleep),
        }
    }
    fn notify(&self, driver: usize) {
        self.host.notify(driver);
    }
    fn look(&self) {
        self.host.look();
    }
}

fn at(time: Duration) -> Time {
    Time::ZERO.saturating_add(time)
}

/// Runs `body` with the clock, on the runtime's own thread and on none, one and two more.
fn with_clock(body: impl AsyncFn(&LocalRegion, &Jumping) -> Result<(), Error>) {
    for workers in 0..=2 {
        let mut settings = Settings::default();
        settings.workers = workers;
        let clock = Arc::new(Jumping {
            host: StdPlatform::new(workers + 1),
            now: AtomicU64::new(0),
            drivers: workers + 1,
        });
        let pool = Pool::start(Arc::clone(&clock), &settings, Config::default(), None);
        let mut pool = pool.expect("the host has threads");
        let result = pool.block_on(async |region: &LocalRegion| body(region, &clock).await);
        assert!(result.is_ok(), "{workers} workers: {result:?}");
        pool.shut_down();
        let stats = pool.stats();
        assert_eq!((stats.live, stats.timers, stats.leaked), (0, 0, 0));
    }
}

/// Gives the others turns for a while: what must not happen has every chance to.
async fn a_while(region: &LocalRegion) -> Result<(), Error> {
    for _ in 0..500 {
        region.yield_now().await?;
    }
    Ok(())
}

/// Three hours at once: what was due in them ends, what is due later goes on waiting, and a wait that begins now is as long
/// as it says.
#[test]
fn after_a_suspend_what_was_due_is_over_and_nothing_else() {
    with_clock(async |region, clock| {
        let ended = Arc::new(Mutex::new(Vec::new()));
        let mut tasks = Vec::new();
        for number in 0..60_u32 {
            let due = at(MINUTE * 10 * (60 - number));
            let ended = Arc::clone(&ended);
            tasks.push(region.spawn_local(async move |cx| {
                cx.sleep_until(due).await?;
                assert!(due <= cx.now()?, "it ended early");
                ended.lock().expect("no task panics with it").push(due);
                Ok(())
            })?);
        }
        a_while(region).await?;
        assert!(ended.lock().expect("not poisoned").is_empty());

        clock.set(3 * HOUR);
        let is_over = || ended.lock().expect("not poisoned").len() >= 18;
        while !is_over() {
            region.yield_now().await?;
        }
        a_while(region).await?;
        let due: Vec<_> = (1..=18).map(|number| at(MINUTE * 10 * number)).collect();
        let mut sorted = ended.lock().expect("not poisoned").clone();
        // Drivers fire side by side.
        sorted.sort_unstable();
        assert_eq!(sorted, due);

        let fresh = region.spawn(async |cx| {
            let before = cx.now()?;
            cx.sleep(MINUTE * 5).await?;
            assert!(before.saturating_add(MINUTE * 5) <= cx.now()?);
            Ok(())
        })?;
        a_while(region).await?;
        assert!(!fresh.is_finished(), "nothing moved the clock");
        clock.set(3 * HOUR + MINUTE * 5);
        fresh.join(region).await?;
        clock.set(HOUR * 10);
        for task in tasks {
            task.join(region).await?;
        }
        assert_eq!(ended.lock().expect("not poisoned").len(), 60);
        Ok(())
    });
}

/// Deadlines of regions, tasks and timeouts that passed in the suspend cancel with `Timeout`, once; a later one does not.
#[test]
fn deadlines_that_passed_in_a_suspend_are_timeouts() {
    with_clock(async |region, clock| {
        let budget = |hours: u32| Budget {
            deadline: Some(at(HOUR * hours)),
            ..Budget::INFINITE
        };
        let mut waits = Vec::new();
        for hours in [1, 2, 9] {
            waits.push(region.spawn(async move |cx| {
                let options = RegionOptions::new().budget(budget(hours));
                let inside = async |cx: &asupersync_core::Region| {
                    cx.sleep_until(at(HOUR * 20)).await.map_err(Error::from)
                };
                let ended = cx.region_with(options, inside).await;
                Ok(ended.expect_err("nobody sleeps that long"))
            })?);
            waits.push(region.spawn(async move |cx| {
                let inside = async |cx: &asupersync_core::Cx| {
                    cx.sleep_until(at(HOUR * 20)).await.map_err(Error::from)
                };
                let ended = cx.timeout_at(at(HOUR * hours), inside).await;
                Ok(ended.expect_err("nobody sleeps that long"))
            })?);
        }
        a_while(region).await?;
        clock.set(HOUR * 4);
        let late = waits.split_off(4);
        for wait in waits {
            let error = wait.join(region).await?;
            assert!(is_timeout(&error), "{error:?}");
        }
        assert!(late.iter().all(|wait| !wait.is_finished()));
        clock.set(HOUR * 9);
        for wait in late {
            let error = wait.join(region).await?;
            assert!(is_timeout(&error), "{error:?}");
        }
        Ok(())
    });
}

fn is_timeout(error: &Error) -> bool {
    let own = error.cancelled().map(|token| token.reason().kind());
    let ended = error.downcast_ref::<asupersync_core::ChildEnded>();
    own == Some(CancelKind::Timeout) || ended.is_some_and(|ended| ended.is_timeout())
}

/// A ticker goes on as it was told to after ticks that were slept through.
// proves: WVT-008
#[test]
fn tickers_catch_up_or_skip_after_a_suspend() {
    with_clock(async |region, clock| {
        let mut burst = region.interval(HOUR, MissedTicks::Burst)?;
        let mut skip = region.interval(HOUR, MissedTicks::Skip)?;
        let mut delay = region.interval(HOUR, MissedTicks::Delay)?;
        clock.set(3 * HOUR + MINUTE);
        for hours in 1..=3 {
            assert_eq!(burst.tick(region).await?, at(HOUR * hours));
        }
        for ticker in [&mut skip, &mut delay] {
            assert_eq!(ticker.tick(region).await?, at(HOUR));
        }
        let late = region.spawn(async move |cx| {
            let ticks = [&mut burst, &mut skip, &mut delay].map(|t| t.tick(&cx));
            let [burst, skip, delay] = ticks;
            Ok([burst.await?, skip.await?, delay.await?])
        })?;
        a_while(region).await?;
        assert!(!late.is_finished());
        clock.set(4 * HOUR + MINUTE);
        let next = [4 * HOUR, 4 * HOUR, 4 * HOUR + MINUTE].map(at);
        assert_eq!(late.join(region).await?, next);
        Ok(())
    });
}

/// A clock that is asked to go back: no task sees it, no wait ends early, and none is lost.
// proves: WVT-008
#[test]
fn a_clock_that_goes_back_takes_nobody_along() {
    with_clock(async |region, clock| {
        clock.set(HOUR);
        region.sleep_until(at(HOUR)).await?;
        let due = at(HOUR + MINUTE);
        let waits = region.spawn(async move |cx| {
            cx.sleep_until(due).await?;
            Ok(cx.now()?)
        })?;
        a_while(region).await?;

        clock.set(MINUTE);
        assert!(at(HOUR) <= region.now()?, "time went back");
        let fresh = region.spawn(async move |cx| {
            let before = cx.now()?;
            assert!(at(HOUR) <= before, "time went back");
            cx.sleep(MINUTE).await?;
            assert!(before.saturating_add(MINUTE) <= cx.now()?);
            Ok(())
        })?;
        a_while(region).await?;
        assert!(!waits.is_finished() && !fresh.is_finished(), "it is early");

        clock.set(HOUR + MINUTE);
        assert!(due <= waits.join(region).await?);
        fresh.join(region).await?;
        Ok(())
    });
}
