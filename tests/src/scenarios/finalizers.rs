//! Finalizers (R-REG-3): when they run, in which order, and what they may do.

use alloc::boxed::Box;
use core::future::pending;
use core::time::Duration;

use asupersync_core::channel::oneshot;
use asupersync_core::{CancelKind, Cx, Error, LocalRegion, ObligationToken, RegionOptions, Task};

use super::common::{Flag, LONG, breathe, child_cancel};
use crate::Probe;
use crate::harness::{Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "reg/finalizers_run_last_in_first_out",
        finalizers_run_last_in_first_out,
    ),
    Scenario::new(
        "reg/finalizers_of_tasks_come_first",
        finalizers_of_tasks_come_first,
    ),
    Scenario::new(
        "reg/finalizers_wait_for_children",
        finalizers_wait_for_children,
    ),
    Scenario::new("reg/finalizers_are_masked", finalizers_are_masked),
    Scenario::new(
        "reg/finalizer_without_end_is_forced",
        finalizer_without_end_is_forced,
    ),
    Scenario::new("reg/finalizer_that_cancels", finalizer_that_cancels),
    Scenario::new(
        "reg/finalizer_that_opens_a_region",
        finalizer_that_opens_a_region,
    ),
    Scenario::new(
        "reg/finalizer_forced_in_its_region",
        finalizer_forced_in_its_region,
    ),
    Scenario::new("reg/finalizer_that_reserves", finalizer_that_reserves),
    Scenario::new("reg/finalizer_that_spawns", finalizer_that_spawns),
    Scenario::new("reg/finalizer_that_defers", finalizer_that_defers),
    Scenario::new("reg/sibling_finalizers_overlap", sibling_finalizers_overlap),
];

/// A region's finalizers run last in first out, one after the other, before its value is returned.
// proves: R-REG-3 R-REG-4 WVT-002
fn finalizers_run_last_in_first_out<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region(async |inner| {
            for [begins, ends] in [["a", "a ends"], ["b", "b ends"], ["c", "c ends"]] {
                let notes = probe.clone();
                inner.defer(async move |_cx| {
                    notes.mark(begins);
                    breathe().await;
                    notes.mark(ends);
                })?;
            }
            probe.mark("body");
            Ok(())
        })
        .await?;
        probe.mark("closed");
        probe.expect_marks(&[
            "body", "c", "c ends", "b", "b ends", "a", "a ends", "closed",
        ]);
        Ok(())
    })
}

/// What a task defers runs when its body is gone, last in first out, before its joiner hears of it and
/// before the finalizers of its region.
// proves: R-REG-3 R-REG-4
fn finalizers_of_tasks_come_first<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let notes = probe.clone();
                inner.defer(async move |_cx| notes.mark("region 1"))?;
                let (notes, dropped) = (probe.clone(), probe.mark_on_drop("body"));
                let task = inner.spawn(async move |cx| {
                    for name in ["task 1", "task 2"] {
                        let notes = notes.clone();
                        cx.defer(async move |_cx| {
                            breathe().await;
                            notes.mark(name);
                        })?;
                    }
                    drop(dropped);
                    Ok(())
                })?;
                let notes = probe.clone();
                inner.defer(async move |_cx| notes.mark("region 2"))?;
                task.join(inner).await?;
                probe.mark("joined");
                Ok(())
            })
            .await;
        result?;
        probe.expect_marks(&["body", "task 2", "task 1", "joined", "region 2", "region 1"]);
        probe.expect_eq(report.finalized, 4, "finalizers");
        Ok(())
    })
}

/// A region's finalizers start when its tasks and the regions inside it are gone.
// proves: R-REG-3
fn finalizers_wait_for_children<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region(async |inner| {
            let notes = probe.clone();
            inner.defer(async move |_cx| notes.mark("finalizer"))?;
            let notes = probe.clone();
            inner.spawn(async move |cx| {
                cx.region(async |nested| {
                    let finalizer = notes.clone();
                    nested.defer(async move |_cx| finalizer.mark("nested finalizer"))?;
                    nested.spawn(async move |cx| {
                        cx.sleep(Duration::from_millis(1)).await?;
                        notes.mark("child");
                        Ok(())
                    })?;
                    Ok(())
                })
                .await
            })?;
            Ok(())
        })
        .await?;
        probe.expect_marks(&["child", "nested finalizer", "finalizer"]);
        Ok(())
    })
}

