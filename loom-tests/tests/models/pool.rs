//! A whole pool against threads that are not its own: the executor as it ships, with its workers, from start to end.
//!
//! Three threads that all poll, wake and sleep are many: some models explore fewer preemptions.

use std::sync::Arc;

use asupersync_core::{Config, Platform, SpawnError, Time};
use asupersync_loom_tests::explore::{model, model_within};
use asupersync_loom_tests::rig::{Door, Drops, Value, until_cancelled};
use asupersync_work_stealing::{Host, Pool, Rest, Settings};
use loom::sync::Notify;
use loom::thread;

/// Where the drivers of a pool wait: a bell for each. The clock stands still, so that only a notification ends a wait.
struct Bells(Vec<Notify>);

impl Platform for Bells {
    fn now(&self) -> Time {
        Time::ZERO
    }

    fn arm(&self, _deadline: Option<Time>) {}

    fn pend(&self) {}

    fn entropy(&self) -> u64 {
        1
    }
}

impl Host for Bells {
    fn wait(&self, driver: usize, _rest: Rest) {
        self.0[driver].wait();
    }

    fn notify(&self, driver: usize) {
        self.0[driver].notify();
    }

    /// Between two turns: who finds nothing to take lets those run who have it.
    fn look(&self) {
        thread::yield_now();
    }
}

fn start(workers: usize) -> (Pool, Arc<Bells>) {
    let bells = Arc::new(Bells((0..=workers).map(|_| Notify::new()).collect()));
    let mut settings = Settings::default();
    settings.workers = workers;
    settings.capacity = 8;
    let pool = Pool::start(Arc::clone(&bells), &settings, Config::default(), None);
    (pool.unwrap(), bells)
}

/// The end of a pool that was shut down: nothing lives, and no queue keeps anything of it.
fn end(pool: Pool, bells: &Arc<Bells>) {
    assert_eq!(pool.stats().live, 0, "a task outlives the root region");
    drop(pool);
    assert_eq!(
        Arc::strong_count(bells),
        1,
        "something is left of the runtime"
    );
}

/// A spawn from outside while the pool shuts down: it is refused with the typed error, or the task ends, and its future
/// is dropped by a driver.
fn spawn_vs_shutdown_of(workers: usize) {
    let (mut pool, bells) = start(workers);
    let spawner = pool.spawner();
    let drops = Arc::new(Drops::default());
    let value = Value::new(&drops);
    let outside = thread::spawn(move || {
        let spawned = spawner.spawn(move |cx| async move {
            let _value = value;
            until_cancelled(&cx).await;
            Ok(())
        });
        (spawned, thread::current().id())
    });
    pool.shut_down();
    let (spawned, outside) = outside.join().unwrap();
    match spawned {
        Ok(task) => {
            assert!(task.is_finished(), "a task outlives the root region");
            assert!(!drops.were_by(outside), "dropped by who drives nothing");
        }
        Err(error) => {
            assert!(matches!(error, SpawnError::RegionClosed), "{error}");
            assert!(drops.were_by(outside), "a refused spawn goes elsewhere");
        }
    }
    assert_eq!(drops.count(), 1);
    end(pool, &bells);
}

// proves: R-OWN-2, R-CAN-7, R-CAN-1
#[test]
fn spawn_vs_shutdown() {
    model("pool::spawn_vs_shutdown", || spawn_vs_shutdown_of(0));
}

// proves: R-OWN-2, R-CAN-7, R-CAN-1
#[test]
fn spawn_vs_shutdown_with_a_worker() {
    model("pool::spawn_vs_shutdown_with_a_worker", || {
        spawn_vs_shutdown_of(1);
    });
}

/// A task that nothing but a wake from outside ends, while the pool shuts down: the wake reaches a driver, and the end of
/// the task the thread that waits for it.
fn wake_vs_shutdown_of(workers: usize) {
    let (mut pool, bells) = start(workers);
    let door = Door::new();
    let inside = Arc::clone(&door);
    let spawned = pool.spawner().spawn(move |_cx| async move {
        inside.pass().await;
        Ok(())
    });
    let task = spawned.unwrap();
    if workers == 0 {
        let _ = pool.turn(8);
    }
    let outside = thread::spawn(move || door.open());
    pool.shut_down();
    assert!(task.is_finished(), "a task outlives the root region");
    outside.join().unwrap();
    drop(task);
    end(pool, &bells);
}

