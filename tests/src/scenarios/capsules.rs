//! Capsules (R-IO-*): operations of a host, here one that a scenario plays itself.

use alloc::boxed::Box;
use core::future::pending;
use core::pin::pin;
use core::task::Poll;

use asupersync_core::{
    CapsuleError, Cx, Error, HostObject, Io, LocalRegion, Outcome, RegionOptions,
};

use super::by_hand::poll_once;
use crate::Probe;
use crate::harness::{Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "io/forgotten_operation_is_counted",
        forgotten_operation_is_counted,
    )
    .leaks(1),
    Scenario::new(
        "io/ended_operations_hold_nothing",
        ended_operations_hold_nothing,
    ),
    Scenario::new(
        "io/cancelled_operation_lets_go",
        cancelled_operation_lets_go,
    ),
    Scenario::new(
        "io/what_the_host_did_wins_over_a_cancel",
        what_the_host_did_wins_over_a_cancel,
    ),
    Scenario::new("io/denied_before_any_step", denied_before_any_step),
    Scenario::new(
        "io/foreign_future_is_dropped_at_a_cancel",
        foreign_future_is_dropped_at_a_cancel,
    ),
];

/// Marks when it is dropped: what an operation leaves with its host.
struct Place<'a>(&'a Probe);

impl Drop for Place<'_> {
    fn drop(&mut self) {
        self.0.mark("left");
    }
}

/// An operation under way holds an obligation: one that is forgotten is found when its task ends.
// proves: R-IO-1 R-OBL-3
fn forgotten_operation_is_counted<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                inner.spawn(async |cx| {
                    let object = HostObject::new();
                    let mut operation = Box::pin(cx.io_wait(&object, |_task| Poll::<()>::Pending));
                    let _ = poll_once(operation.as_mut()).await;
                    core::mem::forget(operation);
                    Ok(())
                })?;
                Ok(())
            })
            .await;
        probe.expect_eq(report.leaked, 1, "leaked");
        result
    })
}

/// An operation that never began, one that came to its end and one that was dropped half-way are resolved.
// proves: R-IO-1
fn ended_operations_hold_nothing<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let task = inner.spawn(async |cx| {
                    let object = HostObject::new();
                    drop(cx.io_wait(&object, |_task| Poll::<()>::Pending));
                    {
                        let half = cx.io_wait(&object, |_task| Poll::<()>::Pending);
                        let mut half = pin!(half);
                        let _ = poll_once(half.as_mut()).await;
                    }
                    let mut steps = 0;
                    let operation = cx.io_wait(&object, |task| {
                        steps += 1;
                        task.waker().wake_by_ref();
                        if steps == 3 {
                            Poll::Ready(steps)
                        } else {
                            Poll::Pending
                        }
                    });
                    Ok(operation.await?)
                })?;
                task.join(inner).await
            })
            .await;
        probe.expect_eq(report.leaked, 0, "leaked");
        probe.expect_eq(result?, 3, "steps");
        Ok(())
    })
}

/// A cancel ends the wait at once, and what was left with the host is taken back before the task ends.
// proves: R-IO-2 R-CAN-2
fn cancelled_operation_lets_go<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let started = probe.clone();
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let task = inner.spawn(async move |cx: Cx| {
                    let object = HostObject::new();
                    let place = Place(&started);
                    started.mark("waits");
                    let ended = cx.io_wait(&object, move |_task| {
                        let _held = &place;
                        Poll::<()>::Pending
                    });
                    let ended = ended.await;
                    started.mark("ended");
                    Ok(ended?)
                })?;
                while probe.marks().is_empty() {
                    inner.yield_now().await?;
                }
                task.cancel("enough");
                let outcome = task.outcome(inner).await?;
                probe.expect(
                    matches!(outcome, Outcome::Cancelled(_)),
                    "the task did not end as cancelled",
                );
                Ok(())
            })
            .await;
        probe.expect_marks(&["waits", "left", "ended"]);
        probe.expect_eq(report.forced, 0, "forced");
        result
    })
}

/// What the host has done by the time that the cancel is seen is the operation's value.
// proves: R-CAN-5 R-IO-2
fn what_the_host_did_wins_over_a_cancel<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let mark = probe.clone();
        let task = r.spawn(async move |cx: Cx| {
            let object = HostObject::new();
            let mut steps = 0;
            let operation = cx.io_wait(&object, |_task| {
                steps += 1;
                mark.mark("step");
                if steps == 1 {
                    Poll::Pending
                } else {
                    Poll::Ready(steps)
                }
            });
            Ok(operation.await?)
        })?;
        while probe.marks().is_empty() {
            r.yield_now().await?;
        }
        task.cancel("enough");
        probe.expect_eq(task.join(r).await?, 2, "steps");
        Ok(())
    })
}

/// Without `io` no step is tried.
// proves: R-IO-4
fn denied_before_any_step<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region_with(RegionOptions::new().deny::<Io>(), async |bare| {
            let object = HostObject::new();
            let operation = bare.io_wait(&object, |_task| {
                probe.mark("tried");
                Poll::Ready(())
            });
            let denied = match operation.await {
                Err(CapsuleError::Denied(denied)) => Some(denied.capability),
                _ => None,
            };
            probe.expect_eq(denied, Some("io"), "denied");
            Ok::<_, Error>(())
        })
        .await?;
        probe.expect_marks(&[]);
        Ok(())
    })
}

/// A future that knows no cancel is dropped where it waits; one that is done gives its value.
// proves: R-CAN-2
fn foreign_future_is_dropped_at_a_cancel<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        probe.expect_eq(r.until_cancelled(async { 7 }).await?, 7, "value");
        let inside = probe.clone();
        let task = r.spawn(async move |cx: Cx| {
            let foreign = async {
                let _place = Place(&inside);
                inside.mark("waits");
                pending::<()>().await;
            };
            let ended = cx.until_cancelled(foreign).await;
            inside.mark("ended");
            Ok(ended?)
        })?;
        while probe.marks().is_empty() {
            r.yield_now().await?;
        }
        task.cancel("enough");
        let outcome = task.outcome(r).await?;
        probe.expect(
            matches!(outcome, Outcome::Cancelled(_)),
            "the task did not end as cancelled",
        );
        probe.expect_marks(&["waits", "left", "ended"]);
        Ok(())
    })
}
