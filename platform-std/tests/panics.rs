//! What a panic does to the runtime: each policy, on one thread and on workers, wherever it comes from.

mod support;

use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

use asupersync_core::channel::oneshot;
use asupersync_core::{ChildEnded, Error, LocalRegion, PanicPolicy, Spawner};
use asupersync_std::Runtime;
use support::until;

/// A runtime on this thread alone, and one with workers.
fn runtimes(policy: PanicPolicy) -> [Runtime; 2] {
    let builder = || Runtime::builder().panic_policy(policy);
    let many = builder().workers(2).build();
    [
        builder().on_one_thread(),
        many.expect("there is room for threads"),
    ]
}

struct PanicsInDrop;

impl Drop for PanicsInDrop {
    fn drop(&mut self) {
        panic!("in a drop")
    }
}

struct PanicsInWake;

impl Wake for PanicsInWake {
    fn wake(self: Arc<Self>) {
        panic!("in a waker")
    }
}

fn in_a_poll(spawner: &Spawner) {
    let spawned = spawner.spawn(async |cx| -> Result<(), Error> {
        cx.yield_now().await?;
        panic!("in a poll")
    });
    drop(spawned.expect("there is room"));
}

fn in_a_drop(spawner: &Spawner) {
    let spawned = spawner.spawn(async |cx| {
        let _panics = PanicsInDrop;
        Ok(cx.yield_now().await?)
    });
    drop(spawned.expect("there is room"));
}

/// Of a value that nobody asked for.
fn in_a_drop_of_a_value(spawner: &Spawner) {
    let spawned = spawner.spawn(async |_cx| Ok(PanicsInDrop));
    drop(spawned.expect("there is room"));
}

fn in_a_finalizer(spawner: &Spawner) {
    let spawned = spawner.spawn(async |cx| {
        cx.defer(async |_cx| panic!("in a finalizer"))?;
        Ok(())
    });
    drop(spawned.expect("there is room"));
}

/// A joiner that was polled with a waker of the program's own.
fn in_a_waker(spawner: &Spawner) {
    let is_joined = Arc::new(AtomicBool::new(false));
    let seen = Arc::clone(&is_joined);
    let child =
        spawner.spawn(async move |cx| Ok(until(&cx, || seen.load(Ordering::Acquire)).await?));
    let child = child.expect("there is room");
    let joins = spawner.spawn(async move |cx| {
        let waker = Waker::from(Arc::new(PanicsInWake));
        let mut joined = Box::pin(child.outcome(&cx));
        let polled = joined.as_mut().poll(&mut Context::from_waker(&waker));
        assert!(polled.is_pending(), "the child waits for this");
        is_joined.store(true, Ordering::Release);
        let forever: Result<(), _> = cx.until_cancelled(std::future::pending()).await;
        Ok(forever?)
    });
    drop(joins.expect("there is room"));
}

