//! Obligations (R-OBL-*): reserved effects are committed or aborted exactly once, and none is lost.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::future::pending;
use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicU32, Ordering};
use core::time::Duration;

use asupersync_core::channel::{mpsc, oneshot};
use asupersync_core::lock::Semaphore;
use asupersync_core::{
    CancelKind, ChildEnded, Cx, Error, LeakResponse, LocalRegion, Outcome, Policy, RegionOptions,
};

use crate::Probe;
use crate::harness::{Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("obl/abort_gives_the_slot_back", abort_gives_the_slot_back),
    Scenario::new("obl/commit_delivers_once", commit_delivers_once),
    Scenario::new(
        "obl/commit_returns_what_nobody_takes",
        commit_returns_what_nobody_takes,
    ),
    Scenario::new("obl/cancelled_holder_commits", cancelled_holder_commits),
    Scenario::new("obl/token_resolves_once", token_resolves_once),
    Scenario::new(
        "obl/forgotten_permit_is_counted",
        forgotten_permit_is_counted,
    )
    .leaks(1),
    Scenario::new("obl/forgotten_token_is_revoked", forgotten_token_is_revoked).leaks(1),
    Scenario::new(
        "obl/revoked_permit_returns_the_value",
        revoked_permit_returns_the_value,
    )
    .leaks(1),
    Scenario::new("obl/leak_can_panic_the_region", leak_can_panic_the_region).leaks(1),
    Scenario::new("obl/forced_future_aborts", forced_future_aborts),
    Scenario::new(
        "obl/owned_permit_holds_the_region",
        owned_permit_holds_the_region,
    ),
    Scenario::new(
        "obl/borrowed_permit_holds_nothing",
        borrowed_permit_holds_nothing,
    ),
    Scenario::new("obl/closed_under_timeout", closed_under_timeout),
    Scenario::new("obl/closed_under_user_cancel", closed_under_user_cancel),
    Scenario::new("obl/storm", storm).crowd(),
];

const ONE: NonZeroUsize = NonZeroUsize::MIN;
const LONG: Duration = Duration::from_secs(3_600);

/// A permit that is dropped unsent, borrowed or owned, leaves its slot to the next sender.
// proves: R-OBL-1 WVT-005
fn abort_gives_the_slot_back<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = mpsc::channel(ONE);
        let borrowed = tx.reserve(r).await?;
        probe.expect(
            tx.try_send(1).is_err_and(|e| e.is_full()),
            "the slot was not reserved",
        );
        drop(borrowed);
        let owned = tx.try_reserve(r)?.into_owned();
        probe.expect(
            tx.try_send(2).is_err_and(|e| e.is_full()),
            "the slot was not kept",
        );
        drop(owned);
        probe.expect(tx.try_send(3).is_ok(), "the slot did not come back");
        probe.expect_eq(rx.recv(r).await?, 3, "received");
        Ok(())
    })
}

/// Each commit delivers its value once, in the order of the commits.
// proves: R-OBL-1 PO-OBL
fn commit_delivers_once<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = mpsc::channel(NonZeroUsize::MIN.saturating_add(2));
        let first = tx.reserve(r).await?;
        let second = tx.reserve_owned(r).await?;
        let third = tx.reserve(r).await?;
        probe.expect(third.send("c").is_delivered(), "c came back");
        probe.expect(first.send("a").is_delivered(), "a came back");
        probe.expect(second.send("b").is_delivered(), "b came back");
        drop(tx);
        while let Ok(value) = rx.recv(r).await {
            probe.mark(value);
        }
        probe.expect_marks(&["c", "a", "b"]);
        Ok(())
    })
}

/// Where the receiver is gone a commit gives the value back: it never fails, and loses nothing.
// proves: R-OBL-1
fn commit_returns_what_nobody_takes<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, rx) = mpsc::channel(NonZeroUsize::MIN.saturating_add(1));
        let borrowed = tx.reserve(r).await?;
        let owned = tx.reserve_owned(r).await?;
        drop(rx);
        probe.expect_eq(
            borrowed.send(7).returned(),
            Some(7),
            "of the borrowed permit",
        );
        probe.expect_eq(owned.send(8).returned(), Some(8), "of the owned permit");
        let (once, gone) = oneshot::channel();
        drop(gone);
        probe.expect_eq(once.send(9).returned(), Some(9), "of the oneshot");
        Ok(())
    })
}

