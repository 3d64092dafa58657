//! Ownership (R-OWN-*): who owns a task, who may spawn, whose a `Cx` is. Dropped regions are in `dropped`.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::{Future, pending};
use core::pin::Pin;
use core::time::Duration;

use asupersync_core::channel::oneshot;
use asupersync_core::{
    CancelKind, Cx, Error, LocalRegion, Outcome, Policy, RegionOptions, RegionState, Severity, Task,
};

use super::by_hand::poll_once;
use super::common::{
    Fault, Flag, LONG, breathe, child_cancel, child_panic, fault, own_cancel, select,
};
use crate::Probe;
use crate::harness::{Need, Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("own/closed_region_refuses", closed_region_refuses),
    Scenario::new("own/cancelled_region_refuses", cancelled_region_refuses),
    Scenario::new(
        "own/background_ends_with_the_scope",
        background_ends_with_the_scope,
    ),
    Scenario::new("own/background_failure_counts", background_failure_counts),
    Scenario::new("own/spawner_decides_the_owner", spawner_decides_the_owner),
    Scenario::new("own/spawner_keeps_nothing_open", spawner_keeps_nothing_open),
    Scenario::new("own/spawner_clones_are_equal", spawner_clones_are_equal),
    Scenario::new("own/admission_limit", admission_limit).capacity(3),
    Scenario::new(
        "own/admitted_work_is_never_refused",
        admitted_work_is_never_refused,
    )
    .crowd()
    .capacity(33),
    Scenario::new(
        "own/full_runtime_still_cleans_up",
        full_runtime_still_cleans_up,
    )
    .capacity(2),
    Scenario::new(
        "own/draining_task_opens_cancelled",
        draining_task_opens_cancelled,
    ),
    Scenario::new("own/mask_opens_uncancelled", mask_opens_uncancelled),
    Scenario::new("own/handle_drop_keeps_the_task", handle_drop_keeps_the_task),
    Scenario::new(
        "own/cancelled_waiter_keeps_the_task",
        cancelled_waiter_keeps_the_task,
    ),
    Scenario::new("own/cx_in_another_task", cx_in_another_task).needs(&[Need::Unwind]),
    Scenario::new("own/cx_after_its_task", cx_after_its_task).needs(&[Need::Unwind]),
    Scenario::new("own/scopes_in_another_task", scopes_in_another_task).needs(&[Need::Unwind]),
    Scenario::new("own/join_of_self", join_of_self).needs(&[Need::Unwind]),
];

/// A spawner that outlives its region is refused, and the closure is dropped uncalled.
// proves: R-OWN-2
fn closed_region_refuses<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let spawner = r.region(async |inner| Ok(inner.spawner())).await?;
        let kept = probe.mark_on_drop("dropped");
        let notes = probe.clone();
        let refused = spawner.spawn(async move |cx| {
            notes.mark("ran");
            drop(kept);
            Ok(cx.sleep(Duration::from_millis(1)).await?)
        });
        probe.expect(
            refused.is_err_and(|e| e.is_closed()),
            "the spawn was admitted",
        );
        let refused = spawner.spawn_background(async |_cx| Ok(()));
        probe.expect(
            refused.is_err_and(|e| e.is_closed()),
            "the background was admitted",
        );
        probe.expect_marks(&["dropped"]);
        Ok(())
    })
}

/// A region that was asked to stop refuses its own body, and the closure is dropped uncalled.
// proves: R-OWN-2 R-REG-2
fn cancelled_region_refuses<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let ended = r
            .region(async |inner| {
                inner.cancel("enough");
                probe.expect_eq(inner.state(), RegionState::Draining, "state");
                let kept = probe.mark_on_drop("dropped");
                let notes = probe.clone();
                let refused = inner.spawn(async move |_cx| {
                    notes.mark("ran");
                    drop(kept);
                    Ok(())
                });
                probe.expect(
                    refused.is_err_and(|e| e.is_closed()),
                    "the spawn was admitted",
                );
                let local = inner.spawn_local(async |_cx| Ok(()));
                probe.expect(
                    local.is_err_and(|e| e.is_closed()),
                    "the local one was admitted",
                );
                Ok(inner.checkpoint()?)
            })
            .await;
        probe.expect_eq(
            child_cancel(&ended),
            Some(CancelKind::User),
            "the region's end",
        );
        probe.expect_marks(&["dropped"]);
        Ok(())
    })
}

