//! Policies (R-REG-5): what a child's end does to its siblings, and which outcome decides the region.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::pending;
use core::time::Duration;

use asupersync_core::{
    Budget, CancelKind, ChildEnded, Error, LocalRegion, Policy, Region, RegionOptions, Severity,
    TaskOptions,
};

use super::common::{Fault, Flag, LONG, breathe, child_cancel, fault, own_cancel};
use crate::Probe;
use crate::harness::{Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "reg/first_error_cancels_siblings",
        first_error_cancels_siblings,
    ),
    Scenario::new("reg/first_error_stays", first_error_stays),
    Scenario::new(
        "reg/joined_error_is_reported_as_failed",
        joined_error_is_reported_as_failed,
    ),
    Scenario::new("reg/body_error_comes_first", body_error_comes_first),
    Scenario::new(
        "reg/body_error_cancels_children",
        body_error_cancels_children,
    ),
    Scenario::new(
        "reg/collect_all_outlives_the_body",
        collect_all_outlives_the_body,
    ),
    Scenario::new(
        "reg/collect_all_keeps_every_outcome",
        collect_all_keeps_every_outcome,
    ),
    Scenario::new("reg/consequences_do_not_decide", consequences_do_not_decide),
    Scenario::new(
        "reg/cancel_from_outside_decides",
        cancel_from_outside_decides,
    ),
    Scenario::new("reg/background_hides_no_cancel", background_hides_no_cancel),
    Scenario::new(
        "reg/background_keeps_the_reason",
        background_keeps_the_reason,
    ),
    Scenario::new("reg/deadline_is_a_timeout", deadline_is_a_timeout),
];

/// Under `FailFast` the first error cancels the siblings and the body, and is the region's.
// proves: R-REG-5
fn first_error_cancels_siblings<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let (up, notes) = (Flag::new(), probe.clone());
                let (raise, wait) = (up.clone(), up);
                inner.spawn(async move |cx| {
                    raise.raise();
                    let end = cx.sleep(LONG).await.map_err(Error::from);
                    notes.expect_eq(own_cancel(&end), Some(CancelKind::FailFast), "the sibling");
                    notes.mark("sibling");
                    end
                })?;
                inner.spawn(async move |_cx| {
                    wait.raised().await;
                    Err::<(), _>(Fault("first").into())
                })?;
                let end = inner.sleep(LONG).await.map_err(Error::from);
                probe.expect_eq(own_cancel(&end), Some(CancelKind::FailFast), "the body");
                end
            })
            .await;
        probe.expect_eq(fault(&result), Some("first"), "the region's error");
        probe.expect_marks(&["sibling"]);
        probe.expect_eq((report.failed, report.cancelled), (1, 1), "children");
        Ok(())
    })
}

/// Of several errors the first one is kept; the later ones are counted.
// proves: R-REG-5
fn first_error_stays<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let up = Flag::new();
                let raise = up.clone();
                inner.spawn(async move |cx| {
                    raise.raise();
                    drop(cx.sleep(LONG).await);
                    Err::<(), _>(Fault("second").into())
                })?;
                inner.spawn(async move |_cx| {
                    up.raised().await;
                    Err::<(), _>(Fault("first").into())
                })?;
                Ok(())
            })
            .await;
        probe.expect_eq(fault(&result), Some("first"), "the region's error");
        probe.expect_eq((report.failed, report.cancelled), (2, 0), "children");
        Ok(())
    })
}

/// An error that went to a joiner still decides the region, which says that a child failed.
// proves: R-REG-5
fn joined_error_is_reported_as_failed<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let result = r
            .region(async |inner| {
                let task = inner.spawn(async |_cx| Err::<(), _>(Fault("joined").into()))?;
                // Masked: failing fast has cancelled the body too.
                let end = inner.masked(LONG, async |cx| task.join(cx).await).await;
                probe.expect_eq(fault(&end), Some("joined"), "the joiner's error");
                Ok(())
            })
            .await;
        let failed = result
            .as_ref()
            .err()
            .and_then(|e| e.downcast_ref::<ChildEnded>());
        probe.expect(
            matches!(failed, Some(ChildEnded::Failed)),
            "the region forgot the failure",
        );
        Ok(())
    })
}

/// The body's own error comes before those of its children.
// proves: R-REG-5
fn body_error_comes_first<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let result: Result<(), Error> = r
            .region(async |inner| {
                inner.spawn(async |_cx| Err::<(), _>(Fault("child").into()))?;
                drop(inner.sleep(LONG).await);
                Err(Fault("body").into())
            })
            .await;
        probe.expect_eq(fault(&result), Some("body"), "the region's error");
        Ok(())
    })
}