/// A task that was cancelled between reserve and commit still commits: no loss, no leak.
// proves: R-OBL-1 RP-CANCEL-001 PO-OBL
fn cancelled_holder_commits<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = mpsc::channel(ONE);
        let (reserved, mut is_reserved) = oneshot::channel();
        let notes = probe.clone();
        let task = r.spawn(async move |cx| {
            let permit = tx.reserve(&cx).await?;
            let _ = reserved.send(());
            let stopped = cx.sleep(LONG).await;
            notes.expect(
                stopped.is_err_and(|e| e.is_cancelled()),
                "the sleep was not cancelled",
            );
            notes.expect(permit.send(5).is_delivered(), "the commit did not deliver");
            Ok(())
        })?;
        is_reserved.recv(r).await?;
        task.cancel("between reserve and commit");
        probe.expect_eq(rx.recv(r).await?, 5, "received");
        probe.expect(task.outcome(r).await?.is_ok(), "the value did not win");
        Ok(())
    })
}

/// A token that was committed or aborted while its region is open was not revoked, and is gone.
// proves: R-OBL-1
fn token_resolves_once<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let committed = r.io_op()?;
        let aborted = r.io_op()?;
        let dropped = r.io_op()?;
        probe.expect(!committed.is_revoked(), "revoked in an open region");
        probe.expect(committed.commit(), "the commit came too late");
        probe.expect(aborted.abort(), "the abort came too late");
        drop(dropped);
        // Slots of the ledger are used again; a new entry is not an old one.
        for _ in 0..100 {
            let token = r.io_op()?;
            probe.expect(!token.is_revoked() && token.commit(), "a reused entry");
        }
        Ok(())
    })
}

/// A borrowed permit that is forgotten is found when its task ends, and counted once.
// proves: R-OBL-2 R-OBL-3
fn forgotten_permit_is_counted<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                inner.spawn(async |cx| {
                    let (tx, _rx) = mpsc::channel(NonZeroUsize::MIN.saturating_add(1));
                    let kept = tx.reserve(&cx).await?;
                    let sent = tx.reserve(&cx).await?;
                    let _ = sent.send(1);
                    core::mem::forget(kept);
                    Ok(())
                })?;
                Ok(())
            })
            .await;
        probe.expect_eq(report.leaked, 1, "leaked");
        result
    })
}

/// A ledger token that is forgotten holds its region for the obligation budget, then is revoked.
// proves: R-OBL-2 WVT-005 R-REG-4
fn forgotten_token_is_revoked<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let before = r.now()?;
        let (result, report) = r
            .region_report(RegionOptions::new(), async |inner| {
                let task = inner.spawn(async |cx| {
                    core::mem::forget(cx.io_op()?);
                    Ok(())
                })?;
                task.join(inner).await
            })
            .await;
        let waited = r.now()?.saturating_since(before);
        probe.expect(
            waited >= Duration::from_millis(20),
            "the region did not wait for the token",
        );
        probe.expect_eq(report.leaked, 1, "leaked");
        result
    })
}

/// A permit that outlives its region is revoked: its value comes back, and so does its slot.
// proves: R-OBL-1 R-OBL-2
fn revoked_permit_returns_the_value<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = mpsc::channel(ONE);
        let options = RegionOptions::new().leak_response(LeakResponse::Silent);
        let permit = r
            .region_with(options, async |inner| Ok(tx.reserve_owned(inner).await?))
            .await?;
        probe.expect_eq(permit.send(1).returned(), Some(1), "of the revoked permit");
        probe.expect(tx.try_send(2).is_ok(), "the slot did not come back");
        probe.expect_eq(rx.recv(r).await?, 2, "received");
        Ok(())
    })
}

/// With `LeakResponse::Panic` a leak ends the region as panicked, whatever its body returned.
// proves: R-OBL-2
fn leak_can_panic_the_region<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let options = RegionOptions::new().leak_response(LeakResponse::Panic);
        let result: Result<(), Error> = r
            .region_with(options, async |inner| {
                core::mem::forget(inner.io_op()?);
                Ok(())
            })
            .await;
        let ended = result
            .err()
            .and_then(|error| error.downcast::<ChildEnded>().ok());
        probe.expect(
            matches!(ended, Some(ChildEnded::Panicked(_))),
            "the region did not end as panicked",
        );
        Ok(())
    })
}

