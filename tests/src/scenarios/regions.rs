//! Regions (R-REG-*): how a region closes, what its finalizers may do, which outcome decides.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::{Future, pending};
use core::pin::Pin;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use asupersync_core::channel::{mpsc, oneshot};
use asupersync_core::{
    Budget, CancelKind, ChildEnded, Cx, Error, INLINE_DEPTH_MAX, LocalRegion, ObligationToken,
    Outcome, Policy, Region, RegionOptions, RegionState, Severity, SpawnError, TaskOptions,
};

use super::common::{Fault, Flag, LONG, breathe, child_cancel, fault, own_cancel};
use crate::Probe;
use crate::harness::{Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("reg/closing_admits_nothing", closing_admits_nothing),
    Scenario::new("reg/closing_lets_children_run_on", closing_lets_children_run_on),
    Scenario::new("reg/draining_asks_everybody", draining_asks_everybody),
    Scenario::new("reg/draining_polls_on", draining_polls_on),
    Scenario::new("reg/states_move_forward", states_move_forward),
    Scenario::new("reg/finalizers_run_last_in_first_out", finalizers_run_last_in_first_out),
    Scenario::new("reg/finalizers_of_tasks_come_first", finalizers_of_tasks_come_first),
    Scenario::new("reg/finalizers_wait_for_children", finalizers_wait_for_children),
    Scenario::new("reg/finalizers_are_masked", finalizers_are_masked),
    Scenario::new("reg/finalizer_without_end_is_forced", finalizer_without_end_is_forced),
    Scenario::new("reg/finalizer_that_cancels", finalizer_that_cancels),
    Scenario::new("reg/finalizer_that_opens_a_region", finalizer_that_opens_a_region),
    Scenario::new("reg/finalizer_forced_in_its_region", finalizer_forced_in_its_region),
    Scenario::new("reg/finalizer_that_reserves", finalizer_that_reserves),
    Scenario::new("reg/finalizer_that_spawns", finalizer_that_spawns),
    Scenario::new("reg/finalizer_that_defers", finalizer_that_defers),
    Scenario::new("reg/sibling_finalizers_overlap", sibling_finalizers_overlap),
    Scenario::new("reg/value_after_quiescence", value_after_quiescence),
    Scenario::new("reg/tree_is_torn_down_from_outside", tree_is_torn_down_from_outside),
    Scenario::new("reg/close_waits_for_obligations", close_waits_for_obligations),
    Scenario::new("reg/first_error_cancels_siblings", first_error_cancels_siblings),
    Scenario::new("reg/first_error_stays", first_error_stays),
    Scenario::new("reg/joined_error_is_reported_as_failed", joined_error_is_reported_as_failed),
    Scenario::new("reg/body_error_comes_first", body_error_comes_first),
    Scenario::new("reg/collect_all_keeps_every_outcome", collect_all_keeps_every_outcome),
    Scenario::new("reg/consequences_do_not_decide", consequences_do_not_decide),
    Scenario::new("reg/cancel_from_outside_decides", cancel_from_outside_decides),
    Scenario::new("reg/background_hides_no_cancel", background_hides_no_cancel),
    Scenario::new("reg/background_keeps_the_reason", background_keeps_the_reason),
    Scenario::new("reg/deadline_is_a_timeout", deadline_is_a_timeout),
    Scenario::new("reg/inline_nesting_is_bounded", inline_nesting_is_bounded),
    Scenario::new("reg/nesting_through_tasks_is_not", nesting_through_tasks_is_not),
];

/// Once the body has returned nobody gets in, also not from a child.
// proves: R-REG-1 R-OWN-2
fn closing_admits_nothing<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region(async |inner| {
            let (spawner, notes, tried) = (inner.spawner(), probe.clone(), Flag::new());
            let raise = tried.clone();
            inner.spawn(async move |cx| {
                notes.expect(spawner.spawn(async |_cx| Ok(())).is_ok(), "an open region refused");
                raise.raise();
                while !spawner.is_closed() {
                    cx.yield_now().await?;
                }
                let kept = notes.mark_on_drop("dropped");
                let refused = spawner.spawn(async move |_cx| {
                    drop(kept);
                    Ok(())
                });
                notes.expect(refused.is_err_and(|e| e.is_closed()), "a closing region admits");
                Ok(())
            })?;
            tried.raised().await;
            Ok(())
        })
        .await?;
        probe.expect_marks(&["dropped"]);
        Ok(())
    })
}

