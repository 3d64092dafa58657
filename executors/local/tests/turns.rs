//! Turns of the local executor, compared as whole traces: what is polled, armed and pended, and when.

mod world;

use std::future::poll_fn;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};
use std::time::Duration;

use asupersync_core::{
    Budget, Config, Error, LocalRegion, ObligationToken, Task, TaskOptions, Time,
};
use asupersync_local::{LocalDriver, Turn};
use world::{Trace, World};

const MILLI: Duration = Duration::from_millis(1);

fn driver() -> (LocalDriver, Arc<World>, Trace) {
    let world = World::new();
    let trace = world.trace.clone();
    (
        LocalDriver::new(Arc::<World>::clone(&world), 64),
        world,
        trace,
    )
}

/// A task in the root region that says its name at every poll, and yields for ever.
fn yielder(driver: &LocalDriver, trace: &Trace, name: &'static str) -> Task<(), Error> {
    let trace = trace.clone();
    driver
        .spawner()
        .spawn(async move |cx| {
            loop {
                trace.push(name);
                cx.yield_now().await?;
            }
        })
        .expect("there is room")
}

/// A task that says its name at every poll, and waits. The waker of its last poll is in the slot.
fn waiter(
    driver: &LocalDriver,
    trace: &Trace,
    name: &'static str,
    options: TaskOptions,
) -> (Task<(), Error>, Arc<Mutex<Option<Waker>>>) {
    let slot = Arc::<Mutex<Option<Waker>>>::default();
    let (trace, shared) = (trace.clone(), Arc::clone(&slot));
    let task = driver
        .spawner()
        .spawn_with(options, async move |_| {
            poll_fn(|waker| {
                trace.push(name);
                *shared.lock().unwrap() = Some(waker.waker().clone());
                Poll::Pending
            })
            .await
        })
        .expect("there is room");
    (task, slot)
}

fn wake(slot: &Mutex<Option<Waker>>) {
    let waker = slot.lock().unwrap().clone();
    waker.expect("it was polled").wake();
}

// proves: R-SCH-3
#[test]
fn a_turn_polls_as_often_as_it_may_and_no_more() {
    let (mut driver, _, trace) = driver();
    for name in ["a", "b", "c"] {
        yielder(&driver, &trace, name);
    }
    assert_eq!(driver.turn(4), Turn::More);
    assert_eq!(
        trace.take(),
        [
            "a", // the queue is first in, first out
            "b", "c", "a", // it yielded, and went to the end
        ]
    );
    assert_eq!(driver.turn(2), Turn::More);
    assert_eq!(
        trace.take(),
        ["b", "c"],
        "the next turn goes on where the last one stopped"
    );
    assert_eq!(driver.turn(0), Turn::More);
    assert_eq!(trace.take(), [""; 0], "a turn of no polls polls nothing");
    assert_eq!(driver.turn(1_000), Turn::More);
    assert_eq!(trace.take().len(), 1_000);
}

#[test]
fn an_idle_turn_arms_the_next_timer() {
    let (mut driver, world, trace) = driver();
    let said = trace.clone();
    driver
        .spawner()
        .spawn(async move |cx| {
            cx.sleep(MILLI).await?;
            said.push("one");
            cx.sleep(MILLI * 2).await?;
            said.push("three");
            Ok(())
        })
        .expect("there is room");
    let at = |millis: u64| Some(Time::from_nanos(millis * 1_000_000));
    assert_eq!(driver.turn(8), Turn::Idle(at(1)));
    assert_eq!(trace.take(), ["arm 1.000ms"]);
    world.advance(MILLI / 2);
    assert_eq!(
        driver.turn(8),
        Turn::Idle(at(1)),
        "called too early: the same again"
    );
    assert_eq!(trace.take(), ["arm 1.000ms"]);
    world.advance(MILLI / 2);
    assert_eq!(driver.turn(8), Turn::Idle(at(3)));
    assert_eq!(trace.take(), ["one", "arm 3.000ms"]);
    world.advance(MILLI * 5);
    assert_eq!(
        driver.turn(8),
        Turn::Idle(None),
        "called too late: it fires all the same"
    );
    assert_eq!(trace.take(), ["three", "arm nothing"]);
}

