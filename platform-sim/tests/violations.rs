//! Programs that are wrong: each is found, named, shut down, and reported with a way to run it again.

use std::future::{pending, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use asupersync_core::lock::{Mutex, Semaphore};
use asupersync_core::{Cx, Error, Time};
use asupersync_sim::{Lab, LabReport, LocalRegion, Oracle};

fn found_by(report: &LabReport, oracle: Oracle) -> String {
    let found: Vec<_> = report.violations.iter().map(|v| v.oracle).collect();
    assert_eq!(found, [oracle], "{report}");
    assert!(report.is_closed, "it was shut down all the same");
    assert_eq!(report.stats.live, 0);
    report.to_string()
}

async fn two_semaphores(region: &LocalRegion, one_order: bool) -> Result<(), Error> {
    let (left, right) = (Arc::new(Semaphore::new(1)), Arc::new(Semaphore::new(1)));
    for swapped in [false, !one_order] {
        let (left, right) = (Arc::clone(&left), Arc::clone(&right));
        region.spawn(async move |cx: Cx| {
            let (first, second) = if swapped {
                (right, left)
            } else {
                (left, right)
            };
            let _held = first.acquire(&cx, 1).await;
            cx.yield_now().await?;
            let _both = second.acquire(&cx, 1).await;
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn locks_in_two_orders_are_a_deadlock_that_some_seed_finds() {
    let reports: Vec<_> = (0..20)
        .map(|seed| {
            Lab::new(seed).run(async |region: &LocalRegion| two_semaphores(region, false).await)
        })
        .collect();
    let stuck: Vec<_> = reports.iter().filter(|report| !report.is_clean()).collect();
    assert!(!stuck.is_empty(), "of 20 seeds one should deadlock");
    for report in stuck {
        let text = found_by(report, Oracle::Deadlock);
        assert!(text.contains("holds; task"), "the cycle is printed: {text}");
        assert!(text.contains("take locks in one order"), "{text}");
    }
    for seed in 0..20 {
        let lab = Lab::new(seed);
        lab.run(async |region: &LocalRegion| two_semaphores(region, true).await)
            .assert_clean();
    }
}

#[test]
fn a_body_that_waits_for_ever_is_a_deadlock() {
    let report = Lab::new(0).run(async |_| {
        pending::<()>().await;
        Ok(())
    });
    let text = found_by(&report, Oracle::Deadlock);
    assert!(text.contains("1 task(s) have not ended"), "{text}");
    assert!(report.result.is_err());
    // It never looked at its cancel, so it was dropped when its cleanup budget was spent.
    assert!(report.stats.forced > 0 && report.now > Time::ZERO);
}

#[test]
fn a_body_that_only_yields_runs_out_of_steps() {
    let report = Lab::new(0)
        .max_steps(1_000)
        .run(async |region: &LocalRegion| {
            loop {
                region.yield_now().await?;
            }
        });
    let text = found_by(&report, Oracle::Progress);
    assert!(text.contains("within 1000 steps"), "{text}");
}

#[test]
fn a_body_that_yields_and_never_looks_is_forced() {
    let report: LabReport = Lab::new(0).max_steps(1_000).run(async |_| {
        poll_fn(|waker| {
            waker.waker().wake_by_ref();
            Poll::<()>::Pending
        })
        .await;
        Ok(())
    });
    found_by(&report, Oracle::Progress);
    assert!(report.stats.forced > 0);
}

/// A future that was handed a lock, and that its task polls no more, keeps everybody else out.
async fn futurelock(region: &LocalRegion) -> Result<(), Error> {
    let lock = Arc::new(Semaphore::new(1));
    let other = Arc::clone(&lock);
    region.spawn(async move |cx: Cx| {
        let held = other.acquire(&cx, 1).await;
        cx.sleep(Duration::from_millis(1)).await?;
        drop(held);
        Ok(())
    })?;
    region.sleep(Duration::from_micros(1)).await?;
    let mut first = pin!(lock.acquire(region, 1));
    // Queued, and from here on not polled.
    poll_fn(|waker| Poll::Ready(first.as_mut().poll(waker).is_pending())).await;
    region.sleep(Duration::from_millis(2)).await?;
    let second = lock.acquire(region, 1).await;
    drop(second);
    Ok(())
}

#[test]
fn a_grant_that_its_task_does_not_poll_for_is_a_futurelock() {
    let report = Lab::new(0).run(futurelock);
    let text = found_by(&report, Oracle::Futurelock);
    assert!(text.contains("poll that future, or drop it"), "{text}");
}

#[test]
fn a_futurelock_is_found_while_others_go_on() {
    let report = Lab::new(0)
        .futurelock_max_idle_steps(100)
        .run(async |region: &LocalRegion| {
            region.spawn_background(async |cx: Cx| {
                loop {
                    cx.sleep(Duration::from_micros(100)).await?;
                }
            })?;
            region
                .timeout(Duration::from_millis(100), async |_| {
                    futurelock(region).await
                })
                .await
        });
    assert!(report.violates(Oracle::Futurelock), "{report}");
    let at = report.violations.first().map(|violation| violation.at);
    assert!(
        at.is_some_and(|at| at < Time::from_nanos(50_000_000)),
        "before the timeout: {report}"
    );
}

#[test]
#[should_panic(expected = "futurelock")]
fn a_futurelock_panics_if_asked_to() {
    let _ = Lab::new(0).panic_on_futurelock(true).run(futurelock);
}

// proves: R-OBL-2
#[test]
fn a_forgotten_permit_is_a_leak() {
    let leak = async |region: &LocalRegion| -> Result<(), Error> {
        let lock = Semaphore::new(1);
        std::mem::forget(lock.acquire(region, 1).await);
        Ok(())
    };
    let report = Lab::new(0).run(leak);
    let text = found_by(&report, Oracle::Leaks);
    assert!(text.contains("the runtime says: "), "{text}");
    let allowed = Lab::new(0).allow_leaks(true).run(leak);
    allowed.assert_clean();
    assert_eq!(allowed.stats.leaked, 1);
}

#[test]
fn a_mutex_locked_twice_by_one_task_is_a_deadlock() {
    let report = Lab::new(0).run(async |region: &LocalRegion| {
        let mutex = Mutex::new(0);
        let _first = mutex.lock(region).await?;
        let _second = mutex.lock(region).await?;
        Ok(())
    });
    assert!(report.violates(Oracle::Deadlock), "{report}");
    assert!(report.is_closed);
}

#[test]
fn the_report_says_how_to_run_it_again() {
    let lab = Lab::new(77).scenario("demo/waits").max_steps(5_000);
    let report = lab.run(async |_| {
        pending::<()>().await;
        Ok(())
    });
    let text = report.to_string();
    assert!(
        text.starts_with("demo/waits, seed 77: 1 violation\n"),
        "{text}"
    );
    assert!(
        text.ends_with("to run it again: lab run demo/waits --seed 77 --max-steps 5000"),
        "{text}"
    );
    let unnamed = Lab::new(3).run(async |_| Ok(()));
    assert!(unnamed.to_string().contains("Lab::new(3)"));
}
