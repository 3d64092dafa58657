//! The guest, polled by hand and compared as whole traces: when it wakes its host, and what its timers are.

mod world;

use std::future::poll_fn;
use std::pin::pin;
use std::sync::{Arc, Mutex};
use std::task::{Poll, Waker};

use asupersync_core::trace::{Event, TraceSink};
use asupersync_core::{Config, Error, LocalRegion, PanicPayload, Platform, SpawnError, Time};
use asupersync_embassy::{Guest, Host};
use asupersync_local::LocalDriver;
use world::{MILLI, World};

fn guest() -> (Guest<World>, World) {
    let world = World::default();
    (Guest::new(world.clone(), 64), world)
}

// proves: R-SCH-3
#[test]
fn a_busy_guest_gives_control_back_after_its_polls() {
    let (guest, world) = guest();
    let mut guest = guest.polls_per_turn(2);
    let said = world.trace.clone();
    let mut run = pin!(guest.run(async move |region: &LocalRegion| {
        for name in ["1", "2", "3", "4"] {
            said.push(name);
            region.yield_now().await?;
        }
        Ok::<_, Error>(7)
    }));
    let value = loop {
        if let Poll::Ready(value) = world.poll(run.as_mut()) {
            break value;
        }
        world.trace.push("pending");
    };
    assert_eq!(value.ok(), Some(7));
    assert_eq!(
        world.trace.take(),
        [
            "1",
            "2", // two polls a turn
            "wake the host",
            "pending",
            "3",
            "4",
            "wake the host",
            "pending",
            // The turn that ends the body wakes nobody.
        ]
    );
}

#[test]
fn a_turn_has_at_least_one_poll() {
    let (guest, world) = guest();
    let mut guest = guest.polls_per_turn(0);
    let value = world.finish(guest.run(async |_: &LocalRegion| Ok::<_, Error>(7)));
    assert_eq!(value.ok(), Some(7));
}

// proves: R-DET-2
#[test]
fn an_idle_guest_holds_one_timer_at_its_nearest_deadline() {
    let (mut guest, world) = guest();
    let said = world.trace.clone();
    let mut run = pin!(guest.run(async move |region: &LocalRegion| {
        for (name, millis) in [("three", 3), ("one", 1), ("two", 2)] {
            let said = said.clone();
            region.spawn(async move |cx| {
                cx.sleep(MILLI * millis).await?;
                said.push(name);
                Ok(())
            })?;
        }
        Ok::<_, Error>(())
    }));
    assert!(world.poll(run.as_mut()).is_pending());
    assert_eq!(world.trace.take(), ["timer 1.000ms"]);
    assert!(world.poll(run.as_mut()).is_pending());
    assert_eq!(
        world.trace.take(),
        [""; 0],
        "polled too early: the same timer"
    );
    world.advance(MILLI);
    assert!(world.poll(run.as_mut()).is_pending());
    assert_eq!(
        world.trace.take(),
        ["one", "timer 2.000ms", "no timer 1.000ms"]
    );
    world.advance(MILLI * 5);
    assert!(world.poll(run.as_mut()).is_ready());
    assert_eq!(
        world.trace.take(),
        [
            "two", // polled too late: by deadline all the same
            "three",
            "no timer 2.000ms",
        ]
    );
}

/// What the last poll of a waiting body left behind.
type Slot = Arc<Mutex<Option<Waker>>>;

/// A body that waits for ever and leaves its waker in the slot.
async fn wait(slot: &Slot) {
    poll_fn(|cx| {
        *slot.lock().unwrap() = Some(cx.waker().clone());
        Poll::Pending
    })
    .await
}

fn waker_in(slot: &Slot) -> Waker {
    slot.lock().unwrap().clone().expect("it was polled")
}

// proves: R-SCH-2
#[test]
fn a_wake_wakes_the_waker_of_the_last_poll_and_once() {
    let (mut guest, world) = guest();
    let (slot, shared) = (Slot::default(), Slot::default());
    let (first, second) = (Arc::clone(&slot), Arc::clone(&shared));
    let mut run = pin!(guest.run(async move |region: &LocalRegion| {
        region.spawn(async move |_| {
            wait(&first).await;
            Ok(())
        })?;
        wait(&second).await;
        Ok::<_, Error>(())
    }));
    let elsewhere = World::default();
    assert!(elsewhere.poll(run.as_mut()).is_pending());
    assert!(
        world.poll(run.as_mut()).is_pending(),
        "its host task was moved"
    );
    waker_in(&slot).wake();
    waker_in(&slot).wake();
    waker_in(&shared).wake();
    assert_eq!(
        world.trace.take(),
        ["wake the host"],
        "one is enough for any number"
    );
    assert_eq!(elsewhere.trace.take(), [""; 0]);
    assert!(world.poll(run.as_mut()).is_pending());
    waker_in(&slot).wake();
    assert_eq!(
        world.trace.take(),
        ["wake the host"],
        "idle again, woken again"
    );
}

