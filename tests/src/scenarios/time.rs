//! Time (WVT-008, R-DET-2): sleeping, timeouts, intervals, and the order of equal deadlines.

use alloc::boxed::Box;
use core::pin::pin;
use core::time::Duration;

use asupersync_core::{
    Budget, CancelKind, ChildEnded, Cx, Either, Error, LocalRegion, MissedTicks, Outcome,
    RegionOptions, TaskOptions, Time,
};

use super::by_hand::{poll_marking, poll_once};
use crate::Probe;
use crate::harness::{Need, Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("time/sleep_is_never_short", sleep_is_never_short),
    Scenario::new("time/deadline_in_the_past", deadline_in_the_past),
    Scenario::new("time/huge_durations", huge_durations),
    Scenario::new(
        "time/dropped_wait_leaves_no_timer",
        dropped_wait_leaves_no_timer,
    ),
    Scenario::new("time/deadlines_fire_in_order", deadlines_fire_in_order),
    Scenario::new(
        "time/ties_fire_in_registration_order",
        ties_fire_in_registration_order,
    ),
    Scenario::new(
        "time/cancels_fire_before_timers",
        cancels_fire_before_timers,
    ),
    Scenario::new("time/value_in_time", value_in_time),
    Scenario::new(
        "time/timeout_reaches_everything_inside",
        timeout_reaches_everything_inside,
    ),
    Scenario::new(
        "time/the_nearest_deadline_counts",
        the_nearest_deadline_counts,
    ),
    Scenario::new("time/interval_burst", interval_burst),
    Scenario::new("time/interval_delay", interval_delay),
    Scenario::new("time/interval_skip", interval_skip),
    Scenario::new("time/interval_does_not_drift", interval_does_not_drift),
    Scenario::new("time/storm", storm)
        .crowd()
        .needs(&[Need::VirtualTime]),
];

const MILLI: Duration = Duration::from_millis(1);
const LONG: Duration = Duration::from_secs(3_600);
const PERIOD: Duration = Duration::from_millis(2);

fn timed_out<T>(result: Result<T, Error>) -> bool {
    let ended = result
        .err()
        .and_then(|error| error.downcast::<ChildEnded>().ok());
    ended.is_some_and(|ended| ended.is_timeout())
}

/// Gives the timers that are due a chance to fire, until there are `count` marks.
async fn all_fired(r: &LocalRegion, probe: &Probe, count: usize) -> Result<(), Error> {
    for _ in 0..100 {
        if probe.marks().len() >= count {
            break;
        }
        r.yield_now().await?;
    }
    Ok(())
}

/// A sleep takes at least as long as it was asked to, and ends.
// proves: WVT-008
fn sleep_is_never_short<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region(async |inner| {
            for millis in [6, 2, 4, 0] {
                let notes = probe.clone();
                inner.spawn(async move |cx| {
                    let (before, asked) = (cx.now()?, Duration::from_millis(millis));
                    cx.sleep(asked).await?;
                    notes.mark("slept");
                    notes.expect(cx.now()?.saturating_since(before) >= asked, "a short sleep");
                    Ok(())
                })?;
            }
            Ok(())
        })
        .await?;
        probe.expect_eq(probe.count("slept"), 4, "who slept");
        Ok(())
    })
}

/// A deadline in the past is over at once; a limit in the past still gives what needs no wait.
// proves: WVT-008 RP-TIME-001
fn deadline_in_the_past<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        for past in [Time::ZERO, r.now()?] {
            let over = poll_once(pin!(r.sleep_until(past))).await;
            probe.expect(over.is_ready(), "a sleep until the past waits");
            let value = r.timeout_at(past, async |_| Ok(3)).await?;
            probe.expect_eq(value, 3, "a timeout in the past, without a wait");
            let late = r
                .timeout_at(past, async |cx| Ok(cx.sleep(LONG).await?))
                .await;
            probe.expect(timed_out(late), "a timeout in the past, with a wait");
            let budget = Budget::INFINITE.with_deadline(past);
            let late = r
                .region_with(RegionOptions::new().budget(budget), async |inner| {
                    Ok(inner.sleep(LONG).await?)
                })
                .await;
            probe.expect(timed_out(late), "a region whose deadline is past");
            let task = r.spawn_with(TaskOptions::new().budget(budget), async |cx| {
                Ok(cx.sleep(LONG).await?)
            })?;
            let outcome = task.outcome(r).await?;
            let kind = match &outcome {
                Outcome::Cancelled(reason) => Some(reason.kind()),
                _ => None,
            };
            probe.expect_eq(
                kind,
                Some(CancelKind::Timeout),
                "a task whose deadline is past",
            );
        }
        let now = r
            .timeout(Duration::ZERO, async |cx| Ok(cx.sleep(LONG).await?))
            .await;
        probe.expect(timed_out(now), "a timeout of nothing");
        r.sleep(Duration::ZERO).await?;
        Ok(())
    })
}

