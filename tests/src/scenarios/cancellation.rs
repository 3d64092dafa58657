//! The cancel protocol (R-CAN-*): request, drain, finalize; masks, forcing, races, timeouts, shutdown.

use alloc::boxed::Box;
use core::future::{Future, pending};
use core::num::NonZeroUsize;
use core::pin::Pin;
use core::time::Duration;

use asupersync_core::channel::{mpsc, oneshot};
use asupersync_core::lock::{Mutex, Notify, Semaphore};
use asupersync_core::{
    CancelKind, CancelReason, Cancelled, ChildEnded, Cx, Either, Error, INLINE_DEPTH_MAX, LocalRegion,
    MissedTicks, Outcome, Policy, RegionOptions, Spawner,
};

use super::by_hand::poll_once;
use super::common::{Fault, Flag, LONG, breathe, child_cancel, fault, own_cancel};
use crate::Probe;
use crate::harness::{Record, Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("can/request_is_monotone", request_is_monotone),
    Scenario::new("can/request_reaches_who_is_being_admitted", request_reaches_who_is_being_admitted),
    Scenario::new("can/request_travels_down", request_travels_down),
    Scenario::new("can/reason_tells_the_cause", reason_tells_the_cause),
    Scenario::new("can/handle_cancels_one_task", handle_cancels_one_task),
    Scenario::new("can/checkpoint_observes", checkpoint_observes),
    Scenario::new("can/every_wait_observes_at_once", every_wait_observes_at_once),
    Scenario::new("can/nothing_is_imposed", nothing_is_imposed),
    Scenario::new("can/token_from_elsewhere_is_data", token_from_elsewhere_is_data),
    Scenario::new("can/mask_defers_and_delivers", mask_defers_and_delivers),
    Scenario::new("can/masks_nest", masks_nest),
    Scenario::new("can/masks_nest_past_the_bound", masks_nest_past_the_bound),
    Scenario::new("can/mask_without_request_has_no_limit", mask_without_request_has_no_limit),
    Scenario::new("can/mask_past_its_limit_is_forced", mask_past_its_limit_is_forced),
    Scenario::new("can/mask_past_its_limit_in_a_fiber", mask_past_its_limit_in_a_fiber)
        .after(one_was_forced),
    Scenario::new("can/mask_ends_with_the_cleanup_budget", mask_ends_with_the_cleanup_budget),
    Scenario::new("can/deaf_task_is_forced", deaf_task_is_forced).after(one_was_forced),
    Scenario::new("can/deaf_body_is_forced", deaf_body_is_forced).after(one_was_forced),
    Scenario::new("can/stronger_request_keeps_the_budget", stronger_request_keeps_the_budget),
    Scenario::new("can/dropped_waiter_passes_its_grant_on", dropped_waiter_passes_its_grant_on),
    Scenario::new("can/value_wins_over_a_late_cancel", value_wins_over_a_late_cancel),
    Scenario::new("can/value_wins_over_a_timeout", value_wins_over_a_timeout),
    Scenario::new("can/late_values_are_handed_over", late_values_are_handed_over)
        .after(one_was_late),
    Scenario::new("can/losers_drain_first", losers_drain_first),
    Scenario::new("can/losers_drain_on_both_sides", losers_drain_on_both_sides),
    Scenario::new("can/deaf_loser_is_forced", deaf_loser_is_forced).after(one_was_forced),
    Scenario::new("can/join_fails_fast", join_fails_fast),
    Scenario::new("can/timeout_drains_first", timeout_drains_first),
    Scenario::new("can/timeout_hides_no_outer_cancel", timeout_hides_no_outer_cancel),
    Scenario::new("can/shutdown_drains_the_root", shutdown_drains_the_root)
        .root(three_in_the_root)
        .after(root_is_drained),
    Scenario::new("can/unpolled_is_dropped_unpolled", unpolled_is_dropped_unpolled),
    Scenario::new("can/unpolled_task_still_finalizes", unpolled_task_still_finalizes),
    Scenario::new("can/cancel_after_the_end", cancel_after_the_end),
    Scenario::new("can/nothing_interrupted_is_no_cancel", nothing_interrupted_is_no_cancel),
    Scenario::new("can/delivery_is_level_triggered", delivery_is_level_triggered),
    Scenario::new("can/cancel_between_reserve_and_commit", cancel_between_reserve_and_commit),
    Scenario::new("can/children_in_mixed_phases", children_in_mixed_phases),
];