/// The return of the body asks nobody to stop: children run on to their values.
// proves: R-REG-1 R-CAN-8
fn closing_lets_children_run_on<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                for _ in 0..3 {
                    let (spawner, notes) = (inner.spawner(), probe.clone());
                    inner.spawn(async move |cx| {
                        while !spawner.is_closed() {
                            cx.yield_now().await?;
                        }
                        cx.sleep(Duration::from_millis(1)).await?;
                        notes.mark("ran on");
                        Ok(())
                    })?;
                }
                Ok(())
            })
            .await;
        result?;
        probe.expect_eq(probe.count("ran on"), 3, "children that ran on");
        probe.expect_eq((report.ok, report.cancelled), (3, 0), "children");
        Ok(())
    })
}

/// A cancel asks every descendant, whatever it waits for: time, a channel, another task, a fiber, a
/// region of its own.
// proves: R-REG-2 R-CAN-1 WVT-003
fn draining_asks_everybody<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (up, count) = (Flag::new(), Arc::new(AtomicU32::new(0)));
        let arrived = || {
            let (up, count) = (up.clone(), Arc::clone(&count));
            move || {
                if count.fetch_add(1, Ordering::Relaxed) == 5 {
                    up.raise();
                }
            }
        };
        let ended = r
            .region(async |inner| {
                let note = |notes: &Probe| {
                    let notes = notes.clone();
                    move |cancelled: bool| notes.mark(if cancelled { "asked" } else { "missed" })
                };
                let (here, seen, joiner) = (arrived(), note(probe), Flag::new());
                let wait = joiner.clone();
                let sleeper = inner.spawn(async move |cx| {
                    here();
                    let end = cx.sleep(LONG).await;
                    seen(end.is_err());
                    // Its joiner would take a value, so it hears of the cancel first.
                    wait.raised().await;
                    Ok(end?)
                })?;
                let (here, seen) = (arrived(), note(probe));
                inner.spawn(async move |cx| {
                    here();
                    let end = sleeper.outcome(&cx).await;
                    seen(end.is_err());
                    joiner.raise();
                    Ok(())
                })?;
                let (here, seen) = (arrived(), note(probe));
                inner.spawn(async move |cx| {
                    let (_tx, mut rx) = mpsc::channel::<()>(core::num::NonZeroUsize::MIN);
                    here();
                    let end = rx.recv(&cx).await;
                    seen(end.is_err());
                    Ok(end?)
                })?;
                let (here, seen) = (arrived(), note(probe));
                inner.spawn(async move |cx| {
                    cx.timeout(LONG, async |cx| {
                        here();
                        let end = cx.sleep(LONG).await;
                        seen(end.is_err());
                        Ok(end?)
                    })
                    .await
                })?;
                let (outer_here, outer_seen) = (arrived(), note(probe));
                let (here, seen) = (arrived(), note(probe));
                inner.spawn(async move |cx| {
                    cx.region(async |nested| {
                        nested.spawn(async move |cx| {
                            here();
                            let end = cx.sleep(LONG).await;
                            seen(end.is_err());
                            Ok(end?)
                        })?;
                        outer_here();
                        let end = nested.sleep(LONG).await;
                        outer_seen(end.is_err());
                        Ok(end?)
                    })
                    .await
                })?;
                up.raised().await;
                inner.cancel("enough");
                Ok(inner.sleep(LONG).await?)
            })
            .await;
        probe.expect_eq(child_cancel(&ended), Some(CancelKind::User), "the region's end");
        probe.expect_eq(probe.count("asked"), 6, "waits that were asked");
        Ok(())
    })
}

/// Tasks that were asked are polled on until they have cleaned up, and the region waits for them.
// proves: R-REG-2 R-REG-4 PO-CAN
fn draining_polls_on<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let (up, notes) = (Flag::new(), probe.clone());
                let raise = up.clone();
                inner.spawn(async move |cx| {
                    raise.raise();
                    let end = cx.sleep(LONG).await;
                    for step in ["one", "two", "three"] {
                        cx.masked(LONG, async |cx| cx.yield_now().await).await?;
                        breathe().await;
                        notes.mark(step);
                    }
                    Ok(end?)
                })?;
                up.raised().await;
                inner.cancel("enough");
                Ok(())
            })
            .await;
        result?;
        probe.mark("closed");
        probe.expect_marks(&["one", "two", "three", "closed"]);
        probe.expect_eq((report.cancelled, report.forced), (1, 0), "children");
        Ok(())
    })
}