/// Tokens of a future that is forced abort with it: nothing leaks, every slot is free again.
// proves: R-OBL-2 R-CAN-4 PO-OBL
fn forced_future_aborts<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, _rx) = mpsc::channel::<u8>(NonZeroUsize::MIN.saturating_add(1));
        let (reserved, mut is_reserved) = oneshot::channel();
        let sender = tx.clone();
        let (result, report) = r
            .region_report(
                RegionOptions::new().policy(Policy::CollectAll),
                async |inner| {
                    let task = inner.spawn(async move |cx| {
                        let _borrowed = sender.reserve(&cx).await?;
                        let _owned = sender.reserve_owned(&cx).await?;
                        let _io = cx.io_op()?;
                        let _ = reserved.send(());
                        pending::<()>().await;
                        Ok(())
                    })?;
                    is_reserved.recv(inner).await?;
                    task.cancel("it never looks");
                    let outcome = task.outcome(inner).await?;
                    probe.expect(outcome.is_cancelled(), "a forced task ends as cancelled");
                    Ok(())
                },
            )
            .await;
        probe.expect_eq(report.forced, 1, "forced");
        probe.expect_eq(report.leaked, 0, "leaked");
        probe.expect(
            tx.try_send(1).is_ok(),
            "the slot of the borrowed permit is gone",
        );
        probe.expect(
            tx.try_send(2).is_ok(),
            "the slot of the owned permit is gone",
        );
        result
    })
}

/// An owned permit is an obligation of the region it was reserved in: that waits for its holder.
// proves: R-OBL-3 R-REG-4
fn owned_permit_holds_the_region<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = mpsc::channel(ONE);
        let (give, mut take) = oneshot::channel::<mpsc::OwnedPermit<u8>>();
        let notes = probe.clone();
        // The holder belongs to the outer region: no child of the inner one is left meanwhile.
        r.spawn(async move |cx| {
            let permit = take.recv(&cx).await?;
            for _ in 0..5 {
                cx.yield_now().await?;
            }
            notes.mark("sent");
            notes.expect(permit.send(1).is_delivered(), "the permit was revoked");
            Ok(())
        })?;
        r.region(async |inner| {
            let _ = give.send(tx.reserve_owned(inner).await?);
            Ok(())
        })
        .await?;
        probe.mark("closed");
        probe.expect_marks(&["sent", "closed"]);
        probe.expect_eq(rx.recv(r).await?, 1, "received");
        Ok(())
    })
}

/// A borrowed permit belongs to its task, not to a region: an inner region closes beside it.
// proves: R-OBL-3
fn borrowed_permit_holds_nothing<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = mpsc::channel(ONE);
        let permit = tx.reserve(r).await?;
        r.region(async |_| Ok(())).await?;
        probe.expect(permit.send(1).is_delivered(), "the permit was lost");
        probe.expect_eq(rx.recv(r).await?, 1, "received");
        Ok(())
    })
}

/// One of each kind of obligation, and where their effects would show.
#[derive(Clone)]
struct Kinds {
    channel: mpsc::Sender<u8>,
    leases: Arc<Semaphore>,
}

impl Kinds {
    fn new() -> (Self, mpsc::Receiver<u8>) {
        let (channel, receiver) = mpsc::channel(NonZeroUsize::MIN.saturating_add(1));
        let leases = Arc::new(Semaphore::new(2));
        (Self { channel, leases }, receiver)
    }

    /// Reserves everything, says so, and waits until it is stopped.
    async fn hold(&self, cx: &Cx, holds: oneshot::Sender<()>) -> Result<(), Error> {
        let _borrowed = self.channel.reserve(cx).await?;
        let _owned = self.channel.reserve_owned(cx).await?;
        let _lease = self.leases.acquire(cx, 1).await?;
        let _owned_lease = self.leases.acquire_owned(cx, 1).await?;
        let _io = cx.io_op()?;
        let _ = holds.send(());
        cx.sleep(LONG).await?;
        Ok(())
    }

    fn expect_free(&self, probe: &Probe) {
        probe.expect_eq(self.leases.available_permits(), 2, "free leases");
        probe.expect(self.channel.try_send(1).is_ok(), "no slot is free");
        probe.expect(self.channel.try_send(2).is_ok(), "one slot only is free");
    }
}

