//! The cancel protocol (R-CAN-*): observation, shutdown, children in every phase. See also `requests`,
//! `forcing` and `races`.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::future::pending;
use core::num::NonZeroUsize;

use asupersync_core::channel::{mpsc, oneshot};
use asupersync_core::lock::{Mutex, Notify, Semaphore};
use asupersync_core::{
    CancelKind, Cx, Error, LocalRegion, MissedTicks, Outcome, Region, RegionOptions, Spawner,
};

use super::common::{Flag, LONG, breathe, child_cancel, own_cancel, why};
use crate::Probe;
use crate::harness::{Record, Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("can/checkpoint_observes", checkpoint_observes),
    Scenario::new(
        "can/every_wait_observes_at_once",
        every_wait_observes_at_once,
    ),
    Scenario::new("can/nothing_is_imposed", nothing_is_imposed),
    Scenario::new(
        "can/token_from_elsewhere_is_data",
        token_from_elsewhere_is_data,
    ),
    Scenario::new("can/shutdown_drains_the_root", shutdown_drains_the_root)
        .root(three_in_the_root)
        .after(root_is_drained),
    Scenario::new(
        "can/delivery_is_level_triggered",
        delivery_is_level_triggered,
    ),
    Scenario::new(
        "can/cancel_between_reserve_and_commit",
        cancel_between_reserve_and_commit,
    ),
    Scenario::new("can/children_in_mixed_phases", children_in_mixed_phases),
];

const ONE: NonZeroUsize = NonZeroUsize::MIN;

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
        probe.expect_eq(
            child_cancel(&ended),
            Some(CancelKind::User),
            "the region's end",
        );
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
                let mut missed = Vec::new();
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
                saw(
                    "send",
                    full.send(inner, 2)
                        .await
                        .is_err_and(|e| e.cause().is_cancelled()),
                );
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
        probe.expect_eq(
            child_cancel(&ended),
            Some(CancelKind::User),
            "the region's end",
        );
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
                let outcome = inner
                    .masked(LONG, async |cx| other.outcome(cx).await)
                    .await?;
                probe.expect(
                    matches!(outcome, Outcome::Err(_)),
                    "it became its own cancel",
                );
                Ok(())
            })
            .await;
        probe.expect(own.is_err(), "the child failed");
        r.checkpoint()?;
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
    let counts = [
        probe.count("drained"),
        probe.count("finalizer"),
        probe.count("forced"),
    ];
    probe.expect_eq(
        counts,
        [2, 1, 1],
        "drained, finalized and forced in the root",
    );
    probe.expect_eq(record.stats.forced, 1, "forced");
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
        probe.expect_eq(
            why(&task.outcome(r).await?),
            Some(CancelKind::User),
            "the outcome",
        );
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
            let mut received = Vec::new();
            while let Ok(value) = rx.recv(r).await {
                received.push(value);
            }
            second.join(r).await?;
            let expected: &[&str] = if commits {
                &["first", "second"]
            } else {
                &["second"]
            };
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
                .region_report(RegionOptions::new(), async |inner| {
                    mixed(inner, &notes, &raise).await
                })
                .await;
            let counts = [report.ok, report.cancelled, report.forced, report.unpolled];
            notes.expect_eq(counts, [3, 5, 1, 1], "ok, cancelled, forced, unpolled");
            ended
        })?;
        ready.raised().await;
        parent.cancel("from the parent");
        probe.expect_eq(
            why(&parent.outcome(r).await?),
            Some(CancelKind::User),
            "the outcome",
        );
        probe.expect_eq(probe.count("finalized"), 6, "finalizers");
        probe.expect_eq(
            probe.count("slept through"),
            0,
            "children that were not asked",
        );
        Ok(())
    })
}

async fn mixed(inner: &Region, probe: &Probe, ready: &Flag) -> Result<(), Error> {
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
    inner
        .spawn(async |_cx| Ok("never polled"))?
        .cancel("at once");
    ready.raise();
    let end = inner.sleep(LONG).await;
    go.raise();
    Ok(end?)
}
