//! Scheduling (R-SCH-*): nobody starves, no wake is lost, quotas are charged, every lane is drained.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::poll_fn;
use core::sync::atomic::{AtomicU32, Ordering};
use core::task::{Poll, Waker};
use core::time::Duration;

use asupersync_core::internal::Mutex;
use asupersync_core::lock::Notify;
use asupersync_core::{
    Budget, CancelKind, Error, LocalRegion, Outcome, Policy, RegionOptions, TaskOptions, Time,
};

use crate::Probe;
use crate::harness::{Need, Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "sch/cancel_flood_starves_nobody",
        cancel_flood_starves_nobody,
    )
    .needs(&[Need::Lanes]),
    Scenario::new("sch/timed_work_starves_nobody", timed_work_starves_nobody).needs(&[Need::Lanes]),
    Scenario::new("sch/timed_lane_is_ordered", timed_lane_is_ordered).needs(&[Need::Lanes]),
    Scenario::new("sch/ready_lane_is_fifo", ready_lane_is_fifo).needs(&[Need::Lanes]),
    Scenario::new("sch/every_lane_is_drained", every_lane_is_drained).crowd(),
    Scenario::new("sch/wake_while_polling", wake_while_polling),
    Scenario::new("sch/wake_by_a_sibling_fiber", wake_by_a_sibling_fiber),
    Scenario::new("sch/many_wakes_are_one_poll", many_wakes_are_one_poll),
    Scenario::new("sch/late_wake_touches_nothing", late_wake_touches_nothing),
    Scenario::new("sch/poll_quota", poll_quota),
    Scenario::new("sch/cost_quota", cost_quota),
    Scenario::new("sch/quota_of_zero", quota_of_zero),
    Scenario::new("sch/child_only_tightens", child_only_tightens),
];

const HOUR: u64 = 3_600_000_000_000;
const LONG: Duration = Duration::from_nanos(HOUR);

/// How the task ended, as a kind if it was cancelled.
fn kind<T>(outcome: &Outcome<T, Error>) -> Option<CancelKind> {
    match outcome {
        Outcome::Cancelled(reason) => Some(reason.kind()),
        _ => None,
    }
}

/// A crowd of cancelled tasks that take their time: others get a turn in every streak.
// proves: RP-SCHED-001 R-SCH-1 WVT-007
fn cancel_flood_starves_nobody<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    const FLOOD: u32 = 100;
    const CLEANUP_YIELDS: u32 = 20;
    Box::pin(async move {
        let cleanups = Arc::new(AtomicU32::new(0));
        let longest = Arc::new(AtomicU32::new(0));
        r.region_with(
            RegionOptions::new().policy(Policy::CollectAll),
            async |inner| {
                let mut flood = Vec::new();
                for _ in 0..FLOOD {
                    let cleanups = Arc::clone(&cleanups);
                    flood.push(inner.spawn(async move |cx| {
                        let stopped = cx.sleep(LONG).await;
                        cx.masked(LONG, async |cx| {
                            for _ in 0..CLEANUP_YIELDS {
                                cleanups.fetch_add(1, Ordering::Relaxed);
                                let _ = cx.yield_now().await;
                            }
                        })
                        .await;
                        Ok(stopped?)
                    })?);
                }
                // All of them sleep before they are cancelled.
                inner.sleep(Duration::from_millis(1)).await?;
                let (seen, most) = (Arc::clone(&cleanups), Arc::clone(&longest));
                inner.spawn(async move |cx| {
                    let mut before = seen.load(Ordering::Relaxed);
                    while before < FLOOD * CLEANUP_YIELDS {
                        if cx.yield_now().await.is_err() {
                            break;
                        }
                        let now = seen.load(Ordering::Relaxed);
                        if now == before {
                            // The flood is over, cut short or not.
                            break;
                        }
                        most.fetch_max(now - before, Ordering::Relaxed);
                        before = now;
                    }
                    Ok(())
                })?;
                for task in &flood {
                    task.cancel("flood");
                }
                Ok(())
            },
        )
        .await?;
        let longest = longest.load(Ordering::Relaxed);
        probe.expect(longest > 0, "the flood and the bystander never met");
        // Twice the streak limit: the contract allows a region that drains its last to double it.
        probe.expect(
            longest <= 33,
            alloc::format!("{longest} cancel turns in a row"),
        );
        Ok(())
    })
}