const ONE: NonZeroUsize = NonZeroUsize::MIN;

fn one_was_forced(probe: &Probe, record: &Record) {
    probe.expect_eq(record.stats.forced, 1, "forced");
}

fn one_was_late(probe: &Probe, record: &Record) {
    probe.expect_eq(record.stats.late_values, 1, "late values that nobody asked for");
}

fn why<T>(outcome: &Outcome<T, Error>) -> Option<CancelKind> {
    match outcome {
        Outcome::Cancelled(reason) => Some(reason.kind()),
        _ => None,
    }
}

/// Asking again changes nothing, a weaker request changes nothing, a stronger one replaces the reason
/// and keeps what was there as its cause.
// proves: R-CAN-1 PO-CAN WVT-003
fn request_is_monotone<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let ended = r
            .region(async |inner| {
                let seen = || inner.checkpoint().err().map(|token| token.reason().clone());
                let told = |reason: &Option<CancelReason>| {
                    reason.as_ref().map(|r| (r.kind(), alloc::string::String::from(r.message())))
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
                probe.expect_eq(told(&first), Some((CancelKind::User, "first".into())), "the first");
                go.raise();
                drop(inner.masked(LONG, async |cx| failing.outcome(cx).await).await?);
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
        let failed = ended.as_ref().err().and_then(|e| e.downcast_ref::<ChildEnded>());
        probe.expect(matches!(failed, Some(ChildEnded::Failed)), "the region's end");
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
                let spawned = inner.masked(LONG, async |cx| spawning.outcome(cx).await).await?;
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
        probe.expect_eq(why(&top.outcome(r).await?), Some(CancelKind::User), "the top");
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
                    if let Err(asupersync_core::TimeError::Cancelled(token)) = cx.sleep(LONG).await {
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
        let chain: alloc::vec::Vec<_> = reason.chain().map(|r| (r.kind(), r.origin())).collect();
        let expected = [(CancelKind::ParentCancelled, origin), (CancelKind::User, origin)];
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
        probe.expect_eq(why(&stopped.outcome(r).await?), Some(CancelKind::User), "the task");
        r.checkpoint()?;
        done.raise();
        probe.expect_eq(other.join(r).await?, "value", "its sibling");
        Ok(())
    })
}

/// A checkpoint observes; asking whether a cancel was requested does not.
// proves: R-CAN-2
fn checkpoint_observes<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let ended: Result<(), Error> = r
            .region(async |inner| {
                probe.expect(!inner.is_cancel_requested(), "requested too early");
                inner.checkpoint()?;
                inner.cancel("enough");
                probe.expect(inner.is_cancel_requested(), "not requested");
                let token = inner.checkpoint();
                probe.expect(token.is_err(), "the checkpoint is blind");
                Ok(token?)
            })
            .await;
        probe.expect_eq(child_cancel(&ended), Some(CancelKind::User), "the region's end");
        probe.expect(!r.is_cancel_requested(), "it went up");
        Ok(())
    })
}

