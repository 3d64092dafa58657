//! What is left when the host drops the guest half-way: nothing that runs, nothing that leaks.

mod world;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};

use asupersync_core::{Error, LocalRegion, Task};
use asupersync_embassy::Guest;
use world::{MILLI, Trace, World};

/// The waker of a task's last poll.
type Slot = Arc<Mutex<Option<Waker>>>;

/// A body with a child of each kind, all of which wait for ever. The `Send` child leaves its waker in the slot, all
/// leave a mark when they are dropped.
async fn family(region: &LocalRegion, trace: &Trace, slot: &Slot) -> Result<(), Error> {
    let _body = trace.on_drop("body dropped");
    let (dropped, slot) = (trace.on_drop("child dropped"), Arc::clone(slot));
    region.spawn(async move |_| {
        let _dropped = dropped;
        poll_fn(|cx| {
            *slot.lock().unwrap() = Some(cx.waker().clone());
            Poll::<()>::Pending
        })
        .await;
        Ok(())
    })?;
    let dropped = trace.on_drop("local child dropped");
    region.spawn_local(async move |cx| {
        let _dropped = dropped;
        Ok(cx.sleep(MILLI).await?)
    })?;
    Ok(region.sleep(MILLI * 2).await?)
}

/// A task of the root region that waits for ever.
fn waiter(guest: &Guest<World>, trace: &Trace) -> Task<(), Error> {
    let dropped = trace.on_drop("root task dropped");
    guest
        .spawner()
        .spawn(async move |cx| {
            let _dropped = dropped;
            Ok(cx.sleep(MILLI * 3).await?)
        })
        .expect("there is room")
}

// proves: R-OWN-3
#[test]
fn the_guest_dropped_half_way_drops_everything_and_late_wakes_do_nothing() {
    let world = World::default();
    let mut guest = Guest::new(world.clone(), 64);
    let rooted = waiter(&guest, &world.trace);
    let spawner = guest.spawner();
    let slot = Slot::default();
    let (trace, shared) = (world.trace.clone(), Arc::clone(&slot));
    let (host_task, host_waker) = world.waker();

    // As a host's task does it: the future owns the guest.
    let mut task = Box::pin(async move {
        guest
            .run(async move |region: &LocalRegion| family(region, &trace, &shared).await)
            .await
    });
    let polled = task.as_mut().poll(&mut Context::from_waker(&host_waker));
    assert!(polled.is_pending());
    assert_eq!(world.trace.take(), ["timer 1.000ms"]);
    drop(host_waker);
    assert_eq!(Arc::strong_count(&host_task), 2, "ours and the guest's");

    drop(task);
    assert_eq!(
        world.trace.take(),
        [
            "no timer 1.000ms",  // the future of `run`; the host is not woken for it
            "root task dropped", // the guest: what is in the root, in the order of its spawn
            "body dropped",
            "child dropped",
            "local child dropped",
        ]
    );
    assert!(rooted.is_finished());
    assert!(spawner.spawn(async |_| Ok(())).is_err());
    let late = slot.lock().unwrap().take().expect("it was polled");
    late.wake_by_ref();
    late.wake();
    assert_eq!(world.trace.take(), [""; 0]);
    assert_eq!(
        Arc::strong_count(&host_task),
        1,
        "the host's task is let go"
    );
}

// proves: R-OWN-3 R-CAN-7
#[test]
fn the_run_dropped_half_way_asks_the_body_to_stop_and_shutting_down_drains_it() {
    let world = World::default();
    let mut guest = Guest::new(world.clone(), 64);
    let said = world.trace.clone();
    {
        let mut run = pin!(guest.run(async move |region: &LocalRegion| {
            let child = said.clone();
            region.spawn(async move |cx| {
                let stopped = cx.sleep(MILLI).await;
                child.push(format!("child: {}", stopped.is_err()));
                Ok(stopped?)
            })?;
            let stopped = region.sleep(MILLI).await;
            said.push(format!("body: {}", stopped.is_err()));
            Ok::<_, Error>(stopped?)
        }));
        assert!(world.poll(run.as_mut()).is_pending());
        assert_eq!(world.trace.take(), ["timer 1.000ms"]);
    }
    assert_eq!(world.trace.take(), ["no timer 1.000ms"]);
    let stats = world.finish(guest.shut_down());
    assert_eq!(world.trace.take(), ["body: true", "child: true"]);
    assert_eq!((stats.live, stats.timers, stats.forced), (0, 0, 0));
}

#[test]
fn after_a_dropped_run_the_guest_runs_again() {
    let world = World::default();
    let mut guest = Guest::new(world.clone(), 64);
    let slot = Slot::default();
    let (trace, shared) = (world.trace.clone(), Arc::clone(&slot));
    {
        let body = async move |region: &LocalRegion| family(region, &trace, &shared).await;
        let mut run = pin!(guest.run(body));
        assert!(world.poll(run.as_mut()).is_pending());
    }
    let again = world.finish(guest.run(async |region: &LocalRegion| {
        region.sleep(MILLI).await?;
        Ok::<_, Error>(7)
    }));
    assert_eq!(again.ok(), Some(7));
    // The child that never looks at its cancel is still there; its budget ends in the shutdown.
    assert_eq!(guest.stats().live, 2);
    let stats = world.finish(guest.shut_down());
    assert!(stats.live == 0 && stats.forced > 0, "{stats:?}");
}

#[test]
fn a_shutdown_dropped_half_way_drops_the_rest() {
    let world = World::default();
    let mut guest = Guest::new(world.clone(), 64);
    let dropped = world.trace.on_drop("stubborn task dropped");
    let stubborn = guest
        .spawner()
        .spawn(async move |_| {
            let _dropped = dropped;
            poll_fn(|_| Poll::<()>::Pending).await;
            Ok(())
        })
        .expect("there is room");
    let begun = world.finish(guest.run(async |_: &LocalRegion| Ok::<_, Error>(())));
    assert!(begun.is_ok() && !stubborn.is_finished());
    {
        let mut end = pin!(guest.shut_down());
        assert!(world.poll(end.as_mut()).is_pending());
        world.trace.take();
    }
    assert!(world.trace.take().contains(&"stubborn task dropped".into()));
    assert!(stubborn.is_finished());
}

#[test]
fn a_run_that_was_never_polled_starts_nothing() {
    let world = World::default();
    let mut guest = Guest::new(world.clone(), 64);
    let dropped = world.trace.on_drop("body dropped");
    drop(guest.run(async move |_: &LocalRegion| {
        drop(dropped);
        Ok::<_, Error>(())
    }));
    assert_eq!(world.trace.take(), ["body dropped"]);
    assert_eq!(guest.stats().live, 0);
}
