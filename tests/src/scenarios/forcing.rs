//! Masks and forcing (R-CAN-3, R-CAN-4): what may wait with a cancel, and what happens when the time is up.

use alloc::boxed::Box;
use core::future::{Future, pending};
use core::pin::Pin;
use core::time::Duration;

use asupersync_core::lock::Semaphore;
use asupersync_core::{
    CancelKind, CancelRequest, Cx, Error, INLINE_DEPTH_MAX, LocalRegion, Outcome, Policy,
    RegionOptions,
};

use super::by_hand::poll_once;
use super::common::{Fault, Flag, LONG, breathe, child_cancel, one_was_forced, why};
use crate::Probe;
use crate::harness::{Need, Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("can/mask_defers_and_delivers", mask_defers_and_delivers),
    Scenario::new("can/masks_nest", masks_nest),
    Scenario::new("can/masks_nest_past_the_bound", masks_nest_past_the_bound),
    Scenario::new(
        "can/mask_without_request_has_no_limit",
        mask_without_request_has_no_limit,
    ),
    Scenario::new(
        "can/mask_past_its_limit_is_forced",
        mask_past_its_limit_is_forced,
    ),
    Scenario::new(
        "can/mask_past_its_limit_in_a_fiber",
        mask_past_its_limit_in_a_fiber,
    )
    .after(one_was_forced),
    Scenario::new(
        "can/mask_ends_with_the_cleanup_budget",
        mask_ends_with_the_cleanup_budget,
    ),
    Scenario::new("can/deaf_task_is_forced", deaf_task_is_forced).after(one_was_forced),
    Scenario::new("can/deaf_body_is_forced", deaf_body_is_forced).after(one_was_forced),
    Scenario::new(
        "can/stronger_request_keeps_the_budget",
        stronger_request_keeps_the_budget,
    )
    .needs(&[Need::VirtualTime]),
    Scenario::new(
        "can/request_within_a_time_forces_at_its_end",
        request_within_a_time_forces_at_its_end,
    )
    .needs(&[Need::VirtualTime])
    .after(one_was_forced),
    Scenario::new(
        "can/less_time_reaches_who_was_asked",
        less_time_reaches_who_was_asked,
    )
    .needs(&[Need::VirtualTime]),
    Scenario::new(
        "can/dropped_waiter_passes_its_grant_on",
        dropped_waiter_passes_its_grant_on,
    ),
];

/// Inside a mask nothing is observed; at its end what was asked meanwhile is delivered.
// proves: R-CAN-3
fn mask_defers_and_delivers<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (up, go, notes) = (Flag::new(), Flag::new(), probe.clone());
        let (raise, wait) = (up.clone(), go.clone());
        let task = r.spawn(async move |cx| {
            let kept = cx
                .masked(LONG, async |masked| {
                    raise.raise();
                    wait.raised().await;
                    notes.expect(!masked.is_cancel_requested(), "requested inside");
                    notes.expect(masked.checkpoint().is_ok(), "observed inside");
                    notes.expect(masked.yield_now().await.is_ok(), "a wait observed inside");
                    "kept"
                })
                .await;
            notes.mark(kept);
            let delivered = cx.sleep(LONG).await;
            notes.expect(delivered.is_err(), "it was not delivered");
            Ok(delivered?)
        })?;
        up.raised().await;
        task.cancel("enough");
        go.raise();
        probe.expect_eq(
            why(&task.outcome(r).await?),
            Some(CancelKind::User),
            "the outcome",
        );
        probe.expect_marks(&["kept"]);
        Ok(())
    })
}

