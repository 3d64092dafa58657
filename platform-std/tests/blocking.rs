//! The blocking pool through the public API: bounds, panics, cancellation, shutdown, faults of the host.

mod support;

use std::future::poll_fn;
use std::io;
use std::num::NonZeroUsize;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier};
use std::task::Poll;
use std::thread;
use std::time::Duration;

use asupersync_core::{Config, Error, Io, LocalRegion, Outcome, Recoverability, RegionOptions};
use asupersync_std::{
    Blocking, BlockingBuilder, BlockingError, BlockingOptions, Runtime, spawn_blocking,
    spawn_blocking_with,
};
use support::{Door, OpensAtEnd, begin, run, stats, until};

fn threads(count: usize) -> BlockingBuilder {
    BlockingBuilder::new().threads_max(NonZeroUsize::new(count).expect("not zero"))
}

fn with(pool: BlockingBuilder) -> Runtime {
    Runtime::builder().blocking(pool).on_one_thread()
}

/// Tokens get no time at all: what is not waited for as an operation of the host shows as leaked.
fn impatient() -> Config {
    let mut config = Config::default();
    config.obligation_budget = Duration::ZERO;
    config
}

/// The blocking error inside an error of a body.
fn blocking(error: &Error) -> &BlockingError {
    error.downcast_ref().expect("a blocking error")
}

// proves: R-IO-1
#[test]
fn a_value_comes_back_from_a_named_thread() {
    let mut runtime = with(BlockingBuilder::new().thread_name("disk"));
    let name = runtime.block_on(async |r: &LocalRegion| {
        let name = spawn_blocking(r, || thread::current().name().map(String::from)).await?;
        Ok(name)
    });
    assert_eq!(name.expect("ran").as_deref(), Some("disk-0"));
    let stats = runtime.blocking_stats().expect("a pool");
    assert_eq!((stats.finished, stats.threads_peak), (1, 1));
    assert_eq!(runtime.shut_down().leaked, 0);
}

#[test]
fn no_thread_is_started_before_it_is_needed() {
    let runtime = Runtime::current_thread();
    let stats = runtime.blocking_stats().expect("a pool");
    assert_eq!(stats, asupersync_std::BlockingStats::default());
}

#[test]
fn there_are_never_more_threads_than_may() {
    let mut runtime = with(threads(2));
    let pairs = Arc::new(Barrier::new(2));
    runtime
        .block_on(async |r: &LocalRegion| {
            for _ in 0..6 {
                // Two must run at once for any to pass.
                let pairs = Arc::clone(&pairs);
                r.spawn(async move |cx| {
                    Ok(spawn_blocking(&cx, move || pairs.wait().is_leader()).await?)
                })?;
            }
            Ok::<_, Error>(())
        })
        .expect("ran");
    let stats = runtime.blocking_stats().expect("a pool");
    assert_eq!((stats.finished, stats.threads_peak), (6, 2));
}

#[test]
fn a_full_pool_refuses_and_keeps_what_it_has() {
    let mut runtime = with(threads(1).waiting_max(1));
    let door = Door::new();
    let _opens = OpensAtEnd(door.clone());
    let sum = runtime.block_on(async |r: &LocalRegion| {
        let held = door.clone();
        let first = r.spawn(async move |cx| {
            let call = spawn_blocking(&cx, move || {
                held.pass();
                1
            });
            Ok(call.await?)
        })?;
        until(r, || stats(r).running == 1).await?;
        let second = r.spawn(async |cx| Ok(spawn_blocking(&cx, || 2).await?))?;
        until(r, || stats(r).waiting == 1).await?;
        let refused = spawn_blocking(r, || 4).await.expect_err("full");
        assert!(refused.is_at_capacity());
        assert_eq!(refused.recoverability(), Recoverability::Retry);
        door.open();
        Ok::<_, Error>(first.join(r).await? + second.join(r).await?)
    });
    assert_eq!(sum.expect("ran"), 3);
    let stats = runtime.blocking_stats().expect("a pool");
    assert_eq!((stats.finished, stats.refused), (2, 1));
}