/// Every wait that takes a `Cx` reports a cancel at once, though what it waits for never comes.
// proves: R-CAN-2 R-CAN-9
fn every_wait_observes_at_once<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let other = r.spawn(async |_cx| {
            breathe().await;
            Ok(())
        })?;
        let ended = r
            .region(async |inner| {
                let (full, mut receiver) = mpsc::channel(ONE);
                full.try_send(1)?;
                let (_idle, mut empty) = mpsc::channel::<u32>(ONE);
                let (_once, mut single) = oneshot::channel::<u32>();
                let (lock, permits, news) = (Mutex::new(()), Semaphore::new(0), Notify::new());
                let _held = lock.lock(inner).await?;
                let mut ticks = inner.interval(LONG, MissedTicks::Burst)?;
                inner.cancel("enough");
                let mut missed = alloc::vec::Vec::new();
                let mut saw = |what: &'static str, observed: bool| {
                    if !observed {
                        missed.push(what);
                    }
                };
                saw("sleep", inner.sleep(LONG).await.is_err());
                saw("yield_now", inner.yield_now().await.is_err());
                saw("tick", ticks.tick(inner).await.is_err());
                saw("reserve", full.reserve(inner).await.is_err());
                saw("reserve_owned", full.reserve_owned(inner).await.is_err());
                saw("send", full.send(inner, 2).await.is_err_and(|e| e.cause().is_cancelled()));
                saw("recv", empty.recv(inner).await.is_err());
                saw("peek", empty.peek(inner).await.is_err());
                saw("oneshot", single.recv(inner).await.is_err());
                saw("lock", lock.lock(inner).await.is_err());
                saw("acquire", permits.acquire(inner, 1).await.is_err());
                saw("notified", news.notified(inner).await.is_err());
                saw("outcome", other.outcome(inner).await.is_err());
                saw("charge", inner.charge(0).is_err());
                probe.expect_eq(missed.len(), 0, "waits that missed it");
                probe.expect_eq(receiver.try_recv().ok(), Some(1), "what was in the channel");
                Ok(inner.checkpoint()?)
            })
            .await;
        probe.expect_eq(child_cancel(&ended), Some(CancelKind::User), "the region's end");
        Ok(())
    })
}

/// Cancellation is not imposed: code that never looks runs on, and its value counts.
// proves: R-CAN-2 R-CAN-5
fn nothing_is_imposed<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (up, notes) = (Flag::new(), probe.clone());
        let raise = up.clone();
        let task = r.spawn(async move |_cx| {
            raise.raise();
            for _ in 0..3 {
                breathe().await;
                notes.mark("step");
            }
            Ok("value")
        })?;
        up.raised().await;
        task.cancel("never seen");
        let outcome = task.outcome(r).await?;
        probe.expect_eq(outcome.ok(), Some("value"), "the value");
        probe.expect_marks(&["step", "step", "step"]);
        Ok(())
    })
}

/// Only a token that a task observed itself makes its outcome `Cancelled`; one from elsewhere is an error.
// proves: R-CAN-2 R-REG-5
fn token_from_elsewhere_is_data<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let up = Flag::new();
        let raise = up.clone();
        let asked = r.spawn(async move |cx| {
            raise.raise();
            drop(cx.sleep(LONG).await);
            Ok(cx.checkpoint().err())
        })?;
        up.raised().await;
        asked.cancel("enough");
        let token = asked.join(r).await?;
        probe.expect(token.is_some(), "nothing was observed");
        let own = r
            .region(async |inner| {
                let other = inner.spawn(async move |_cx| match token {
                    Some(token) => Err::<(), Error>(token.into()),
                    None => Ok(()),
                })?;
                let outcome = inner.masked(LONG, async |cx| other.outcome(cx).await).await?;
                probe.expect(matches!(outcome, Outcome::Err(_)), "it became its own cancel");
                Ok(())
            })
            .await;
        probe.expect(own.is_err(), "the child failed");
        r.checkpoint()?;
        Ok(())
    })
}

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
        probe.expect_eq(why(&task.outcome(r).await?), Some(CancelKind::User), "the outcome");
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
                        let timed = outer.timeout(LONG, async |cx| Ok(cx.yield_now().await?)).await;
                        probe.expect(timed.is_ok(), "in a timeout inside the mask");
                        probe.expect(inner.checkpoint().is_err(), "outside nobody is masked");
                    })
                    .await;
                Ok(inner.checkpoint()?)
            })
            .await;
        probe.expect_eq(child_cancel(&ended), Some(CancelKind::User), "the region's end");
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
                return cx.masked(LONG, async |cx| deeper(cx, region, left - 1).await).await;
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
        probe.expect_eq(child_cancel(&ended), Some(CancelKind::User), "the region's end");
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
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let (up, notes) = (Flag::new(), probe.clone());
                let raise = up.clone();
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
                // The cleanup budget of `User` is 50 ms.
                inner.masked(LONG, async |cx| cx.sleep(Duration::from_millis(25)).await).await?;
                probe.mark("25 ms");
                Ok(())
            })
            .await;
        result?;
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
        probe.expect_eq(child_cancel(&ended), Some(CancelKind::Timeout), "the timeout");
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
        probe.expect_eq(why(&task.outcome(r).await?), Some(CancelKind::User), "the outcome");
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
        probe.expect_eq(child_cancel(&ended), Some(CancelKind::User), "the region's end");
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