/// A background child runs while there is work, is asked with `ScopeDone` once the body has returned and
/// the other children are done, and the region waits for it.
// proves: R-OWN-1 WVT-001
fn background_ends_with_the_scope<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let value = r
            .region(async |inner| {
                let (started, notes) = (Flag::new(), probe.clone());
                let up = started.clone();
                inner.spawn_background(async move |cx| {
                    up.raise();
                    let end = cx.sleep(LONG).await.map_err(Error::from);
                    notes.expect_eq(own_cancel(&end), Some(CancelKind::ScopeDone), "kind");
                    breathe().await;
                    notes.mark("background");
                    end
                })?;
                let (spawner, notes) = (inner.spawner(), probe.clone());
                inner.spawn(async move |cx| {
                    while !spawner.is_closed() {
                        cx.yield_now().await?;
                    }
                    breathe().await;
                    notes.mark("foreground");
                    Ok(())
                })?;
                started.raised().await;
                Ok("value")
            })
            .await?;
        probe.expect_eq(value, "value", "the region's end");
        probe.mark("closed");
        probe.expect_marks(&["foreground", "background", "closed"]);
        Ok(())
    })
}

/// A background child is a child: when it fails, its siblings are cancelled and its error decides.
// proves: R-OWN-1 R-REG-5
fn background_failure_counts<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let ended = r
            .region(async |inner| {
                inner.spawn_background(async |_cx| Err(Fault("background").into()))?;
                Ok(inner.sleep(LONG).await?)
            })
            .await;
        probe.expect_eq(fault(&ended), Some("background"), "the error");
        Ok(())
    })
}

/// A task belongs to the region it was spawned into, not to that of the task that spawned it.
// proves: R-OWN-1 PO-OWN WVT-001
fn spawner_decides_the_owner<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region(async |outer| {
            let (outside, go) = (outer.spawner(), Flag::new());
            let (notes, wait) = (probe.clone(), go.clone());
            r.region(async |inner| {
                inner.spawn(async move |_cx| {
                    drop(outside.spawn(async move |_cx| {
                        wait.raised().await;
                        notes.mark("outer child");
                        Ok(())
                    })?);
                    Ok(())
                })?;
                Ok(())
            })
            .await?;
            probe.mark("inner closed");
            go.raise();
            Ok(())
        })
        .await?;
        probe.mark("outer closed");
        probe.expect_marks(&["inner closed", "outer child", "outer closed"]);
        Ok(())
    })
}

/// Holding a spawner does not keep the region open.
// proves: R-OWN-2 R-REG-4
fn spawner_keeps_nothing_open<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let mut kept = Vec::new();
        r.region(async |inner| {
            let spawner = inner.spawner();
            kept.push(spawner.clone());
            kept.push(spawner);
            Ok(())
        })
        .await?;
        probe.expect(
            kept.iter().all(|s| s.is_closed()),
            "a spawner says it is open",
        );
        Ok(())
    })
}

/// Every clone of a spawner spawns into the same region, and no two tasks have the same id.
// proves: R-OWN-1 R-OWN-2
fn spawner_clones_are_equal<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let paths = r
            .region(async |inner| {
                let first = inner.spawner();
                let second = first.clone();
                let third = second.clone();
                let mut tasks: Vec<Task<u32, Error>> = Vec::new();
                for _ in 0..3 {
                    for spawner in [&first, &second, &third] {
                        tasks.push(spawner.spawn(async |_cx| Ok(1))?);
                    }
                }
                drop((first, third));
                tasks.push(second.spawn(async |_cx| Ok(1))?);
                let mut paths: Vec<_> = tasks.iter().map(Task::path).collect();
                let mut sum = 0;
                for task in tasks {
                    sum += task.join(inner).await?;
                }
                probe.expect_eq(sum, 10, "values");
                paths.sort();
                paths.dedup();
                Ok(paths.len())
            })
            .await?;
        probe.expect_eq(paths, 10, "distinct ids");
        Ok(())
    })
}

