//! A stage for scenarios of waiting: one task, two contexts, and wakers under the test's control.

#![allow(dead_code)] // each test file uses a part

mod probe;

#[allow(unused_imports, reason = "each test file uses its part")]
pub use probe::{OnWake, Waiting};

use asupersync_core::{
    Config, CxBase, Driver, Error, Executor, LocalRegion, Platform, Ran, Region, Runnable, Stats,
    Time,
};
use std::collections::VecDeque;
use std::sync::{Arc, Mutex};

/// What a scenario works with.
pub struct Stage<'a> {
    /// A context that is never cancelled.
    pub cx: &'a CxBase,
    /// A context that [`cancel`](Self::cancel) cancels.
    pub doomed: &'a CxBase,
    region: &'a Region<Error>,
}

impl Stage<'_> {
    pub fn cancel(&self) {
        self.region.cancel("the scenario says so");
    }
}

/// A world whose queue is a list, and whose clock jumps when nothing else is left to do.
#[derive(Default)]
struct World {
    queue: Mutex<VecDeque<Runnable>>,
    now: Mutex<Time>,
}

impl Platform for World {
    fn now(&self) -> Time {
        *self.now.lock().expect("no test panics inside")
    }
    fn arm(&self, _: Option<Time>) {}
    fn pend(&self) {}
    fn entropy(&self) -> u64 {
        0
    }
}

impl Executor for World {
    fn schedule(&self, task: Runnable) {
        self.queue
            .lock()
            .expect("no test panics inside")
            .push_back(task);
    }
    fn interrupt(&self) {}
    fn capacity(&self) -> usize {
        16
    }
}

/// Runs `body` as a task until it and everything around it has ended.
pub fn run(config: Config, body: impl AsyncFnOnce(&LocalRegion) -> Result<(), Error>) -> Stats {
    let world = Arc::new(World::default());
    let mut driver = Driver::new(
        Arc::clone(&world) as Arc<dyn Platform>,
        Arc::clone(&world) as Arc<dyn Executor>,
        config,
        None,
    );
    let turn = |driver: &mut Driver| {
        let next = world
            .queue
            .lock()
            .expect("no test panics inside")
            .pop_front();
        match next {
            Some(task) => {
                if let Ran::Again(task) = driver.run(task).expect("there is one runtime") {
                    world.schedule(task);
                }
            }
            None => {
                let deadline = driver.next_deadline().expect("everybody waits for ever");
                *world.now.lock().expect("no test panics inside") = deadline;
                driver.fire_timers(usize::MAX);
            }
        }
    };
    let ended: Result<(), Error> = driver.block_on(body, turn, |()| ());
    assert!(ended.is_ok(), "{ended:?}");
    driver.stats()
}

/// Plays `scenario` inside a task, and checks that it left no permit behind.
pub fn with_cx(scenario: impl FnOnce(&Stage<'_>)) {
    let stats = run(Config::default(), async |root| {
        let cx: &CxBase = root;
        root.region(async |region| {
            scenario(&Stage {
                cx,
                doomed: region,
                region,
            });
            Ok(())
        })
        .await
    });
    assert_eq!(stats.leaked, 0);
}
