//! Requests (R-CAN-1, R-CAN-8): whom a request to stop reaches, what it says, and what it does not change.

use alloc::boxed::Box;
use alloc::string::String;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;

use asupersync_core::channel::oneshot;
use asupersync_core::{
    CancelKind, CancelReason, Cancelled, ChildEnded, Cx, Error, LocalRegion, RegionOptions,
    TimeError,
};

use super::common::{Fault, Flag, LONG, breathe, own_cancel, why};
use crate::Probe;
use crate::harness::{Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("can/request_is_monotone", request_is_monotone),
    Scenario::new(
        "can/request_reaches_who_is_being_admitted",
        request_reaches_who_is_being_admitted,
    )
    .crowd(),
    Scenario::new("can/request_travels_down", request_travels_down),
    Scenario::new("can/reason_tells_the_cause", reason_tells_the_cause),
    Scenario::new("can/handle_cancels_one_task", handle_cancels_one_task),
    Scenario::new(
        "can/unpolled_is_dropped_unpolled",
        unpolled_is_dropped_unpolled,
    ),
    Scenario::new(
        "can/unpolled_task_still_finalizes",
        unpolled_task_still_finalizes,
    ),
    Scenario::new("can/cancel_after_the_end", cancel_after_the_end),
    Scenario::new(
        "can/nothing_interrupted_is_no_cancel",
        nothing_interrupted_is_no_cancel,
    ),
];

/// Asking again changes nothing, a weaker request changes nothing, a stronger one replaces the reason
/// and keeps what was there as its cause.
// proves: R-CAN-1 PO-CAN WVT-003
fn request_is_monotone<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let ended = r
            .region(async |inner| {
                let seen = || inner.checkpoint().err().map(|token| token.reason().clone());
                let told = |reason: &Option<CancelReason>| {
                    reason
                        .as_ref()
                        .map(|r| (r.kind(), String::from(r.message())))
                };
                let (go, up) = (Flag::new(), Flag::new());
                let (wait, raise) = (go.clone(), up.clone());
                let failing = inner.spawn(async move |_cx| {
                    raise.raise();
                    wait.raised().await;
                    Err::<(), _>(Fault("stronger").into())
                })?;
                up.raised().await;
                probe.expect(seen().is_none(), "cancelled before anybody asked");
                inner.cancel("first");
                let first = seen();
                inner.cancel("second");
                inner.spawner().cancel("third");
                probe.expect_eq(seen(), first.clone(), "asking again");
                probe.expect_eq(
                    told(&first),
                    Some((CancelKind::User, "first".into())),
                    "the first",
                );
                go.raise();
                drop(
                    inner
                        .masked(LONG, async |cx| failing.outcome(cx).await)
                        .await?,
                );
                let stronger = seen();
                let kind = stronger.as_ref().map(CancelReason::kind);
                probe.expect_eq(kind, Some(CancelKind::FailFast), "the stronger");
                let cause = stronger.as_ref().and_then(CancelReason::cause).cloned();
                probe.expect_eq(cause, first, "its cause");
                inner.cancel("weaker");
                probe.expect_eq(seen(), stronger, "the weaker changed it");
                Ok(inner.checkpoint()?)
            })
            .await;
        // Its error went to the body, which waited for the child.
        let failed = ended
            .as_ref()
            .err()
            .and_then(|e| e.downcast_ref::<ChildEnded>());
        probe.expect(
            matches!(failed, Some(ChildEnded::Failed)),
            "the region's end",
        );
        Ok(())
    })
}

