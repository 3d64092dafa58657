//! Tasks that live on a worker's thread: where they are polled and dropped, whatever ends them.

mod support;

use std::collections::HashSet;
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{self, ThreadId};
use std::time::Duration;

use asupersync_core::{Config, Error, LocalRegion, Outcome, RegionOptions, SpawnError};
use asupersync_std::Runtime;
use support::until;

/// On which threads something was made, used and dropped.
#[derive(Clone, Default)]
struct Threads(Arc<Mutex<Vec<ThreadId>>>);

impl Threads {
    fn note(&self) {
        let mut seen = self.0.lock().expect("no test panics with it");
        seen.push(thread::current().id());
    }

    fn count(&self) -> usize {
        self.0.lock().expect("no test panics with it").len()
    }

    /// The one thread of `count` notes.
    fn only(&self, count: usize) -> ThreadId {
        let seen = self.0.lock().expect("no test panics with it");
        assert_eq!(seen.len(), count);
        let threads: HashSet<_> = seen.iter().collect();
        assert_eq!(threads.len(), 1, "on several threads");
        seen[0]
    }
}

/// May not leave its thread; notes where it was made and dropped.
struct Stays {
    threads: Threads,
    _not_send: Rc<()>,
}

impl Stays {
    fn new(threads: &Threads) -> Self {
        threads.note();
        Self {
            threads: threads.clone(),
            _not_send: Rc::new(()),
        }
    }
}

impl Drop for Stays {
    fn drop(&mut self) {
        self.threads.note();
    }
}

fn runtime(workers: usize) -> Runtime {
    let builder = Runtime::builder().workers(workers);
    builder.build().expect("there is room for threads")
}

// proves: R-SCH-2, R-SCH-5
#[test]
fn each_stays_on_one_worker_and_the_workers_share_them() {
    let mut runtime = runtime(2);
    let homes = runtime.block_on(async |region: &LocalRegion| {
        let mut tasks = Vec::new();
        for _ in 0..8 {
            let threads = Threads::default();
            let seen = threads.clone();
            let task = region.spawn_pinned(async move |cx| {
                let stays = Stays::new(&seen);
                for _ in 0..20 {
                    // Woken by another thread, or by nobody.
                    let elsewhere = cx.region(async |r| Ok(r.spawn(async |_cx| Ok(()))?));
                    drop(elsewhere.await?);
                    cx.yield_now().await?;
                    seen.note();
                }
                drop(stays);
                Ok(thread::current().id())
            })?;
            tasks.push((task, threads));
        }
        let mut homes = HashSet::new();
        for (task, threads) in tasks {
            let home = task.join(region).await?;
            assert_eq!(threads.only(22), home);
            homes.insert(home);
        }
        Ok(homes)
    });
    let homes = homes.expect("ran");
    assert_eq!(homes.len(), 2, "each worker has some");
    assert!(!homes.contains(&thread::current().id()));
}

// proves: R-CAN-1, R-OWN-1
#[test]
fn children_that_may_not_move_live_with_their_parent() {
    let mut runtime = runtime(2);
    let threads = Threads::default();
    let seen = threads.clone();
    let ended = runtime.block_on(async |region: &LocalRegion| {
        let parent = region.spawn_pinned(async move |cx| {
            let shared = Rc::new(Stays::new(&seen));
            let result = cx
                .region(async |r| {
                    for _ in 0..3 {
                        let kept = Rc::clone(&shared);
                        drop(r.spawn_local(async move |cx| {
                            cx.yield_now().await?;
                            kept.threads.note();
                            Ok(cx.sleep(Duration::from_secs(60)).await?)
                        })?);
                    }
                    until(r, || seen.count() == 4).await?;
                    r.cancel("enough");
                    Ok(r.yield_now().await?)
                })
                .await;
            assert!(result.is_err(), "cancelled");
            assert_eq!(Rc::strong_count(&shared), 1, "all are gone");
            Ok(())
        })?;
        parent.join(region).await
    });
    ended.expect("ran");
    threads.only(5);
}