/// A body that fails cancels its children, as a failing sibling does: what they wait for may have been its to give.
// proves: R-REG-5
fn body_error_cancels_children<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let (up, notes) = (Flag::new(), probe.clone());
                let raise = up.clone();
                inner.spawn(async move |cx| {
                    raise.raise();
                    let end = cx.sleep(LONG).await.map_err(Error::from);
                    notes.expect_eq(own_cancel(&end), Some(CancelKind::FailFast), "the child");
                    notes.mark("child");
                    end
                })?;
                up.raised().await;
                Err::<(), Error>(Fault("body").into())
            })
            .await;
        probe.expect_eq(fault(&result), Some("body"), "the region's error");
        probe.expect_marks(&["child"]);
        probe.expect_eq(report.cancelled, 1, "children");
        Ok(())
    })
}

/// Under `CollectAll` the children of a body that failed run on.
// proves: R-REG-5
fn collect_all_outlives_the_body<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let options = RegionOptions::new().policy(Policy::CollectAll);
        let (result, report) = r
            .region_report(options, async |inner| {
                inner.spawn(async move |cx| Ok(cx.sleep(Duration::from_micros(10)).await?))?;
                Err::<(), Error>(Fault("body").into())
            })
            .await;
        probe.expect_eq(fault(&result), Some("body"), "the region's error");
        probe.expect_eq((report.ok, report.cancelled), (1, 0), "children");
        Ok(())
    })
}

/// Under `CollectAll` nobody is cancelled, and the report has every child's end by its id.
// proves: R-REG-5
fn collect_all_keeps_every_outcome<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let mut expected = Vec::new();
        let options = RegionOptions::new().policy(Policy::CollectAll);
        let (result, report) = r
            .region_report(options, async |inner| {
                let (up, failed) = (Flag::new(), Flag::new());
                let wait = up.clone();
                let bad = inner.spawn(async move |cx| {
                    wait.raised().await;
                    cx.checkpoint()?;
                    Err::<(), _>(Fault("bad").into())
                })?;
                let wait = failed.clone();
                let good = inner.spawn(async move |cx| {
                    wait.raised().await;
                    Ok(cx.sleep(Duration::from_micros(10)).await?)
                })?;
                let raise = up.clone();
                let stopped = inner.spawn(async move |cx| {
                    raise.raise();
                    Ok(cx.sleep(LONG).await?)
                })?;
                up.raised().await;
                stopped.cancel("enough");
                let deaf = inner.spawn(async |_cx| pending::<Result<(), Error>>().await)?;
                breathe().await;
                deaf.cancel("never heard");
                expected.push((bad.path(), Severity::Err, None));
                expected.push((good.path(), Severity::Ok, None));
                let user = Some(CancelKind::User);
                expected.push((stopped.path(), Severity::Cancelled, user));
                expected.push((deaf.path(), Severity::Cancelled, user));
                drop(bad.outcome(inner).await?);
                failed.raise();
                inner.checkpoint()?;
                Ok(())
            })
            .await;
        probe.expect(result.is_err(), "the error decides nothing");
        let mut found: Vec<_> = report
            .children
            .iter()
            .map(|c| (c.path, c.severity, c.reason.as_ref().map(|r| r.kind())))
            .collect();
        found.sort_by_key(|child| child.0);
        expected.sort_by_key(|child| child.0);
        probe.expect_eq(found, expected, "records");
        let counts = (report.ok, report.failed, report.cancelled);
        probe.expect_eq(counts, (1, 1, 2), "children");
        Ok(())
    })
}

