//! Dropped regions (R-OWN-3): what a region leaves behind whose future is dropped, and who closes it.

use alloc::boxed::Box;
use core::future::pending;
use core::time::Duration;

use asupersync_core::channel::oneshot;
use asupersync_core::{
    CancelKind, Error, LocalRegion, ObligationToken, Policy, RegionOptions, Spawner,
};

use super::common::{Flag, LONG, breathe, own_cancel, select};
use crate::Probe;
use crate::harness::{Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("own/dropped_region_is_adopted", dropped_region_is_adopted),
    Scenario::new("own/dropped_region_finalizes", dropped_region_finalizes),
    Scenario::new(
        "own/dropped_regions_close_inside_out",
        dropped_regions_close_inside_out,
    ),
    Scenario::new(
        "own/dropped_region_waits_for_tokens",
        dropped_region_waits_for_tokens,
    ),
    Scenario::new(
        "own/dropped_region_admits_nothing",
        dropped_region_admits_nothing,
    ),
    Scenario::new(
        "own/dropped_region_with_nothing_left",
        dropped_region_with_nothing_left,
    ),
    Scenario::new(
        "own/dropped_body_and_fibers_are_gone",
        dropped_body_and_fibers_are_gone,
    ),
    Scenario::new("own/dropped_while_closing", dropped_while_closing),
    Scenario::new("own/dropped_while_finalizing", dropped_while_finalizing),
    Scenario::new(
        "own/dropped_with_background_children",
        dropped_with_background_children,
    ),
    Scenario::new("own/spawned_by_the_drop", spawned_by_the_drop),
    Scenario::new("own/dropped_in_a_forced_task", dropped_in_a_forced_task),
];

/// A region whose future is dropped in a `select` asks its children to stop, and the region around it
/// does not close before they have.
// proves: R-OWN-3 R-REG-4 PO-OWN PO-REG WVT-001
fn dropped_region_is_adopted<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let options = RegionOptions::new().policy(Policy::CollectAll);
        let (result, report) = r
            .region_report(options, async |outer| {
                let (up, gone, notes) = (Flag::new(), Flag::new(), probe.clone());
                let (raise, seen) = (up.clone(), gone.clone());
                let dropped = outer.region(async |inner| {
                    inner.spawn(async move |cx| {
                        raise.raise();
                        let end = cx.sleep(LONG).await.map_err(Error::from);
                        let kind = Some(CancelKind::ParentCancelled);
                        notes.expect_eq(own_cancel(&end), kind, "kind");
                        seen.raised().await;
                        notes.mark("drained");
                        end
                    })?;
                    let _body = probe.mark_on_drop("body");
                    pending::<Result<(), Error>>().await
                });
                select(dropped, up.raised()).await;
                probe.mark("dropped");
                gone.raise();
                Ok(())
            })
            .await;
        result?;
        probe.mark("closed");
        probe.expect_marks(&["body", "dropped", "drained", "closed"]);
        probe.expect_eq(report.adopted, 1, "adopted regions");
        // Who closes it is no child of the program.
        probe.expect_eq((report.ok, report.children.len()), (0, 0), "children");
        Ok(())
    })
}

/// The finalizers of a dropped region run on its closer: after its children, last in first out.
// proves: R-OWN-3 R-REG-3
fn dropped_region_finalizes<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region(async |outer| {
            let up = Flag::new();
            let raise = up.clone();
            let dropped = outer.region(async |inner| {
                for name in ["first", "second", "third"] {
                    let notes = probe.clone();
                    inner.defer(async move |cx| {
                        let rested = cx.sleep(Duration::from_micros(10)).await;
                        notes.expect(rested.is_ok(), "a finalizer saw the cancel");
                        notes.mark(name);
                    })?;
                }
                let notes = probe.clone();
                inner.spawn(async move |cx| {
                    raise.raise();
                    let end = cx.sleep(LONG).await;
                    breathe().await;
                    notes.mark("child");
                    Ok(end?)
                })?;
                pending::<Result<(), Error>>().await
            });
            select(dropped, up.raised()).await;
            Ok(())
        })
        .await?;
        probe.mark("closed");
        probe.expect_marks(&["child", "third", "second", "first", "closed"]);
        Ok(())
    })
}

