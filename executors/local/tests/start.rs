//! A body that is started and then driven by turns: for loops that may not block.

mod world;

use std::sync::Arc;
use std::time::Duration;

use asupersync_core::{Error, LocalRegion, SpawnError};
use asupersync_local::{LocalDriver, Turn};
use world::{Trace, World};

const MILLI: Duration = Duration::from_millis(1);

fn driver(capacity: usize) -> (LocalDriver, Arc<World>, Trace) {
    let world = World::new();
    let trace = world.trace.clone();
    let driver = LocalDriver::new(Arc::<World>::clone(&world), capacity);
    (driver, world, trace)
}

#[test]
fn a_started_body_runs_in_turns_until_everything_in_it_has_ended() {
    let (mut driver, world, trace) = driver(64);
    let said = trace.clone();
    let body = async move |region: &LocalRegion| {
        said.push("body");
        let child = said.clone();
        region.spawn(async move |cx| {
            cx.sleep(MILLI).await?;
            child.push("child");
            Ok(())
        })?;
        Ok::<_, Error>(7)
    };
    let mut main = driver.start(body).expect("there is room");
    assert_eq!(trace.take(), [""; 0], "nothing runs outside of turns");
    assert!(main.try_result().is_none());
    assert!(matches!(driver.turn(8), Turn::Idle(Some(_))));
    assert!(
        main.try_result().is_none(),
        "its region waits for the child"
    );
    world.advance(MILLI);
    let _ = driver.turn(8);
    let result = main.try_result().expect("all have ended");
    assert_eq!(result.ok(), Some(7));
    let again = main.try_result().expect("it has ended");
    assert!(again.is_err(), "the result is given out once");
    assert_eq!(
        trace.take(),
        ["body", "arm 1.000ms", "child", "arm nothing"]
    );
}

// proves: R-OWN-3
#[test]
fn dropping_the_handle_asks_the_body_to_stop() {
    let (mut driver, _, trace) = driver(64);
    let said = trace.clone();
    let body = async move |region: &LocalRegion| {
        let waited = region.sleep(MILLI).await;
        said.push(match &waited {
            Ok(()) => "slept",
            Err(_) => "stops",
        });
        Ok::<_, Error>(waited?)
    };
    let main = driver.start(body).expect("there is room");
    assert!(matches!(driver.turn(8), Turn::Idle(Some(_))));
    drop(main);
    assert_eq!(driver.turn(8), Turn::Idle(None));
    assert_eq!(
        trace.take(),
        ["arm 1.000ms", "pend", "stops", "arm nothing"]
    );
    assert_eq!(driver.stats().live, 0);
}

#[test]
fn a_body_that_is_not_admitted_is_dropped_uncalled() {
    let (mut full, _, _) = driver(0);
    let held = Arc::new(());
    let inside = Arc::clone(&held);
    let refused = full.start(async move |_: &LocalRegion| {
        drop(inside);
        Ok::<_, Error>(())
    });
    assert!(refused.is_err_and(|error| error.is_at_capacity()));
    assert_eq!(Arc::strong_count(&held), 1);

    let (mut stopped, _, _) = driver(64);
    stopped.request_shutdown();
    let refused = stopped.start(async |_: &LocalRegion| Ok::<_, Error>(()));
    assert_eq!(refused.err(), Some(SpawnError::RegionClosed));
}