/// Durations beyond the clock's range saturate: such a wait has no end, and breaks nothing.
// proves: WVT-008
fn huge_durations<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        for huge in [
            Duration::MAX,
            Duration::from_secs(u64::MAX),
            Duration::from_nanos(u64::MAX),
        ] {
            let first = r
                .race(
                    async |cx| Ok(cx.sleep(huge).await?),
                    async |cx| Ok(cx.sleep(MILLI).await?),
                )
                .await?;
            probe.expect(matches!(first, Either::B(())), "the endless sleep ended");
            let value = r
                .timeout(huge, async |cx| Ok(cx.sleep(MILLI).await.map(|()| 1)?))
                .await?;
            probe.expect_eq(value, 1, "under an endless timeout");
            let mut ticker = r.interval(huge, MissedTicks::Burst)?;
            let tick = r
                .timeout(MILLI, async |cx| Ok(ticker.tick(cx).await?))
                .await;
            probe.expect(timed_out(tick), "an endless interval ticked");
        }
        let budget = Budget::INFINITE.with_deadline(Time::MAX);
        r.region_with(RegionOptions::new().budget(budget), async |inner| {
            Ok(inner.sleep(MILLI).await?)
        })
        .await?;
        let first = r
            .race(
                async |cx| Ok(cx.sleep_until(Time::MAX).await?),
                async |cx| Ok(cx.sleep(MILLI).await?),
            )
            .await?;
        probe.expect(matches!(first, Either::B(())), "the end of time came");
        Ok(())
    })
}

/// A wait that is dropped takes its timer along: nothing keeps the runtime from going idle.
// proves: WVT-008
fn dropped_wait_leaves_no_timer<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let before = r.now()?;
        for _ in 0..20 {
            let mut sleep = Box::pin(r.sleep(LONG));
            probe.expect(
                poll_once(sleep.as_mut()).await.is_pending(),
                "it did not wait",
            );
            drop(sleep);
            r.race(async |cx| Ok(cx.sleep(LONG).await?), async |_| Ok(()))
                .await?;
            r.timeout(LONG, async |_| Ok(())).await?;
        }
        let passed = r.now()?.saturating_since(before);
        probe.expect(passed < LONG, "somebody waited for a dropped timer");
        Ok(())
    })
}

/// Timers fire in the order of their deadlines, whatever the order and distance they were set at.
// proves: WVT-008
fn deadlines_fire_in_order<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let start = r.now()?;
        let sleep = |micros| r.sleep_until(start.saturating_add(Duration::from_micros(micros)));
        let mut fourth = pin!(sleep(4_100));
        let mut first = pin!(sleep(1_000));
        let mut third = pin!(sleep(4_099));
        let mut second = pin!(sleep(1_001));
        let _ = poll_marking(fourth.as_mut(), probe, "4100").await;
        let _ = poll_marking(first.as_mut(), probe, "1000").await;
        let _ = poll_marking(third.as_mut(), probe, "4099").await;
        let _ = poll_marking(second.as_mut(), probe, "1001").await;
        r.sleep_until(start.saturating_add(Duration::from_millis(5)))
            .await?;
        all_fired(r, probe, 4).await?;
        probe.expect_marks(&["1000", "1001", "4099", "4100"]);
        Ok(())
    })
}

/// Equal deadlines fire in the order they were registered in, near or far when that was.
// proves: R-DET-2 RP-TIME-001
fn ties_fire_in_registration_order<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let at = r.now()?.saturating_add(Duration::from_millis(5));
        let mut first = pin!(r.sleep_until(at));
        let mut second = pin!(r.sleep_until(at));
        let mut third = pin!(r.sleep_until(at));
        let mut last = pin!(r.sleep_until(at));
        let _ = poll_marking(first.as_mut(), probe, "first").await;
        let _ = poll_marking(second.as_mut(), probe, "second").await;
        // The others are set when the deadline is nearer.
        r.sleep(Duration::from_millis(3)).await?;
        let _ = poll_marking(third.as_mut(), probe, "third").await;
        let waits = poll_marking(last.as_mut(), probe, "last").await;
        r.sleep_until(at).await?;
        // On a slow host the deadline passed before the last ones were set: then there is no tie.
        if waits.is_pending() {
            all_fired(r, probe, 4).await?;
            probe.expect_marks(&["first", "second", "third", "last"]);
        }
        Ok(())
    })
}