// proves: R-PAN-1
#[test]
fn a_panic_is_the_callers_to_see_and_the_thread_lives_on() {
    let mut runtime = with(threads(1));
    runtime
        .block_on(async |r: &LocalRegion| {
            let before = spawn_blocking(r, || thread::current().id()).await?;
            let error = spawn_blocking(r, || -> () { panic!("disk on fire") })
                .await
                .expect_err("panicked");
            assert!(matches!(&error, BlockingError::Panicked(p) if p.message() == "disk on fire"));
            assert_eq!(error.recoverability(), Recoverability::Fatal);
            assert_eq!(spawn_blocking(r, || thread::current().id()).await?, before);
            Ok::<_, Error>(())
        })
        .expect("the panic is data");
    let stats = runtime.blocking_stats().expect("a pool");
    assert_eq!(
        (stats.finished, stats.panicked, stats.threads_peak),
        (3, 1, 1)
    );
}

// proves: R-IO-2 R-CAN-8
#[test]
fn cancelled_before_its_start_a_closure_never_runs() {
    let mut runtime = with(threads(1));
    let door = Door::new();
    let _opens = OpensAtEnd(door.clone());
    let ran = Arc::new(AtomicBool::new(false));
    runtime
        .block_on(async |r: &LocalRegion| {
            let held = door.clone();
            let first =
                r.spawn(async move |cx| Ok(spawn_blocking(&cx, move || held.pass()).await?))?;
            until(r, || stats(r).running == 1).await?;
            let mark = Arc::clone(&ran);
            let second = r.spawn(async move |cx| {
                Ok(spawn_blocking(&cx, move || mark.store(true, Ordering::Relaxed)).await?)
            })?;
            until(r, || stats(r).waiting == 1).await?;
            second.cancel("not needed");
            let outcome = second.outcome(r).await?;
            assert!(matches!(outcome, Outcome::Cancelled(why) if why.message() == "not needed"));
            assert_eq!(stats(r).waiting, 0);
            door.open();
            first.join(r).await
        })
        .expect("ran");
    let stats = runtime.blocking_stats().expect("a pool");
    assert_eq!((stats.finished, stats.withdrawn, stats.late), (1, 1, 0));
    assert!(!ran.load(Ordering::Relaxed));
    assert_eq!(runtime.shut_down().leaked, 0);
}

// proves: R-IO-1 R-IO-2 R-IO-3 R-REG-4
#[test]
fn cancelled_while_it_runs_the_wait_ends_and_the_region_waits() {
    let mut runtime = Runtime::builder().config(impatient()).on_one_thread();
    let door = Door::new();
    let _opens = OpensAtEnd(door.clone());
    let ended = Arc::new(AtomicBool::new(false));
    let body_gone = AtomicBool::new(false);
    runtime
        .block_on(async |r: &LocalRegion| {
            let inner = async |cx: &asupersync_core::Cx| {
                let (held, mark) = (door.clone(), Arc::clone(&ended));
                cx.region(async |r| {
                    let task = r.spawn(async move |cx| {
                        let options = BlockingOptions::new();
                        let call = spawn_blocking_with(&cx, options, move |cancel| {
                            held.pass();
                            mark.store(cancel.is_cancelled(), Ordering::Relaxed);
                        });
                        Ok(call.await?)
                    })?;
                    until(r, || stats(r).running == 1).await?;
                    task.cancel("enough");
                    // The wait answers at once, the closure still runs.
                    assert!(task.outcome(r).await?.is_cancelled());
                    assert_eq!(stats(r).running, 1);
                    body_gone.store(true, Ordering::Relaxed);
                    Ok(())
                })
                .await?;
                // The closure has ended, and saw that nobody waits.
                assert!(ended.load(Ordering::Relaxed), "the region did not wait");
                Ok(())
            };
            let opener = async |cx: &asupersync_core::Cx| {
                until(cx, || body_gone.load(Ordering::Relaxed)).await?;
                for _ in 0..100 {
                    cx.yield_now().await?;
                }
                assert!(!ended.load(Ordering::Relaxed));
                door.open();
                Ok(())
            };
            r.join(inner, opener).await?;
            assert_eq!((stats(r).late, stats(r).finished), (1, 1));
            Ok::<_, Error>(())
        })
        .expect("ran");
    let stats = runtime.shut_down();
    assert_eq!((stats.leaked, stats.abandoned), (0, 0));
}

// proves: R-IO-2 R-IO-3
#[test]
fn a_dropped_wait_leaves_the_closure_to_the_region() {
    let mut runtime = Runtime::builder().config(impatient()).on_one_thread();
    let door = Door::new();
    let _opens = OpensAtEnd(door.clone());
    runtime
        .block_on(async |r: &LocalRegion| {
            let held = door.clone();
            {
                let mut call = pin!(spawn_blocking(r, move || held.pass()));
                begin(call.as_mut()).await;
            }
            door.open();
            Ok::<_, Error>(())
        })
        .expect("ran");
    let pool = runtime.blocking_stats().expect("a pool");
    // Dropped before a thread had it, or after.
    assert_eq!(pool.late + pool.withdrawn, 1);
    assert_eq!(runtime.shut_down().leaked, 0);
}