/// Masks nest: what is asked is delivered at the end of the outermost one, not before.
// proves: R-CAN-3
fn masks_nest<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let ended: Result<(), Error> = r
            .region(async |inner| {
                inner
                    .masked(LONG, async |outer| {
                        outer
                            .masked(LONG, async |middle| {
                                inner.cancel("enough");
                                breathe().await;
                                probe.expect(middle.checkpoint().is_ok(), "in the inner mask");
                            })
                            .await;
                        breathe().await;
                        probe.expect(outer.checkpoint().is_ok(), "between the masks");
                        // A scope inside a mask is masked too.
                        let timed = outer
                            .timeout(LONG, async |cx| Ok(cx.yield_now().await?))
                            .await;
                        probe.expect(timed.is_ok(), "in a timeout inside the mask");
                        probe.expect(inner.checkpoint().is_err(), "outside nobody is masked");
                    })
                    .await;
                Ok(inner.checkpoint()?)
            })
            .await;
        probe.expect_eq(
            child_cancel(&ended),
            Some(CancelKind::User),
            "the region's end",
        );
        Ok(())
    })
}

type Deep<'n> = Pin<Box<dyn Future<Output = bool> + 'n>>;

/// Nested deeper than scopes may be, a mask runs under the one around it: it still hides the cancel.
// proves: R-CAN-3
fn masks_nest_past_the_bound<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    fn deeper<'n>(cx: &'n Cx, region: &'n LocalRegion, left: u16) -> Deep<'n> {
        Box::pin(async move {
            if left > 0 {
                return cx
                    .masked(LONG, async |cx| deeper(cx, region, left - 1).await)
                    .await;
            }
            region.cancel("enough");
            breathe().await;
            cx.yield_now().await.is_ok()
        })
    }
    Box::pin(async move {
        let ended: Result<(), Error> = r
            .region(async |inner| {
                let hidden = deeper(inner, inner, INLINE_DEPTH_MAX + 8).await;
                probe.expect(hidden, "the deepest mask leaks");
                Ok(inner.checkpoint()?)
            })
            .await;
        probe.expect_eq(
            child_cancel(&ended),
            Some(CancelKind::User),
            "the region's end",
        );
        Ok(())
    })
}

/// A mask's limit counts only while somebody waits for it to end: unasked, it may take longer.
// proves: R-CAN-3
fn mask_without_request_has_no_limit<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let task = r.spawn(async |cx| {
            cx.masked(Duration::from_micros(10), async |cx| {
                cx.sleep(Duration::from_millis(1)).await?;
                Ok("value")
            })
            .await
        })?;
        probe.expect_eq(task.join(r).await?, "value", "the mask's value");
        Ok(())
    })
}

/// A mask that is past its limit while a request waits ends as forced, and the task with it, well before
/// the cleanup budget would have.
// proves: R-CAN-3 R-CAN-4
fn mask_past_its_limit_is_forced<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (up, notes) = (Flag::new(), probe.clone());
        let (raise, started) = (up.clone(), up.clone());
        let watch = r.spawn(async move |cx| {
            started.raised().await;
            // The cleanup budget of `User` is 50 ms.
            cx.sleep(Duration::from_millis(25)).await?;
            notes.mark("25 ms");
            Ok(())
        })?;
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let notes = probe.clone();
                inner.spawn(async move |cx| {
                    let finalizer = notes.clone();
                    cx.defer(async move |_cx| finalizer.mark("finalizer"))?;
                    let _gone = notes.mark_on_drop("forced");
                    cx.masked(Duration::from_millis(2), async |cx| {
                        raise.raise();
                        cx.sleep(LONG).await
                    })
                    .await?;
                    notes.mark("left");
                    Ok(())
                })?;
                up.raised().await;
                inner.cancel("enough");
                Ok(())
            })
            .await;
        result?;
        watch.join(r).await?;
        probe.expect_marks(&["forced", "finalizer", "25 ms"]);
        probe.expect_eq((report.cancelled, report.forced), (1, 1), "children");
        Ok(())
    })
}