/// A host whose clock is read while another thread wakes the task in the slot: once, as soon as it has a waker.
struct Racing {
    world: World,
    slot: Slot,
}

impl Host for Racing {
    type Timer = world::Timer;

    fn now(&self) -> Time {
        if let Some(waker) = self.slot.lock().unwrap().take() {
            self.world.trace.push("another thread wakes");
            let other = std::thread::spawn(move || waker.wake());
            other.join().expect("it does not panic");
        }
        self.world.now()
    }

    fn timer(&self, deadline: Time) -> Self::Timer {
        self.world.timer(deadline)
    }

    fn entropy(&self) -> u64 {
        0
    }
}

// proves: R-SCH-2
#[test]
fn a_wake_while_the_driver_falls_asleep_is_not_lost() {
    let (world, slot) = (World::default(), Slot::default());
    let host = Racing {
        world: world.clone(),
        slot: Arc::clone(&slot),
    };
    let mut guest = Guest::new(host, 64);
    let mut run = pin!(guest.run(async move |region: &LocalRegion| {
        // With a deadline to compare, the clock is read between falling asleep and the end of the turn.
        region.spawn(async |cx| Ok(cx.sleep(MILLI).await?))?;
        region.spawn(async move |_| {
            wait(&slot).await;
            Ok(())
        })?;
        Ok::<_, Error>(())
    }));
    assert!(world.poll(run.as_mut()).is_pending());
    assert_eq!(
        world.trace.take(),
        ["another thread wakes", "wake the host", "timer 1.000ms"]
    );
}

/// A host whose timers are ready at once, whatever the clock says.
struct Hasty(World);

impl Host for Hasty {
    type Timer = std::future::Ready<()>;

    fn now(&self) -> Time {
        self.0.now()
    }

    fn timer(&self, deadline: Time) -> Self::Timer {
        self.0.trace.push(format!("timer {deadline}"));
        std::future::ready(())
    }

    fn entropy(&self) -> u64 {
        0
    }
}

#[test]
fn a_timer_that_is_ready_early_costs_a_poll_and_breaks_nothing() {
    let world = World::default();
    let mut guest = Guest::new(Hasty(world.clone()), 64);
    let mut run = pin!(guest.run(async |region: &LocalRegion| {
        region.sleep(MILLI).await?;
        Ok::<_, Error>(region.now()?)
    }));
    for _ in 0..2 {
        assert!(world.poll(run.as_mut()).is_pending());
        assert_eq!(world.trace.take(), ["timer 1.000ms", "wake the host"]);
    }
    world.advance(MILLI);
    let woke = world.poll(run.as_mut());
    assert!(matches!(woke, Poll::Ready(Ok(at)) if at == Time::from_nanos(1_000_000)));
}

#[test]
fn what_is_in_the_root_runs_while_the_guest_is_polled() {
    let (mut guest, world) = guest();
    let said = world.trace.clone();
    let task = guest
        .spawner()
        .spawn(async move |cx| {
            said.push("in the root");
            cx.sleep(MILLI).await?;
            said.push("still there");
            Ok(())
        })
        .expect("there is room");
    let said = world.trace.clone();
    let nothing = world.finish(guest.run(async move |_: &LocalRegion| {
        said.push("a body");
        Ok::<_, Error>(())
    }));
    assert!(nothing.is_ok() && !task.is_finished());
    world.advance(MILLI);
    assert_eq!(
        world.trace.take(),
        ["in the root", "a body"],
        "nobody polls now"
    );
    let stats = world.finish(guest.shut_down());
    assert_eq!(
        world.trace.take(),
        ["still there"],
        "its deadline passed before it was asked"
    );
    assert_eq!((stats.live, stats.timers), (0, 0));
}