/// Finalizers are masked: in a cancelled region they still wait, send and reach their checkpoints.
// proves: R-REG-3 R-CAN-3
fn finalizers_are_masked<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let ended = r
            .region(async |inner| {
                let work = |name: &'static str| {
                    let notes = probe.clone();
                    async move |cx: Cx| {
                        notes.expect(cx.checkpoint().is_ok(), "a checkpoint saw the cancel");
                        notes.expect(cx.yield_now().await.is_ok(), "a turn saw the cancel");
                        let rested = cx.sleep(Duration::from_micros(10)).await;
                        notes.expect(rested.is_ok(), "a wait saw the cancel");
                        notes.mark(name);
                    }
                };
                inner.defer(work("region"))?;
                let (up, deferred) = (Flag::new(), work("task"));
                let raise = up.clone();
                inner.spawn(async move |cx| {
                    cx.defer(deferred)?;
                    raise.raise();
                    Ok(cx.sleep(LONG).await?)
                })?;
                up.raised().await;
                inner.cancel("enough");
                Ok(inner.checkpoint()?)
            })
            .await;
        probe.expect_eq(
            child_cancel(&ended),
            Some(CancelKind::User),
            "the region's end",
        );
        probe.expect_marks(&["task", "region"]);
        Ok(())
    })
}

/// A finalizer that never ends is dropped when its budget is spent; it is counted, and the rest still run.
// proves: R-REG-3 R-CAN-4
fn finalizer_without_end_is_forced<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let endless = |probe: &Probe| {
                    let kept = probe.mark_on_drop("forced");
                    async move |_cx: Cx| {
                        let _kept = kept;
                        pending::<()>().await;
                    }
                };
                let notes = probe.clone();
                inner.defer(async move |_cx| notes.mark("region"))?;
                inner.defer(endless(probe))?;
                let (first, notes) = (endless(probe), probe.clone());
                let task = inner.spawn(async move |cx| {
                    cx.defer(async move |_cx| notes.mark("task"))?;
                    cx.defer(first)?;
                    Ok("value")
                })?;
                probe.expect_eq(task.join(inner).await?, "value", "the task's value");
                Ok(())
            })
            .await;
        result?;
        probe.expect_marks(&["forced", "task", "forced", "region"]);
        probe.expect_eq(
            (report.finalized, report.finalizers_forced),
            (2, 2),
            "finalizers",
        );
        Ok(())
    })
}

/// A finalizer that cancels its own region or task changes nothing: finalizers still run, values stand.
// proves: R-REG-3 R-CAN-5 R-CAN-8
fn finalizer_that_cancels<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let notes = probe.clone();
                inner.defer(async move |cx| {
                    let rested = cx.sleep(Duration::from_micros(10)).await;
                    notes.expect(rested.is_ok(), "the next finalizer saw the cancel");
                    notes.mark("last");
                })?;
                let (spawner, notes) = (inner.spawner(), probe.clone());
                inner.defer(async move |cx| {
                    spawner.cancel("from a finalizer");
                    notes.expect(cx.yield_now().await.is_ok(), "it saw its own cancel");
                    notes.mark("region");
                })?;
                let (tx, mut rx) = oneshot::channel::<Task<&str, Error>>();
                let notes = probe.clone();
                let (waiting, value) = oneshot::channel();
                let task = inner.spawn(async move |cx| {
                    cx.defer(async move |cx| {
                        let Ok(own) = rx.recv(&cx).await else { return };
                        own.cancel("from its own finalizer");
                        notes.expect(cx.yield_now().await.is_ok(), "it saw its own cancel");
                        notes.mark("task");
                        notes.expect(!own.is_finished(), "done before its finalizers");
                        drop(waiting.send(own));
                    })?;
                    Ok("value")
                })?;
                drop(tx.send(task));
                let mut value = value;
                let task = value.recv(inner).await?;
                probe.expect_eq(task.join(inner).await?, "value", "the task's value");
                Ok("value")
            })
            .await;
        probe.expect_eq(result?, "value", "the region's value");
        probe.expect_marks(&["task", "region", "last"]);
        probe.expect_eq(
            (report.ok, report.cancelled, report.forced),
            (1, 0, 0),
            "children",
        );
        Ok(())
    })
}

/// A finalizer may open regions, also after a cancel; they are uncancelled, and closed before it ends.
// proves: R-REG-3 R-OWN-2
fn finalizer_that_opens_a_region<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let ended = r
            .region(async |inner| {
                let opens = |name: &'static str| {
                    let notes = probe.clone();
                    async move |cx: Cx| {
                        let child = notes.clone();
                        let inside = cx.region(async |nested| {
                            nested.spawn(async move |cx| {
                                cx.sleep(Duration::from_micros(10)).await?;
                                child.mark(name);
                                Ok(())
                            })?;
                            Ok(())
                        });
                        notes.expect(inside.await.is_ok(), "the region in a finalizer failed");
                        notes.mark("closed");
                    }
                };
                inner.defer(opens("of the region"))?;
                let (up, deferred) = (Flag::new(), opens("of the task"));
                let raise = up.clone();
                inner.spawn(async move |cx| {
                    cx.defer(deferred)?;
                    raise.raise();
                    Ok(cx.sleep(LONG).await?)
                })?;
                up.raised().await;
                inner.cancel("enough");
                Ok(inner.checkpoint()?)
            })
            .await;
        probe.expect(ended.is_err(), "the region was cancelled");
        probe.expect_marks(&["of the task", "closed", "of the region", "closed"]);
        Ok(())
    })
}