/// Past the admission limit a spawn is refused, unpolled; a place that becomes free is given again.
// proves: R-OWN-2
fn admission_limit<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let go = Flag::new();
        let waiting = |go: Flag| {
            async move |_cx: Cx| {
                go.raised().await;
                Ok::<_, Error>(())
            }
        };
        let first = r.spawn(waiting(go.clone()))?;
        let second = r.spawn(waiting(go.clone()))?;
        let (kept, notes) = (probe.mark_on_drop("dropped"), probe.clone());
        let refused = r.spawn(async move |_cx| {
            notes.mark("ran");
            drop(kept);
            Ok(())
        });
        probe.expect(
            refused.is_err_and(|e| e.is_at_capacity()),
            "a third was admitted",
        );
        probe.expect_marks(&["dropped"]);
        go.raise();
        first.join(r).await?;
        second.join(r).await?;
        probe.expect_eq(
            r.spawn(async |_cx| Ok(7))?.join(r).await?,
            7,
            "the next one",
        );
        Ok(())
    })
}

/// A runtime that is full still wakes, cancels and ends everything it admitted.
// proves: R-OWN-2
fn admitted_work_is_never_refused<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (go, mut tasks) = (Flag::new(), Vec::new());
        for n in 0..32_u32 {
            let wait = go.clone();
            tasks.push(r.spawn(async move |_cx| {
                for _ in 0..3 {
                    wait.raised().await;
                    breathe().await;
                }
                Ok(n)
            })?);
        }
        probe.expect(
            r.spawn(async |_cx| Ok(())).is_err(),
            "more than the capacity",
        );
        breathe().await;
        go.raise();
        tasks
            .iter()
            .step_by(2)
            .for_each(|task| task.cancel("half of them"));
        let mut ended = 0;
        for task in tasks {
            ended += u32::from(task.outcome(r).await?.severity() < Severity::Panicked);
        }
        probe.expect_eq(ended, 32, "ended");
        Ok(())
    })
}

/// The task that closes a dropped region has a place even where the runtime is full.
// proves: R-OWN-2 R-OWN-3
fn full_runtime_still_cleans_up<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region(async |outer| {
            let (up, seen, notes) = (Flag::new(), Flag::new(), probe.clone());
            let (raise, wait, stay) = (up.clone(), seen.clone(), seen.clone());
            let dropped = outer.region(async |inner| {
                inner.defer(async move |_cx| {
                    wait.raised().await;
                    notes.mark("finalizer");
                })?;
                inner.spawn(async move |cx| {
                    raise.raise();
                    let end = cx.sleep(LONG).await;
                    stay.raised().await;
                    Ok(end?)
                })?;
                pending::<Result<(), Error>>().await
            });
            select(dropped, up.raised()).await;
            let full = outer.spawn(async |_cx| Ok(()));
            probe.expect(
                full.is_err_and(|e| e.is_at_capacity()),
                "the runtime is not full",
            );
            seen.raise();
            Ok(())
        })
        .await?;
        probe.mark("closed");
        probe.expect_marks(&["finalizer", "closed"]);
        Ok(())
    })
}

