//! Panics (R-PAN-1): an outcome of the task that panicked, and of nothing else.

use alloc::boxed::Box;
use core::future::{Ready, pending};
use core::num::NonZeroUsize;

use asupersync_core::channel::mpsc;
use asupersync_core::{
    CancelKind, ChildRecord, Cx, Error, LocalRegion, Outcome, Policy, RegionOptions, Severity,
};

use super::common::{Fault, Flag, LONG, breathe, child_panic, own_cancel};
use crate::Probe;
use crate::harness::{Need, Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    panics("pan/task_panic_is_an_outcome", task_panic_is_an_outcome),
    panics("pan/panic_cancels_siblings", panic_cancels_siblings),
    panics("pan/panic_outweighs_everything", panic_outweighs_everything),
    panics(
        "pan/finalizers_run_after_a_panic",
        finalizers_run_after_a_panic,
    ),
    panics("pan/finalizer_panics", finalizer_panics),
    panics(
        "pan/drop_of_a_forced_future_panics",
        drop_of_a_forced_future_panics,
    ),
    panics(
        "pan/drop_of_an_unpolled_future_panics",
        drop_of_an_unpolled_future_panics,
    ),
    panics("pan/dependents_go_on", dependents_go_on),
    panics("pan/region_body_panics", region_body_panics),
    panics("pan/arm_panics", arm_panics),
    panics("pan/spawn_closure_panics", spawn_closure_panics),
];

const fn panics(name: &'static str, body: crate::Body) -> Scenario {
    Scenario::new(name, body).needs(&[Need::Unwind])
}

/// Panics when it is dropped, unless a panic is what drops it.
struct PanicOnDrop;

impl Drop for PanicOnDrop {
    fn drop(&mut self) {
        panic!("in a drop");
    }
}

fn said<T>(outcome: &Outcome<T, Error>) -> Option<&str> {
    match outcome {
        Outcome::Panicked(payload) => Some(payload.message()),
        _ => None,
    }
}

/// A panic ends its task as `Panicked` with what it said; the driver and everybody else live on.
// proves: R-PAN-1
fn task_panic_is_an_outcome<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let options = RegionOptions::new().policy(Policy::CollectAll);
        let (ended, report) = r
            .region_report(options, async |inner| {
                let early = inner.spawn(async |_cx| -> Result<(), Error> { panic!("early") })?;
                let late = inner.spawn(async |cx| -> Result<(), Error> {
                    cx.yield_now().await?;
                    panic!("{}", "late")
                })?;
                probe.expect_eq(
                    said(&early.outcome(inner).await?),
                    Some("early"),
                    "first poll",
                );
                probe.expect_eq(
                    said(&late.outcome(inner).await?),
                    Some("late"),
                    "second poll",
                );
                let after = inner.spawn(async |_cx| Ok("alive"))?;
                probe.expect_eq(after.join(inner).await?, "alive", "the next task");
                Ok(())
            })
            .await;
        probe.expect(child_panic(&ended).is_some(), "the region hid the panics");
        probe.expect_eq((report.ok, report.panicked), (1, 2), "children");
        let panicked = |c: &&ChildRecord| c.severity == Severity::Panicked;
        probe.expect_eq(
            report.children.iter().filter(panicked).count(),
            2,
            "records",
        );
        Ok(())
    })
}

/// Under `FailFast` a panic cancels the siblings, which drain, and is the region's end.
// proves: R-PAN-1 R-REG-5
fn panic_cancels_siblings<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let ended = r
            .region(async |inner| {
                let (up, notes) = (Flag::new(), probe.clone());
                let raise = up.clone();
                inner.spawn(async move |cx| {
                    raise.raise();
                    let end = cx.sleep(LONG).await.map_err(Error::from);
                    notes.expect_eq(own_cancel(&end), Some(CancelKind::FailFast), "the sibling");
                    breathe().await;
                    notes.mark("drained");
                    end
                })?;
                inner.spawn(async move |_cx| -> Result<(), Error> {
                    up.raised().await;
                    panic!("boom")
                })?;
                Ok(())
            })
            .await;
        probe.expect_eq(child_panic(&ended), Some("boom"), "the region's end");
        probe.expect_marks(&["drained"]);
        r.checkpoint()?;
        Ok(())
    })
}