/// What was granted to a waiter that is dropped before it looked goes to the next one.
// proves: R-CAN-4 R-OWN-3
fn dropped_waiter_passes_its_grant_on<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let permits = Semaphore::new(1);
        let held = permits.acquire(r, 1).await?;
        let mut first = Box::pin(permits.acquire(r, 1));
        let mut second = Box::pin(permits.acquire(r, 1));
        probe.expect(poll_once(first.as_mut()).await.is_pending(), "nothing was free");
        probe.expect(poll_once(second.as_mut()).await.is_pending(), "nothing was free");
        drop(held);
        drop(first);
        let granted = r.timeout(Duration::from_millis(5), async |_cx| Ok(second.await?)).await;
        probe.expect(granted.is_ok(), "the grant is lost");
        Ok(())
    })
}

/// A task that ends with a value after it was asked to stop keeps it.
// proves: R-CAN-5
fn value_wins_over_a_late_cancel<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let up = Flag::new();
                let raise = up.clone();
                let task = inner.spawn(async move |cx| {
                    raise.raise();
                    drop(cx.sleep(LONG).await);
                    breathe().await;
                    Ok("late")
                })?;
                up.raised().await;
                task.cancel("enough");
                probe.expect_eq(task.join(inner).await?, "late", "the task's value");
                Ok(())
            })
            .await;
        result?;
        probe.expect_eq((report.ok, report.cancelled), (1, 0), "children");
        Ok(())
    })
}

/// A timed body that gives a value while it drains wins.
// proves: R-CAN-5 R-CAN-6
fn value_wins_over_a_timeout<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let value = r
            .timeout(Duration::from_millis(1), async |cx| {
                let end = cx.sleep(LONG).await.map_err(Error::from);
                probe.expect_eq(own_cancel(&end), Some(CancelKind::Timeout), "what it saw");
                breathe().await;
                Ok("late")
            })
            .await?;
        probe.expect_eq(value, "late", "the value");
        Ok(())
    })
}

/// The late value of a race's loser goes to the handler; without one it is dropped and counted.
// proves: R-CAN-5 R-CAN-6
fn late_values_are_handed_over<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let late = async |cx: &Cx| {
            drop(cx.sleep(LONG).await);
            breathe().await;
            Ok("late")
        };
        let won = r
            .race_with(async |_cx| Ok(1), late, |value| {
                probe.expect_eq(value, Either::B("late"), "the handler");
                probe.mark("handed over");
            })
            .await?;
        probe.expect_eq(won, Either::A(1), "the race");
        probe.expect_marks(&["handed over"]);
        let won = r.race(late, async |_cx| Ok(2)).await?;
        probe.expect_eq(won, Either::B(2), "the race without a handler");
        Ok(())
    })
}

/// The winner commits; the race returns when its loser has drained, not before.
// proves: RP-RACE-001 R-CAN-6 WVT-004 PO-CAN
fn losers_drain_first<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = mpsc::channel(ONE);
        let (lost, up) = (tx.clone(), Flag::new());
        let won = r
            .race(
                async |cx| {
                    let permit = tx.reserve(cx).await?;
                    up.raised().await;
                    probe.expect(permit.send("winner").is_delivered(), "the winner's value");
                    Ok("won")
                },
                async |cx| {
                    up.raise();
                    // The slot is the winner's: this wait ends with the race.
                    let end = lost.reserve(cx).await.map(drop).map_err(Error::from);
                    probe.expect_eq(own_cancel(&end), Some(CancelKind::RaceLost), "the loser");
                    breathe().await;
                    probe.mark("drained");
                    end
                },
            )
            .await?;
        probe.mark("raced");
        probe.expect_eq(won, Either::A("won"), "the race");
        probe.expect_eq(rx.recv(r).await?, "winner", "what was sent");
        probe.expect(rx.try_recv().is_err(), "the loser sent too");
        probe.expect_marks(&["drained", "raced"]);
        Ok(())
    })
}