// proves: R-SCH-2, R-CAN-7
#[test]
fn wake_vs_shutdown() {
    model("pool::wake_vs_shutdown", || wake_vs_shutdown_of(0));
}

// proves: R-SCH-2, R-CAN-7
#[test]
fn wake_vs_shutdown_with_a_worker() {
    model_within("pool::wake_vs_shutdown_with_a_worker", 1, || {
        wake_vs_shutdown_of(1);
    });
}

/// A spawn while the worker falls asleep, then nothing more: the worker, or the thread that waits for the
/// task, takes it.
// proves: R-SCH-2, R-SCH-5
#[test]
fn spawn_vs_rest() {
    model("pool::spawn_vs_rest", || {
        let (mut pool, bells) = start(1);
        let spawned = pool.spawner().spawn(|_cx| async { Ok(7) });
        let task = spawned.unwrap();
        let seven = pool.block_on(async |region| task.join(region).await);
        let seven: Result<i32, asupersync_core::Error> = seven;
        assert_eq!(seven.unwrap(), 7);
        pool.shut_down();
        end(pool, &bells);
    });
}

/// A task that lives on the worker's thread is spawned and woken from another one, while that worker falls asleep. It
/// ends there, and is dropped there.
// proves: R-SCH-2, R-SCH-5
#[test]
fn pinned_wake_vs_rest() {
    model_within("pool::pinned_wake_vs_rest", 1, || {
        let (mut pool, bells) = start(1);
        let (door, drops) = (Door::new(), Arc::new(Drops::default()));
        let (inside, value) = (Arc::clone(&door), Value::new(&drops));
        let spawned = pool.spawner().spawn_pinned(move |_cx| async move {
            let kept = std::rc::Rc::new(value);
            inside.pass().await;
            drop(kept);
            Ok(thread::current().id())
        });
        let task = spawned.unwrap();
        door.open();
        let ended: Result<_, asupersync_core::Error> =
            pool.block_on(async |region| task.join(region).await);
        let worker = ended.unwrap();
        assert!(worker != thread::current().id(), "polled elsewhere");
        assert!(
            drops.count() == 1 && drops.were_by(worker),
            "dropped elsewhere"
        );
        pool.shut_down();
        end(pool, &bells);
    });
}

/// Of two workers that fall asleep, the one that a task lives with is woken for it.
// proves: R-SCH-2, R-SCH-5
#[test]
fn pinned_wake_of_two() {
    model_within("pool::pinned_wake_of_two", 0, || {
        let (mut pool, bells) = start(2);
        let spawned = pool.spawner().spawn_pinned(async |_cx| Ok(7));
        let task = spawned.unwrap();
        let seven: Result<i32, asupersync_core::Error> =
            pool.block_on(async |region| task.join(region).await);
        assert_eq!(seven.unwrap(), 7);
        pool.shut_down();
        end(pool, &bells);
    });
}

/// A pool that is dropped without shutdown while a task that lives on its worker's thread is woken: what the task made
/// there is dropped there, once.
// proves: R-OWN-1
#[test]
fn pinned_wake_vs_drop() {
    model_within("pool::pinned_wake_vs_drop", 1, || {
        let (pool, _bells) = start(1);
        let (door, drops) = (Door::new(), Arc::new(Drops::default()));
        let (inside, kept) = (Arc::clone(&door), Arc::clone(&drops));
        let here = thread::current().id();
        let spawned = pool.spawner().spawn_pinned(move |_cx| async move {
            let value = Value::new(&kept);
            inside.pass().await;
            drop(value);
            Ok(())
        });
        drop(spawned.unwrap());
        let outside = thread::spawn(move || door.open());
        drop(pool);
        outside.join().unwrap();
        // It was never polled, or all of it happened on the worker's thread.
        assert!(drops.count() <= 1, "dropped twice");
        assert!(!drops.were_by(here), "dropped elsewhere");
    });
}