/// A panic while draining is a panic, and outweighs errors and values.
// proves: R-PAN-1 R-REG-5
fn panic_outweighs_everything<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let ended: Result<(), Error> = r
            .region(async |inner| {
                let up = Flag::new();
                let raise = up.clone();
                let task = inner.spawn(async move |cx| -> Result<(), Error> {
                    raise.raise();
                    drop(cx.sleep(LONG).await);
                    panic!("while draining")
                })?;
                up.raised().await;
                task.cancel("enough");
                let outcome = inner
                    .masked(LONG, async |cx| task.outcome(cx).await)
                    .await?;
                probe.expect_eq(said(&outcome), Some("while draining"), "the outcome");
                Err(Fault("body").into())
            })
            .await;
        probe.expect_eq(
            child_panic(&ended),
            Some("while draining"),
            "the region's end",
        );
        Ok(())
    })
}

/// After a panic the finalizers of the task and of its region run, last in first out.
// proves: R-PAN-1 R-REG-3
fn finalizers_run_after_a_panic<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (ended, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let notes = probe.clone();
                inner.defer(async move |_cx| notes.mark("region"))?;
                let notes = probe.clone();
                inner.spawn(async move |cx| -> Result<(), Error> {
                    for name in ["task 1", "task 2"] {
                        let notes = notes.clone();
                        cx.defer(async move |cx| {
                            notes.expect(cx.yield_now().await.is_ok(), "it is not masked");
                            notes.mark(name);
                        })?;
                    }
                    let _local = notes.mark_on_drop("body");
                    panic!("boom")
                })?;
                Ok(())
            })
            .await;
        probe.expect_eq(child_panic(&ended), Some("boom"), "the region's end");
        probe.expect_marks(&["body", "task 2", "task 1", "region"]);
        probe.expect_eq((report.panicked, report.finalized), (1, 3), "counted");
        Ok(())
    })
}

/// A finalizer that panics, when it is called, polled or dropped, is recorded; the rest still run, and
/// the task's value and the region's stand.
// proves: R-PAN-1 R-REG-3
fn finalizer_panics<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let notes = probe.clone();
                inner.defer(async move |_cx| notes.mark("region"))?;
                inner.defer(|_cx| -> Ready<()> { panic!("when called") })?;
                inner.defer(async |cx| {
                    drop(cx.yield_now().await);
                    panic!("when polled")
                })?;
                inner.defer(async |_cx| {
                    let _bomb = PanicOnDrop;
                    pending::<()>().await;
                })?;
                let notes = probe.clone();
                let task = inner.spawn(async move |cx| {
                    cx.defer(async move |_cx| notes.mark("task"))?;
                    cx.defer(async |_cx| panic!("of a task"))?;
                    Ok("value")
                })?;
                probe.expect_eq(task.join(inner).await?, "value", "the task's value");
                Ok("value")
            })
            .await;
        probe.expect_eq(result.ok(), Some("value"), "the region's value");
        probe.expect_marks(&["task", "region"]);
        let counts = (report.finalized, report.finalizers_panicked);
        probe.expect_eq(counts, (2, 4), "finalizers");
        Ok(())
    })
}

/// A panic in the drop of a forced future is the task's; its finalizers run and its sibling lives on.
// proves: R-PAN-1 R-CAN-4
fn drop_of_a_forced_future_panics<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let options = RegionOptions::new().policy(Policy::CollectAll);
        let ended = r
            .region_with(options, async |inner| {
                let (up, notes) = (Flag::new(), probe.clone());
                let raise = up.clone();
                let task = inner.spawn(async move |cx| {
                    cx.defer(async move |_cx| notes.mark("finalizer"))?;
                    let _bomb = PanicOnDrop;
                    raise.raise();
                    pending::<Result<(), Error>>().await
                })?;
                up.raised().await;
                task.cancel("never heard");
                probe.expect_eq(
                    said(&task.outcome(inner).await?),
                    Some("in a drop"),
                    "outcome",
                );
                let after = inner.spawn(async |_cx| Ok("alive"))?;
                probe.expect_eq(after.join(inner).await?, "alive", "the next task");
                Ok(())
            })
            .await;
        probe.expect_eq(child_panic(&ended), Some("in a drop"), "the region's end");
        probe.expect_marks(&["finalizer"]);
        Ok(())
    })
}

/// The same for a task that was cancelled before its first poll.
// proves: R-PAN-1 R-CAN-8
fn drop_of_an_unpolled_future_panics<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let options = RegionOptions::new().policy(Policy::CollectAll);
        let (ended, report) = r
            .region_report(options, async |inner| {
                let bomb = PanicOnDrop;
                let task = inner.spawn(async move |_cx| {
                    let _bomb = bomb;
                    Ok(())
                })?;
                task.cancel("before it began");
                probe.expect_eq(
                    said(&task.outcome(inner).await?),
                    Some("in a drop"),
                    "outcome",
                );
                Ok(())
            })
            .await;
        probe.expect_eq(child_panic(&ended), Some("in a drop"), "the region's end");
        probe.expect_eq((report.panicked, report.unpolled), (1, 1), "children");
        Ok(())
    })
}