/// Cancels that began inside a region are consequences: they are listed, and its value stands.
// proves: R-REG-5
fn consequences_do_not_decide<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let up = [Flag::new(), Flag::new()];
                let raise = up[0].clone();
                let stopped = inner.spawn(async move |cx| {
                    raise.raise();
                    Ok(cx.sleep(LONG).await?)
                })?;
                let soon = inner.now()?.saturating_add(Duration::from_millis(1));
                let limits = TaskOptions::new().budget(Budget::INFINITE.with_deadline(soon));
                inner.spawn_with(limits, async move |cx| Ok(cx.sleep(LONG).await?))?;
                let raise = up[1].clone();
                inner.spawn_background(async move |cx| {
                    raise.raise();
                    Ok(cx.sleep(LONG).await?)
                })?;
                up[0].raised().await;
                up[1].raised().await;
                stopped.cancel("enough");
                let lost = inner
                    .race(async |_cx| Ok(1), async |cx| Ok(cx.sleep(LONG).await?))
                    .await;
                probe.expect(lost.is_ok(), "the race");
                Ok("value")
            })
            .await;
        probe.expect_eq(result.ok(), Some("value"), "the region's value");
        let counts = (report.ok, report.failed, report.cancelled);
        probe.expect_eq(counts, (0, 0, 3), "children");
        // The same under a failure: its error decides, not the cancels that follow from it.
        let result = r
            .region(async |inner| {
                let up = Flag::new();
                let raise = up.clone();
                inner.spawn(async move |cx| {
                    raise.raise();
                    Ok(cx.sleep(LONG).await?)
                })?;
                inner.spawn(async move |_cx| {
                    up.raised().await;
                    Err::<(), _>(Fault("cause").into())
                })?;
                Ok(())
            })
            .await;
        probe.expect_eq(fault(&result), Some("cause"), "the region's error");
        Ok(())
    })
}

/// A cancel that came from outside decides: the region that it interrupted ends with its host's own
/// token, whatever the body makes of it.
// proves: R-REG-5 R-CAN-1
fn cancel_from_outside_decides<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (up, notes) = (Flag::new(), probe.clone());
        let raise = up.clone();
        let task = r.spawn(async move |cx| {
            let ended = cx
                .region(async |inner| {
                    let raise = raise.clone();
                    inner.spawn(async move |cx| {
                        raise.raise();
                        Ok(cx.sleep(LONG).await?)
                    })?;
                    Ok("nothing happened")
                })
                .await;
            let kind = Some(CancelKind::ParentCancelled);
            notes.expect_eq(own_cancel(&ended), kind, "the inner region");
            ended
        })?;
        up.raised().await;
        task.cancel("enough");
        probe.expect(task.outcome(r).await?.is_cancelled(), "the task's outcome");
        Ok(())
    })
}

/// A cancel that the body observed through the context around its region stays the task's own, also
/// when background children had to be asked to stop meanwhile.
// proves: R-REG-5 R-OWN-1
fn background_hides_no_cancel<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (up, raise) = (Flag::new(), Flag::new());
        let started = up.clone();
        let wait = raise.clone();
        let task = r.spawn(async move |cx| {
            cx.masked(LONG, async |masked| {
                masked
                    .region(async |inner| {
                        let started = started.clone();
                        inner.spawn_background(async move |cx| {
                            started.raise();
                            Ok(cx.sleep(LONG).await?)
                        })?;
                        wait.raised().await;
                        // The context outside the mask sees the cancel.
                        cx.checkpoint()?;
                        Ok(())
                    })
                    .await
            })
            .await
        })?;
        up.raised().await;
        task.cancel("enough");
        raise.raise();
        probe.expect(task.outcome(r).await?.is_cancelled(), "the task's outcome");
        Ok(())
    })
}

/// Asking background children to stop does not become the reason why a region was cancelled.
// proves: R-REG-5 R-OWN-1
fn background_keeps_the_reason<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let ended = r
            .region(async |inner| {
                let up = Flag::new();
                let raise = up.clone();
                inner.spawn_background(async move |cx| {
                    raise.raise();
                    let end = cx.sleep(LONG).await;
                    breathe().await;
                    Ok(end?)
                })?;
                up.raised().await;
                inner.cancel("enough");
                let end = inner.checkpoint();
                // Meanwhile the background may end, and then is not asked again.
                breathe().await;
                Ok(end?)
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

/// A region's deadline cancels it with `Timeout`, children included, and says so as data.
// proves: R-REG-5 R-CAN-6
fn deadline_is_a_timeout<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let soon = r.now()?.saturating_add(Duration::from_millis(1));
        let options = RegionOptions::new().budget(Budget::INFINITE.with_deadline(soon));
        let ended = r
            .region_with(options, async |inner: &Region| {
                // On a slow host the deadline passes before the child is polled.
                let (notes, gone) = (probe.clone(), probe.mark_on_drop("child"));
                inner.spawn(async move |cx| {
                    let _gone = gone;
                    let end = cx.sleep(LONG).await.map_err(Error::from);
                    notes.expect_eq(own_cancel(&end), Some(CancelKind::Timeout), "the child");
                    end
                })?;
                Ok(inner.sleep(LONG).await?)
            })
            .await;
        probe.expect_eq(
            child_cancel(&ended),
            Some(CancelKind::Timeout),
            "the region's end",
        );
        probe.expect_marks(&["child"]);
        r.checkpoint()?;
        Ok(())
    })
}
