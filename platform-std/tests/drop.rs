//! A driver that is dropped without shutdown leaves no future behind, wherever its tasks were.

use std::future::pending;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Poll, Waker};
use std::time::Duration;

use asupersync_core::{Error, Platform};
use asupersync_local::LocalDriver;
use asupersync_std::StdPlatform;

struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn counted(live: &Arc<AtomicUsize>) -> Counted {
    live.fetch_add(1, Ordering::Relaxed);
    Counted(Arc::clone(live))
}

fn driver() -> LocalDriver {
    let platform = StdPlatform::new(1);
    let platform: Arc<dyn Platform> = Arc::new(platform);
    LocalDriver::new(platform, 64)
}

// proves: R-OWN-1
#[test]
fn idle_queued_and_nested_tasks_are_dropped_with_the_driver() {
    let live = Arc::new(AtomicUsize::new(0));
    let mut driver = driver();
    let spawner = driver.spawner();
    let kept = counted(&live);
    let idle = spawner.spawn(async move |_cx| {
        let _kept = kept;
        pending::<Result<(), Error>>().await
    });
    let (outer, inner) = (counted(&live), counted(&live));
    let nested = spawner.spawn(async move |cx| {
        let _kept = outer;
        cx.region(async |r| {
            r.spawn(async move |cx| {
                let _kept = inner;
                cx.defer(async |_cx| ())?;
                Ok(cx.sleep(Duration::from_secs(60)).await?)
            })?;
            pending::<Result<(), Error>>().await
        })
        .await
    });
    let _ = driver.turn(10);
    let kept = counted(&live);
    let queued = spawner.spawn(async move |cx| {
        let _kept = kept;
        Ok(cx.yield_now().await?)
    });
    assert_eq!(live.load(Ordering::Relaxed), 4);
    drop(driver);
    assert_eq!(live.load(Ordering::Relaxed), 0);
    let ends = [
        idle.expect("admitted").is_finished(),
        nested.expect("admitted").is_finished(),
        queued.expect("admitted").is_finished(),
    ];
    assert_eq!(ends, [true; 3]);
}

#[test]
fn wakes_during_and_after_the_drop_do_nothing() {
    let live = Arc::new(AtomicUsize::new(0));
    let mut driver = driver();
    let waker = Arc::new(std::sync::Mutex::new(None::<Waker>));

    struct WakesOnDrop(Arc<std::sync::Mutex<Option<Waker>>>);
    impl Drop for WakesOnDrop {
        fn drop(&mut self) {
            if let Some(waker) = self.0.lock().expect("not poisoned").as_ref() {
                waker.wake_by_ref();
            }
        }
    }

    let (seen, kept) = (Arc::clone(&waker), counted(&live));
    let sleeper = driver.spawner().spawn(async move |_cx| {
        let _kept = kept;
        std::future::poll_fn(|cx| {
            *seen.lock().expect("not poisoned") = Some(cx.waker().clone());
            Poll::<Result<(), Error>>::Pending
        })
        .await
    });
    let (wakes, kept) = (WakesOnDrop(Arc::clone(&waker)), counted(&live));
    let other = driver.spawner().spawn(async move |_cx| {
        let _kept = kept;
        let _wakes = wakes;
        pending::<Result<(), Error>>().await
    });
    let _ = driver.turn(10);
    drop(driver);
    assert_eq!(live.load(Ordering::Relaxed), 0);
    let late = waker.lock().expect("not poisoned").take();
    late.expect("it was polled").wake();
    drop((sleeper, other));
}