/// At one instant what cancels fires before what wakes, also if it was registered later.
// proves: R-DET-2 RP-TIME-001
fn cancels_fire_before_timers<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let at = r.now()?.saturating_add(Duration::from_millis(5));
        let mut sleep = pin!(r.sleep_until(at));
        let mut timeout = pin!(r.timeout_at(at, async |cx: &Cx| Ok(cx.sleep(LONG).await?)));
        let _ = poll_marking(sleep.as_mut(), probe, "sleep").await;
        let waits = poll_marking(timeout.as_mut(), probe, "timeout").await;
        r.sleep_until(at).await?;
        if waits.is_pending() {
            all_fired(r, probe, 2).await?;
            probe.expect_marks(&["timeout", "sleep"]);
        }
        probe.expect(timed_out(timeout.await), "it did not time out");
        Ok(())
    })
}

/// A body that ends in time gives its value or its own error, and leaves no cancel behind.
// proves: WVT-008
fn value_in_time<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let value = r
            .timeout(LONG, async |cx| {
                cx.sleep(MILLI).await?;
                Ok(4)
            })
            .await?;
        probe.expect_eq(value, 4, "the value");
        let error: Result<(), Error> = r
            .timeout(LONG, async |_| Err(Error::from(core::fmt::Error)))
            .await;
        let own = error
            .err()
            .and_then(|e| e.downcast::<core::fmt::Error>().ok());
        probe.expect(own.is_some(), "the body's own error was lost");
        r.checkpoint()?;
        Ok(())
    })
}

/// A timeout reaches fibers, inner regions, their tasks and theirs; all have drained when it returns.
// proves: RP-TIME-001 R-CAN-6 WVT-008
fn timeout_reaches_everything_inside<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let before = r.now()?;
        let result = r
            .timeout(Duration::from_millis(3), async |cx| {
                cx.region(async |inner| {
                    let notes = probe.clone();
                    inner.spawn(async move |cx| {
                        let kept = notes.mark_on_drop("task");
                        cx.region(async |deep| {
                            let kept = notes.mark_on_drop("task of a task");
                            deep.spawn(async move |cx| {
                                let slept = cx.timeout(LONG, async |cx| Ok(cx.sleep(LONG).await?));
                                let slept = slept.await;
                                drop(kept);
                                slept
                            })?;
                            Ok(())
                        })
                        .await?;
                        drop(kept);
                        Ok(())
                    })?;
                    inner
                        .join(
                            async |cx| Ok(cx.sleep(LONG).await?),
                            async |cx| Ok(cx.sleep(LONG).await?),
                        )
                        .await?;
                    Ok(())
                })
                .await
            })
            .await;
        probe.mark("returned");
        probe.expect(timed_out(result), "it did not time out");
        let took = r.now()?.saturating_since(before);
        probe.expect(took >= Duration::from_millis(3), "it timed out early");
        probe.expect_marks(&["task of a task", "task", "returned"]);
        Ok(())
    })
}

/// Of nested deadlines the nearest counts, whichever is inside.
// proves: RP-TIME-001
fn the_nearest_deadline_counts<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let inner_first = r
            .timeout(LONG, async |cx| {
                let inner = cx
                    .timeout(MILLI, async |cx| Ok(cx.sleep(LONG).await?))
                    .await;
                probe.expect(timed_out(inner), "the inner one did not time out");
                Ok("goes on")
            })
            .await?;
        probe.expect_eq(inner_first, "goes on", "after an inner timeout");
        let outer_first: Result<(), Error> = r
            .timeout(MILLI, async |cx| {
                let inner = cx.timeout(LONG, async |cx| Ok(cx.sleep(LONG).await?)).await;
                // To the inner one this is a cancel from outside: not its own timeout.
                let own = inner
                    .as_ref()
                    .err()
                    .and_then(|e| e.downcast_ref::<ChildEnded>());
                probe.expect(own.is_none(), "the inner one claims the outer timeout");
                inner
            })
            .await;
        probe.expect(timed_out(outer_first), "the outer one did not time out");
        Ok(())
    })
}