/// Whichever arm wins, and with whatever it wins, the other drains; races nest.
// proves: R-CAN-6 WVT-004
fn losers_drain_on_both_sides<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let loses = |name: &'static str| {
            async move |cx: &Cx| {
                let end = cx.sleep(LONG).await.map_err(Error::from);
                let lost = [Some(CancelKind::RaceLost), Some(CancelKind::ParentCancelled)];
                probe.expect(lost.contains(&own_cancel(&end)), "why it ended");
                breathe().await;
                probe.mark(name);
                end
            }
        };
        let wins = async |cx: &Cx| Ok(cx.yield_now().await?);
        probe.expect(r.race(wins, loses("b")).await.is_ok(), "a wins");
        probe.mark("1");
        probe.expect(r.race(loses("a"), wins).await.is_ok(), "b wins");
        probe.mark("2");
        let failed = r.race(loses("a"), async |_cx| Err::<(), _>(Fault("first").into())).await;
        probe.expect_eq(fault(&failed), Some("first"), "an error wins too");
        probe.mark("3");
        let nested = async |cx: &Cx| cx.race(loses("x"), loses("x")).await;
        probe.expect(r.race(nested, wins).await.is_ok(), "the inner race loses");
        probe.mark("4");
        probe.expect_marks(&["b", "1", "a", "2", "a", "3", "x", "x", "4"]);
        Ok(())
    })
}

/// A loser that never looks is dropped when its cleanup budget is spent; then the race returns.
// proves: R-CAN-4 R-CAN-6 WVT-004
fn deaf_loser_is_forced<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let won = r
            .race(
                async |_cx| {
                    let _gone = probe.mark_on_drop("forced");
                    pending::<Result<(), Error>>().await
                },
                async |_cx| Ok("won"),
            )
            .await?;
        probe.mark("raced");
        probe.expect_eq(won, Either::B("won"), "the race");
        probe.expect_marks(&["forced", "raced"]);
        r.checkpoint()?;
        Ok(())
    })
}

/// When one arm of a join fails the other is asked to stop with `FailFast`, and drains.
// proves: R-CAN-6 R-REG-5
fn join_fails_fast<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let ended = r
            .join(
                async |cx| {
                    let end = cx.sleep(LONG).await.map_err(Error::from);
                    probe.expect_eq(own_cancel(&end), Some(CancelKind::FailFast), "the other arm");
                    breathe().await;
                    probe.mark("drained");
                    end
                },
                async |cx| {
                    cx.yield_now().await?;
                    Err::<(), _>(Fault("arm").into())
                },
            )
            .await;
        probe.mark("joined");
        probe.expect_eq(fault(&ended), Some("arm"), "the join's error");
        probe.expect_marks(&["drained", "joined"]);
        r.checkpoint()?;
        Ok(())
    })
}

/// A timeout is a race with the clock: the body is asked with `Timeout`, and drained before it returns.
// proves: R-CAN-6
fn timeout_drains_first<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let ended = r
            .timeout(Duration::from_millis(1), async |cx| {
                let end = cx.sleep(LONG).await.map_err(Error::from);
                probe.expect_eq(own_cancel(&end), Some(CancelKind::Timeout), "what it saw");
                breathe().await;
                probe.mark("drained");
                end
            })
            .await;
        probe.mark("returned");
        probe.expect_eq(child_cancel(&ended), Some(CancelKind::Timeout), "the timeout's end");
        probe.expect_marks(&["drained", "returned"]);
        r.checkpoint()?;
        Ok(())
    })
}

/// A cancel from outside a timeout is the caller's own, not the timeout's.
// proves: R-CAN-6 R-CAN-1
fn timeout_hides_no_outer_cancel<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (up, notes) = (Flag::new(), probe.clone());
        let raise = up.clone();
        let task = r.spawn(async move |cx| {
            let ended = cx
                .timeout(LONG, async |cx| {
                    raise.raise();
                    Ok(cx.sleep(LONG).await?)
                })
                .await;
            notes.expect(child_cancel(&ended).is_none(), "taken for a timeout");
            notes.expect(own_cancel(&ended).is_some(), "not taken for its own");
            ended
        })?;
        up.raised().await;
        task.cancel("enough");
        probe.expect_eq(why(&task.outcome(r).await?), Some(CancelKind::User), "the outcome");
        Ok(())
    })
}