#[test]
fn errors_are_those_of_block_on() {
    let world = World::default();
    let mut full = Guest::new(world.clone(), 0);
    let refused = world.finish(full.run(async |_: &LocalRegion| Ok::<_, Error>(())));
    let spawn = refused
        .expect_err("nothing is admitted")
        .downcast::<SpawnError>();
    assert!(spawn.is_ok_and(|error| error.is_at_capacity()));

    let (mut guest, world) = guest();
    let own = world.finish(
        guest.run(async |_: &LocalRegion| Err::<(), _>(Error::from(std::io::Error::other("mine")))),
    );
    assert_eq!(own.map_err(|error| error.to_string()), Err("mine".into()));

    let panicked = world.finish(guest.run(async |region: &LocalRegion| {
        let child = region.spawn(async |_| -> Result<(), Error> { panic!("on purpose") })?;
        child.join(region).await
    }));
    assert!(panicked.is_err_and(|error| error.to_string().contains("on purpose")));

    guest.spawner().cancel("no more");
    let closed = world.finish(guest.run(async |_: &LocalRegion| Ok::<_, Error>(())));
    let spawn = closed
        .expect_err("the root admits nothing")
        .downcast::<SpawnError>();
    assert!(spawn.is_ok_and(|error| error.is_closed()));
}

// proves: R-CAN-7
#[test]
fn shutting_down_drains() {
    let (guest, world) = guest();
    let said = world.trace.clone();
    guest
        .spawner()
        .spawn(async move |cx| {
            said.push("begins");
            let stopped = cx.sleep(MILLI * 100).await;
            said.push("is asked");
            let cleaned = said.clone();
            cx.defer(async move |cx| {
                let _ = cx.sleep(MILLI).await;
                cleaned.push("cleaned up");
            })?;
            Ok(stopped?)
        })
        .expect("there is room");
    let mut guest = guest;
    let begun = world.finish(guest.run(async |_: &LocalRegion| Ok::<_, Error>(())));
    assert!(begun.is_ok());
    let mut end = pin!(guest.shut_down());
    assert!(world.poll(end.as_mut()).is_pending());
    assert_eq!(
        world.trace.take(),
        [
            "begins",
            "is asked",
            "timer 1.000ms", // the finalizer's, before its budget's
        ]
    );
    world.advance(MILLI);
    let ended = world.poll(end.as_mut());
    assert!(matches!(ended, Poll::Ready(stats) if stats.live == 0 && stats.forced == 0));
    assert_eq!(world.trace.take()[0], "cleaned up");
}

/// Keeps every event as it stands in a trace.
#[derive(Default)]
struct Record(Mutex<Vec<[u8; Event::ENCODED_LEN]>>);

impl TraceSink for Record {
    fn record(&self, event: &Event) {
        self.0.lock().unwrap().push(event.encode());
    }
}

/// The same world for `LocalDriver::block_on`.
struct Blocking(World);

impl Platform for Blocking {
    fn now(&self) -> Time {
        self.0.now()
    }

    fn arm(&self, _deadline: Option<Time>) {}

    fn pend(&self) {}

    fn entropy(&self) -> u64 {
        0
    }

    fn guard(&self, run: &mut dyn FnMut()) -> Result<(), PanicPayload> {
        std::panic::catch_unwind(std::panic::AssertUnwindSafe(run)).map_err(PanicPayload::new)
    }
}

/// Children, a deadline, a cancel and entropy.
async fn program(region: &LocalRegion) -> Result<u64, Error> {
    let sleeper = region.spawn(async |cx| Ok(cx.sleep(MILLI * 9).await?))?;
    let drawer = region.spawn_local(async |cx| {
        cx.sleep(MILLI).await?;
        Ok(cx.random_u64()?)
    })?;
    let drawn = drawer.join(region).await?;
    sleeper.cancel("long enough");
    assert!(sleeper.join(region).await.is_err());
    Ok(drawn)
}

// proves: R-DET-1
#[test]
fn a_guest_does_what_block_on_does_event_by_event() {
    let (blocking, polled) = (Arc::<Record>::default(), Arc::<Record>::default());

    let world = World::default();
    let sink: Arc<dyn TraceSink> = Arc::<Record>::clone(&blocking);
    let mut driver = LocalDriver::with_config(
        Arc::new(Blocking(world.clone())),
        64,
        Config::default(),
        Some(sink),
    );
    let first = driver.block_on(program, |_| world.advance(MILLI));

    let world = World::default();
    let sink: Arc<dyn TraceSink> = Arc::<Record>::clone(&polled);
    let mut guest = Guest::with_config(world.clone(), 64, Config::default(), Some(sink));
    let second = world.finish(guest.run(program));

    assert_eq!(first.ok(), second.ok());
    let (blocking, polled) = (blocking.0.lock().unwrap(), polled.0.lock().unwrap());
    assert!(blocking.len() > 20, "the program leaves a trace");
    assert_eq!(*blocking, *polled);
}
