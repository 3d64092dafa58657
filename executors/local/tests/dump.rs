//! Dumps compared as text, and the answers that are drawn from them.
#![cfg(feature = "inspect")]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use asupersync_core::channel::mpsc;
use asupersync_core::{
    Activity, Budget, Config, Dump, Error, LeakResponse, PathId, Platform, RegionOptions,
    TaskOptions, Time,
};
use asupersync_local::{LocalDriver, Turn};

/// A world whose clock stands until it is set.
#[derive(Default)]
struct World(AtomicU64);

impl Platform for World {
    fn now(&self) -> Time {
        Time::from_nanos(self.0.load(Ordering::Relaxed))
    }

    fn arm(&self, _deadline: Option<Time>) {}

    fn pend(&self) {}

    fn entropy(&self) -> u64 {
        0
    }
}

fn driver() -> (LocalDriver, Arc<World>) {
    let world = Arc::new(World::default());
    let mut config = Config::default();
    config.inspect = true;
    config.leak_response = LeakResponse::Silent;
    let platform: Arc<dyn Platform> = Arc::<World>::clone(&world);
    let driver = LocalDriver::with_config(platform, 32, config, None);
    (driver, world)
}

fn turns(driver: &mut LocalDriver) {
    while driver.turn(16) == Turn::More {}
}

/// The dump with names in place of ids, in the order in which they appear, and without the columns of sites.
fn text(dump: &Dump) -> String {
    readable(&dump.to_string())
}

fn readable(text: &str) -> String {
    let mut ids: Vec<String> = Vec::new();
    let is_id = |word: &str| word.len() == 16 && word.chars().all(|c| c.is_ascii_hexdigit());
    let mut out = String::new();
    for piece in text.split_inclusive(|c: char| !c.is_ascii_alphanumeric()) {
        let word = piece.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
        if !is_id(word) {
            out.push_str(piece);
            continue;
        }
        let place = ids.iter().position(|id| id == word).unwrap_or_else(|| {
            ids.push(word.to_owned());
            ids.len() - 1
        });
        out.push_str(&format!("#{place}{}", &piece[word.len()..]));
    }
    out
}

fn named(name: &'static str) -> TaskOptions {
    TaskOptions::new().name(name)
}

#[test]
fn a_dump_tells_the_tree_and_every_wait() {
    let (mut driver, world) = driver();
    world.0.store(1_000, Ordering::Relaxed);
    let spawner = driver.spawner();
    let clock = named("clock").budget(Budget {
        deadline: Some(Time::from_nanos(5_000_000)),
        poll_quota: 9,
        ..Budget::INFINITE
    });
    let _clock = spawner.spawn_with(clock, async |cx| {
        Ok(cx.sleep(Duration::from_millis(2)).await?)
    });
    let clock_line = line!() - 3;
    let _main = spawner.spawn_with(named("main"), async |cx| {
        cx.region(async |region| {
            let (sender, mut receiver) = mpsc::channel::<u32>(NonZeroUsize::MIN);
            let reader = region.spawn_with(named("reader"), async move |cx| {
                cx.sleep(Duration::from_secs(1)).await?;
                Ok(receiver.recv(&cx).await?)
            })?;
            let permit = sender.reserve(region).await?;
            let other = sender.clone();
            region.spawn_with(named("writer"), async move |cx| {
                other.send(&cx, 7).await?;
                Ok(())
            })?;
            let read = reader.join(region).await?;
            let _ = permit.send(1);
            Ok(read)
        })
        .await
    });
    turns(&mut driver);
    let dump = driver.dump().expect("it is switched on");
    let lines: Vec<u32> = dump
        .tasks
        .iter()
        .filter_map(|t| Some(t.site?.line()))
        .collect();
    assert_eq!(lines[0], clock_line);
    let mut drawn = text(&dump);
    for task in &dump.tasks {
        if let Some(site) = task.site {
            drawn = drawn.replace(&site.to_string(), "here");
        }
    }
    let expected = [
        "at 1.000us: 2 regions, 4 tasks",
        "region root, open",
        "├─ task #0 \"clock\" at here, running, waits, until 5.000ms, 8 polls left",
        "│    sleeps until 2.001ms",
        "└─ task #1 \"main\" at here, running, waits",
        "     waits for the end of task #2",
        "     holds send permit(s) of #3 since 1.000us",
        "   └─ region #4, open",
        "      ├─ task #2 \"reader\" at here, running, waits",
        "      │    sleeps until 1.000s",
        "      └─ task #5 \"writer\" at here, running, waits",
        "           waits for a permit of channel #3",
    ];
    assert_eq!(drawn.lines().collect::<Vec<_>>(), expected);
    let writer = dump.tasks.iter().find(|task| task.name == Some("writer"));
    let blocked = dump.why_blocked(writer.expect("it lives").path);
    let blocked = readable(&blocked.expect("it lives").to_string());
    let mut told = blocked.clone();
    for task in &dump.tasks {
        if let Some(site) = task.site {
            told = told.replace(&format!(" at {site}"), "");
        }
    }
    assert_eq!(
        told,
        "task #0 \"writer\", which waits for a permit of channel #1; \
         that is up to task #2 \"main\", which waits for the end of task #3; \
         that is up to task #3 \"reader\", which sleeps until 1.000s"
    );
    driver.request_shutdown();
    turns(&mut driver);
    let dump = driver.dump().expect("it is switched on");
    assert_eq!((dump.tasks.len(), driver.stats().live), (0, 0));
}