/// A finalizer that is forced while it has a region open leaves that to the closing region, which waits
/// for it: nothing outlives the region's value.
// proves: R-REG-4 R-OWN-3 PO-REG
fn finalizer_forced_in_its_region<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let notes = probe.clone();
                inner.defer(async move |cx| {
                    let forced = cx.region(async |nested| {
                        let finalizer = notes.clone();
                        nested.defer(async move |_cx| {
                            breathe().await;
                            finalizer.mark("nested finalizer");
                        })?;
                        nested.spawn(async move |cx| {
                            let end = cx.sleep(LONG).await;
                            breathe().await;
                            notes.mark("nested child");
                            Ok(end?)
                        })?;
                        pending::<Result<(), Error>>().await
                    });
                    drop(forced.await);
                })?;
                Ok(())
            })
            .await;
        result?;
        probe.mark("closed");
        probe.expect_marks(&["nested child", "nested finalizer", "closed"]);
        probe.expect_eq(
            (report.finalizers_forced, report.adopted),
            (1, 1),
            "forced and adopted",
        );
        Ok(())
    })
}

/// An obligation that a finalizer reserves and gives away is waited for like any other.
// proves: R-REG-4
fn finalizer_that_reserves<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = oneshot::channel::<ObligationToken>();
        let notes = probe.clone();
        let holder = r.spawn(async move |cx| {
            let token = rx.recv(&cx).await?;
            breathe().await;
            notes.mark("resolved");
            notes.expect(token.commit(), "it was revoked");
            Ok(())
        })?;
        r.region(async |inner| {
            let notes = probe.clone();
            inner.defer(async move |cx| match cx.io_op() {
                Ok(token) => drop(tx.send(token)),
                Err(_) => notes.mark("refused"),
            })?;
            Ok(())
        })
        .await?;
        probe.mark("closed");
        holder.join(r).await?;
        probe.expect_marks(&["resolved", "closed"]);
        Ok(())
    })
}

/// A region in its finalizers admits nobody.
// proves: R-REG-3 R-OWN-2
fn finalizer_that_spawns<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region(async |inner| {
            let (spawner, notes) = (inner.spawner(), probe.clone());
            inner.defer(async move |_cx| {
                let refused = spawner.spawn(async |_cx| Ok(()));
                notes.expect(refused.is_err_and(|e| e.is_closed()), "it was admitted");
                notes.mark("ran");
            })?;
            Ok(())
        })
        .await?;
        probe.expect_marks(&["ran"]);
        Ok(())
    })
}

/// A task's finalizer cannot leave more to do: it is too late.
// proves: R-REG-3
fn finalizer_that_defers<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let notes = probe.clone();
        let task = r.spawn(async move |cx| {
            cx.defer(async move |cx| {
                let kept = notes.mark_on_drop("dropped");
                let refused = cx.defer(async move |_cx| drop(kept));
                notes.expect(refused.is_err_and(|e| e.is_closed()), "it was accepted");
                notes.mark("ran");
            })?;
            Ok(())
        })?;
        task.join(r).await?;
        probe.expect_marks(&["dropped", "ran"]);
        Ok(())
    })
}

/// The finalizers of sibling regions overlap (each waits for the other's), and the region around them
/// closes after both.
// proves: RP-QUIESCE-001 R-REG-3 R-REG-4 PO-REG WVT-002
fn sibling_finalizers_overlap<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let started = [Flag::new(), Flag::new()];
        r.region(async |outer| {
            let notes = probe.clone();
            outer.defer(async move |_cx| notes.mark("around"))?;
            for own in 0..2 {
                let (mine, theirs) = (started[own].clone(), started[1 - own].clone());
                let notes = probe.clone();
                outer.spawn(async move |cx| {
                    cx.region(async |inner| {
                        inner.defer(async move |_cx| {
                            mine.raise();
                            theirs.raised().await;
                            breathe().await;
                            notes.mark("sibling");
                        })?;
                        inner.spawn(async |cx| Ok(cx.yield_now().await?))?;
                        Ok(())
                    })
                    .await
                })?;
            }
            Ok(())
        })
        .await?;
        probe.mark("closed");
        probe.expect_marks(&["sibling", "sibling", "around", "closed"]);
        Ok(())
    })
}
