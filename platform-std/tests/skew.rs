//! Two cores whose clocks differ: who is woken by a timer finds that its time has come.

use std::sync::Arc;
use std::time::Duration;

use asupersync_core::{Config, Error, LocalRegion, PanicPayload, Platform, Time};
use asupersync_std::StdPlatform;
use asupersync_work_stealing::{Host, Pool, Rest, Settings};

/// A host on whose worker threads it is two milliseconds earlier.
struct Skewed(StdPlatform);

impl Platform for Skewed {
    fn now(&self) -> Time {
        let now = self.0.now().as_nanos();
        let is_late = std::thread::current().name() == Some("late-0");
        Time::from_nanos(now.saturating_sub(if is_late { 2_000_000 } else { 0 }))
    }
    fn arm(&self, deadline: Option<Time>) {
        self.0.arm(deadline);
    }
    fn pend(&self) {
        self.0.pend();
    }
    fn entropy(&self) -> u64 {
        self.0.entropy()
    }
    fn guard(&self, run: &mut dyn FnMut()) -> Result<(), PanicPayload> {
        self.0.guard(run)
    }
}

impl Host for Skewed {
    fn wait(&self, driver: usize, rest: Rest) {
        self.0.wait(driver, rest);
    }
    fn notify(&self, driver: usize) {
        self.0.notify(driver);
    }
    fn look(&self) {
        self.0.look();
    }
}

// proves: R-SCH-2
#[test]
fn a_timer_that_fired_on_one_core_has_fired_on_the_other() {
    let mut settings = Settings::default();
    settings.workers = 1;
    settings.thread_name = String::from("late");
    let host = Arc::new(Skewed(StdPlatform::new(2)));
    let mut pool = Pool::start(host, &settings, Config::default(), None).expect("a thread");
    let result = pool.block_on(async |region: &LocalRegion| {
        let tasks: Vec<_> = (0..200)
            .map(|number| {
                region.spawn(async move |cx| {
                    for _ in 0..3 {
                        let before = cx.now()?;
                        cx.sleep(Duration::from_micros(number * 7)).await?;
                        assert!(before <= cx.now()?, "time went back");
                    }
                    Ok(())
                })
            })
            .collect();
        for task in tasks {
            task?.join(region).await?;
        }
        Ok::<_, Error>(())
    });
    assert!(result.is_ok(), "{result:?}");
    pool.shut_down();
    assert_eq!(pool.stats().timers, 0);
}