/// A region's state only moves forward, and a cancel of a closing region still drains it.
// proves: R-REG-1 R-REG-2
fn states_move_forward<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                probe.expect_eq(inner.state(), RegionState::Open, "state");
                let (up, spawner) = (Flag::new(), inner.spawner());
                let (raise, wait) = (up.clone(), up.clone());
                inner.spawn(async move |cx| {
                    raise.raise();
                    Ok(cx.sleep(LONG).await?)
                })?;
                inner.spawn(async move |cx| {
                    wait.raised().await;
                    while !spawner.is_closed() {
                        cx.yield_now().await?;
                    }
                    spawner.cancel("while it closes");
                    spawner.cancel("again");
                    Ok(())
                })?;
                up.raised().await;
                Ok("value")
            })
            .await;
        probe.expect_eq(result?, "value", "the region's value");
        probe.expect_eq((report.ok, report.cancelled, report.forced), (1, 1, 0), "children");
        Ok(())
    })
}

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
        probe.expect_marks(&["body", "c", "c ends", "b", "b ends", "a", "a ends", "closed"]);
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
        probe.expect_eq(child_cancel(&ended), Some(CancelKind::User), "the region's end");
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
        probe.expect_eq((report.finalized, report.finalizers_forced), (2, 2), "finalizers");
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
                let (tx, mut rx) = oneshot::channel::<asupersync_core::Task<&str, Error>>();
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
        probe.expect_eq((report.ok, report.cancelled, report.forced), (1, 0, 0), "children");
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
        probe.expect_eq((report.finalizers_forced, report.adopted), (1, 1), "forced and adopted");
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

/// A region gives its value when nothing is left inside: no task, no region, no finalizer.
// proves: R-REG-4 PO-REG PO-OWN WVT-002
fn value_after_quiescence<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let value = r
            .region(async |inner| {
                let notes = probe.clone();
                inner.defer(async move |_cx| {
                    breathe().await;
                    notes.mark("inside");
                })?;
                for _ in 0..3 {
                    let notes = probe.clone();
                    inner.spawn(async move |cx| {
                        cx.region(async |nested| {
                            nested.spawn(async move |cx| {
                                cx.yield_now().await?;
                                breathe().await;
                                notes.mark("inside");
                                Ok(())
                            })?;
                            Ok(())
                        })
                        .await
                    })?;
                }
                Ok("value")
            })
            .await?;
        probe.mark(value);
        probe.expect_marks(&["inside", "inside", "inside", "inside", "value"]);
        Ok(())
    })
}

/// A tree of regions and tasks, cancelled from outside at its root, as when a view is unmounted: every
/// task drains, every finalizer runs, children before parents.
// proves: RP-REGION-001 R-REG-2 R-REG-3 R-CAN-1 PO-OWN PO-REG PO-CAN WVT-001 WVT-002 WVT-003
fn tree_is_torn_down_from_outside<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (leaves, mounted) = (Arc::new(AtomicU32::new(0)), Flag::new());
        let (unmount, raise) = (mounted.clone(), mounted);
        let (view, notes) = (Flag::new(), probe.clone());
        let up = view.clone();
        let handle = r.spawn(async move |cx| {
            cx.region(async |root| {
                let page = notes.clone();
                root.defer(async move |_cx| page.mark("page"))?;
                for _ in 0..2 {
                    let (notes, leaves, raise) = (notes.clone(), Arc::clone(&leaves), raise.clone());
                    root.spawn(async move |cx| {
                        cx.region(async |panel| {
                            let closed = notes.clone();
                            panel.defer(async move |_cx| closed.mark("panel"))?;
                            for _ in 0..2 {
                                let (notes, raise) = (notes.clone(), raise.clone());
                                let leaves = Arc::clone(&leaves);
                                panel.spawn(async move |cx| {
                                    if leaves.fetch_add(1, Ordering::Relaxed) == 3 {
                                        raise.raise();
                                    }
                                    let end = cx.sleep(LONG).await;
                                    breathe().await;
                                    notes.mark("leaf");
                                    Ok(end?)
                                })?;
                            }
                            Ok(())
                        })
                        .await
                    })?;
                }
                up.raise();
                Ok(())
            })
            .await
        })?;
        view.raised().await;
        unmount.raised().await;
        handle.cancel("unmounted");
        let outcome = handle.outcome(r).await?;
        let why = match &outcome {
            Outcome::Cancelled(reason) => reason.kind(),
            _ => CancelKind::Poisoned,
        };
        probe.expect_eq(why, CancelKind::User, "why the tree ended");
        let marks = probe.marks();
        let count = |what| probe.count(what);
        probe.expect_eq((count("leaf"), count("panel"), count("page")), (4, 2, 1), "clean-ups");
        probe.expect_eq(marks.last().map(|m| m == "page"), Some(true), "the root went first");
        Ok(())
    })
}