/// Permits, leases and I/O operations of a body that times out are all given back.
// proves: RP-OBL-001 R-OBL-1 R-OBL-2 PO-OBL WVT-005
fn closed_under_timeout<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (kinds, _receiver) = Kinds::new();
        let (holds, mut is_held) = oneshot::channel();
        let ended = r
            .timeout(Duration::from_millis(5), async |cx| {
                kinds.hold(cx, holds).await
            })
            .await;
        probe.expect(is_held.try_recv().is_ok(), "not everything was reserved");
        let ended = ended
            .err()
            .and_then(|error| error.downcast::<ChildEnded>().ok());
        probe.expect(ended.is_some_and(|e| e.is_timeout()), "it did not time out");
        kinds.expect_free(probe);
        Ok(())
    })
}

/// Permits, leases and I/O operations of a task that somebody cancels are all given back.
// proves: RP-OBL-001 R-OBL-1 R-OBL-2 PO-OBL WVT-005
fn closed_under_user_cancel<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (kinds, _receiver) = Kinds::new();
        let (holds, mut is_held) = oneshot::channel();
        let held = kinds.clone();
        let task = r.spawn(async move |cx| held.hold(&cx, holds).await)?;
        is_held.recv(r).await?;
        task.cancel("enough");
        let outcome = task.outcome(r).await?;
        let kind = match &outcome {
            Outcome::Cancelled(reason) => Some(reason.kind()),
            _ => None,
        };
        probe.expect_eq(kind, Some(CancelKind::User), "the reason");
        kinds.expect_free(probe);
        Ok(())
    })
}

/// Workers that reserve, commit and abort by chance, some of them cancelled by chance: what was sent is
/// what is received, and nothing that was reserved stays taken.
// proves: PO-OBL R-OBL-1 R-OBL-2 WVT-005
fn storm<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = mpsc::channel(ONE.saturating_add(1));
        let leases = Arc::new(Semaphore::new(3));
        let sent = Arc::new(AtomicU32::new(0));
        let options = RegionOptions::new().policy(Policy::CollectAll);
        let received = r
            .region_with(options, async |inner| {
                let mut workers = alloc::vec::Vec::new();
                for _ in 0..6 {
                    let (tx, leases, sent) = (tx.clone(), Arc::clone(&leases), Arc::clone(&sent));
                    workers.push(inner.spawn(async move |cx| {
                        for _ in 0..6 {
                            work(&cx, &tx, &leases, &sent).await?;
                        }
                        Ok(())
                    })?);
                }
                drop(tx);
                for worker in workers.iter().take(3) {
                    for _ in 0..inner.random_u64()? % 4 {
                        inner.yield_now().await?;
                    }
                    worker.cancel("by chance");
                }
                let mut received = 0;
                while let Ok(item) = rx.peek(inner).await {
                    if inner.random_u64()? % 2 == 0 {
                        item.take();
                        received += 1;
                    }
                }
                Ok(received)
            })
            .await?;
        probe.expect_eq(
            received,
            sent.load(Ordering::Relaxed),
            "received of what was sent",
        );
        probe.expect_eq(leases.available_permits(), 3, "free leases");
        Ok(())
    })
}

/// One thing that a worker of the storm may do.
async fn work(
    cx: &Cx,
    tx: &mpsc::Sender<u8>,
    leases: &Arc<Semaphore>,
    sent: &AtomicU32,
) -> Result<(), Error> {
    match cx.random_u64()? % 6 {
        0 => {
            let permit = tx.reserve(cx).await?;
            cx.yield_now().await?;
            sent.fetch_add(u32::from(permit.send(0).is_delivered()), Ordering::Relaxed);
        }
        1 => {
            let permit = tx.reserve_owned(cx).await?;
            let stopped = cx.yield_now().await;
            sent.fetch_add(u32::from(permit.send(1).is_delivered()), Ordering::Relaxed);
            stopped?;
        }
        2 => drop(tx.reserve(cx).await?),
        3 => drop(tx.reserve(cx).await?.into_owned()),
        4 => {
            // One after the other: who held the first while it waits for the second would wait for those
            // who wait for the first.
            drop(leases.acquire(cx, 2).await?);
            let _owned = leases.acquire_owned(cx, 2).await?;
            cx.yield_now().await?;
        }
        _ => {
            let operation = cx.io_op()?;
            cx.yield_now().await?;
            let _ = operation.commit();
        }
    }
    Ok(())
}