fn three_in_the_root(root: &Spawner<Error>, probe: &Probe) {
    let mut admitted = true;
    let notes = probe.clone();
    let task = root.spawn(async move |cx| {
        let finalizer = notes.clone();
        cx.defer(async move |_cx| finalizer.mark("finalizer"))?;
        notes.mark("started");
        let end = cx.sleep(LONG).await.map_err(Error::from);
        notes.expect_eq(own_cancel(&end), Some(CancelKind::Shutdown), "in the root");
        notes.mark("drained");
        end
    });
    admitted &= task.is_ok();
    let notes = probe.clone();
    let task = root.spawn(async move |cx| {
        cx.region(async |inner| {
            inner.spawn(async move |cx| {
                notes.mark("started");
                let end = cx.sleep(LONG).await.map_err(Error::from);
                notes.expect_eq(own_cancel(&end), Some(CancelKind::Shutdown), "further down");
                notes.mark("drained");
                end
            })?;
            Ok(())
        })
        .await
    });
    admitted &= task.is_ok();
    let notes = probe.clone();
    let task = root.spawn(async move |_cx| {
        let _gone = notes.mark_on_drop("forced");
        notes.mark("started");
        pending::<Result<(), Error>>().await
    });
    admitted &= task.is_ok();
    probe.expect(admitted, "the root refused");
}

/// Shutdown asks whatever lives in the root with `Shutdown`, drains it, forces what is deaf, and returns
/// when the root is closed.
// proves: R-CAN-7 R-CAN-4 R-REG-4 PO-REG
fn shutdown_drains_the_root<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        while probe.count("started") < 3 {
            r.yield_now().await?;
        }
        probe.expect_eq(probe.count("drained"), 0, "asked before the shutdown");
        Ok(())
    })
}

fn root_is_drained(probe: &Probe, record: &Record) {
    let counts = [probe.count("drained"), probe.count("finalizer"), probe.count("forced")];
    probe.expect_eq(counts, [2, 1, 1], "drained, finalized and forced in the root");
    probe.expect_eq(record.stats.forced, 1, "forced");
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

/// After the first delivery every wait and checkpoint reports the cancel again, at once, except in a mask.
// proves: R-CAN-9 R-CAN-3
fn delivery_is_level_triggered<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (up, notes) = (Flag::new(), probe.clone());
        let raise = up.clone();
        let task = r.spawn(async move |cx| {
            raise.raise();
            for _ in 0..3 {
                notes.expect(cx.sleep(LONG).await.is_err(), "a wait was not interrupted");
                notes.expect(cx.checkpoint().is_err(), "a checkpoint forgot");
                notes.expect(cx.yield_now().await.is_err(), "a turn forgot");
                let masked = cx.masked(LONG, async |cx| cx.yield_now().await).await;
                notes.expect(masked.is_ok(), "the mask leaks");
            }
            notes.mark("drained");
            Ok(cx.checkpoint()?)
        })?;
        up.raised().await;
        task.cancel("enough");
        probe.expect_eq(why(&task.outcome(r).await?), Some(CancelKind::User), "the outcome");
        probe.expect_marks(&["drained"]);
        Ok(())
    })
}

/// A cancel between reserve and commit: whoever gives up leaves the slot to the next, whoever commits
/// all the same is delivered; nothing is lost, nothing leaks.
// proves: RP-CANCEL-001 R-CAN-2 R-OBL-1 WVT-003 PO-OBL
fn cancel_between_reserve_and_commit<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        for commits in [false, true] {
            let (tx, mut rx) = mpsc::channel(ONE);
            let up = Flag::new();
            let (raise, first) = (up.clone(), tx.clone());
            let cancelled = r.spawn(async move |cx| {
                let permit = first.reserve(&cx).await?;
                raise.raise();
                let asked = cx.sleep(LONG).await;
                if commits {
                    return Ok(permit.send("first").is_delivered());
                }
                drop(permit);
                asked?;
                Ok(false)
            })?;
            up.raised().await;
            let second = r.spawn(async move |cx| Ok(tx.send(&cx, "second").await?))?;
            breathe().await;
            cancelled.cancel("between reserve and commit");
            let outcome = cancelled.outcome(r).await?;
            probe.expect_eq(outcome.ok(), commits.then_some(true), "the first sender");
            let mut received = alloc::vec::Vec::new();
            while let Ok(value) = rx.recv(r).await {
                received.push(value);
            }
            second.join(r).await?;
            let expected: &[&str] = if commits { &["first", "second"] } else { &["second"] };
            probe.expect_eq(received.as_slice(), expected, "received");
        }
        Ok(())
    })
}