/// Tasks with deadlines come first, but those without get a turn in every streak.
// proves: R-SCH-1
fn timed_work_starves_nobody<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let turns = Arc::new(AtomicU32::new(0));
        let longest = Arc::new(AtomicU32::new(0));
        r.region(async |inner| {
            let deadline = inner.now()?.saturating_add(LONG);
            for _ in 0..40 {
                let turns = Arc::clone(&turns);
                let options = TaskOptions::new().budget(Budget::INFINITE.with_deadline(deadline));
                inner.spawn_with(options, async move |cx| {
                    for _ in 0..20 {
                        turns.fetch_add(1, Ordering::Relaxed);
                        cx.yield_now().await?;
                    }
                    Ok(())
                })?;
            }
            let (seen, most) = (Arc::clone(&turns), Arc::clone(&longest));
            inner.spawn(async move |cx| {
                let mut before = 0;
                loop {
                    let now = seen.load(Ordering::Relaxed);
                    most.fetch_max(now - before, Ordering::Relaxed);
                    if now == 800 {
                        return Ok(());
                    }
                    before = now;
                    cx.yield_now().await?;
                }
            })?;
            Ok(())
        })
        .await?;
        let longest = longest.load(Ordering::Relaxed);
        probe.expect(
            longest <= 33,
            alloc::format!("{longest} timed turns in a row"),
        );
        Ok(())
    })
}

/// The timed lane serves the earliest deadline, then the higher priority, then the smaller path.
// proves: WVT-007 R-SCH-5
fn timed_lane_is_ordered<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let start = r.now()?.as_nanos();
        let spawn = |name: &'static str, hours: u64, priority: u8| {
            let budget = Budget::INFINITE
                .with_deadline(Time::from_nanos(start + hours * HOUR))
                .with_priority(priority);
            let notes = probe.clone();
            r.spawn_with(TaskOptions::new().budget(budget), async move |_| {
                notes.mark(name);
                Ok(())
            })
        };
        let late = spawn("3h", 3, u8::MAX)?;
        let twin_a = spawn("twin a", 2, 0)?;
        let twin_b = spawn("twin b", 2, 0)?;
        let urgent = spawn("2h, urgent", 2, u8::MAX)?;
        let early = spawn("1h", 1, 0)?;
        let twins = if twin_a.path() < twin_b.path() {
            ["twin a", "twin b"]
        } else {
            ["twin b", "twin a"]
        };
        for task in [late, twin_a, twin_b, urgent, early] {
            task.join(r).await?;
        }
        probe.expect_marks(&["1h", "2h, urgent", twins[0], twins[1], "3h"]);
        Ok(())
    })
}

/// The ready lane is first in, first out, and a yield goes to its end.
// proves: WVT-007
fn ready_lane_is_fifo<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region(async |inner| {
            for (first, second) in [("a1", "a2"), ("b1", "b2"), ("c1", "c2")] {
                let notes = probe.clone();
                inner.spawn(async move |cx| {
                    notes.mark(first);
                    cx.yield_now().await?;
                    notes.mark(second);
                    Ok(())
                })?;
            }
            Ok(())
        })
        .await?;
        probe.expect_marks(&["a1", "b1", "c1", "a2", "b2", "c2"]);
        Ok(())
    })
}