// proves: R-CAN-5
#[test]
fn a_value_that_is_there_wins_over_a_late_cancel() {
    let door = Door::new();
    let _opens = OpensAtEnd(door.clone());
    run(async |r| {
        let held = door.clone();
        let task = r.spawn(async move |cx| {
            let mut call = pin!(spawn_blocking(&cx, move || {
                held.pass();
                7
            }));
            begin(call.as_mut()).await;
            poll_fn(|_| {
                // Not looked at before the value is there and the cancel requested.
                let there = stats(&cx).finished == 1 && cx.is_cancel_requested();
                if there {
                    Poll::Ready(())
                } else {
                    Poll::Pending
                }
            })
            .await;
            Ok(call.await?)
        })?;
        until(r, || stats(r).running == 1).await?;
        door.open();
        until(r, || stats(r).finished == 1).await?;
        task.cancel("too late");
        assert!(matches!(task.outcome(r).await?, Outcome::Ok(7)));
        Ok(())
    });
}

// proves: R-CAN-7 R-IO-2
#[test]
fn shutdown_waits_for_what_runs_and_drops_what_waits() {
    let mut runtime = Runtime::builder()
        .blocking(threads(1))
        .config(impatient())
        .on_one_thread();
    let (ended, ran) = (
        Arc::new(AtomicBool::new(false)),
        Arc::new(AtomicBool::new(false)),
    );
    let door = Door::new();
    let (mark, held) = (Arc::clone(&ended), door.clone());
    let running = runtime.spawner().spawn(async move |cx| {
        let options = BlockingOptions::new();
        let call = spawn_blocking_with(&cx, options, move |cancel| {
            held.pass();
            while !cancel.is_cancelled() {
                thread::yield_now();
            }
            mark.store(true, Ordering::Relaxed);
        });
        Ok(call.await?)
    });
    // The one thread is free only when the closure that waits for it is gone.
    let (mark, opens) = (Arc::clone(&ran), OpensAtEnd(door));
    let waiting = runtime.spawner().spawn(async move |cx| {
        let call = spawn_blocking(&cx, move || {
            let _opens = opens;
            mark.store(true, Ordering::Relaxed);
        });
        Ok(call.await?)
    });
    drop((running.expect("admitted"), waiting.expect("admitted")));
    runtime
        .block_on(async |r: &LocalRegion| {
            until(r, || (stats(r).running, stats(r).waiting) == (1, 1)).await?;
            Ok::<_, Error>(())
        })
        .expect("ran");
    let stats = runtime.shut_down();
    assert!(
        ended.load(Ordering::Relaxed),
        "the running closure was not waited for"
    );
    assert!(!ran.load(Ordering::Relaxed), "the waiting closure ran");
    assert_eq!((stats.leaked, stats.abandoned, stats.live), (0, 0, 0));
}

// proves: R-IO-2
#[test]
fn an_abandoned_closure_is_reported_and_holds_nothing_up() {
    let mut runtime = Runtime::current_thread();
    let door = Door::new();
    let _opens = OpensAtEnd(door.clone());
    let (done, closure_done) = std::sync::mpsc::channel::<()>();
    runtime
        .block_on(async |r: &LocalRegion| {
            let held = door.clone();
            let (result, report) = r
                .region_report(RegionOptions::new(), async |r| {
                    let options = BlockingOptions::new().abandon_after(Duration::ZERO);
                    let task = r.spawn(async move |cx| {
                        let call = spawn_blocking_with(&cx, options, move |_| {
                            held.pass();
                            drop(done);
                        });
                        Ok(call.await?)
                    })?;
                    until(r, || stats(r).running == 1).await?;
                    task.cancel("hangs");
                    Ok(())
                })
                .await;
            result?;
            assert_eq!((report.abandoned, report.leaked), (1, 0));
            assert_eq!(stats(r).running, 1);
            Ok::<_, Error>(())
        })
        .expect("ran");
    let stats = runtime.shut_down();
    assert_eq!((stats.abandoned, stats.leaked), (1, 0));
    door.open();
    assert!(
        closure_done.recv().is_err(),
        "the closure ran on to its end"
    );
}

