//! The runtime on one thread of std: values, time, cancellation, panics and shutdown through the public API.

use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use asupersync_core::channel::mpsc;
use asupersync_core::{
    CancelKind, Capability, ChildEnded, Config, Either, Error, Outcome, RegionOptions, TaskError,
};
use asupersync_std::Runtime;

fn run<T>(
    body: impl AsyncFnOnce(&asupersync_core::LocalRegion<Error>) -> Result<T, Error>,
) -> Result<T, Error> {
    Runtime::current_thread().block_on(body)
}

#[test]
fn children_are_joined_and_values_come_back() {
    let sum = run(async |r| {
        let a = r.spawn(async |_cx| Ok(20))?;
        let local = Rc::new(22);
        let b = r.spawn_local(async move |cx| {
            cx.yield_now().await?;
            Ok(*local)
        })?;
        Ok(a.join(r).await? + b.join(r).await?)
    });
    assert_eq!(sum.expect("both joined"), 42);
}

#[test]
fn a_body_borrows_from_the_caller() {
    let mut log = Vec::new();
    run(async |r| {
        r.spawn(async |cx| Ok(cx.yield_now().await?))?;
        log.push("body");
        Ok(())
    })
    .expect("ran");
    assert_eq!(log, ["body"]);
}

#[test]
fn sleep_timeout_race_and_join() {
    run(async |r| {
        let won = r
            .race(
                async |cx| Ok(cx.sleep(Duration::from_secs(60)).await?),
                async |cx| {
                    cx.sleep(Duration::from_millis(1)).await?;
                    Ok("fast")
                },
            )
            .await?;
        assert_eq!(won, Either::B("fast"));
        let late = r
            .timeout(Duration::from_millis(1), async |cx| {
                Ok(cx.sleep(Duration::from_secs(60)).await?)
            })
            .await;
        let ended = late.expect_err("timed out");
        let ended = ended.downcast_ref::<ChildEnded>().expect("foreign data");
        assert!(ended.is_timeout());
        let both = r
            .join(
                async |_| Ok(1),
                async |cx| {
                    cx.yield_now().await?;
                    Ok(2)
                },
            )
            .await?;
        assert_eq!(both, (1, 2));
        Ok(())
    })
    .expect("ran");
}

#[test]
fn a_failing_child_cancels_its_siblings() {
    let drained = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&drained);
    let result: Result<(), Error> = run(async |r| {
        r.spawn(async move |cx| {
            let end = cx.sleep(Duration::from_secs(60)).await;
            assert!(end.is_err());
            seen.fetch_add(1, Ordering::Relaxed);
            Ok(end?)
        })?;
        r.spawn(async |cx| -> Result<(), Error> {
            cx.yield_now().await?;
            Err("7x".parse::<u32>().expect_err("no number").into())
        })?;
        Ok(r.sleep(Duration::from_secs(60)).await?)
    });
    let error = result.expect_err("the child's error");
    assert!(error.downcast_ref::<std::num::ParseIntError>().is_some());
    assert!(error.cancelled().is_none());
    assert_eq!(drained.load(Ordering::Relaxed), 1);
}

#[test]
fn a_panic_is_the_childs_own_and_finalizers_run() {
    let ran = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&ran);
    let outcome = run(async |r| {
        let inner = r
            .region(async |r| {
                let task = r.spawn(async move |cx| -> Result<(), Error> {
                    cx.defer(async move |cx| {
                        let _ = cx.yield_now().await;
                        seen.fetch_add(1, Ordering::Relaxed);
                    })?;
                    panic!("boom")
                })?;
                Ok(task.outcome(r).await?)
            })
            .await;
        Ok(inner)
    })
    .expect("the outer region is untouched");
    let error = outcome.expect_err("the inner region panicked");
    let ended = error.downcast_ref::<ChildEnded>().expect("a child's end");
    assert!(matches!(ended, ChildEnded::Panicked(p) if p.message() == "boom"));
    assert_eq!(ran.load(Ordering::Relaxed), 1);
}

#[test]
fn values_pass_through_a_channel_of_one() {
    let got = run(async |r| {
        let (tx, mut rx) = mpsc::channel::<u32>(std::num::NonZeroUsize::MIN);
        r.spawn(async move |cx| {
            for n in 0..100 {
                let _ = tx.reserve(&cx).await?.send(n);
            }
            Ok(())
        })?;
        let mut got = Vec::new();
        while let Ok(n) = rx.recv(r).await {
            got.push(n);
        }
        Ok(got)
    })
    .expect("ran");
    assert_eq!(got, (0..100).collect::<Vec<_>>());
}

#[test]
fn cancelling_a_task_is_not_cancelling_its_region() {
    run(async |r| {
        let task = r.spawn(async |cx| Ok(cx.sleep(Duration::from_secs(60)).await?))?;
        r.yield_now().await?;
        task.cancel("enough");
        let outcome = task.outcome(r).await?;
        assert!(matches!(outcome, Outcome::Cancelled(why) if why.kind() == CancelKind::User));
        Ok(())
    })
    .expect("a cancelled child is a consequence");
}

#[test]
fn background_children_end_with_the_scope() {
    run(async |r| {
        r.spawn_background(async |cx| Ok(cx.sleep(Duration::from_secs(60)).await?))?;
        Ok(())
    })
    .expect("the background child was asked to stop");
}

#[test]
fn shutdown_drains_what_lives_in_the_root() {
    let runtime = Runtime::current_thread();
    let ended = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&ended);
    let task = runtime.spawner().spawn(async move |cx| {
        let end = cx.sleep(Duration::from_secs(60)).await;
        seen.fetch_add(1, Ordering::Relaxed);
        Ok(end?)
    });
    drop(task.expect("admitted"));
    let mut runtime = runtime;
    let _ = runtime.turn(10);
    runtime.shut_down();
    assert_eq!(ended.load(Ordering::Relaxed), 1);
}

struct Mail(&'static str);

impl Capability for Mail {
    const NAME: &'static str = "mail";
}

// proves: R-IO-4
#[test]
fn what_the_root_was_granted_reaches_every_region_that_is_not_denied_it() {
    let config = Config::default().grant(Mail("relay"));
    let mut runtime = Runtime::builder().config(config).on_one_thread();
    let task = runtime
        .spawner()
        .spawn(async |cx| Ok(cx.capability::<Mail>()?.0))
        .expect("admitted");
    let (root, body, denied) = runtime
        .block_on(async |r: &asupersync_core::LocalRegion| {
            let body = r.capability::<Mail>()?.0;
            let options = RegionOptions::new().deny::<Mail>();
            let denied = r
                .region_with(options, async |r| Ok(r.capability::<Mail>().is_err()))
                .await?;
            Ok((task.join(r).await?, body, denied))
        })
        .expect("ran");
    assert_eq!((root, body, denied), ("relay", "relay", true));
}