/// A region that a draining task opens is born cancelled: it admits nothing and its body sees the cancel.
// proves: R-OWN-2 R-CAN-1
fn draining_task_opens_cancelled<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (up, notes) = (Flag::new(), probe.clone());
        let raise = up.clone();
        let task = r.spawn(async move |cx| {
            raise.raise();
            let asked = cx.sleep(LONG).await;
            notes.expect(asked.is_err(), "it was not asked");
            let opened = cx
                .region(async |inner| {
                    let refused = inner.spawn(async |_cx| Ok(()));
                    notes.expect(refused.is_err_and(|e| e.is_closed()), "it admits");
                    inner.checkpoint()?;
                    Ok(())
                })
                .await;
            notes.expect_eq(
                own_cancel(&opened),
                Some(CancelKind::ParentCancelled),
                "kind",
            );
            Ok(asked?)
        })?;
        up.raised().await;
        task.cancel("enough");
        let outcome = task.outcome(r).await?;
        probe.expect(outcome.is_cancelled(), "the task's outcome");
        Ok(())
    })
}

/// A region opened inside a mask is not born cancelled: its children run and are waited for.
// proves: R-OWN-2 R-CAN-3
fn mask_opens_uncancelled<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (up, notes) = (Flag::new(), probe.clone());
        let raise = up.clone();
        let task = r.spawn(async move |cx| {
            raise.raise();
            let asked = cx.sleep(LONG).await;
            let saved = cx
                .masked(LONG, async |masked| {
                    masked
                        .region(async |inner| {
                            let child = inner.spawn(async |cx| {
                                cx.yield_now().await?;
                                Ok("saved")
                            })?;
                            child.join(inner).await
                        })
                        .await
                })
                .await?;
            notes.mark(saved);
            Ok(asked?)
        })?;
        up.raised().await;
        task.cancel("enough");
        probe.expect(task.outcome(r).await?.is_cancelled(), "the task's outcome");
        probe.expect_marks(&["saved"]);
        Ok(())
    })
}

/// Dropping a handle leaves the task to its region: it runs to its end, uncancelled.
// proves: R-OWN-4
fn handle_drop_keeps_the_task<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let notes = probe.clone();
                let never_polled = inner.spawn(async move |cx| {
                    cx.yield_now().await?;
                    cx.checkpoint()?;
                    notes.mark("done");
                    Ok(())
                })?;
                drop(never_polled);
                let (up, notes) = (Flag::new(), probe.clone());
                let raise = up.clone();
                let waiting = inner.spawn(async move |cx| {
                    raise.raise();
                    cx.sleep(Duration::from_micros(50)).await?;
                    notes.mark("done");
                    Ok(())
                })?;
                up.raised().await;
                drop(waiting);
                Ok(())
            })
            .await;
        result?;
        probe.expect_eq(probe.count("done"), 2, "tasks that ran to their end");
        probe.expect_eq((report.ok, report.cancelled), (2, 0), "children");
        Ok(())
    })
}

/// Cancelling a waiter does not cancel the task; the handle can be waited on again.
// proves: R-OWN-4 R-CAN-1
fn cancelled_waiter_keeps_the_task<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let go = Flag::new();
        let wait = go.clone();
        let mut task = r.spawn(async move |cx| {
            wait.raised().await;
            cx.checkpoint()?;
            Ok("value")
        })?;
        let timed = r
            .timeout(Duration::from_millis(1), async |cx| {
                task.wait(cx).await?.into_result()
            })
            .await;
        probe.expect_eq(
            child_cancel(&timed),
            Some(CancelKind::Timeout),
            "the waiter's end",
        );
        probe.expect(!task.is_finished(), "the task ended");
        go.raise();
        probe.expect_eq(task.join(r).await?, "value", "the task's value");
        Ok(())
    })
}