#[test]
fn without_any_thread_a_call_fails_and_says_why() {
    let pool = BlockingBuilder::new()
        .start_threads_with(|_, _| Err(io::Error::from(io::ErrorKind::OutOfMemory)));
    let mut runtime = with(pool);
    let error = runtime
        .block_on(async |r: &LocalRegion| {
            spawn_blocking(r, || unreachable!("no thread")).await?;
            Ok::<(), Error>(())
        })
        .expect_err("no thread");
    let error = blocking(&error);
    assert!(matches!(error, BlockingError::NoThread(e) if e.kind() == io::ErrorKind::OutOfMemory));
    assert_eq!(error.recoverability(), Recoverability::Retry);
    let stats = runtime.blocking_stats().expect("a pool");
    assert_eq!(
        (stats.threads, stats.start_failures, stats.refused),
        (0, 1, 1)
    );
    assert_eq!(runtime.shut_down().leaked, 0);
}

#[test]
fn without_a_second_thread_a_call_waits_for_the_first() {
    let started = AtomicUsize::new(0);
    let pool = BlockingBuilder::new().start_threads_with(move |builder, body| {
        match started.fetch_add(1, Ordering::Relaxed) {
            0 => builder.spawn(body).map(drop),
            _ => Err(io::Error::from(io::ErrorKind::WouldBlock)),
        }
    });
    let mut runtime = with(pool);
    let door = Door::new();
    let _opens = OpensAtEnd(door.clone());
    let sum = runtime.block_on(async |r: &LocalRegion| {
        let held = door.clone();
        let first = r.spawn(async move |cx| {
            let call = spawn_blocking(&cx, move || {
                held.pass();
                1
            });
            Ok(call.await?)
        })?;
        until(r, || stats(r).running == 1).await?;
        let second = r.spawn(async |cx| Ok(spawn_blocking(&cx, || 2).await?))?;
        until(r, || stats(r).start_failures == 1).await?;
        assert_eq!(stats(r).waiting, 1);
        door.open();
        Ok::<_, Error>(first.join(r).await? + second.join(r).await?)
    });
    assert_eq!(sum.expect("ran"), 3);
    assert_eq!(runtime.blocking_stats().expect("a pool").threads_peak, 2);
}

#[test]
fn a_thread_without_work_leaves_and_another_comes_when_needed() {
    let mut runtime = with(BlockingBuilder::new().idle_max(Duration::ZERO));
    runtime
        .block_on(async |r: &LocalRegion| {
            for round in 0..3u64 {
                let name = spawn_blocking(r, || thread::current().name().map(String::from));
                assert_eq!(name.await?, Some(format!("blocking-{round}")));
                until(r, || stats(r).retired == round + 1).await?;
                assert_eq!(stats(r).threads, 0);
            }
            Ok::<_, Error>(())
        })
        .expect("ran");
}

#[test]
fn a_thread_with_time_to_wait_is_used_again() {
    let mut runtime = with(BlockingBuilder::new().idle_max(None));
    runtime
        .block_on(async |r: &LocalRegion| {
            let first = spawn_blocking(r, || thread::current().id()).await?;
            until(r, || stats(r).idle == 1).await?;
            assert_eq!(spawn_blocking(r, || thread::current().id()).await?, first);
            Ok::<_, Error>(())
        })
        .expect("ran");
    // Shutting down sends the idle thread away, or this would wait for ever.
    runtime.shut_down();
}

// proves: R-IO-4
#[test]
fn without_the_capability_nothing_is_run() {
    run(async |r| {
        let no_pool = RegionOptions::new().deny::<Blocking>();
        let no_io = RegionOptions::new().deny::<Io>();
        for (options, name) in [(no_pool, "blocking"), (no_io, "io")] {
            r.region_with(options, async |r| {
                let error = spawn_blocking(r, || unreachable!("denied")).await;
                let error = error.expect_err("denied");
                assert!(matches!(&error, BlockingError::Denied(d) if d.capability == name));
                assert_eq!(error.recoverability(), Recoverability::Misuse);
                Ok(())
            })
            .await?;
        }
        assert_eq!(stats(r), asupersync_std::BlockingStats::default());
        Ok(())
    });
    let mut bare = Runtime::builder().without_blocking().on_one_thread();
    let error = bare.block_on(async |r: &LocalRegion| {
        Ok::<_, Error>(spawn_blocking(r, || unreachable!("no pool")).await?)
    });
    let error: Result<(), Error> = error;
    assert!(matches!(
        blocking(&error.expect_err("denied")),
        BlockingError::Denied(_)
    ));
    assert!(bare.blocking_stats().is_none());
}