#[test]
fn a_ring_of_joins_is_told_as_a_deadlock() {
    let (mut driver, _world) = driver();
    let spawner = driver.spawner();
    let (give, mut take) = mpsc::channel(NonZeroUsize::MIN);
    let first = spawner.spawn_with(named("first"), async move |cx| {
        let second: asupersync_core::Task<(), Error> = take.recv(&cx).await?;
        second.join(&cx).await
    });
    let first = first.expect("there is room");
    let path = first.path();
    let second = spawner.spawn_with(named("second"), async move |cx| first.join(&cx).await);
    assert!(give.try_send(second.expect("there is room")).is_ok());
    turns(&mut driver);
    let blocked = driver.dump().and_then(|dump| dump.why_blocked(path));
    let blocked = blocked.expect("it lives");
    assert!(blocked.is_deadlock, "{blocked}");
    let names: Vec<_> = blocked
        .chain
        .iter()
        .filter_map(|step| step.task.name)
        .collect();
    assert_eq!(names, ["first", "second", "first"]);
    assert!(blocked.to_string().ends_with("a deadlock"), "{blocked}");
}

#[test]
fn a_cancel_is_told_with_its_causes() {
    let (mut driver, world) = driver();
    let spawner = driver.spawner();
    let _main = spawner.spawn(async |cx| {
        cx.region(async |region| {
            region.spawn_with(named("stays"), async |cx| {
                let stay =
                    async |cx: &asupersync_core::Cx| cx.sleep(Duration::from_millis(1)).await;
                Ok(cx.masked(Duration::from_secs(1), stay).await?)
            })?;
            // Until the child has begun: before that there is nothing to wait for.
            region.sleep(Duration::from_nanos(1)).await?;
            region.cancel("enough");
            Ok(())
        })
        .await
    });
    turns(&mut driver);
    world.0.store(1, Ordering::Relaxed);
    turns(&mut driver);
    let dump = driver.dump().expect("it is switched on");
    let region = dump.regions.last().expect("it is open").path;
    let story = dump.why_cancelled(region).expect("it was asked");
    let expected = "#0 was asked to stop: User of #0 at 1ns: enough";
    assert_eq!(readable(&story.to_string()), expected);
    assert!(dump.why_cancelled(PathId::ROOT).is_none());
}

#[test]
fn a_leak_is_told_with_its_task_and_site() {
    let (mut driver, world) = driver();
    let spawner = driver.spawner();
    let _leaks = spawner.spawn_with(named("leaks"), async |cx| {
        cx.region_with(RegionOptions::new(), async |region| {
            std::mem::forget(region.io_op()?);
            Ok(())
        })
        .await
    });
    turns(&mut driver);
    let dump = driver.dump().expect("it is switched on");
    assert!(
        text(&dump).contains("owes I/O operation(s) of task"),
        "{dump}"
    );
    assert!(dump.who_leaked().leaks.is_empty());
    world.0.store(10_000_000_000, Ordering::Relaxed);
    turns(&mut driver);
    let story = driver.dump().expect("it is switched on").who_leaked();
    let leak = story.leaks.first().expect("it leaked");
    assert_eq!((leak.name, leak.count), (Some("leaks"), 1));
    assert!(leak.site.is_some());
    let told = story.to_string();
    assert!(
        told.contains("\"leaks\"") && told.contains("never resolved 1 I/O"),
        "{told}"
    );
}

#[test]
fn a_dump_from_within_a_task_sees_it_polled() {
    let (mut driver, _world) = driver();
    let inspector = driver.inspector();
    let asked = inspector.clone();
    let task = driver.spawner().spawn(async move |_cx| {
        let dump = asked.dump().expect("it is switched on");
        assert_eq!(dump.tasks.len(), 1);
        assert_eq!(dump.tasks[0].activity, Activity::Polled);
        Ok(())
    });
    turns(&mut driver);
    assert!(task.is_ok_and(|task| task.is_finished()));
    drop(driver);
    assert!(inspector.dump().is_none(), "the runtime is gone");
}

#[test]
fn without_the_switch_there_is_no_dump() {
    let driver = LocalDriver::new(Arc::new(World::default()), 1);
    assert!(driver.dump().is_none());
}