/// A `Cx` that was moved to another task is useless there: the misusing task panics, the owner is untouched.
// proves: R-OWN-5
fn cx_in_another_task<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let ended = r
            .region_with(RegionOptions::new().policy(Policy::CollectAll), async |inner| {
                let (tx, mut rx) = oneshot::channel::<Cx>();
                let go = Flag::new();
                let wait = go.clone();
                let owner = inner.spawn(async move |cx| {
                    // Where nobody takes it, it comes back and is dropped.
                    drop(tx.send(cx));
                    wait.raised().await;
                    Ok("owner")
                })?;
                let thief = inner.spawn(async move |cx| {
                    let stolen = rx.recv(&cx).await?;
                    // Other threads: the poll of the owner that sent it may be under way still.
                    for _ in 0..100_000 {
                        stolen.checkpoint()?;
                        cx.yield_now().await?;
                    }
                    Ok(())
                })?;
                let outcome = thief.outcome(inner).await?;
                let said = matches!(&outcome, Outcome::Panicked(p) if p.message().contains("ForeignCx"));
                probe.expect(said, "the misuse was accepted");
                go.raise();
                probe.expect_eq(owner.join(inner).await?, "owner", "the owner's value");
                Ok(())
            })
            .await;
        let said = child_panic(&ended).is_some_and(|text| text.contains("ForeignCx"));
        probe.expect(said, "the region hid the panic");
        Ok(())
    })
}

/// A `Cx` that outlives its task is refused at every use: waits, spawns and scopes alike.
// proves: R-OWN-5
fn cx_after_its_task<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        for use_number in 0..4 {
            let ended = r
                .region(async |inner| {
                    let stolen = inner.spawn(async |cx| Ok(cx))?.join(inner).await?;
                    let user = inner.spawn(async move |_cx| {
                        match use_number {
                            0 => stolen.sleep(Duration::from_millis(1)).await?,
                            1 => stolen.region(async |_| Ok(())).await?,
                            2 => stolen.masked(LONG, async |_| ()).await,
                            _ => stolen.defer(async |_| ())?,
                        }
                        Ok(())
                    })?;
                    user.join(inner).await
                })
                .await;
            let said = child_panic(&ended).is_some_and(|text| text.contains("ForeignCx"));
            probe.expect(said, alloc::format!("use {use_number} was accepted"));
        }
        Ok(())
    })
}

/// The future of a region, race, timeout or mask that was begun in one task is refused in another.
// proves: R-OWN-5
fn scopes_in_another_task<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    type Begun = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;
    fn begin(cx: Cx, scope: u32) -> Begun {
        Box::pin(async move {
            match scope {
                0 => cx.region(async |_| pending().await).await,
                1 => cx
                    .race(
                        async |_| pending::<Result<(), Error>>().await,
                        async |_| pending::<Result<(), Error>>().await,
                    )
                    .await
                    .map(drop),
                2 => cx.timeout(LONG, async |_| pending().await).await,
                _ => cx.masked(LONG, async |_| pending().await).await,
            }
        })
    }
    Box::pin(async move {
        for scope in 0..4 {
            let ended = r
                .region(async |inner| {
                    let (tx, mut rx) = oneshot::channel::<Begun>();
                    let up = Flag::new();
                    let wait = up.clone();
                    inner.spawn(async move |cx| {
                        let mut begun = begin(cx, scope);
                        drop(poll_once(Pin::new(&mut begun)).await);
                        drop(tx.send(begun));
                        wait.raised().await;
                        Ok(())
                    })?;
                    let other = inner.spawn(async move |cx| rx.recv(&cx).await?.await)?;
                    let end = other.join(inner).await;
                    up.raise();
                    end
                })
                .await;
            let said = child_panic(&ended).is_some_and(|text| text.contains("ForeignCx"));
            probe.expect(said, alloc::format!("scope {scope} went on"));
        }
        Ok(())
    })
}

/// A task that joins its own handle is told so, instead of waiting for ever.
fn join_of_self<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let ended = r
            .region(async |inner| {
                let (tx, mut rx) = oneshot::channel::<Task<(), Error>>();
                let task = inner.spawn(async move |cx| {
                    let own = rx.recv(&cx).await?;
                    own.join(&cx).await
                })?;
                drop(tx.send(task));
                Ok(())
            })
            .await;
        let said = child_panic(&ended).is_some_and(|text| text.contains("JoinSelf"));
        probe.expect(said, "the join of self went on");
        Ok(())
    })
}
