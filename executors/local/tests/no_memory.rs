//! A spawn that finds no memory is refused like one past the capacity, and nothing is lost by it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use asupersync_core::{Error, Platform, SpawnError, Time};
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

thread_local! {
    /// Whether this thread's allocations are refused. Constant, so that looking does not allocate.
    static EXHAUSTED: Cell<bool> = const { Cell::new(false) };
}

/// The system's allocator, until a test exhausts it.
struct Exhaustible;

// SAFETY: every call goes to the system's allocator as it is, or is refused with null as the trait allows.
unsafe impl GlobalAlloc for Exhaustible {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if !EXHAUSTED.get() {
            // SAFETY: the caller's contract is the system's.
            return unsafe { System.alloc(layout) };
        }
        std::ptr::null_mut()
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: as above; every block came from the system.
        unsafe { System.dealloc(block, layout) }
    }
}

#[global_allocator]
static ALLOCATOR: Exhaustible = Exhaustible;

/// What `run` does while no memory is left.
fn exhausted<R>(run: impl FnOnce() -> R) -> R {
    EXHAUSTED.set(true);
    let result = run();
    EXHAUSTED.set(false);
    result
}

// proves: R-OWN-2
#[test]
fn a_spawn_without_memory_is_refused_and_loses_nothing() {
    let mut driver = LocalDriver::new(Arc::new(World::default()), 16);
    let token = Arc::new(());
    let result: Result<u32, Error> = driver.block_on(
        async |region| {
            let first = region.spawn(async move |_cx| Ok(1))?;
            for _ in 0..3 {
                let given = Arc::clone(&token);
                let refused = exhausted(|| {
                    region.spawn(async move |_cx| {
                        drop(given);
                        Ok(())
                    })
                });
                assert_eq!(refused.err(), Some(SpawnError::AtCapacity));
                assert_eq!(
                    Arc::strong_count(&token),
                    1,
                    "what the child was given is dropped"
                );
            }
            let background = exhausted(|| region.spawn_background(async move |_cx| Ok(())));
            assert_eq!(background, Err(SpawnError::AtCapacity));
            // The places that were refused are free again: sixteen tasks fit, with this body's and the first.
            let rest: Result<Vec<_>, _> =
                (0..14).map(|_| region.spawn(async |_cx| Ok(1))).collect();
            assert_eq!(
                region.spawn(async |_cx| Ok(1)).err(),
                Some(SpawnError::AtCapacity)
            );
            let mut sum = first.join(region).await?;
            for task in rest? {
                sum += task.join(region).await?;
            }
            Ok(sum)
        },
        |until| panic!("nothing wakes what waits {until:?}"),
    );
    assert_eq!(result.ok(), Some(15));
    assert_eq!(driver.stats().live, 0);
    assert!(matches!(driver.turn(1), Turn::Idle(None)));
}

// Time that passes, and tasks that end well, need no memory: they are how a full heap empties.
// proves: R-OWN-2
#[test]
fn sleepers_end_without_memory() {
    let world = Arc::new(World::default());
    let platform: Arc<dyn Platform> = Arc::<World>::clone(&world);
    let mut driver = LocalDriver::new(platform, 16);
    let naps = [1, 60_000, 3_600_000_000].map(Duration::from_micros);
    let tasks = naps.map(|nap| {
        let spawned = driver.spawner().spawn(async move |cx| {
            cx.sleep(nap).await?;
            Ok(())
        });
        spawned.expect("there is memory")
    });
    while driver.turn(8) == Turn::More {}
    for (task, nap) in tasks.iter().zip(naps) {
        assert!(!task.is_finished());
        world.0.store(nap.as_nanos() as u64, Ordering::Relaxed);
        exhausted(|| while driver.turn(8) == Turn::More {});
        assert!(task.is_finished(), "{nap:?}");
    }
}