/// With slack, a driver that sleeps wakes once for timers that lie close together; none fires early.
#[test]
fn slack_lets_timers_fire_together() {
    let world = World::new();
    let mut config = Config::default();
    config.timer_slack = Duration::from_nanos(1_500);
    let mut driver = LocalDriver::with_config(Arc::<World>::clone(&world), 8, config, None);
    let tasks: Vec<_> = [10, 700, 1_024, 1_025]
        .map(|nanos| {
            let until = Time::from_nanos(nanos);
            let sleeper = async move |cx: asupersync_core::Cx| Ok(cx.sleep_until(until).await?);
            driver.spawner().spawn(sleeper).expect("there is room")
        })
        .into();
    let ended = || tasks.iter().filter(|task| task.is_finished()).count();
    // Slack counts as 1,024 ns.
    for (wakes_at, ends) in [(1_024, 3), (2_048, 4)] {
        assert_eq!(
            driver.turn(16),
            Turn::Idle(Some(Time::from_nanos(wakes_at)))
        );
        world.advance(Duration::from_nanos(1_024));
        let _ = driver.turn(16);
        assert_eq!(ended(), ends);
    }
}

// proves: R-SCH-2
#[test]
fn a_wake_pends_a_driver_that_sleeps_once() {
    let (mut driver, _, trace) = driver();
    let (_a, a) = waiter(&driver, &trace, "a", TaskOptions::new());
    let (_b, b) = waiter(&driver, &trace, "b", TaskOptions::new());
    assert_eq!(driver.turn(8), Turn::Idle(None));
    assert_eq!(trace.take(), ["a", "b", "arm nothing"]);
    wake(&b);
    wake(&b);
    wake(&a);
    assert_eq!(
        trace.take(),
        ["pend"],
        "one call is enough for any number of wakes"
    );
    assert_eq!(driver.turn(8), Turn::Idle(None));
    assert_eq!(
        trace.take(),
        [
            "b", // woken first, and once
            "a",
            "arm nothing",
        ]
    );
}

#[test]
fn a_wake_within_a_turn_pends_nobody() {
    let (mut driver, _, trace) = driver();
    let (_task, slot) = waiter(&driver, &trace, "waits", TaskOptions::new());
    let (said, shared) = (trace.clone(), Arc::clone(&slot));
    driver
        .spawner()
        .spawn(async move |_| {
            said.push("wakes");
            wake(&shared);
            Ok(())
        })
        .expect("there is room");
    assert_eq!(driver.turn(8), Turn::Idle(None));
    assert_eq!(trace.take(), ["waits", "wakes", "waits", "arm nothing"]);
}

// proves: R-SCH-5 WVT-007
#[test]
fn every_lane_is_served_by_any_turn() {
    let (mut driver, _, trace) = driver();
    let timed =
        TaskOptions::new().budget(Budget::INFINITE.with_deadline(Time::from_nanos(1_000_000_000)));
    let (_ready, ready) = waiter(&driver, &trace, "ready", TaskOptions::new());
    let (_timed, timed) = waiter(&driver, &trace, "timed", timed);
    let (stopped, cancel) = waiter(&driver, &trace, "cancel", TaskOptions::new());
    let at = Some(Time::from_nanos(1_000_000_000));
    assert_eq!(driver.turn(8), Turn::Idle(at));
    assert_eq!(
        trace.take(),
        ["timed", "ready", "cancel", "arm 1.000s"],
        "deadlines first"
    );
    wake(&ready);
    wake(&timed);
    wake(&cancel);
    stopped.cancel("into the cancel lane");
    assert_eq!(trace.take(), ["pend"]);
    for expected in ["cancel", "timed", "ready"] {
        // One poll at a time: no lane is left for another kind of turn.
        let _ = driver.turn(1);
        assert_eq!(trace.take()[0], expected);
    }
}

// proves: R-SCH-1
#[test]
fn cancel_work_yields_after_its_streak() {
    let world = World::new();
    let trace = world.trace.clone();
    let mut config = Config::default();
    config.cancel_streak_limit = 3;
    let platform = Arc::<World>::clone(&world);
    let mut driver = LocalDriver::with_config(platform, 64, config, None);
    let said = trace.clone();
    // It never looks at its cancel, and yields through plain wakes.
    let stubborn: Task<(), Error> = driver
        .spawner()
        .spawn(async move |_| {
            poll_fn(|waker| {
                said.push("cancel");
                waker.waker().wake_by_ref();
                Poll::Pending
            })
            .await
        })
        .expect("there is room");
    let _ = driver.turn(1);
    stubborn.cancel("into the cancel lane");
    yielder(&driver, &trace, "ready");
    trace.take();
    assert_eq!(driver.turn(9), Turn::More);
    assert_eq!(
        trace.take(),
        [
            "cancel", // queued before it was cancelled, so still from the ready lane
            "cancel", "cancel", "cancel", // the limit
            "ready",  // its turn
            "cancel", "cancel", "cancel", "ready",
        ]
    );
    assert_eq!(driver.arbiter().max_cancel_streak(), 3);
    assert_eq!(driver.arbiter().fairness_yields(), 2);
}