/// The same in a timeout's body, or in an arm of a race, takes that with it and nothing else.
// proves: R-CAN-3 R-CAN-6
fn mask_past_its_limit_in_a_fiber<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (up, notes) = (Flag::new(), probe.clone());
        let started = up.clone();
        let watch = r.spawn(async move |cx| {
            started.raised().await;
            // The cleanup budget of `Timeout` is 20 ms.
            cx.sleep(Duration::from_millis(15)).await?;
            notes.mark("15 ms");
            Ok(())
        })?;
        let ended = r
            .timeout(Duration::from_micros(10), async |cx| {
                let _gone = probe.mark_on_drop("fiber");
                up.raise();
                let limit = Duration::from_millis(1);
                cx.masked(limit, async |cx| cx.sleep(LONG).await).await?;
                Ok(())
            })
            .await;
        probe.expect_eq(
            child_cancel(&ended),
            Some(CancelKind::Timeout),
            "the timeout",
        );
        probe.mark("returned");
        r.checkpoint()?;
        watch.join(r).await?;
        probe.expect_marks(&["fiber", "returned", "15 ms"]);
        Ok(())
    })
}

/// A mask does not extend the cleanup budget: when that is spent the task is forced, mask or not.
// proves: R-CAN-3 R-CAN-4
fn mask_ends_with_the_cleanup_budget<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (up, notes) = (Flag::new(), probe.clone());
        let raise = up.clone();
        let task = r.spawn(async move |cx| {
            let _gone = notes.mark_on_drop("forced");
            cx.masked(LONG, async |cx| {
                raise.raise();
                cx.sleep(LONG).await
            })
            .await?;
            notes.mark("left");
            Ok(())
        })?;
        up.raised().await;
        task.cancel("enough");
        probe.expect_eq(
            why(&task.outcome(r).await?),
            Some(CancelKind::User),
            "the outcome",
        );
        probe.expect_marks(&["forced"]);
        Ok(())
    })
}

/// A task that never looks is dropped where it waits once its cleanup budget is spent: `Cancelled`,
/// counted as forced, its finalizers run, its siblings untouched.
// proves: R-CAN-4 R-REG-2 PO-CAN WVT-003
fn deaf_task_is_forced<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let (up, notes) = (Flag::new(), probe.clone());
                let raise = up.clone();
                let deaf = inner.spawn(async move |cx| {
                    let finalizer = notes.clone();
                    cx.defer(async move |_cx| finalizer.mark("finalizer"))?;
                    let _gone = notes.mark_on_drop("forced");
                    raise.raise();
                    pending::<Result<(), Error>>().await
                })?;
                up.raised().await;
                deaf.cancel("never heard");
                let outcome = deaf.outcome(inner).await?;
                probe.expect_eq(why(&outcome), Some(CancelKind::User), "the outcome");
                inner.checkpoint()?;
                Ok("value")
            })
            .await;
        probe.expect_eq(result?, "value", "the region's value");
        probe.expect_marks(&["forced", "finalizer"]);
        probe.expect_eq((report.cancelled, report.forced), (1, 1), "children");
        Ok(())
    })
}

/// A region's body that never looks is forced too; its children and finalizers are not lost.
// proves: R-CAN-4 R-REG-3
fn deaf_body_is_forced<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (ended, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let notes = probe.clone();
                inner.defer(async move |_cx| notes.mark("finalizer"))?;
                let (spawner, notes) = (inner.spawner(), probe.clone());
                inner.spawn(async move |cx| {
                    spawner.cancel("enough");
                    let end = cx.sleep(LONG).await;
                    notes.mark("child");
                    Ok(end?)
                })?;
                let _gone = probe.mark_on_drop("forced");
                pending::<Result<(), Error>>().await
            })
            .await;
        probe.expect_eq(
            child_cancel(&ended),
            Some(CancelKind::User),
            "the region's end",
        );
        probe.expect_marks(&["child", "forced", "finalizer"]);
        probe.expect_eq((report.cancelled, report.forced), (1, 1), "counted");
        r.checkpoint()?;
        Ok(())
    })
}

