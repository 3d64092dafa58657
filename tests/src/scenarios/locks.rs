//! Locks and signals: exclusive, fair, and intact when a waiter or holder goes away.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::future::pending;
use core::pin::pin;
use core::time::Duration;

use asupersync_core::channel::oneshot;
use asupersync_core::lock::{Mutex, Notify, Semaphore};
use asupersync_core::{Error, LocalRegion, Policy, RegionOptions};

use super::by_hand::{poll_marking, poll_once};
use super::common::Flag;
use crate::Probe;
use crate::harness::{Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("lock/mutex_is_exclusive", mutex_is_exclusive),
    Scenario::new("lock/forced_holder_unlocks", forced_holder_unlocks),
    Scenario::new("lock/dropped_grant_goes_on", dropped_grant_goes_on),
    Scenario::new("lock/cancelled_waiter_leaves", cancelled_waiter_leaves),
    Scenario::new(
        "lock/wide_request_is_not_passed",
        wide_request_is_not_passed,
    ),
    Scenario::new("lock/semaphore_extremes", semaphore_extremes),
    Scenario::new("lock/notify_one_is_stored_once", notify_one_is_stored_once),
    Scenario::new("lock/notify_all_reaches_all", notify_all_reaches_all),
    Scenario::new("lock/storm", storm).crowd(),
];

const LONG: Duration = Duration::from_secs(3_600);

/// One task at a time has the value, across awaits.
// proves: R-SCH-2
fn mutex_is_exclusive<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let shared = Arc::new(Mutex::new((0, false)));
        r.region(async |inner| {
            for _ in 0..8 {
                let (shared, notes) = (Arc::clone(&shared), probe.clone());
                inner.spawn(async move |cx| {
                    for _ in 0..5 {
                        let mut value = shared.lock(&cx).await?;
                        notes.expect(!value.1, "two tasks have the value");
                        value.1 = true;
                        cx.yield_now().await?;
                        value.0 += 1;
                        value.1 = false;
                    }
                    Ok(())
                })?;
            }
            Ok(())
        })
        .await?;
        probe.expect_eq(shared.lock(r).await?.0, 40, "turns");
        Ok(())
    })
}

/// A guard in a future that is forced gives the value to who waits for it.
// proves: R-CAN-4
fn forced_holder_unlocks<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let shared = Arc::new(Mutex::new(1));
        let (locked, mut is_locked) = oneshot::channel();
        let held = Arc::clone(&shared);
        let options = RegionOptions::new().policy(Policy::CollectAll);
        r.region_with(options, async |inner| {
            let holder = inner.spawn(async move |cx| {
                let _guard = held.lock(&cx).await?;
                let _ = locked.send(());
                pending::<()>().await;
                Ok(())
            })?;
            is_locked.recv(inner).await?;
            holder.cancel("it never looks");
            // Waits for the holder's cleanup budget, and no longer.
            probe.expect_eq(*shared.lock(inner).await?, 1, "the value");
            probe.expect(
                holder.outcome(inner).await?.is_cancelled(),
                "the holder's end",
            );
            Ok(())
        })
        .await
    })
}

/// What was granted to a waiter that goes away, unseen, is the next one's.
// proves: R-CAN-4
fn dropped_grant_goes_on<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let semaphore = Semaphore::new(1);
        let held = semaphore.acquire(r, 1).await?;
        let mut granted = Box::pin(semaphore.acquire(r, 1));
        let mut next = Box::pin(semaphore.acquire(r, 1));
        let _ = poll_marking(granted.as_mut(), probe, "granted").await;
        let _ = poll_marking(next.as_mut(), probe, "next").await;
        drop(held);
        drop(granted);
        probe.expect_marks(&["granted", "next"]);
        drop(next);
        probe.expect_eq(semaphore.available_permits(), 1, "free permits");
        Ok(())
    })
}

/// A cancelled waiter leaves the queue, and those behind it move up.
// proves: R-CAN-2
fn cancelled_waiter_leaves<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let semaphore = Arc::new(Semaphore::new(2));
        let held = semaphore.acquire(r, 1).await?;
        let (wide, queued) = (Arc::clone(&semaphore), Flag::new());
        let in_queue = queued.clone();
        let waits = r.spawn(async move |cx| {
            let mut both = pin!(wide.acquire(&cx, 2));
            let _ = poll_once(both.as_mut()).await;
            in_queue.raise();
            let _ = both.await?;
            Ok(())
        })?;
        queued.raised().await;
        let mut narrow = pin!(semaphore.acquire(r, 1));
        let passed = poll_once(narrow.as_mut()).await;
        probe.expect(passed.is_pending(), "it passed the one that waits");
        waits.cancel("no longer");
        let permit = r.timeout(LONG, async |_| Ok(narrow.await?)).await?;
        probe.expect(waits.outcome(r).await?.is_cancelled(), "the waiter's end");
        drop((permit, held));
        probe.expect_eq(semaphore.available_permits(), 2, "free permits");
        Ok(())
    })
}

/// Who wants many is not starved by those who want few.
// proves: R-CAN-2
fn wide_request_is_not_passed<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let semaphore = Semaphore::new(3);
        let (one, two) = (
            semaphore.acquire(r, 1).await?,
            semaphore.acquire(r, 1).await?,
        );
        let mut wide = pin!(semaphore.acquire(r, 3));
        let mut narrow = pin!(semaphore.acquire(r, 1));
        let _ = poll_marking(wide.as_mut(), probe, "wide").await;
        let _ = poll_marking(narrow.as_mut(), probe, "narrow").await;
        probe.expect(
            semaphore.try_acquire(r, 1).is_err(),
            "somebody passed the queue",
        );
        drop(one);
        probe.expect_marks(&[]);
        drop(two);
        probe.expect_marks(&["wide"]);
        drop(wide.await?);
        probe.expect_marks(&["wide", "narrow"]);
        drop(narrow.await?);
        Ok(())
    })
}

