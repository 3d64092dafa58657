//! The numbers of a runtime.

use asupersync_core::LocalRegion;
use asupersync_std::Runtime;

const TASKS: usize = 500;

/// Every poll is counted by the driver that made it, and every driver that rests says so.
#[test]
fn the_polls_of_all_drivers_are_counted() {
    let runtime = Runtime::builder().workers(2).build();
    let mut runtime = runtime.expect("the host has threads");
    let result = runtime.block_on(async |region: &LocalRegion| {
        let tasks: Result<Vec<_>, _> = (0..TASKS)
            .map(|_| region.spawn(async |cx| Ok(cx.yield_now().await?)))
            .collect();
        for task in tasks? {
            task.join(region).await?;
        }
        Ok(())
    });
    assert!(result.is_ok());
    // A worker publishes at the end of its turn, which may come after the end of the body.
    let polls = || -> usize { runtime.snapshot().drivers.iter().map(|d| d.polls).sum() };
    while polls() < 2 * TASKS {
        std::thread::yield_now();
    }
    let snapshot = runtime.snapshot();
    assert_eq!((snapshot.drivers.len(), snapshot.kernel.live), (3, 0));
    assert!(snapshot.blocking.is_some());
    // Nothing is left to do: each worker goes to sleep, once at least.
    while runtime.snapshot().drivers[..2].iter().any(|d| d.parks == 0) {
        std::thread::yield_now();
    }
}

#[test]
fn a_runtime_on_one_thread_has_no_drivers_to_tell_apart() {
    let runtime = Runtime::current_thread();
    assert!(runtime.snapshot().drivers.is_empty());
}