/// Whoever is admitted while the region is asked to stop is asked too: nobody sleeps through.
// proves: R-CAN-1 R-CAN-8 R-OWN-2 PO-OWN
fn request_reaches_who_is_being_admitted<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let (spawner, notes) = (inner.spawner(), probe.clone());
                let spawning = inner.spawn(async move |_cx| {
                    let mut admitted = 0_u64;
                    loop {
                        let notes = notes.clone();
                        let child = spawner.spawn(async move |cx| {
                            let end = cx.sleep(LONG).await;
                            if end.is_ok() {
                                notes.mark("slept through");
                            }
                            Ok(end?)
                        });
                        if child.is_err() {
                            return Ok(admitted);
                        }
                        admitted += 1;
                        breathe().await;
                    }
                })?;
                breathe().await;
                inner.cancel("enough");
                let last = inner.spawn(async |_cx| Ok(()));
                probe.expect(last.is_err(), "admitted after the cancel");
                let spawned = inner
                    .masked(LONG, async |cx| spawning.outcome(cx).await)
                    .await?;
                Ok(spawned.ok().unwrap_or(0))
            })
            .await;
        let admitted = result?;
        probe.expect_marks(&[]);
        // The one that spawns is cancelled too if it had not begun.
        let ended = report.ok + report.cancelled;
        probe.expect_eq(ended, admitted + 1, "children that ended");
        probe.expect_eq(report.forced, 0, "forced");
        Ok(())
    })
}

/// A request reaches every level: fibers, timeouts and masks' surroundings in a task, its regions, their
/// tasks, and so on.
// proves: R-CAN-1 R-REG-2
fn request_travels_down<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    type Level = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;
    fn level(cx: Cx, depth: u32, bottom: Flag, notes: Probe) -> Level {
        Box::pin(async move {
            let arm = async |cx: &Cx| {
                cx.timeout(LONG, async |cx| {
                    cx.region(async |inner| {
                        let (bottom, notes) = (bottom.clone(), notes.clone());
                        if depth == 0 {
                            bottom.raise();
                        } else {
                            inner.spawn(move |cx| level(cx, depth - 1, bottom, notes))?;
                        }
                        let end = inner.sleep(LONG).await;
                        Ok(end?)
                    })
                    .await
                })
                .await
            };
            let end = cx.join(arm, async |cx| Ok(cx.sleep(LONG).await?)).await;
            let kind = Some(CancelKind::ParentCancelled);
            notes.expect_eq(own_cancel(&end), kind, "what a level saw");
            notes.mark("level");
            end.map(drop)
        })
    }
    Box::pin(async move {
        let bottom = Flag::new();
        let (raise, notes) = (bottom.clone(), probe.clone());
        let top = r.spawn(move |cx| level(cx, 4, raise, notes))?;
        bottom.raised().await;
        breathe().await;
        top.cancel("enough");
        probe.expect_eq(
            why(&top.outcome(r).await?),
            Some(CancelKind::User),
            "the top",
        );
        probe.expect_marks(&["level"; 5]);
        Ok(())
    })
}

/// A descendant's reason leads back to who asked first, with what they said.
// proves: R-CAN-1
fn reason_tells_the_cause<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = oneshot::channel::<Cancelled>();
        let up = Flag::new();
        let raise = up.clone();
        let task = r.spawn(async move |cx| {
            cx.region(async |inner| {
                inner.spawn(async move |cx| {
                    raise.raise();
                    if let Err(TimeError::Cancelled(token)) = cx.sleep(LONG).await {
                        drop(tx.send(token.clone()));
                        return Err(token.into());
                    }
                    Ok(())
                })?;
                Ok(())
            })
            .await
        })?;
        up.raised().await;
        let origin = task.path();
        task.cancel("the user left");
        let token = rx.recv(r).await?;
        let reason = token.reason();
        let chain: Vec<_> = reason.chain().map(|r| (r.kind(), r.origin())).collect();
        let expected = [
            (CancelKind::ParentCancelled, origin),
            (CancelKind::User, origin),
        ];
        probe.expect_eq(chain.as_slice(), &expected[..], "the chain");
        let first = reason.chain().last().map(CancelReason::message);
        probe.expect_eq(first, Some("the user left"), "what was said");
        Ok(())
    })
}

