//! Tasks that do not yield are named: what the reports say, with a clock that stands until it is set.
#![cfg(feature = "inspect")]

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asupersync_core::{
    Budget, Config, Diagnostic, PanicPayload, Platform, StallWatch, TaskOptions, Time,
};
use asupersync_local::{LocalDriver, Turn};

const AFTER: Duration = Duration::from_secs(4);

/// A world whose clock stands until it is set, and that keeps what it is told.
#[derive(Default)]
struct World {
    now: AtomicU64,
    told: Mutex<Vec<String>>,
}

impl World {
    /// Lets time pass in which somebody looks `times` times.
    fn pass(&self, watch: &mut StallWatch, times: u64) {
        for _ in 0..times {
            let second = Duration::from_secs(1).as_nanos() as u64;
            self.now.fetch_add(second, Ordering::Relaxed);
            assert!(watch.look(), "the runtime is there");
        }
    }

    fn told(&self) -> Vec<String> {
        std::mem::take(&mut self.told.lock().expect("not poisoned"))
    }
}

impl Platform for World {
    fn now(&self) -> Time {
        Time::from_nanos(self.now.load(Ordering::Relaxed))
    }

    fn arm(&self, _deadline: Option<Time>) {}

    fn pend(&self) {}

    fn entropy(&self) -> u64 {
        0
    }

    fn guard(&self, run: &mut dyn FnMut()) -> Result<(), PanicPayload> {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).map_err(PanicPayload::new)
    }

    fn report(&self, diagnostic: &Diagnostic) {
        let mut told = self.told.lock().expect("not poisoned");
        told.push(diagnostic.to_string());
    }
}

/// A driver, its world, and a watch over its polls.
fn watched(inspect: bool) -> (LocalDriver, Arc<World>, Arc<Mutex<StallWatch>>) {
    let world = Arc::new(World::default());
    let mut config = Config::default();
    config.watch_polls = true;
    config.inspect = inspect;
    let platform: Arc<dyn Platform> = Arc::<World>::clone(&world);
    let driver = LocalDriver::with_config(platform, 32, config, None);
    let watch = Arc::new(Mutex::new(driver.inspector().stall_watch(AFTER)));
    (driver, world, watch)
}

fn turns(driver: &mut LocalDriver) {
    while driver.turn(16) == Turn::More {}
}

#[test]
fn a_task_that_does_not_yield_is_named_once_and_its_end_is_told() {
    let (mut driver, world, watch) = watched(true);
    let (outside, looks) = (Arc::clone(&world), Arc::clone(&watch));
    let options = TaskOptions::new().name("sums").budget(Budget {
        deadline: Some(Time::from_nanos(1_500_000_000)),
        ..Budget::INFINITE
    });
    let line = line!() + 1;
    let task = driver.spawner().spawn_with(options, async move |cx| {
        // Time goes by in the poll, and somebody looks from elsewhere.
        let mut watch = looks.lock().expect("not poisoned");
        cx.checkpoint_with("reads the rows")?;
        outside.pass(&mut watch, 2);
        cx.checkpoint_with("sums the rows")?;
        outside.pass(&mut watch, 8);
        Ok(())
    });
    let task = task.expect("there is room").path();
    turns(&mut driver);
    let region = asupersync_core::PathId::ROOT;
    let site = format!("{}:{line}", file!());
    let told = world.told();
    assert_eq!(told.len(), 1, "{told:?}");
    assert!(told[0].contains(&site), "{told:?}");
    let words = [
        format!("task {task} \"sums\" at "),
        format!(" of region {region} does not yield: driver 0 polls it for 4s"),
        String::from(", it said \"sums the rows\", its time was over 3.5s ago; "),
    ];
    for words in words {
        assert!(told[0].contains(&words), "{words} is not in {told:?}");
    }
    world.pass(&mut watch.lock().expect("not poisoned"), 3);
    let end = format!("task {task} \"sums\" yielded or ended, after a poll of 10s on driver 0");
    assert_eq!(world.told(), [end]);

    assert_eq!(driver.stats().stalls, 1);
}

/// The same time passes, in many polls or between them: nobody is named.
#[test]
fn a_task_that_yields_and_one_that_waits_are_not_named() {
    let (mut driver, world, watch) = watched(false);
    let (outside, looks) = (Arc::clone(&world), Arc::clone(&watch));
    let spawner = driver.spawner();
    let yields = spawner.spawn(async move |cx| {
        for _ in 0..10 {
            outside.pass(&mut looks.lock().expect("not poisoned"), 1);
            cx.yield_now().await?;
        }
        Ok(())
    });
    let waits = spawner.spawn(async |cx| Ok(cx.sleep(Duration::from_secs(60)).await?));
    turns(&mut driver);
    world.pass(&mut watch.lock().expect("not poisoned"), 30);
    assert!(world.told().is_empty());
    assert_eq!((driver.stats().live, driver.stats().stalls), (1, 0));
    drop((yields, waits));
}

/// Without dumps it is told too, but for where it was spawned; a drop that takes long counts, and so does a poll that ends
/// in a panic.
#[test]
fn drops_and_panics_are_told_like_polls() {
    struct Slow(Arc<World>, Arc<Mutex<StallWatch>>);
    impl Drop for Slow {
        fn drop(&mut self) {
            self.0.pass(&mut self.1.lock().expect("not poisoned"), 6);
        }
    }
    let (mut driver, world, watch) = watched(false);
    let slow = Slow(Arc::clone(&world), Arc::clone(&watch));
    let panics = driver.spawner().spawn(async move |_cx| {
        let _slow = slow;
        if true {
            panic!("on purpose");
        }
        Ok(())
    });
    let panics = panics.expect("there is room");
    turns(&mut driver);
    let told = world.told();
    assert_eq!(told.len(), 1, "{told:?}");
    let name = format!("task {} of region ", panics.path());
    assert!(told[0].starts_with(&name), "{told:?}");
    world.pass(&mut watch.lock().expect("not poisoned"), 1);
    assert_eq!(world.told().len(), 1);
}

/// Without the setting nobody says what is polled, and a watch sees nothing; when the runtime is gone it says so.
#[test]
fn a_watch_without_the_setting_sees_nothing() {
    let world = Arc::new(World::default());
    let platform: Arc<dyn Platform> = Arc::<World>::clone(&world);
    let mut driver = LocalDriver::with_config(platform, 32, Config::default(), None);
    let mut watch = driver.inspector().stall_watch(AFTER);
    let outside = Arc::clone(&world);
    let mut looks = driver.inspector().stall_watch(AFTER);
    let task = driver.spawner().spawn(async move |cx| {
        cx.checkpoint_with("nobody hears this")?;
        outside.pass(&mut looks, 10);
        Ok(())
    });
    turns(&mut driver);
    assert!(world.told().is_empty());
    drop((task, driver));
    assert!(!watch.look());
}

/// What a task says is in its dump.
#[test]
fn a_dump_shows_what_a_task_said_last() {
    let (mut driver, _world, _watch) = watched(true);
    let task = driver.spawner().spawn(async |cx| {
        cx.checkpoint_with("reads")?;
        cx.checkpoint_with("writes")?;
        Ok(cx.sleep(Duration::from_secs(60)).await?)
    });
    turns(&mut driver);
    let dump = driver.dump().expect("it is switched on");
    assert_eq!(dump.tasks[0].message, Some("writes"));
    assert!(dump.to_string().contains("said \"writes\""), "{dump}");
    drop(task);
}