/// Work in the cancel, the timed and the ready lane all comes to its end, whoever drives.
// proves: R-SCH-5 WVT-007
fn every_lane_is_drained<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region_with(
            RegionOptions::new().policy(Policy::CollectAll),
            async |inner| {
                let deadline = inner.now()?.saturating_add(LONG);
                let timed = TaskOptions::new().budget(Budget::INFINITE.with_deadline(deadline));
                for options in [timed, TaskOptions::new()] {
                    for _ in 0..50 {
                        let notes = probe.clone();
                        inner.spawn_with(options, async move |cx| {
                            cx.yield_now().await?;
                            cx.sleep(Duration::from_millis(1)).await?;
                            notes.mark("done");
                            Ok(())
                        })?;
                        let notes = probe.clone();
                        let stopped = inner.spawn_with(options, async move |cx| {
                            notes.mark("began");
                            let stopped = cx.sleep(LONG).await;
                            notes.mark("stopped");
                            Ok(stopped?)
                        })?;
                        // In batches, some before their first poll, some while they wait.
                        if inner.random_u64()? % 2 == 0 {
                            inner.yield_now().await?;
                        }
                        stopped.cancel("into the cancel lane");
                    }
                }
                Ok(())
            },
        )
        .await?;
        probe.expect_eq(probe.count("done"), 100, "tasks that ran to their end");
        probe.expect_eq(
            probe.count("stopped"),
            probe.count("began"),
            "tasks that were stopped",
        );
        Ok(())
    })
}

/// A task that is woken during its own poll is polled again, once.
// proves: R-SCH-2
fn wake_while_polling<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let notes = probe.clone();
        let task = r.spawn(async move |_| {
            let mut polls = 0;
            poll_fn(|waker| {
                polls += 1;
                notes.mark("polled");
                if polls == 1 {
                    for _ in 0..3 {
                        waker.waker().wake_by_ref();
                    }
                    return Poll::Pending;
                }
                Poll::Ready(())
            })
            .await;
            Ok(())
        })?;
        task.join(r).await?;
        probe.expect_marks(&["polled", "polled"]);
        Ok(())
    })
}

/// One fiber wakes the other while their task is being polled: the task runs again.
// proves: R-SCH-2
fn wake_by_a_sibling_fiber<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let signal = Notify::new();
        let waits = async |cx: &asupersync_core::Cx| Ok(signal.notified(cx).await?);
        let signals = async |_: &asupersync_core::Cx| {
            signal.notify_one();
            Ok(())
        };
        r.join(waits, signals).await?;
        probe.mark("both");
        probe.expect_marks(&["both"]);
        Ok(())
    })
}

/// Any number of wakes before a task runs are one poll.
// proves: R-SCH-2
fn many_wakes_are_one_poll<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let slot: Arc<Mutex<Option<Waker>>> = Arc::default();
        let (notes, shared) = (probe.clone(), Arc::clone(&slot));
        let task = r.spawn(async move |_| {
            let mut polls = 0;
            poll_fn(|waker| {
                polls += 1;
                notes.mark("polled");
                if polls < 3 {
                    *shared.lock() = Some(waker.waker().clone());
                    return Poll::Pending;
                }
                Poll::Ready(())
            })
            .await;
            Ok(())
        })?;
        for _ in 0..2 {
            let waker = loop {
                if let Some(waker) = slot.lock().take() {
                    break waker;
                }
                r.yield_now().await?;
            };
            // The task waits, and cannot run before this poll of ours ends.
            for _ in 0..5 {
                waker.wake_by_ref();
            }
        }
        task.join(r).await?;
        probe.expect_marks(&["polled"; 3]);
        Ok(())
    })
}

/// A waker that outlives its task, or its region, wakes nobody.
// proves: R-SCH-2
fn late_wake_touches_nothing<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let waker = r
            .region(async |inner| {
                let task =
                    inner.spawn(async |_| Ok(poll_fn(|w| Poll::Ready(w.waker().clone())).await))?;
                task.join(inner).await
            })
            .await?;
        for _ in 0..3 {
            waker.wake_by_ref();
        }
        waker.wake();
        r.yield_now().await?;
        probe.mark("alive");
        probe.expect_marks(&["alive"]);
        Ok(())
    })
}

/// A task that has used up its polls is asked to stop with `Timeout`.
// proves: R-SCH-4
fn poll_quota<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let notes = probe.clone();
        let options = TaskOptions::new().budget(Budget::INFINITE.with_poll_quota(5));
        let task = r.spawn_with(options, async move |cx| {
            for _ in 0..100 {
                notes.mark("turn");
                cx.yield_now().await?;
            }
            Ok(())
        })?;
        let outcome = task.outcome(r).await?;
        probe.expect_eq(kind(&outcome), Some(CancelKind::Timeout), "the reason");
        probe.expect_eq(probe.count("turn"), 5, "polls that were paid for");
        Ok(())
    })
}