/// Regions inside a dropped region close first, each with its own children and finalizers.
// proves: R-OWN-3 R-REG-3 R-REG-4 PO-REG
fn dropped_regions_close_inside_out<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region(async |outer| {
            let up = Flag::new();
            let raise = up.clone();
            let dropped = outer.region(async |middle| {
                let notes = probe.clone();
                middle.defer(async move |_cx| notes.mark("middle finalizer"))?;
                middle
                    .region(async |inner| {
                        let notes = probe.clone();
                        inner.defer(async move |_cx| {
                            breathe().await;
                            notes.mark("inner finalizer");
                        })?;
                        let notes = probe.clone();
                        inner.spawn(async move |cx| {
                            raise.raise();
                            let end = cx.sleep(LONG).await;
                            breathe().await;
                            notes.mark("inner child");
                            Ok(end?)
                        })?;
                        pending::<Result<(), Error>>().await
                    })
                    .await
            });
            select(dropped, up.raised()).await;
            Ok(())
        })
        .await?;
        probe.mark("closed");
        probe.expect_marks(&[
            "inner child",
            "inner finalizer",
            "middle finalizer",
            "closed",
        ]);
        Ok(())
    })
}

/// A dropped region with an open obligation keeps the region around it open until that is resolved.
// proves: R-OWN-3 R-REG-4
fn dropped_region_waits_for_tokens<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = oneshot::channel();
        let (closing, notes) = (Flag::new(), probe.clone());
        let go = closing.clone();
        let holder = r.spawn(async move |cx| {
            let token: ObligationToken = rx.recv(&cx).await?;
            go.raised().await;
            breathe().await;
            notes.mark("resolved");
            notes.expect(token.commit(), "it was revoked");
            Ok(())
        })?;
        r.region(async |outer| {
            let dropped = outer.region(async |inner| {
                probe.expect(
                    tx.send(inner.io_op()?).is_delivered(),
                    "the token came back",
                );
                pending::<Result<(), Error>>().await
            });
            select(dropped, breathe()).await;
            closing.raise();
            Ok(())
        })
        .await?;
        probe.mark("closed");
        holder.join(r).await?;
        probe.expect_marks(&["resolved", "closed"]);
        Ok(())
    })
}

/// A region whose future was dropped admits nobody, though its children still drain.
// proves: R-OWN-2 R-OWN-3
fn dropped_region_admits_nothing<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (up, mut kept) = (Flag::new(), None);
        let raise = up.clone();
        let dropped = r.region(async |inner| {
            kept = Some(inner.spawner());
            inner.spawn(async move |cx| {
                raise.raise();
                Ok(cx.sleep(LONG).await?)
            })?;
            pending::<Result<(), Error>>().await
        });
        select(dropped, up.raised()).await;
        let refused = kept.map(|spawner| spawner.spawn(async |_cx| Ok(())));
        let closed = refused.is_some_and(|spawned| spawned.is_err_and(|e| e.is_closed()));
        probe.expect(closed, "a dropped region admits");
        Ok(())
    })
}

/// A dropped region in which nothing is left needs no closer: there is nothing to adopt.
// proves: R-OWN-3
fn dropped_region_with_nothing_left<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |outer| {
                let up = Flag::new();
                let dropped = outer.region(async |inner| {
                    inner.spawn(async |_cx| Ok(()))?.join(inner).await?;
                    up.raise();
                    pending::<Result<(), Error>>().await
                });
                select(dropped, up.raised()).await;
                // Never polled: it was never opened.
                drop(outer.region(async |_inner| Ok(())));
                Ok(())
            })
            .await;
        result?;
        probe.expect_eq(report.adopted, 0, "adopted regions");
        Ok(())
    })
}

/// Dropping a region drops its body and every fiber in it before the drop returns.
// proves: R-OWN-3
fn dropped_body_and_fibers_are_gone<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let dropped = r.region(async |inner| {
            let _body = probe.mark_on_drop("body");
            inner
                .race(
                    async |cx| {
                        let _arm = probe.mark_on_drop("arm a");
                        Ok(cx.sleep(LONG).await?)
                    },
                    async |cx| {
                        let _arm = probe.mark_on_drop("arm b");
                        cx.masked(LONG, async |cx| cx.sleep(LONG).await).await?;
                        Ok(())
                    },
                )
                .await?;
            Ok(())
        });
        select(dropped, breathe()).await;
        probe.mark("after");
        let marks = probe.marks();
        probe.expect_eq(marks.len(), 4, "marks");
        probe.expect_eq(
            marks.last().map(|m| m == "after"),
            Some(true),
            "the drop was late",
        );
        probe.expect_eq(
            marks.get(2).map(|m| m == "body"),
            Some(true),
            "the body went first",
        );
        Ok(())
    })
}

/// A region that is dropped while it waits for its children asks them then.
// proves: R-OWN-3 R-REG-1
fn dropped_while_closing<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region(async |outer| {
            let (up, notes) = (Flag::new(), probe.clone());
            let raise = up.clone();
            let dropped = outer.region(async |inner| {
                let spawner = inner.spawner();
                inner.spawn(async move |cx| {
                    while !spawner.is_closed() {
                        cx.yield_now().await?;
                    }
                    raise.raise();
                    let end = cx.sleep(LONG).await;
                    notes.expect(end.is_err(), "it was not asked");
                    breathe().await;
                    notes.mark("drained");
                    Ok(end?)
                })?;
                Ok("returned")
            });
            let value = select(dropped, up.raised()).await;
            probe.expect(
                value.is_none(),
                "the value came before the children had ended",
            );
            Ok(())
        })
        .await?;
        probe.mark("closed");
        probe.expect_marks(&["drained", "closed"]);
        Ok(())
    })
}

