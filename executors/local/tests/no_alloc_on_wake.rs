//! No allocation and no failure on the wake path, counted by the allocator itself.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use asupersync_core::{Budget, Platform, TaskOptions, Time};
use asupersync_local::{LocalDriver, Turn};

/// A world whose clock stands, and that allocates nothing of its own.
struct Still;

impl Platform for Still {
    fn now(&self) -> Time {
        Time::ZERO
    }

    fn arm(&self, _deadline: Option<Time>) {}

    fn pend(&self) {}

    fn entropy(&self) -> u64 {
        0
    }
}

thread_local! {
    /// `Some`: this thread counts. Constant, so that looking does not allocate.
    static COUNT: Cell<Option<usize>> = const { Cell::new(None) };
}

/// The system's allocator, with a count of the calls that the test asks about.
struct Counting;

impl Counting {
    fn note() {
        COUNT.with(|count| count.set(count.get().map(|n| n + 1)));
    }
}

// SAFETY: every call goes to the system's allocator as it is; counting touches a thread's own cell.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        Self::note();
        // SAFETY: the caller's contract is the system's.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        Self::note();
        // SAFETY: as above.
        unsafe { System.dealloc(block, layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        Self::note();
        // SAFETY: as above.
        unsafe { System.realloc(block, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// How often this thread called the allocator during `run`.
fn counted(run: impl FnOnce()) -> usize {
    COUNT.set(Some(0));
    run();
    COUNT.take().unwrap_or_default()
}

const CAPACITY: usize = 300;
const ROUNDS: usize = 20;

/// A full runtime, a third of it in each lane, every task woken in every round: nothing is allocated
/// or freed by a wake, a queue or a poll, and no wake is lost.
// proves: R-SCH-2 R-OWN-2
#[test]
fn wakes_and_turns_allocate_nothing() {
    let mut driver = LocalDriver::new(Arc::new(Still), CAPACITY);
    let polls = Arc::new(AtomicUsize::new(0));
    let wakers: Arc<Vec<Mutex<Option<Waker>>>> =
        Arc::new((0..CAPACITY).map(|_| Mutex::new(None)).collect());
    let far = Budget::INFINITE.with_deadline(Time::from_nanos(1_000_000_000_000));
    let mut tasks = Vec::new();
    for index in 0..CAPACITY {
        let options = if index % 3 == 1 {
            TaskOptions::new().budget(far)
        } else {
            TaskOptions::new()
        };
        let (polls, wakers) = (Arc::clone(&polls), Arc::clone(&wakers));
        let spawned = driver.spawner().spawn_with(options, async move |_| {
            poll_fn(|waker| {
                polls.fetch_add(1, Ordering::Relaxed);
                let mut slot = wakers[index].lock().unwrap();
                if !slot
                    .as_ref()
                    .is_some_and(|old| old.will_wake(waker.waker()))
                {
                    *slot = Some(waker.waker().clone());
                }
                Poll::<Result<(), asupersync_core::Error>>::Pending
            })
            .await
        });
        tasks.push(spawned.expect("there is room for as many as it admits"));
    }
    let run_dry = |driver: &mut LocalDriver| while driver.turn(64) == Turn::More {};
    run_dry(&mut driver);
    for task in tasks.iter().skip(2).step_by(3) {
        // They never look, and are never forced: the clock stands.
        task.cancel("into the cancel lane");
    }
    run_dry(&mut driver);
    polls.store(0, Ordering::Relaxed);

    // Taken out, so that nothing but the wake happens where it is counted.
    let all: Vec<Waker> = wakers
        .iter()
        .map(|slot| slot.lock().unwrap().clone().unwrap())
        .collect();
    let mut here = 0;
    for _ in 0..ROUNDS {
        here += counted(|| {
            for waker in &all {
                waker.wake_by_ref();
                // The second one finds the task queued already.
                waker.wake_by_ref();
                let by_value = waker.clone();
                by_value.wake();
            }
            run_dry(&mut driver);
        });
    }
    assert_eq!(here, 0, "calls of the allocator by wakes and turns");
    assert_eq!(
        polls.swap(0, Ordering::Relaxed),
        CAPACITY * ROUNDS,
        "one poll for each wake"
    );

    // From another thread, all at once: the inbox has room for as many as there are.
    let there = std::thread::scope(|scope| {
        let wakes = scope.spawn(|| counted(|| all.iter().for_each(Waker::wake_by_ref)));
        wakes.join().expect("it only wakes")
    });
    assert_eq!(
        there, 0,
        "calls of the allocator by wakes from another thread"
    );
    run_dry(&mut driver);
    assert_eq!(polls.load(Ordering::Relaxed), CAPACITY, "no wake was lost");
}

/// The counter counts: an allocation where none may be would be seen.
#[test]
fn the_counter_counts() {
    assert_eq!(counted(|| drop(Box::new(1))), 2);
    assert_eq!(counted(|| ()), 0);
}

/// A spawn is one allocation, that of its cell, also where the runtime could take dumps but was not asked to.
#[test]
fn a_spawn_is_one_allocation() {
    let mut driver = LocalDriver::new(Arc::new(Still), CAPACITY);
    let spawner = driver.spawner();
    let mut spawned = None;
    let calls = counted(|| spawned = Some(spawner.spawn(async |_cx| Ok(()))));
    assert_eq!(calls, 1);
    assert!(matches!(spawned, Some(Ok(_))));
    assert!(matches!(driver.turn(1), Turn::More | Turn::Idle(_)));
}