// proves: R-CAN-4, R-CAN-8
#[test]
fn cancelled_and_forced_it_is_dropped_at_home() {
    let mut config = Config::default();
    config.cleanup = config.cleanup.scaled(1, 100);
    let builder = Runtime::builder().workers(2).config(config);
    let mut runtime = builder.build().expect("there is room for threads");
    let (obeys, forced) = (Threads::default(), Threads::default());
    let (a, b) = (obeys.clone(), forced.clone());
    let ends = runtime.block_on(async |region: &LocalRegion| {
        let obeying = region.spawn_pinned(async move |cx| {
            let _stays = Stays::new(&a);
            Ok(cx.sleep(Duration::from_secs(60)).await?)
        })?;
        let deaf = region.spawn_pinned(async move |_cx| {
            let _stays = Stays::new(&b);
            std::future::pending::<Result<(), Error>>().await
        })?;
        until(region, || obeys.count() + forced.count() == 2).await?;
        obeying.cancel("enough");
        deaf.cancel("enough");
        Ok([obeying.outcome(region).await?, deaf.outcome(region).await?])
    });
    for end in ends.expect("ran") {
        assert!(matches!(end, Outcome::Cancelled(_)), "{end:?}");
    }
    obeys.only(2);
    forced.only(2);
    assert!(runtime.shut_down().forced >= 1);
}

// proves: R-PAN-1
#[test]
fn a_panic_is_its_own_and_what_it_held_is_dropped_at_home() {
    let mut runtime = runtime(1);
    let threads = Threads::default();
    let seen = threads.clone();
    let end = runtime.block_on(async |region: &LocalRegion| {
        let spawner = region.spawner();
        let inner = region.region(async |r| {
            let task = r.spawn_pinned(async move |cx| -> Result<(), Error> {
                let _stays = Stays::new(&seen);
                cx.yield_now().await?;
                panic!("as the test wants")
            })?;
            Ok(task.outcome(r).await?)
        });
        assert!(inner.await.is_err(), "its region knows");
        let after = spawner.spawn_pinned(async |_cx| Ok(thread::current().id()))?;
        after.join(region).await
    });
    assert_eq!(end.expect("the worker lives on"), threads.only(2));
}

// proves: R-OWN-1, R-CAN-7
#[test]
fn shutdown_and_drop_without_it_end_them_at_home() {
    for is_orderly in [true, false] {
        let mut runtime = runtime(2);
        let (parent, child) = (Threads::default(), Threads::default());
        let (a, b) = (parent.clone(), child.clone());
        let spawned = runtime.spawner().spawn_pinned(async move |cx| {
            let _stays = Stays::new(&a);
            cx.region(async |r| {
                let stays = Stays::new(&b);
                drop(r.spawn_local(async move |_cx| {
                    let _stays = stays;
                    std::future::pending::<Result<(), Error>>().await
                })?);
                std::future::pending::<Result<(), Error>>().await
            })
            .await
        });
        let task = spawned.expect("there is room");
        let both =
            async |r: &LocalRegion| Ok(until(r, || parent.count() + child.count() == 2).await?);
        let met: Result<(), Error> = runtime.block_on(both);
        met.expect("they began");
        if is_orderly {
            let _ = runtime.shut_down();
        } else {
            let unwound = std::panic::catch_unwind(std::panic::AssertUnwindSafe(move || {
                let _dropped_while_unwinding = runtime;
                std::panic::resume_unwind(Box::new("as the test wants"));
            }));
            assert!(unwound.is_err());
        }
        assert!(task.is_finished(), "dropped with its runtime");
        assert_eq!(parent.only(2), child.only(2));
    }
}

// proves: R-OWN-2
#[test]
fn refused_it_is_dropped_uncalled() {
    let mut runtime = runtime(1);
    let kept = Arc::new(());
    let token = Arc::clone(&kept);
    let was_called = Arc::new(AtomicBool::new(false));
    let called = Arc::clone(&was_called);
    let refused = runtime.block_on(async |region: &LocalRegion| {
        let closed = region.region_with(RegionOptions::new(), async |r| Ok(r.spawner()));
        let spawned = closed.await?.spawn_pinned(move |_cx| {
            drop(token);
            called.store(true, Ordering::Relaxed);
            async { Ok(()) }
        });
        Ok(spawned.expect_err("the region is closed"))
    });
    let refused = refused.expect("ran");
    assert!(matches!(refused, SpawnError::RegionClosed), "{refused}");
    assert_eq!(Arc::strong_count(&kept), 1);
    assert!(!was_called.load(Ordering::Relaxed));
}

#[test]
fn on_one_thread_they_live_there() {
    let mut runtime = Runtime::current_thread();
    let there = runtime.block_on(async |region: &LocalRegion| {
        let task = region.spawn_pinned(async |cx| {
            let here = Rc::new(thread::current().id());
            cx.yield_now().await?;
            Ok(*here)
        })?;
        task.join(region).await
    });
    assert_eq!(there.expect("ran"), thread::current().id());
}
