//! Two runtimes on one thread: what works across, and what is refused.

mod world;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::mpsc;

use asupersync_core::channel;
use asupersync_core::{Cx, Executor, Outcome, Runnable, Task};
use asupersync_local::LocalDriver;
use world::World;

fn two() -> (LocalDriver, LocalDriver) {
    (
        LocalDriver::new(World::new(), 16),
        LocalDriver::new(World::new(), 16),
    )
}

/// Turns of both until neither has anything to do.
fn drive(a: &mut LocalDriver, b: &mut LocalDriver) {
    for _ in 0..10 {
        let _ = a.turn(16);
        let _ = b.turn(16);
    }
}

/// A handle of another runtime is a future like any other: joining it waits in the own runtime and is
/// woken by the other one.
#[test]
fn a_handle_of_another_runtime_can_be_joined() {
    let (mut here, mut there) = two();
    let theirs = there.spawner().spawn(async |cx| {
        cx.yield_now().await?;
        Ok(7)
    });
    let theirs = theirs.expect("there is room");
    let ours = here.spawner().spawn(async move |cx| theirs.join(&cx).await);
    let ours = ours.expect("there is room");
    // Ours first, so that it waits.
    let _ = here.turn(16);
    assert!(!ours.is_finished());
    drive(&mut here, &mut there);
    assert!(ours.is_finished());
    assert_eq!(value(&mut here, ours), Some(7));
}

/// Cancelling through such a handle asks the other runtime's task; cancelling the waiter does not.
#[test]
fn cancel_reaches_the_task_of_another_runtime() {
    let (mut here, mut there) = two();
    let endless = async |cx: Cx| {
        loop {
            cx.yield_now().await?;
        }
    };
    let theirs: Task<(), _> = there.spawner().spawn(endless).expect("there is room");
    let (report, reported) = mpsc::channel();
    let waiter = here.spawner().spawn(async move |cx| {
        let mut theirs = theirs;
        let waited = theirs.wait(&cx).await;
        let _ = report.send(waited.is_err());
        cx.masked(core::time::Duration::MAX, async |cx| {
            theirs.cancel("from the other runtime");
            let outcome = theirs.wait(cx).await;
            let _ = report.send(matches!(outcome, Ok(Outcome::Cancelled(_))));
        })
        .await;
        Ok(())
    });
    let waiter = waiter.expect("there is room");
    drive(&mut here, &mut there);
    waiter.cancel("only the waiter");
    drive(&mut here, &mut there);
    let reports: Vec<bool> = reported.try_iter().collect();
    assert_eq!(
        reports,
        [true, true],
        "the wait was cancelled, then the task was"
    );
}

/// What a task of another runtime saw is data here, also where both tasks have the same path.
// proves: R-CAN-2
#[test]
fn a_token_of_another_runtime_is_data() {
    let (mut here, mut there) = two();
    let (give, mut take) = channel::oneshot::channel();
    let stopped = there.spawner().spawn(async move |cx| {
        let token = loop {
            if let Err(token) = cx.yield_now().await {
                break token;
            }
        };
        let _ = give.send(token);
        Ok(())
    });
    let stopped = stopped.expect("there is room");
    let returns_it = here.spawner().spawn(async move |cx| {
        let token = take.recv(&cx).await?;
        Err::<(), _>(asupersync_core::Error::from(token))
    });
    let returns_it = returns_it.expect("there is room");
    assert_eq!(
        stopped.path(),
        returns_it.path(),
        "the same place in two runtimes"
    );
    let _ = there.turn(16);
    stopped.cancel("there, not here");
    drive(&mut here, &mut there);
    let outcome = outcome(&mut here, returns_it);
    assert!(matches!(outcome, Some(Outcome::Err(_))), "{outcome:?}");
}

/// Channels know no runtime: each end waits in its own.
#[test]
fn a_channel_connects_two_runtimes() {
    let (mut here, mut there) = two();
    let (tx, mut rx) = channel::mpsc::channel(NonZeroUsize::MIN);
    let sends = there.spawner().spawn(async move |cx| {
        for n in 1..=4 {
            let _ = tx.reserve(&cx).await?.send(n);
        }
        Ok(())
    });
    let sends = sends.expect("there is room");
    let adds = here.spawner().spawn(async move |cx| {
        let mut sum = 0;
        while let Ok(n) = rx.recv(&cx).await {
            sum += n;
        }
        Ok(sum)
    });
    let adds = adds.expect("there is room");
    drive(&mut here, &mut there);
    assert!(sends.is_finished());
    assert_eq!(value(&mut here, adds), Some(10));
}

/// A context of another runtime is misuse: the task that uses it panics, and nothing else does.
// proves: R-OWN-5
#[test]
fn a_context_of_another_runtime_is_misuse() {
    let (mut here, mut there) = two();
    let (give, take) = mpsc::channel::<Cx>();
    let lender = there.spawner().spawn(async move |cx| {
        let _ = give.send(cx);
        Ok(())
    });
    lender.expect("there is room");
    let _ = there.turn(16);
    let foreign = take.try_recv().expect("it was lent");
    let borrower = here
        .spawner()
        .spawn(async move |_| Ok(foreign.checkpoint()?));
    let borrower = borrower.expect("there is room");
    drive(&mut here, &mut there);
    let outcome = outcome(&mut here, borrower);
    let message = match &outcome {
        Some(Outcome::Panicked(payload)) => payload.message(),
        _ => "no panic",
    };
    assert!(message.contains("ForeignCx"), "{message}");
}

/// An executor that mixes up its queues gets the task back untouched.
#[test]
fn a_task_of_another_runtime_is_handed_back() {
    /// Keeps what it is given.
    struct Keeps(std::sync::Mutex<Vec<Runnable>>);
    impl Executor for Keeps {
        fn schedule(&self, task: Runnable) {
            self.0.lock().unwrap().push(task);
        }
        fn interrupt(&self) {}
        fn capacity(&self) -> usize {
            4
        }
    }
    let make = || {
        let keeps = Arc::new(Keeps(std::sync::Mutex::default()));
        let executor: Arc<dyn Executor> = Arc::<Keeps>::clone(&keeps);
        let config = asupersync_core::Config::default();
        (
            asupersync_core::Driver::new(World::new(), executor, config, None),
            keeps,
        )
    };
    let (mut here, _) = make();
    let (mut there, queue) = make();
    let theirs = there
        .spawner()
        .spawn(async |_| Ok(3))
        .expect("there is room");
    let task = queue.0.lock().unwrap().pop().expect("it was queued");
    let back = here.run(task).expect_err("it is not of this runtime");
    assert!(back.to_string().contains("another runtime"));
    assert!(!theirs.is_finished(), "it was not polled");
    assert!(there.run(back.0).is_ok());
    assert!(theirs.is_finished());
}

fn outcome<T: Send + 'static>(
    driver: &mut LocalDriver,
    task: Task<T, asupersync_core::Error>,
) -> Option<Outcome<T, asupersync_core::Error>> {
    let joined = driver.block_on(
        async |region: &asupersync_core::LocalRegion| Ok(task.outcome(region).await?),
        |_| panic!("the task did not end"),
    );
    joined.ok()
}

fn value<T: Send + 'static>(
    driver: &mut LocalDriver,
    task: Task<T, asupersync_core::Error>,
) -> Option<T> {
    outcome(driver, task).and_then(Outcome::ok)
}