/// Cancelling through a handle asks that task and what is below it; the rest of the region runs on.
// proves: R-CAN-1 R-REG-5
fn handle_cancels_one_task<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (up, done) = (Flag::new(), Flag::new());
        let (raise, wait) = (up.clone(), done.clone());
        let stopped = r.spawn(async move |cx| {
            raise.raise();
            Ok(cx.sleep(LONG).await?)
        })?;
        let other = r.spawn(async move |cx| {
            wait.raised().await;
            cx.checkpoint()?;
            Ok("value")
        })?;
        up.raised().await;
        stopped.cancel("enough");
        stopped.cancel("again");
        probe.expect_eq(
            why(&stopped.outcome(r).await?),
            Some(CancelKind::User),
            "the task",
        );
        r.checkpoint()?;
        done.raise();
        probe.expect_eq(other.join(r).await?, "value", "its sibling");
        Ok(())
    })
}

/// A task that was admitted but not polled when the request came is dropped unpolled, and says so.
// proves: R-CAN-8
fn unpolled_is_dropped_unpolled<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let (kept, notes) = (probe.mark_on_drop("dropped"), probe.clone());
                let task = inner.spawn(async move |_cx| {
                    let _kept = kept;
                    notes.mark("polled");
                    Ok(())
                })?;
                task.cancel("before it began");
                let outcome = task.outcome(inner).await?;
                probe.expect_eq(why(&outcome), Some(CancelKind::User), "the outcome");
                probe.expect_marks(&["dropped"]);
                Ok(())
            })
            .await;
        result?;
        probe.expect_eq((report.cancelled, report.unpolled), (1, 1), "children");
        Ok(())
    })
}

/// What a task deferred before its first poll runs although it was never polled; a request made by the
/// very closure that makes the task reaches it.
// proves: R-CAN-1 R-CAN-8 R-REG-3
fn unpolled_task_still_finalizes<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let (spawner, notes) = (inner.spawner(), probe.clone());
                inner.spawn(move |cx| {
                    let finalizer = notes.clone();
                    let deferred = cx.defer(async move |_cx| finalizer.mark("finalizer"));
                    spawner.cancel("while it is made");
                    async move {
                        notes.mark("polled");
                        Ok(deferred?)
                    }
                })?;
                Ok(())
            })
            .await;
        result?;
        probe.expect_marks(&["finalizer"]);
        let counts = (report.cancelled, report.unpolled, report.finalized);
        probe.expect_eq(counts, (1, 1, 1), "children");
        Ok(())
    })
}

/// A cancel that comes after the end of a task or region changes nothing and keeps nothing alive.
// proves: R-CAN-1 R-CAN-5
fn cancel_after_the_end<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (up, notes) = (Flag::new(), probe.clone());
        let raise = up.clone();
        let task = r.spawn(async move |_cx| {
            raise.raise();
            Ok(notes.mark_on_drop("value"))
        })?;
        up.raised().await;
        while !task.is_finished() {
            r.yield_now().await?;
        }
        task.cancel("too late");
        let spawner = r.region(async |inner| Ok(inner.spawner())).await?;
        spawner.cancel("too late");
        probe.expect(task.join(r).await.is_ok(), "the value is lost");
        probe.expect_marks(&["value"]);
        r.checkpoint()?;
        Ok(())
    })
}

/// A request that finds nothing to interrupt leaves no trace in the outcome: closing is no cancellation
/// point.
// proves: R-CAN-8 R-REG-5
fn nothing_interrupted_is_no_cancel<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let (spawner, notes) = (inner.spawner(), probe.clone());
                inner.defer(async move |_cx| notes.mark("finalizer"))?;
                inner.spawn(async move |_cx| {
                    breathe().await;
                    spawner.cancel("the last thing I do");
                    Ok(())
                })?;
                Ok("value")
            })
            .await;
        probe.expect_eq(result.ok(), Some("value"), "the region's value");
        probe.expect_eq((report.ok, report.cancelled), (1, 0), "children");
        probe.expect_marks(&["finalizer"]);
        let value = r
            .region(async |inner| {
                inner.cancel("the last thing I do");
                Ok("value")
            })
            .await;
        probe.expect_eq(value.ok(), Some("value"), "the body's value");
        r.checkpoint()?;
        Ok(())
    })
}