/// A cancel from the parent finds children in every phase: unpolled, waiting, masked, draining, finalizing,
/// with a region of their own, deaf, done. All drain, all finalizers run, nothing is left.
// proves: RP-CANCEL-002 R-CAN-1 R-CAN-4 R-CAN-8 R-REG-2 R-REG-3 R-REG-4 PO-CAN PO-OWN WVT-003
fn children_in_mixed_phases<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (ready, notes) = (Flag::new(), probe.clone());
        let raise = ready.clone();
        let parent = r.spawn(async move |cx| {
            let (ended, report) = cx
                .region_report(RegionOptions::new(), async |inner| mixed(inner, &notes, &raise).await)
                .await;
            let counts = [report.ok, report.cancelled, report.forced, report.unpolled];
            notes.expect_eq(counts, [3, 5, 1, 1], "ok, cancelled, forced, unpolled");
            ended
        })?;
        ready.raised().await;
        parent.cancel("from the parent");
        probe.expect_eq(why(&parent.outcome(r).await?), Some(CancelKind::User), "the outcome");
        probe.expect_eq(probe.count("finalized"), 6, "finalizers");
        probe.expect_eq(probe.count("slept through"), 0, "children that were not asked");
        Ok(())
    })
}

async fn mixed(inner: &asupersync_core::Region, probe: &Probe, ready: &Flag) -> Result<(), Error> {
    let finalized = || {
        let notes = probe.clone();
        async move |_cx: Cx| {
            breathe().await;
            notes.mark("finalized");
        }
    };
    let flags = [(); 6].map(|()| Flag::new());
    let go = Flag::new();
    inner.spawn(async |_cx| Ok("done"))?.join(inner).await?;
    let (up, last, notes) = (flags[0].clone(), finalized(), probe.clone());
    inner.spawn(async move |cx| {
        cx.defer(last)?;
        up.raise();
        let end = cx.sleep(LONG).await;
        if end.is_ok() {
            notes.mark("slept through");
        }
        Ok(end?)
    })?;
    let (up, last, wait) = (flags[1].clone(), finalized(), go.clone());
    inner.spawn(async move |cx| {
        cx.defer(last)?;
        cx.masked(LONG, async |_cx| {
            up.raise();
            wait.raised().await;
        })
        .await;
        Ok("masked to the end")
    })?;
    let (up, seen, last, wait) = (flags[2].clone(), Flag::new(), finalized(), go.clone());
    let observed = seen.clone();
    let draining = inner.spawn(async move |cx| {
        cx.defer(last)?;
        up.raise();
        let end = cx.sleep(LONG).await;
        observed.raise();
        wait.raised().await;
        Ok(end?)
    })?;
    let (up, wait, notes) = (flags[3].clone(), go.clone(), probe.clone());
    inner.spawn(async move |cx| {
        cx.defer(async move |_cx| {
            up.raise();
            wait.raised().await;
            notes.mark("finalized");
        })?;
        Ok("finalizing")
    })?;
    let (up, last, nested) = (flags[4].clone(), finalized(), finalized());
    inner.spawn(async move |cx| {
        cx.defer(last)?;
        cx.region(async |region| {
            region.defer(nested)?;
            region.spawn(async move |cx| {
                up.raise();
                Ok(cx.sleep(LONG).await?)
            })?;
            Ok(())
        })
        .await
    })?;
    let up = flags[5].clone();
    inner.spawn(async move |_cx| {
        up.raise();
        pending::<Result<(), Error>>().await
    })?;
    for flag in &flags {
        flag.raised().await;
    }
    draining.cancel("this one first");
    seen.raised().await;
    inner.spawn(async |_cx| Ok("never polled"))?.cancel("at once");
    ready.raise();
    let end = inner.sleep(LONG).await;
    go.raise();
    Ok(end?)
}