/// Nothing, everything, more than there is, more than there can be, and after the end.
// proves: R-CAN-2
fn semaphore_extremes<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let empty = Arc::new(Semaphore::new(0));
        probe.expect_eq(empty.acquire(r, 0).await?.count(), 0, "none of none");
        probe.expect(
            empty.try_acquire(r, 1).is_err_and(|e| e.is_no_permits()),
            "one of none",
        );
        {
            let mut waits = pin!(empty.acquire(r, 2));
            probe.expect(poll_once(waits.as_mut()).await.is_pending(), "two of none");
            empty.add_permits(2)?;
            probe.expect_eq(waits.await?.count(), 2, "two of two");
        }
        probe.expect(
            empty.add_permits(u32::MAX).is_err(),
            "more than there can be",
        );
        probe.expect_eq(empty.available_permits(), 2, "free permits");

        let full = Semaphore::new(u32::MAX);
        let all = full.acquire(r, u32::MAX).await?;
        probe.expect(full.try_acquire(r, 1).is_err(), "one more than all");
        {
            let mut waits = pin!(full.acquire(r, 1));
            let _ = poll_once(waits.as_mut()).await;
            full.close();
            probe.expect(
                waits.await.is_err_and(|e| e.is_closed()),
                "who waits at the end",
            );
        }
        probe.expect(
            full.acquire(r, 1).await.is_err_and(|e| e.is_closed()),
            "who comes later",
        );
        drop(all);
        probe.expect_eq(
            full.available_permits(),
            u32::MAX,
            "given back after the end",
        );

        let nobody = Semaphore::with_waiters(0, 0);
        let refused = nobody.acquire(r, 1).await;
        probe.expect(
            refused.is_err_and(|e| e.is_too_many_waiters()),
            "one waits where none may",
        );
        Ok(())
    })
}

/// A notification that nobody waits for is kept for the next who does; more than one are one.
// proves: R-SCH-2
fn notify_one_is_stored_once<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let signal = Notify::new();
        signal.notify_one();
        signal.notify_one();
        signal.notified(r).await?;
        let mut second = Box::pin(signal.notified(r));
        probe.expect(
            poll_once(second.as_mut()).await.is_pending(),
            "two were stored",
        );
        // A waiter that was notified and goes away leaves the notification to the next.
        signal.notify_one();
        drop(second);
        let stored: Result<(), Error> = r
            .timeout(Duration::from_millis(5), async |cx| {
                Ok(signal.notified(cx).await?)
            })
            .await;
        probe.expect(stored.is_ok(), "the notification went with its waiter");
        Ok(())
    })
}

/// Everybody who waits, and every wait that was announced, hears of it; nothing is stored.
// proves: R-SCH-2
fn notify_all_reaches_all<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let signal = Arc::new(Notify::new());
        r.region(async |inner| {
            for _ in 0..40 {
                let (signal, notes) = (Arc::clone(&signal), probe.clone());
                inner.spawn(async move |cx| {
                    let mut heard = pin!(signal.notified(&cx));
                    let _ = poll_once(heard.as_mut()).await;
                    notes.mark("waits");
                    heard.await?;
                    notes.mark("heard");
                    Ok(())
                })?;
            }
            while probe.count("waits") < 40 {
                inner.yield_now().await?;
            }
            let announced = signal.notified(inner);
            signal.notify_all();
            announced.await?;
            let mut late = pin!(signal.notified(inner));
            probe.expect(poll_once(late.as_mut()).await.is_pending(), "it was stored");
            Ok(())
        })
        .await?;
        probe.expect_eq(probe.count("heard"), 40, "who heard");
        Ok(())
    })
}

/// Tasks that lock, wait in vain, give up and are cancelled by chance: the value stays with one task at a
/// time, and everything that was taken comes back.
// proves: R-CAN-2 R-CAN-4 R-SCH-2
fn storm<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let shared = Arc::new((Mutex::new(false), Semaphore::new(3)));
        let options = RegionOptions::new().policy(Policy::CollectAll);
        r.region_with(options, async |inner| {
            let mut tasks = alloc::vec::Vec::new();
            for _ in 0..6 {
                let (shared, notes) = (Arc::clone(&shared), probe.clone());
                tasks.push(inner.spawn(async move |cx| {
                    let (value, permits) = &*shared;
                    for _ in 0..5 {
                        let patience = Duration::from_millis(cx.random_u64()? % 3);
                        let n = 1 + (cx.random_u64()? % 3) as u32;
                        let tried: Result<(), Error> = cx
                            .timeout(patience, async |cx| {
                                let _permits = permits.acquire(cx, n).await?;
                                let mut value = value.lock(cx).await?;
                                notes.expect(!*value, "two tasks have the value");
                                *value = true;
                                let slept = cx.sleep(Duration::from_millis(1)).await;
                                *value = false;
                                Ok(slept?)
                            })
                            .await;
                        drop(tried);
                        cx.checkpoint()?;
                    }
                    Ok(())
                })?);
            }
            for task in tasks.iter().take(3) {
                for _ in 0..inner.random_u64()? % 5 {
                    inner.yield_now().await?;
                }
                task.cancel("by chance");
            }
            Ok(())
        })
        .await?;
        probe.expect_eq(shared.1.available_permits(), 3, "free permits");
        probe.expect(
            shared.0.try_lock().is_some_and(|value| !*value),
            "the value is not free",
        );
        Ok(())
    })
}