type Causes = [(fn(&Spawner), &'static str); 5];

const CAUSES: Causes = [
    (in_a_poll, "in a poll"),
    (in_a_drop, "in a drop"),
    (in_a_drop_of_a_value, "in a drop"),
    (in_a_finalizer, "in a finalizer"),
    (in_a_waker, "in a waker"),
];

// proves: R-PAN-1, R-CAN-7
#[test]
fn shut_down_asks_everything_to_stop_and_tells_the_caller_why() {
    for (cause, message) in CAUSES {
        for mut runtime in runtimes(PanicPolicy::ShutDown) {
            let bystander = runtime
                .spawner()
                .spawn(async |cx| Ok(cx.until_cancelled(std::future::pending::<()>()).await?))
                .expect("there is room");
            let spawner = runtime.spawner();
            let ended = runtime.block_on(async |region: &LocalRegion| {
                cause(&spawner);
                Ok(region.until_cancelled(std::future::pending::<()>()).await?)
            });
            let error = ended.expect_err("the runtime shuts down");
            let why = error.downcast_ref::<ChildEnded>();
            let is_it =
                matches!(why, Some(ChildEnded::Panicked(payload)) if payload.message() == message);
            assert!(is_it, "{message}: {error:?}");
            let again: Result<(), Error> = runtime.block_on(async |_: &LocalRegion| Ok(()));
            assert!(again.is_err(), "{message}: it is shut down");
            let panicked = runtime.panicked().expect("it says why");
            assert_eq!(panicked.message(), message);
            assert_eq!(runtime.shut_down().live, 0);
            assert!(bystander.is_finished());
        }
    }
}

// proves: R-PAN-1
#[test]
fn resume_goes_on_in_the_caller_once_everything_has_ended() {
    for (cause, message) in CAUSES {
        for mut runtime in runtimes(PanicPolicy::Resume) {
            let spawner = runtime.spawner();
            let bystander = spawner
                .spawn(async |cx| Ok(cx.until_cancelled(std::future::pending::<()>()).await?))
                .expect("there is room");
            let unwound = catch_unwind(AssertUnwindSafe(|| {
                let ended: Result<(), Error> = runtime.block_on(async |region: &LocalRegion| {
                    cause(&spawner);
                    Ok(region.until_cancelled(std::future::pending::<()>()).await?)
                });
                ended
            }));
            let payload = unwound.expect_err("it goes on here");
            assert_eq!(payload.downcast_ref::<&str>(), Some(&message));
            assert!(bystander.is_finished(), "{message}: cleaned up before");
            assert_eq!(runtime.stats().live, 0);
        }
    }
}

// proves: R-PAN-1
#[test]
fn isolate_leaves_the_others_alone() {
    for (cause, message) in CAUSES {
        for mut runtime in runtimes(PanicPolicy::Isolate) {
            let spawner = runtime.spawner();
            let before = runtime.stats().live;
            let ended: Result<(), Error> = runtime.block_on(async |region: &LocalRegion| {
                cause(&spawner);
                for _ in 0..200 {
                    region.yield_now().await?;
                }
                let lives = spawner.spawn(async |_cx| Ok(()))?;
                until(region, || lives.is_finished()).await?;
                Ok(())
            });
            assert!(ended.is_ok(), "{message}: {ended:?}");
            assert!(runtime.panicked().is_none() && before == 0);
        }
    }
}

/// The body of `block_on` is a task too.
// proves: R-PAN-1
#[test]
fn the_body_itself() {
    for mut runtime in runtimes(PanicPolicy::Resume) {
        let unwound = catch_unwind(AssertUnwindSafe(|| {
            runtime.block_on(async |_: &LocalRegion| -> Result<(), Error> {
                std::future::poll_fn(|_| -> Poll<()> { panic!("in the body") }).await;
                Ok(())
            })
        }));
        let payload = unwound.expect_err("it goes on here");
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"in the body"));
    }
}

/// A runtime that is dropped in a panic drops every task, also where the drops panic and the policy would shut it down.
// proves: R-PAN-1
#[test]
fn dropped_in_a_panic_with_panics_in_drops() {
    const TASKS: usize = 100;
    for policy in [
        PanicPolicy::Isolate,
        PanicPolicy::ShutDown,
        PanicPolicy::Resume,
    ] {
        for mut runtime in runtimes(policy) {
            let (polled, kept) = (Arc::new(AtomicUsize::new(0)), Arc::new(()));
            let spawner = runtime.spawner();
            for number in 0..TASKS {
                let (polled, kept) = (Arc::clone(&polled), Arc::clone(&kept));
                let spawned = spawner.spawn_pinned(async move |cx| -> Result<(), Error> {
                    let _kept = kept;
                    let _panics = (number % 2 == 0).then(|| PanicsInDrop);
                    if number % 3 == 0 {
                        let unrun = PanicsInDrop;
                        cx.defer(async move |_cx| drop(unrun))?;
                    }
                    polled.fetch_add(1, Ordering::Relaxed);
                    std::future::pending().await
                });
                drop(spawned.expect("there is room"));
            }
            let fails = catch_unwind(AssertUnwindSafe(move || {
                let all = || polled.load(Ordering::Relaxed) == TASKS;
                let ran = runtime.block_on(async |region: &LocalRegion| {
                    while !all() {
                        region.yield_now().await?;
                    }
                    Ok(())
                });
                ran.expect("nothing has panicked yet");
                panic!("with a runtime");
            }));
            assert!(fails.is_err());
            assert_eq!(Arc::strong_count(&kept), 1, "tasks left under {policy:?}");
        }
    }
}

/// A panic while the runtime shuts down goes on in who shuts it down, under `Resume`.
// proves: R-PAN-1
#[test]
fn resume_goes_on_at_shutdown() {
    for mut runtime in runtimes(PanicPolicy::Resume) {
        let (begin, mut begun) = oneshot::channel();
        let spawned = runtime
            .spawner()
            .spawn(async move |cx| -> Result<(), Error> {
                let _ = begin.send(());
                cx.until_cancelled(std::future::pending::<()>()).await.ok();
                panic!("at the end")
            });
        drop(spawned.expect("there is room"));
        let ran = runtime.block_on(async |region: &LocalRegion| Ok(begun.recv(region).await?));
        ran.expect("the task has begun");
        let ended = catch_unwind(AssertUnwindSafe(|| runtime.shut_down()));
        let payload = ended.expect_err("the panic goes on");
        assert_eq!(payload.downcast_ref::<&str>(), Some(&"at the end"));
    }
}