/// Whoever depends on a task that panics hears of it: its channel ends are dropped, its locks released.
// proves: R-PAN-1
fn dependents_go_on<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = mpsc::channel(NonZeroUsize::MIN);
        let waiting = r.spawn(async move |cx| {
            let first = rx.recv(&cx).await.ok();
            Ok((first, rx.recv(&cx).await.is_err()))
        })?;
        let options = RegionOptions::new().policy(Policy::CollectAll);
        let ended = r
            .region_with(options, async |inner| {
                let spare = tx.clone();
                let holder = inner.spawn(async move |cx| -> Result<(), Error> {
                    tx.send(&cx, 7).await?;
                    let _permit = tx.reserve(&cx).await?;
                    panic!("with a permit")
                })?;
                drop(holder.outcome(inner).await?);
                // The slot it had reserved is free again.
                let free = spare.try_reserve(inner).is_ok();
                probe.expect(free, "the permit died with its task");
                Ok(())
            })
            .await;
        probe.expect_eq(
            child_panic(&ended),
            Some("with a permit"),
            "the region's end",
        );
        probe.expect_eq(waiting.join(r).await?, (Some(7), true), "the dependent");
        Ok(())
    })
}

/// A region whose body panics goes down with its task, and is closed in order by the region around it.
// proves: R-PAN-1 R-OWN-3 R-REG-3 R-REG-4
fn region_body_panics<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let ended = r
            .region(async |outer| {
                let notes = probe.clone();
                outer.spawn(async move |cx| {
                    cx.region(async |inner| -> Result<(), Error> {
                        let (finalizer, child, up) = (notes.clone(), notes.clone(), Flag::new());
                        inner.defer(async move |_cx| finalizer.mark("finalizer"))?;
                        let raise = up.clone();
                        inner.spawn(async move |cx| {
                            raise.raise();
                            let end = cx.sleep(LONG).await;
                            breathe().await;
                            child.mark("child");
                            Ok(end?)
                        })?;
                        up.raised().await;
                        panic!("in the body")
                    })
                    .await
                })?;
                Ok(())
            })
            .await;
        probe.mark("closed");
        probe.expect_eq(child_panic(&ended), Some("in the body"), "the region's end");
        probe.expect_marks(&["child", "finalizer", "closed"]);
        Ok(())
    })
}

/// A panic in a fiber is its task's: the other arm is dropped with it.
// proves: R-PAN-1 R-CAN-6
fn arm_panics<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let ended = r
            .region(async |inner| {
                let notes = probe.clone();
                inner.spawn(async move |cx| {
                    let raced = cx
                        .race(
                            async |cx| {
                                let _gone = notes.mark_on_drop("other arm");
                                Ok(cx.sleep(LONG).await?)
                            },
                            async |cx: &Cx| -> Result<(), Error> {
                                cx.yield_now().await?;
                                panic!("in an arm")
                            },
                        )
                        .await;
                    notes.mark("raced");
                    raced.map(drop)
                })?;
                Ok(())
            })
            .await;
        probe.expect_eq(child_panic(&ended), Some("in an arm"), "the region's end");
        probe.expect_marks(&["other arm"]);
        Ok(())
    })
}

/// A closure that panics before it gives its future panics the spawner, and the child it was to be has
/// ended too: nothing waits for it.
// proves: R-PAN-1 R-OWN-1
fn spawn_closure_panics<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let options = RegionOptions::new().policy(Policy::CollectAll);
        let (ended, report) = r
            .region_report(options, async |inner| {
                let spawner = inner.spawner();
                let parent = inner.spawn(async move |_cx| {
                    let child = |_cx: Cx| -> Ready<Result<(), Error>> { panic!("in the closure") };
                    drop(spawner.spawn(child)?);
                    Ok(())
                })?;
                let outcome = parent.outcome(inner).await?;
                probe.expect_eq(said(&outcome), Some("in the closure"), "the spawner");
                Ok(())
            })
            .await;
        probe.expect(child_panic(&ended).is_some(), "the region hid the panics");
        probe.expect_eq(report.panicked, 2, "children that panicked");
        Ok(())
    })
}