/// A task that has used up its cost quota is asked to stop with `Timeout`, at the charge.
// proves: R-SCH-4
fn cost_quota<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let notes = probe.clone();
        let options = TaskOptions::new().budget(Budget::INFINITE.with_cost_quota(10));
        let task = r.spawn_with(options, async move |cx| {
            for left in [7, 4, 1] {
                cx.charge(3)?;
                notes.expect_eq(cx.budget().cost_quota, Some(left), "left");
            }
            notes.expect(!cx.is_cancel_requested(), "asked to stop too early");
            let spent = cx.charge(3);
            notes.expect(spent.is_err(), "the fourth charge went through");
            spent?;
            Ok(())
        })?;
        let outcome = task.outcome(r).await?;
        probe.expect_eq(kind(&outcome), Some(CancelKind::Timeout), "the reason");
        // Without a quota everything may be charged.
        probe.expect(r.charge(u64::MAX).is_ok(), "charged without a quota");
        Ok(())
    })
}

/// A quota of nothing allows nothing that waits or costs; what is free still has its value.
// proves: R-SCH-4
fn quota_of_zero<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let no_polls = TaskOptions::new().budget(Budget::INFINITE.with_poll_quota(0));
        let waits = r.spawn_with(no_polls, async |cx| Ok(cx.sleep(LONG).await?))?;
        let outcome = waits.outcome(r).await?;
        probe.expect_eq(kind(&outcome), Some(CancelKind::Timeout), "no polls");
        let no_cost = TaskOptions::new().budget(Budget::INFINITE.with_cost_quota(0));
        let charges = r.spawn_with(no_cost, async |cx| {
            cx.charge(0)?;
            cx.yield_now().await?;
            Ok(cx.charge(1)?)
        })?;
        let outcome = charges.outcome(r).await?;
        probe.expect_eq(kind(&outcome), Some(CancelKind::Timeout), "no cost");
        let free = r.spawn_with(no_cost, async |cx| {
            cx.charge(0)?;
            Ok(7)
        })?;
        probe.expect_eq(free.join(r).await?, 7, "a body that costs nothing");
        Ok(())
    })
}

/// Limits that a child asks for are met with those of its region: it can only tighten them.
// proves: R-SCH-4
fn child_only_tightens<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let now = r.now()?;
        let at = |hours: u64| now.saturating_add(Duration::from_nanos(hours * HOUR));
        let region = Budget::INFINITE
            .with_deadline(at(2))
            .with_poll_quota(50)
            .with_cost_quota(20)
            .with_priority(7);
        let wide = Budget::INFINITE
            .with_deadline(at(3))
            .with_poll_quota(1_000)
            .with_cost_quota(u64::MAX)
            .with_priority(3);
        let narrow = Budget::INFINITE
            .with_deadline(at(1))
            .with_poll_quota(10)
            .with_cost_quota(5)
            .with_priority(9);
        r.region_with(RegionOptions::new().budget(region), async |inner| {
            let seen = async |asked: Budget| {
                let options = TaskOptions::new().budget(asked);
                inner
                    .spawn_with(options, async |cx| Ok(cx.budget()))?
                    .join(inner)
                    .await
            };
            let got = seen(wide).await?;
            probe.expect_eq(got.deadline, Some(at(2)), "a wide deadline");
            // One poll is charged by the time the body looks.
            probe.expect_eq(got.poll_quota, 49, "a wide poll quota");
            probe.expect_eq(got.cost_quota, Some(20), "a wide cost quota");
            let got = seen(narrow).await?;
            probe.expect_eq(got.deadline, Some(at(1)), "a narrow deadline");
            probe.expect_eq(got.poll_quota, 9, "a narrow poll quota");
            probe.expect_eq(got.cost_quota, Some(5), "a narrow cost quota");
            Ok(())
        })
        .await
    })
}