/// A region that is dropped while its finalizers run loses the one under way, which counts as forced; the
/// others run on the closer.
// proves: R-OWN-3 R-REG-3
fn dropped_while_finalizing<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region(async |outer| {
            let up = Flag::new();
            let raise = up.clone();
            let dropped = outer.region(async |inner| {
                for name in ["first", "second"] {
                    let notes = probe.clone();
                    inner.defer(async move |cx| {
                        let rested = cx.sleep(Duration::from_micros(10)).await;
                        notes.expect(rested.is_ok(), "a finalizer saw the cancel");
                        notes.mark(name);
                    })?;
                }
                let notes = probe.clone();
                inner.defer(async move |_cx| {
                    let _gone = notes.mark_on_drop("under way");
                    raise.raise();
                    pending::<()>().await;
                })?;
                let notes = probe.clone();
                inner.defer(async move |_cx| notes.mark("before"))?;
                Ok(())
            });
            select(dropped, up.raised()).await;
            probe.mark("dropped");
            Ok(())
        })
        .await?;
        probe.mark("closed");
        let expected = [
            "before",
            "under way",
            "dropped",
            "second",
            "first",
            "closed",
        ];
        probe.expect_marks(&expected);
        Ok(())
    })
}

/// Background children of a dropped region are asked, and waited for, like the others.
// proves: R-OWN-1 R-OWN-3
fn dropped_with_background_children<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region(async |outer| {
            let (up, notes) = (Flag::new(), probe.clone());
            let raise = up.clone();
            let dropped = outer.region(async |inner| {
                inner.spawn_background(async move |cx| {
                    raise.raise();
                    let end = cx.sleep(LONG).await;
                    breathe().await;
                    notes.mark("background");
                    Ok(end?)
                })?;
                pending::<Result<(), Error>>().await
            });
            select(dropped, up.raised()).await;
            Ok(())
        })
        .await?;
        probe.mark("closed");
        probe.expect_marks(&["background", "closed"]);
        Ok(())
    })
}

/// Spawns when it is dropped.
struct SpawnOnDrop(Spawner<Error>, Probe);

impl Drop for SpawnOnDrop {
    fn drop(&mut self) {
        let notes = self.1.clone();
        let kept = notes.mark_on_drop("dropped");
        let late = self.0.spawn(async move |cx| {
            let _kept = kept;
            cx.checkpoint()?;
            notes.mark("slept through");
            Ok(())
        });
        self.1
            .expect(late.is_ok_and(|task| !task.is_finished()), "it was refused");
    }
}

/// A task spawned by the very drop of the region's body is still the region's: it is asked and waited for.
// proves: R-OWN-2 R-OWN-3 PO-OWN
fn spawned_by_the_drop<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region(async |outer| {
            let dropped = outer.region(async |inner| {
                let _late = SpawnOnDrop(inner.spawner(), probe.clone());
                pending::<Result<(), Error>>().await
            });
            select(dropped, breathe()).await;
            Ok(())
        })
        .await?;
        probe.mark("closed");
        probe.expect_marks(&["dropped", "closed"]);
        Ok(())
    })
}

/// A forced task loses its inline region half-way; what that leaves is closed by the task's own region.
// proves: R-OWN-3 R-CAN-4 PO-OWN
fn dropped_in_a_forced_task<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |outer| {
                let (up, notes) = (Flag::new(), probe.clone());
                let raise = up.clone();
                let task = outer.spawn(async move |cx| {
                    cx.region(async |inner| {
                        let finalizer = notes.clone();
                        inner.defer(async move |_cx| finalizer.mark("finalizer"))?;
                        inner.spawn(async move |cx| {
                            raise.raise();
                            let end = cx.sleep(LONG).await;
                            notes.mark("child");
                            Ok(end?)
                        })?;
                        // Deaf: neither it nor its region can be asked.
                        cx.masked(LONG, async |_cx| pending::<()>().await).await;
                        Ok(())
                    })
                    .await
                })?;
                up.raised().await;
                task.cancel("enough");
                probe.expect(task.outcome(outer).await?.is_cancelled(), "the outcome");
                Ok(())
            })
            .await;
        result?;
        probe.mark("closed");
        probe.expect_marks(&["child", "finalizer", "closed"]);
        probe.expect_eq(report.cancelled, 1, "cancelled children");
        Ok(())
    })
}