/// A region with an open obligation does not close, though its children and body are done.
// proves: R-REG-4 PO-OBL
fn close_waits_for_obligations<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
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
            inner.defer(async move |_cx| notes.mark("finalizer"))?;
            drop(tx.send(inner.io_op()?));
            Ok(())
        })
        .await?;
        probe.mark("closed");
        holder.join(r).await?;
        probe.expect_marks(&["resolved", "finalizer", "closed"]);
        Ok(())
    })
}

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
        let failed = result.as_ref().err().and_then(|e| e.downcast_ref::<ChildEnded>());
        probe.expect(matches!(failed, Some(ChildEnded::Failed)), "the region forgot the failure");
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
                Ok(inner.checkpoint()?)
            })
            .await;
        probe.expect_eq(child_cancel(&ended), Some(CancelKind::User), "the region's end");
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
                let notes = probe.clone();
                inner.spawn(async move |cx| {
                    let end = cx.sleep(LONG).await.map_err(Error::from);
                    notes.expect_eq(own_cancel(&end), Some(CancelKind::Timeout), "the child");
                    notes.mark("child");
                    end
                })?;
                Ok(inner.sleep(LONG).await?)
            })
            .await;
        probe.expect_eq(child_cancel(&ended), Some(CancelKind::Timeout), "the region's end");
        probe.expect_marks(&["child"]);
        r.checkpoint()?;
        Ok(())
    })
}

type Nested<'a> = Pin<Box<dyn Future<Output = Result<u32, Error>> + 'a>>;

/// Inline regions nest to a stated depth; the next one is a typed error, and what is open closes.
// proves: R-OWN-1
fn inline_nesting_is_bounded<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    fn deeper<'n>(cx: &'n Cx, probe: &'n Probe, depth: u32) -> Nested<'n> {
        Box::pin(async move {
            let opened = cx.region(async |inner| {
                let notes = probe.clone();
                inner.defer(async move |_cx| notes.mark("closed"))?;
                deeper(inner, probe, depth + 1).await
            });
            match opened.await {
                Err(error) if matches!(error.downcast_ref(), Some(SpawnError::TooDeep)) => Ok(depth),
                other => other,
            }
        })
    }
    Box::pin(async move {
        // A task starts at zero, whatever is open around it.
        let notes = probe.clone();
        let depth = r
            .spawn_local(async move |cx| deeper(&cx, &notes, 0).await)?
            .join(r)
            .await?;
        probe.expect_eq(depth, u32::from(INLINE_DEPTH_MAX), "depth");
        probe.expect_eq(probe.count("closed"), usize::from(INLINE_DEPTH_MAX), "regions closed");
        let notes = probe.clone();
        let at_bound = r.spawn_local(async move |cx| bound(&cx, &notes, 0).await)?;
        probe.expect_eq(at_bound.join(r).await?, 3, "scopes that were refused");
        Ok(())
    })
}

/// At the bound every kind of scope is refused in the same way.
fn bound<'n>(cx: &'n Cx, probe: &'n Probe, depth: u16) -> Nested<'n> {
    Box::pin(async move {
        if depth < INLINE_DEPTH_MAX {
            return cx.timeout(LONG, async |cx| bound(cx, probe, depth + 1).await).await;
        }
        let refused = [
            cx.timeout(LONG, async |_| Ok(())).await,
            cx.race(async |_| Ok(()), async |_| Ok(())).await.map(drop),
            cx.join(async |_| Ok(()), async |_| Ok(())).await.map(drop),
        ];
        let too_deep = |end: &&Result<(), Error>| {
            let error = end.as_ref().err().and_then(|e| e.downcast_ref());
            matches!(error, Some(SpawnError::TooDeep))
        };
        Ok(refused.iter().filter(too_deep).count() as u32)
    })
}

/// Regions nest through tasks without a bound: a thousand levels open, and close from the bottom.
// proves: R-OWN-1 R-REG-4 PO-REG
fn nesting_through_tasks_is_not<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    const DEPTH: u32 = 1_000;
    type Level = Pin<Box<dyn Future<Output = Result<u32, Error>> + Send>>;
    fn level(cx: Cx, above: u32, closed: Arc<AtomicU32>) -> Level {
        Box::pin(async move {
            let below = cx
                .region(async |inner| {
                    if above == 0 {
                        return Ok(0);
                    }
                    let closed = Arc::clone(&closed);
                    let child = inner.spawn(move |cx| level(cx, above - 1, closed))?;
                    child.join(inner).await
                })
                .await?;
            // Each closes after all below it.
            if closed.fetch_add(1, Ordering::Relaxed) != below {
                return Err(Fault("out of order").into());
            }
            Ok(below + 1)
        })
    }
    Box::pin(async move {
        let closed = Arc::default();
        let top = r.spawn(move |cx| level(cx, DEPTH - 1, closed))?;
        probe.expect_eq(top.join(r).await?, DEPTH, "levels that closed in order");
        Ok(())
    })
}