// proves: R-CAN-7
#[test]
fn a_loop_of_its_own_can_shut_down() {
    let (mut driver, _, trace) = driver();
    yielder(&driver, &trace, "a");
    let _ = driver.turn(1);
    assert!(!driver.is_shut_down());
    driver.request_shutdown();
    assert!(
        driver
            .spawner()
            .spawn(async |_| Ok(()))
            .is_err_and(|e| e.is_closed())
    );
    while !driver.is_shut_down() {
        let _ = driver.turn(1);
    }
    assert_eq!(
        trace.take()[..1],
        ["a"],
        "it saw the cancel at its next wait"
    );
    assert_eq!(driver.stats().live, 0);
}

/// A task of the root region gives its token away; `until` says how the token ends.
fn shut_down_around_a_token(until: impl FnOnce(&World, ObligationToken)) -> (bool, u64) {
    let (mut driver, world, _) = driver();
    let given = Arc::<Mutex<Option<ObligationToken>>>::default();
    let slot = Arc::clone(&given);
    let task = driver.spawner().spawn(async move |cx| {
        *slot.lock().unwrap() = Some(cx.io_op()?);
        Ok(())
    });
    drop(task);
    while driver.turn(8) == Turn::More {}
    driver.request_shutdown();
    let waits = !driver.is_shut_down();
    until(&world, given.lock().unwrap().take().expect("it was given"));
    while driver.turn(8) == Turn::More {}
    assert!(driver.is_shut_down(), "the token is resolved or revoked");
    (waits, driver.stats().leaked)
}

// proves: R-CAN-7, R-OBL-2
#[test]
fn shutdown_waits_for_what_tasks_of_the_root_gave_away() {
    let committed = shut_down_around_a_token(|_, token| assert!(token.commit()));
    assert_eq!(committed, (true, 0));
    let kept = Mutex::new(None);
    let revoked = shut_down_around_a_token(|world, token| {
        world.advance(Duration::from_secs(60)); // past every cleanup budget
        *kept.lock().unwrap() = Some(token);
    });
    assert_eq!(revoked, (true, 1));
    let token = kept.into_inner().unwrap().expect("it was kept");
    assert!(!token.commit(), "a revoked token does nothing");
}

#[test]
fn block_on_gives_control_back_between_busy_turns() {
    let (mut driver, world, trace) = driver();
    let said = trace.clone();
    let body = async |region: &LocalRegion| {
        for name in ["1", "2", "3", "4"] {
            said.push(name);
            region.yield_now().await?;
        }
        region.sleep(MILLI).await?;
        Ok::<_, Error>(7)
    };
    let value = driver.block_on_turns(2, body, |turn| {
        trace.push(match turn {
            Turn::More => "more",
            Turn::Idle(_) => "idle",
        });
        if let Turn::Idle(Some(at)) = turn {
            world.advance(Duration::from_nanos(at.as_nanos()));
        }
    });
    assert_eq!(value.ok(), Some(7));
    assert_eq!(
        trace.take(),
        [
            "1",
            "2",
            "more", // two polls a turn
            "3",
            "4",
            "more",
            "arm 1.000ms",
            "idle",
            "arm nothing", // the turn that ends the body; nobody is called after it
        ]
    );
}

// proves: R-OWN-2
#[test]
fn capacities_have_their_extremes() {
    let none = LocalDriver::new(World::new(), 0);
    let refused = none.spawner().spawn(async |_| Ok(()));
    assert!(refused.is_err_and(|e| e.is_at_capacity()));

    let mut one = LocalDriver::new(World::new(), 1);
    let kept = one
        .spawner()
        .spawn(async |_| Ok(()))
        .expect("there is room for one");
    let refused = one.spawner().spawn(async |_| Ok(()));
    assert!(refused.is_err_and(|e| e.is_at_capacity()));
    let _ = one.turn(8);
    assert!(kept.is_finished());
    assert!(
        one.spawner().spawn(async |_| Ok(())).is_ok(),
        "the place is free again"
    );

    // A bound, not an allocation.
    let mut huge = LocalDriver::new(World::new(), usize::MAX);
    let task = huge
        .spawner()
        .spawn(async |_| Ok(()))
        .expect("there is room");
    let _ = huge.turn(8);
    assert!(task.is_finished());
}

#[test]
fn a_wake_after_the_driver_is_gone_does_nothing() {
    let (mut driver, _, trace) = driver();
    let (task, slot) = waiter(&driver, &trace, "a", TaskOptions::new());
    let _ = driver.turn(8);
    drop(driver);
    trace.take();
    wake(&slot);
    assert!(task.is_finished(), "its future was dropped with the driver");
    assert_eq!(trace.take(), [""; 0]);
}
