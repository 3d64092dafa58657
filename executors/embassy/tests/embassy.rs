//! A guest in a task of embassy-executor, on the clock of embassy-time, beside tasks of embassy's own.

#![cfg(feature = "embassy-time")]

use std::cell::{Cell, RefCell};
use std::rc::Rc;
use std::thread;
use std::time::Duration;

use asupersync_core::channel::oneshot;
use asupersync_core::{Error, LocalRegion};
use asupersync_embassy::{EmbassyHost, Guest};
use embassy_executor::Executor;
use embassy_executor::raw::TaskStorage;

/// Runs tasks in an executor of this thread until `done`. Executor and tasks are static by embassy's design, hence leaked.
fn embassy(tasks: Vec<std::pin::Pin<Box<dyn Future<Output = ()>>>>, done: impl FnMut() -> bool) {
    let executor = Box::leak(Box::new(Executor::new()));
    executor.run_until(
        |spawner| {
            for task in tasks {
                let slot = Box::leak(Box::new(TaskStorage::new()));
                spawner.spawn(slot.spawn(|| task).expect("a slot of its own"));
            }
        },
        done,
    );
}

/// Runs one program.
fn embassy_main<R: 'static>(program: impl Future<Output = R> + 'static) -> R {
    let result = Rc::new(RefCell::new(None));
    let (slot, done) = (Rc::clone(&result), Rc::clone(&result));
    let main = async move {
        let value = program.await;
        *slot.borrow_mut() = Some(value);
    };
    embassy(vec![Box::pin(main)], move || done.borrow().is_some());
    result.take().expect("it is done")
}

fn guest() -> Guest<EmbassyHost> {
    Guest::new(EmbassyHost::new(0), 64)
}

// proves: R-SCH-3
#[test]
fn a_busy_guest_and_a_task_of_embassys_take_turns() {
    let trace = Rc::new(RefCell::new(Vec::new()));
    let done = Rc::new(Cell::new(false));
    let (ours, theirs) = (Rc::clone(&trace), Rc::clone(&trace));
    let (finished, ended) = (Rc::clone(&done), Rc::clone(&done));
    let busy = async move {
        let mut guest = guest().polls_per_turn(2);
        let body = async move |region: &LocalRegion| {
            for name in ["1", "2", "3", "4", "5"] {
                ours.borrow_mut().push(name);
                region.yield_now().await?;
            }
            Ok::<_, Error>(())
        };
        guest.run(body).await.expect("it only yields");
        finished.set(true);
    };
    let sibling = async move {
        while !ended.get() {
            theirs.borrow_mut().push("sibling");
            futures_lite::future::yield_now().await;
        }
    };
    embassy(vec![Box::pin(sibling), Box::pin(busy)], move || done.get());
    assert_eq!(
        *trace.borrow(),
        [
            "1", // two polls a turn
            "2",
            "sibling", // embassy polls each runnable task once a round, in turn from either end
            "sibling", "3", "4", "5",
        ]
    );
}

#[test]
fn deadlines_come_in_order_and_never_early() {
    let (order, early) = embassy_main(async {
        let mut guest = guest();
        let body = async |region: &LocalRegion| {
            let order = Rc::new(RefCell::new((Vec::new(), 0)));
            let mut sleepers = Vec::new();
            for micros in [3_000, 1_000, 2_000, 1] {
                let order = Rc::clone(&order);
                sleepers.push(region.spawn_local(async move |cx| {
                    let time = Duration::from_micros(micros);
                    let deadline = cx.now()?.saturating_add(time);
                    cx.sleep(time).await?;
                    let mut seen = order.borrow_mut();
                    seen.0.push(micros);
                    seen.1 += u32::from(cx.now()? < deadline);
                    Ok(())
                })?);
            }
            for sleeper in sleepers {
                sleeper.join(region).await?;
            }
            Ok::<_, Error>(order.take())
        };
        let ran = guest.run(body).await.expect("nobody cancels");
        guest.shut_down().await;
        ran
    });
    assert_eq!(order, [1, 1_000, 2_000, 3_000]);
    assert_eq!(early, 0);
}

#[test]
fn wakes_from_other_threads_arrive() {
    embassy_main(async {
        let mut guest = guest();
        for round in 0..2_000 {
            let (sender, mut receiver) = oneshot::channel();
            let elsewhere = thread::spawn(move || sender.send(round).is_delivered());
            let received = guest.run(async move |region: &LocalRegion| {
                Ok::<_, Error>(receiver.recv(region).await?)
            });
            assert_eq!(received.await.ok(), Some(round));
            assert!(elsewhere.join().expect("it does not panic"));
        }
    });
}

// proves: R-CAN-7
#[test]
fn shutting_down_drains() {
    let (cleaned_up, stats) = embassy_main(async {
        let guest = guest();
        let cleaned_up = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
        let done = std::sync::Arc::clone(&cleaned_up);
        let mut guest = guest;
        let (started, mut has_started) = oneshot::channel();
        guest
            .spawner()
            .spawn(async move |cx| {
                let _ = started.send(());
                let stopped = cx.sleep(Duration::MAX).await;
                cx.defer(async move |cx| {
                    let _ = cx.sleep(Duration::from_micros(100)).await;
                    done.store(true, std::sync::atomic::Ordering::Relaxed);
                })?;
                Ok(stopped?)
            })
            .expect("there is room");
        let begun =
            async move |region: &LocalRegion| Ok::<_, Error>(has_started.recv(region).await?);
        guest.run(begun).await.expect("it starts");
        let stats = guest.shut_down().await;
        (cleaned_up.load(std::sync::atomic::Ordering::Relaxed), stats)
    });
    assert!(cleaned_up);
    assert_eq!((stats.live, stats.timers, stats.forced), (0, 0, 0));
}