/// Ticks that were missed come at once, each with the time it was due at.
// proves: WVT-008
fn interval_burst<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let mut ticker = r.interval(PERIOD, MissedTicks::Burst)?;
        let first = ticker.tick(r).await?;
        r.sleep_until(first.saturating_add(PERIOD * 3)).await?;
        for n in 1..=3 {
            let tick = poll_once(pin!(ticker.tick(r))).await;
            probe.expect(tick.is_ready(), "a missed tick waits");
            if let core::task::Poll::Ready(due) = tick {
                probe.expect_eq(due?, first.saturating_add(PERIOD * n), "a missed tick");
            }
        }
        Ok(())
    })
}

/// After a late tick the next one is a full period away.
// proves: WVT-008
fn interval_delay<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let mut ticker = r.interval(PERIOD, MissedTicks::Delay)?;
        let first = ticker.tick(r).await?;
        r.sleep_until(first.saturating_add(PERIOD * 4)).await?;
        let before = r.now()?;
        ticker.tick(r).await?;
        let after = r.now()?;
        let next = ticker.tick(r).await?;
        probe.expect(
            next >= before.saturating_add(PERIOD),
            "less than a period after the late one",
        );
        probe.expect(
            next <= after.saturating_add(PERIOD),
            "more than a period after the late one",
        );
        Ok(())
    })
}

/// Ticks that were missed are left out; the next one is on the grid.
// proves: WVT-008
fn interval_skip<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let mut ticker = r.interval(PERIOD, MissedTicks::Skip)?;
        let first = ticker.tick(r).await?;
        r.sleep_until(first.saturating_add(PERIOD * 4 + MILLI))
            .await?;
        let before = r.now()?;
        ticker.tick(r).await?;
        let after = r.now()?;
        let next = ticker.tick(r).await?;
        let since_first = next.saturating_since(first).as_nanos();
        probe.expect_eq(since_first % PERIOD.as_nanos(), 0, "off the grid by");
        probe.expect(next > before, "a missed tick came");
        probe.expect(
            next <= after.saturating_add(PERIOD),
            "a tick was left out that was not missed",
        );
        Ok(())
    })
}

/// Work between the ticks does not move them.
// proves: WVT-008
fn interval_does_not_drift<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let before = r.now()?;
        let mut ticker = r.interval(PERIOD, MissedTicks::Burst)?;
        let after = r.now()?;
        let first = ticker.tick(r).await?;
        probe.expect(
            first >= before.saturating_add(PERIOD),
            "the first tick is early",
        );
        probe.expect(
            first <= after.saturating_add(PERIOD),
            "the first tick is late",
        );
        for n in 1..=5 {
            r.sleep(MILLI).await?;
            let due = ticker.tick(r).await?;
            probe.expect_eq(due, first.saturating_add(PERIOD * n), "a tick");
            probe.expect(r.now()? >= due, "a tick came before it was due");
        }
        // A period of zero counts as the smallest one.
        let mut fastest = r.interval(Duration::ZERO, MissedTicks::Burst)?;
        let (one, two) = (fastest.tick(r).await?, fastest.tick(r).await?);
        probe.expect_eq(
            two.saturating_since(one),
            Duration::from_nanos(1),
            "the smallest period",
        );
        Ok(())
    })
}

/// Sleeps and timeouts of a few milliseconds by chance, so that many deadlines are equal: none is early,
/// and a body that is done by its deadline gives its value.
// proves: WVT-008 RP-TIME-001
fn storm<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region(async |inner| {
            for _ in 0..8 {
                let notes = probe.clone();
                inner.spawn(async move |cx| {
                    for _ in 0..5 {
                        let millis = |draw: u64| Duration::from_millis(draw % 3);
                        let (work, limit) = (millis(cx.random_u64()?), millis(cx.random_u64()?));
                        let began = cx.now()?;
                        let done = cx
                            .timeout(limit, async |cx| Ok(cx.sleep(work).await?))
                            .await;
                        let took = cx.now()?.saturating_since(began);
                        // A limit of nothing is over before the body begins.
                        if work <= limit && limit > Duration::ZERO {
                            notes.expect(done.is_ok(), "it was done in time, and timed out");
                        }
                        notes.expect(took >= work.min(limit), "it ended early");
                        notes.expect(done.is_ok() || timed_out(done), "it failed otherwise");
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })
        .await
    })
}
