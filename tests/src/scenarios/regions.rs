//! Regions (R-REG-*): how a region closes, and how deep regions nest. See also `finalizers` and `policies`.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::future::Future;
use core::num::NonZeroUsize;
use core::pin::Pin;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use asupersync_core::channel::{mpsc, oneshot};
use asupersync_core::{
    CancelKind, Cx, Error, INLINE_DEPTH_MAX, LocalRegion, ObligationToken, Outcome, RegionOptions,
    RegionState, SpawnError,
};

use super::common::{Fault, Flag, LONG, breathe, child_cancel};
use crate::Probe;
use crate::harness::{Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("reg/closing_admits_nothing", closing_admits_nothing),
    Scenario::new(
        "reg/closing_lets_children_run_on",
        closing_lets_children_run_on,
    ),
    Scenario::new("reg/draining_asks_everybody", draining_asks_everybody),
    Scenario::new("reg/draining_polls_on", draining_polls_on),
    Scenario::new("reg/states_move_forward", states_move_forward),
    Scenario::new("reg/value_after_quiescence", value_after_quiescence),
    Scenario::new(
        "reg/tree_is_torn_down_from_outside",
        tree_is_torn_down_from_outside,
    ),
    Scenario::new(
        "reg/close_waits_for_obligations",
        close_waits_for_obligations,
    ),
    Scenario::new("reg/inline_nesting_is_bounded", inline_nesting_is_bounded),
    Scenario::new(
        "reg/nesting_through_tasks_is_not",
        nesting_through_tasks_is_not,
    ),
];

/// Once the body has returned nobody gets in, also not from a child.
// proves: R-REG-1 R-OWN-2
fn closing_admits_nothing<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region(async |inner| {
            let (spawner, notes, tried) = (inner.spawner(), probe.clone(), Flag::new());
            let raise = tried.clone();
            inner.spawn(async move |cx| {
                notes.expect(
                    spawner.spawn(async |_cx| Ok(())).is_ok(),
                    "an open region refused",
                );
                raise.raise();
                while !spawner.is_closed() {
                    cx.yield_now().await?;
                }
                let kept = notes.mark_on_drop("dropped");
                let refused = spawner.spawn(async move |_cx| {
                    drop(kept);
                    Ok(())
                });
                notes.expect(
                    refused.is_err_and(|e| e.is_closed()),
                    "a closing region admits",
                );
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
                    let (_tx, mut rx) = mpsc::channel::<()>(NonZeroUsize::MIN);
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
        probe.expect_eq(
            child_cancel(&ended),
            Some(CancelKind::User),
            "the region's end",
        );
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
        probe.expect_eq(
            (report.ok, report.cancelled, report.forced),
            (1, 1, 0),
            "children",
        );
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
                    let (notes, leaves, raise) =
                        (notes.clone(), Arc::clone(&leaves), raise.clone());
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
        probe.expect_eq(
            (count("leaf"), count("panel"), count("page")),
            (4, 2, 1),
            "clean-ups",
        );
        probe.expect_eq(
            marks.last().map(|m| m == "page"),
            Some(true),
            "the root went first",
        );
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

type Nested<'a> = Pin<Box<dyn Future<Output = Result<u32, Error>> + 'a>>;

/// Inline regions nest to a stated depth; the next one is a typed error, and what is open closes.
// proves: R-REG-3
fn inline_nesting_is_bounded<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    fn deeper<'n>(cx: &'n Cx, probe: &'n Probe, depth: u32) -> Nested<'n> {
        Box::pin(async move {
            let opened = cx.region(async |inner| {
                let notes = probe.clone();
                inner.defer(async move |_cx| notes.mark("closed"))?;
                deeper(inner, probe, depth + 1).await
            });
            match opened.await {
                Err(error) if matches!(error.downcast_ref(), Some(SpawnError::TooDeep)) => {
                    Ok(depth)
                }
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
        probe.expect_eq(
            probe.count("closed"),
            usize::from(INLINE_DEPTH_MAX),
            "regions closed",
        );
        let at_bound = r.spawn_local(async move |cx| bound(&cx, 0).await)?;
        probe.expect_eq(at_bound.join(r).await?, 3, "scopes that were refused");
        Ok(())
    })
}

/// At the bound every kind of scope is refused in the same way.
fn bound(cx: &Cx, depth: u16) -> Nested<'_> {
    Box::pin(async move {
        if depth < INLINE_DEPTH_MAX {
            return cx
                .timeout(LONG, async |cx| bound(cx, depth + 1).await)
                .await;
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

/// Regions nest through tasks without a bound: hundreds of levels open, and close from the bottom.
// proves: R-OWN-1 R-REG-4 PO-REG
fn nesting_through_tasks_is_not<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    const DEPTH: u32 = 300;
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