/// A stronger request shortens what is left of the cleanup budget, and never starts it anew.
// proves: R-CAN-4 R-CAN-1
fn stronger_request_keeps_the_budget<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let options = RegionOptions::new().policy(Policy::CollectAll);
        let ended = r
            .region_with(options, async |around| {
                let (up, notes) = (Flag::new(), probe.clone());
                let raise = up.clone();
                let host = around.spawn(async move |cx| {
                    cx.region(async |inner| {
                        let (notes, wait) = (notes.clone(), raise.clone());
                        inner.spawn(async move |_cx| {
                            let _gone = notes.mark_on_drop("forced");
                            raise.raise();
                            pending::<Result<(), Error>>().await
                        })?;
                        inner.spawn(async move |_cx| {
                            wait.raised().await;
                            Err::<(), _>(Fault("weaker").into())
                        })?;
                        Ok(())
                    })
                    .await
                })?;
                // `FailFast` leaves the deaf child 10 ms from here, `ParentCancelled` would from 5 ms on.
                up.raised().await;
                around.sleep(Duration::from_millis(5)).await?;
                host.cancel("stronger");
                around.sleep(Duration::from_millis(8)).await?;
                probe.mark("13 ms");
                Ok(())
            })
            .await;
        // A failure or a consequence, depending on which of the two requests closed the region.
        drop(ended);
        probe.expect_marks(&["forced", "13 ms"]);
        Ok(())
    })
}

/// A request with a time of its own: at its end who has not ended is forced; a longer one than the kind's changes
/// nothing. The reason has the kind that was asked with.
// proves: R-CAN-4
fn request_within_a_time_forces_at_its_end<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let up = Flag::new();
        let raise = up.clone();
        let deaf = r.spawn(async move |_cx| {
            raise.raise();
            pending::<Result<(), Error>>().await
        })?;
        up.raised().await;
        let start = r.now()?;
        deaf.cancel_with(CancelRequest::race_lost("lost").within(Duration::from_millis(3)));
        // Before it is asked with as strong a kind, so the first reason stays; no time is won.
        deaf.cancel_with(CancelRequest::race_lost("later").within(LONG));
        let outcome = deaf.outcome(r).await?;
        let took = r.now()?.saturating_since(start);
        probe.expect_eq(took, Duration::from_millis(3), "it took");
        let told = match &outcome {
            Outcome::Cancelled(reason) => Some((reason.kind(), reason.message())),
            _ => None,
        };
        probe.expect_eq(told, Some((CancelKind::RaceLost, "lost")), "the reason");
        Ok(())
    })
}

/// Less time for a task that was asked before is less time for what is inside it, asked before as well.
// proves: R-CAN-1 R-CAN-4
fn less_time_reaches_who_was_asked<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (up, notes) = (Flag::new(), probe.clone());
        let raise = up.clone();
        let host = r.spawn(async move |cx| {
            cx.region(async |inner| {
                inner.spawn(async move |_cx| {
                    let _gone = notes.mark_on_drop("forced");
                    raise.raise();
                    pending::<Result<(), Error>>().await
                })?;
                Ok(())
            })
            .await
        })?;
        up.raised().await;
        host.cancel("enough");
        r.sleep(Duration::from_millis(1)).await?;
        host.cancel_with(CancelRequest::user("at once").within(Duration::from_millis(2)));
        r.sleep(Duration::from_millis(3)).await?;
        // `ParentCancelled` alone would leave it 10 ms.
        probe.mark("4 ms");
        let outcome = host.outcome(r).await?;
        probe.expect_marks(&["forced", "4 ms"]);
        let first = match &outcome {
            Outcome::Cancelled(reason) => Some(reason.message()),
            _ => None,
        };
        probe.expect_eq(first, Some("enough"), "the reason");
        Ok(())
    })
}

/// What was granted to a waiter that is dropped before it looked goes to the next one.
// proves: R-CAN-4 R-OWN-3
fn dropped_waiter_passes_its_grant_on<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let permits = Semaphore::new(1);
        let held = permits.acquire(r, 1).await?;
        let mut first = Box::pin(permits.acquire(r, 1));
        let mut second = Box::pin(permits.acquire(r, 1));
        probe.expect(
            poll_once(first.as_mut()).await.is_pending(),
            "nothing was free",
        );
        probe.expect(
            poll_once(second.as_mut()).await.is_pending(),
            "nothing was free",
        );
        drop(held);
        drop(first);
        let granted = r
            .timeout(Duration::from_millis(5), async |_cx| Ok(second.await?))
            .await;
        probe.expect(granted.is_ok(), "the grant is lost");
        Ok(())
    })
}
