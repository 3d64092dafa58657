//! A spawn that finds no memory is refused like one past the capacity, and nothing is lost by it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use asupersync_core::internal::Gate;
use asupersync_core::{
    Budget, Error, LocalCx, LocalRegion, Platform, RegionOptions, SpawnError, TaskOptions, Time,
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

/// What is left for this thread.
#[derive(Clone, Copy, PartialEq)]
enum Memory {
    Enough,
    /// Every allocation is refused.
    None,
    /// After so many allocations one is refused.
    FailsAfter(u32),
}

thread_local! {
    /// Constant, so that looking does not allocate.
    static MEMORY: Cell<Memory> = const { Cell::new(Memory::Enough) };
}

/// Whether this thread's next allocation is granted.
fn is_left() -> bool {
    match MEMORY.get() {
        Memory::Enough => true,
        Memory::None => false,
        Memory::FailsAfter(0) => {
            MEMORY.set(Memory::Enough);
            false
        }
        Memory::FailsAfter(left) => {
            MEMORY.set(Memory::FailsAfter(left - 1));
            true
        }
    }
}

/// The system's allocator, until a test exhausts it.
struct Exhaustible;

// SAFETY: every call goes to the system's allocator as it is, or is refused with null as the trait allows.
unsafe impl GlobalAlloc for Exhaustible {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        if is_left() {
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
    MEMORY.set(Memory::None);
    let result = run();
    MEMORY.set(Memory::Enough);
    result
}

/// What `run` does when the allocation after the next `count` is refused, and whether there was one.
fn failing_after<R>(count: u32, run: impl FnOnce() -> R) -> (R, bool) {
    MEMORY.set(Memory::FailsAfter(count));
    let result = run();
    let failed = MEMORY.replace(Memory::Enough) == Memory::Enough;
    (result, failed)
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

/// How a task with limits can be spawned.
#[derive(Clone, Copy, Debug)]
enum Way {
    With(TaskOptions),
    Local,
    Background,
}

impl Way {
    /// Spawns a child that holds `token` and ends at once.
    fn spawn(self, region: &LocalRegion<Error>, token: Arc<()>) -> Result<(), SpawnError> {
        let held = async move || {
            drop(token);
            Ok(())
        };
        match self {
            Self::With(options) => region.spawn_with(options, |_cx| held()).map(drop),
            Self::Local => region.spawn_local(|_cx| held()).map(drop),
            Self::Background => region.spawn_background(|_cx| held()),
        }
    }
}

/// Spawns one child with the allocation after the next `count` refused, in a new runtime whose body has `deadline`. Says
/// whether there was such an allocation.
fn spawn_failing_after(count: u32, way: Way, deadline: Option<Time>) -> bool {
    let mut driver = LocalDriver::new(Arc::new(World::default()), 5);
    let token = Arc::new(());
    let failed = Rc::new(Cell::new(false));
    let result: Result<u32, Error> = driver.block_on(
        async |outer| {
            let (token, failed) = (Arc::clone(&token), Rc::clone(&failed));
            let budget = Budget {
                deadline,
                ..Budget::INFINITE
            };
            let body = async move |region: &LocalRegion<Error>| {
                let given = Arc::clone(&token);
                let (spawned, refused) = failing_after(count, || way.spawn(region, given));
                failed.set(refused);
                if !refused {
                    assert_eq!(spawned, Ok(()));
                    return Ok(0);
                }
                assert_eq!(spawned, Err(SpawnError::AtCapacity), "{way:?}, {count}");
                assert_eq!(Arc::strong_count(&token), 2, "the closure is dropped");
                // Its place is free again: three fit, with the two bodies.
                let rest = TaskOptions::new().budget(budget);
                let rest: Result<Vec<_>, _> = (0..3)
                    .map(|_| region.spawn_with(rest, async |_cx| Ok(1)))
                    .collect();
                let full = way.spawn(region, Arc::clone(&token));
                assert_eq!(full, Err(SpawnError::AtCapacity));
                let mut sum = 0;
                for task in rest? {
                    sum += task.join(region).await?;
                }
                Ok(sum)
            };
            let options = RegionOptions::new().budget(budget);
            // On the driving thread, so that it may have local children.
            let inner = async move |cx: LocalCx| cx.region_with(options, body).await;
            outer.spawn_local(inner)?.join(outer).await
        },
        |until| panic!("nothing wakes what waits {until:?}"),
    );
    let failed = failed.get();
    assert_eq!(result.ok(), Some(if failed { 3 } else { 0 }));
    assert_eq!(Arc::strong_count(&token), 1);
    let stats = driver.stats();
    assert_eq!((stats.live, stats.timers, stats.leaked), (0, 0, 0));
    assert!(matches!(driver.turn(1), Turn::Idle(None)));
    failed
}

// proves: R-OWN-2
#[test]
fn each_allocation_of_a_spawn_with_limits_may_be_refused() {
    let until = |nanos| Budget {
        deadline: Some(Time::from_nanos(nanos)),
        ..Budget::INFINITE
    };
    let polls = Budget {
        poll_quota: 9,
        ..Budget::INFINITE
    };
    let cost = Budget {
        cost_quota: Some(9),
        ..Budget::INFINITE
    };
    let (near, far) = (until(1_000_000), until(1 << 60));
    let options = TaskOptions::new();
    let later = Some(Time::from_nanos(1 << 40));
    // What is the task's own: its cell; the rest of it; room in the timed lane; an entry and levels of the timer wheel.
    let ways = [
        (Way::With(options), None, 1),
        (Way::With(options.name("named")), None, 2),
        (Way::With(options.budget(polls)), None, 2),
        (Way::With(options.budget(cost)), None, 2),
        (Way::With(options.budget(near)), None, 5),
        (Way::With(options.budget(far).name("far")), None, 5),
        (Way::With(options), later, 2),
        (Way::With(options.budget(near).name("both")), later, 3),
        (Way::Local, later, 2),
        (Way::Background, later, 2),
    ];
    for (way, deadline, at_least) in ways {
        let failures = (0..).take_while(|count| spawn_failing_after(*count, way, deadline));
        let failures = failures.count();
        assert!(failures >= at_least, "{way:?} in {deadline:?}: {failures}");
    }
}

// Words of their own are only faster: without memory for them the drivers go on with the one.
// proves: R-OWN-2
#[test]
fn a_gate_that_finds_no_memory_stays_narrow() {
    let gate = Gate::new(2);
    exhausted(|| gate.widen());
    let (_, failed) = failing_after(1, || gate.widen());
    assert!(failed, "the second allocation is the last");
    assert!(gate.enter(false, || 0) && gate.enter(false, || 1));
    assert_eq!(gate.close().foreground, 2);
    assert!(!gate.enter(false, || 0), "closed");
    assert!(gate.exit(false, || 1).is_none());
    assert!(
        gate.exit(false, || 0)
            .is_some_and(|inside| inside.is_empty())
    );
}
