//! Regions nested a hundred thousand levels deep through tasks: no walk over them may recurse.
//!
//! On a thread with a small stack, in a runtime whose cleanup budgets are long: what is tested here is depth,
//! not speed.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::Duration;

use asupersync_core::{CleanupBudgets, Config, Cx, Error, Spawner};
use asupersync_local::LocalDriver;
use asupersync_std::{Runtime, StdPlatform};

const DEPTH: u32 = 100_000;
/// A hundredth of what the recursion would need.
const STACK: usize = 1 << 18;

type Level = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;

/// What the levels count.
#[derive(Clone, Default)]
struct Counts {
    opened: Arc<AtomicU32>,
    ended: Arc<AtomicU32>,
    out_of_order: Arc<AtomicU32>,
}

/// A task that opens a region with a task that opens a region, and so on; each waits for ever.
fn level(cx: Cx, below: u32, counts: Counts) -> Level {
    Box::pin(async move {
        let end = cx
            .region(async |inner| {
                counts.opened.fetch_add(1, Ordering::Relaxed);
                if below > 0 {
                    let counts = counts.clone();
                    inner.spawn(move |cx| level(cx, below - 1, counts))?;
                }
                Ok(inner.sleep(Duration::MAX).await?)
            })
            .await;
        if counts.ended.fetch_add(1, Ordering::Relaxed) != below {
            counts.out_of_order.fetch_add(1, Ordering::Relaxed);
        }
        end
    })
}

fn config() -> Config {
    let mut config = Config::default();
    config.cleanup = CleanupBudgets::default().scaled(1_000, 1);
    config
}

fn on_a_small_stack(test: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(STACK).spawn(test);
    thread
        .expect("a thread can be spawned")
        .join()
        .expect("the test passes");
}

fn open_all(spawner: &Spawner<Error>, mut turn: impl FnMut()) -> Counts {
    let counts = Counts::default();
    let top = counts.clone();
    let task = spawner.spawn(move |cx| level(cx, DEPTH - 1, top));
    drop(task.expect("it is admitted"));
    while counts.opened.load(Ordering::Relaxed) < DEPTH {
        turn();
    }
    counts
}

// proves: R-CAN-1 R-CAN-7 R-REG-4 R-OWN-1
#[test]
fn a_shutdown_reaches_the_bottom_and_closes_from_there() {
    on_a_small_stack(|| {
        let mut runtime = Runtime::builder().config(config()).on_one_thread();
        let spawner = runtime.spawner();
        let counts = open_all(&spawner, || {
            let _ = runtime.turn(1_000);
        });
        let stats = runtime.shut_down();
        assert_eq!((stats.live, stats.timers, stats.forced), (0, 0, 0));
        assert_eq!(counts.ended.load(Ordering::Relaxed), DEPTH);
        assert_eq!(counts.out_of_order.load(Ordering::Relaxed), 0);
    });
}

// proves: R-OWN-3 R-CAN-1
#[test]
fn a_region_dropped_at_the_top_is_torn_down_to_the_bottom() {
    on_a_small_stack(|| {
        let mut runtime = Runtime::builder().config(config()).on_one_thread();
        let counts = Counts::default();
        let deep = counts.clone();
        let ended: Result<(), Error> = runtime.block_on(async |r| {
            let host = r.spawn(async move |cx| {
                let opened = Arc::clone(&deep.opened);
                let top = cx.region(async |inner| {
                    inner.spawn(move |cx| level(cx, DEPTH - 1, deep))?;
                    Ok(inner.sleep(Duration::MAX).await?)
                });
                let mut top = Box::pin(top);
                while opened.load(Ordering::Relaxed) < DEPTH {
                    std::future::poll_fn(|waker| {
                        let _ = top.as_mut().poll(waker);
                        std::task::Poll::Ready(())
                    })
                    .await;
                    cx.yield_now().await?;
                }
                drop(top);
                Ok::<(), Error>(())
            })?;
            host.join(r).await
        });
        ended.expect("the region that adopted the rest is uncancelled");
        assert_eq!(counts.ended.load(Ordering::Relaxed), DEPTH);
        assert_eq!(counts.out_of_order.load(Ordering::Relaxed), 0);
    });
}

// proves: R-OWN-3
#[test]
fn a_driver_that_is_dropped_drops_every_level() {
    on_a_small_stack(|| {
        let platform = StdPlatform::new(1);
        let mut driver =
            LocalDriver::with_config(Arc::new(platform), 2 * DEPTH as usize, config(), None);
        let spawner = driver.spawner();
        let counts = open_all(&spawner, || {
            let _ = driver.turn(1_000);
        });
        let opened = Arc::downgrade(&counts.opened);
        drop(driver);
        assert_eq!(
            counts.ended.load(Ordering::Relaxed),
            0,
            "none was polled again"
        );
        drop(counts);
        assert!(opened.upgrade().is_none(), "a level is still there");
        assert!(spawner.is_closed());
    });
}
