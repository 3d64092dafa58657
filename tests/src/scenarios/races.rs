//! Races, timeouts, joins (R-CAN-5, R-CAN-6): losers drain first, and a value wins.

use alloc::boxed::Box;
use core::future::pending;
use core::num::NonZeroUsize;
use core::time::Duration;

use asupersync_core::channel::mpsc;
use asupersync_core::{CancelKind, Cx, Either, Error, LocalRegion, RegionOptions};

use super::common::{
    Fault, Flag, LONG, breathe, child_cancel, fault, one_was_forced, own_cancel, why,
};
use crate::Probe;
use crate::harness::{Record, Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "can/value_wins_over_a_late_cancel",
        value_wins_over_a_late_cancel,
    ),
    Scenario::new("can/value_wins_over_a_timeout", value_wins_over_a_timeout),
    Scenario::new(
        "can/late_values_are_handed_over",
        late_values_are_handed_over,
    )
    .after(one_was_late),
    Scenario::new("can/losers_drain_first", losers_drain_first),
    Scenario::new("can/losers_drain_on_both_sides", losers_drain_on_both_sides),
    Scenario::new("can/deaf_loser_is_forced", deaf_loser_is_forced).after(one_was_forced),
    Scenario::new("can/join_fails_fast", join_fails_fast),
    Scenario::new("can/timeout_drains_first", timeout_drains_first),
    Scenario::new(
        "can/timeout_hides_no_outer_cancel",
        timeout_hides_no_outer_cancel,
    ),
];

const ONE: NonZeroUsize = NonZeroUsize::MIN;

fn one_was_late(probe: &Probe, record: &Record) {
    probe.expect_eq(
        record.stats.late_values,
        1,
        "late values that nobody asked for",
    );
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
            .race_with(
                async |_cx| Ok(1),
                late,
                |value| {
                    probe.expect_eq(value, Either::B("late"), "the handler");
                    probe.mark("handed over");
                },
            )
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
                let lost = [
                    Some(CancelKind::RaceLost),
                    Some(CancelKind::ParentCancelled),
                ];
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
        let failed = r
            .race(loses("a"), async |_cx| Err::<(), _>(Fault("first").into()))
            .await;
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
                    probe.expect_eq(
                        own_cancel(&end),
                        Some(CancelKind::FailFast),
                        "the other arm",
                    );
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
        probe.expect_eq(
            child_cancel(&ended),
            Some(CancelKind::Timeout),
            "the timeout's end",
        );
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
        probe.expect_eq(
            why(&task.outcome(r).await?),
            Some(CancelKind::User),
            "the outcome",
        );
        Ok(())
    })
}
