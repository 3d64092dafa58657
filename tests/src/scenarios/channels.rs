//! Channels: what is sent arrives once and in order, and a cancelled end loses nothing.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::num::NonZeroUsize;
use core::pin::pin;
use core::time::Duration;

use asupersync_core::channel::{mpsc, oneshot};
use asupersync_core::{Error, LocalRegion};

use super::by_hand::{poll_marking, poll_once};
use crate::Probe;
use crate::harness::{Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("chan/each_value_once_in_order", each_value_once_in_order),
    Scenario::new(
        "chan/senders_are_served_in_order",
        senders_are_served_in_order,
    ),
    Scenario::new(
        "chan/cancelled_send_returns_the_value",
        cancelled_send_returns_the_value,
    ),
    Scenario::new("chan/peeked_value_stays", peeked_value_stays),
    Scenario::new("chan/closing", closing),
    Scenario::new("chan/dropped_grant_goes_on", dropped_grant_goes_on),
    Scenario::new("chan/capacity_extremes", capacity_extremes),
    Scenario::new("chan/waiter_bound", waiter_bound),
    Scenario::new("chan/oneshot", oneshot_ends),
];

const ONE: NonZeroUsize = NonZeroUsize::MIN;

/// Three senders through a channel of two: nothing is lost, doubled, or out of its sender's order.
// proves: R-OBL-1
fn each_value_once_in_order<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = mpsc::channel(ONE.saturating_add(1));
        r.region(async |inner| {
            for sender in 0..3 {
                let tx = tx.clone();
                inner.spawn(async move |cx| {
                    for n in 0..10 {
                        if n % 3 == 0 {
                            let _ = tx.reserve(&cx).await?.send((sender, n));
                        } else {
                            tx.send(&cx, (sender, n))
                                .await
                                .map_err(|e| e.into_parts().1)?;
                        }
                    }
                    Ok(())
                })?;
            }
            drop(tx);
            let mut next = [0; 3];
            while let Ok((sender, n)) = rx.recv(inner).await {
                let expected: &mut i32 = &mut next[sender];
                probe.expect_eq(n, *expected, "the next value of a sender");
                *expected += 1;
            }
            probe.expect_eq(next, [10; 3], "values of each sender");
            Ok(())
        })
        .await
    })
}

/// Who waits longest for a slot gets the next one, and nobody passes.
// proves: R-OBL-1
fn senders_are_served_in_order<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = mpsc::channel(ONE);
        tx.try_send(0)?;
        let mut first = pin!(tx.reserve(r));
        let mut second = pin!(tx.reserve(r));
        let _ = poll_marking(first.as_mut(), probe, "first").await;
        let _ = poll_marking(second.as_mut(), probe, "second").await;
        rx.recv(r).await?;
        probe.expect(
            tx.try_send(9).is_err_and(|e| e.is_full()),
            "somebody passed the queue",
        );
        let permit = first.await?;
        probe.expect_marks(&["first"]);
        drop(permit);
        probe.expect_marks(&["first", "second"]);
        let _ = second.await?.send(1);
        probe.expect_eq(rx.recv(r).await?, 1, "received");
        Ok(())
    })
}

/// A send that is cancelled while it waits gives the value back with the reason.
// proves: R-CAN-2 R-OBL-1
fn cancelled_send_returns_the_value<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = mpsc::channel(ONE);
        tx.try_send(1)?;
        let (sender, notes) = (tx.clone(), probe.clone());
        let task = r.spawn(async move |cx| {
            let Err(error) = sender.send(&cx, 2).await else {
                notes.mark("sent");
                return Ok(());
            };
            notes.expect(error.is_cancelled(), "another error");
            let (value, cause) = error.into_parts();
            notes.expect_eq(value, 2, "the value");
            Err(Error::from(cause))
        })?;
        r.sleep(Duration::from_millis(1)).await?;
        task.cancel("no longer");
        probe.expect(
            task.outcome(r).await?.is_cancelled(),
            "the task was not cancelled",
        );
        probe.expect_eq(rx.recv(r).await?, 1, "received");
        // The cancelled sender left the queue: the slot is free.
        probe.expect(tx.try_send(3).is_ok(), "the slot is not free");
        probe.expect_marks(&[]);
        Ok(())
    })
}

/// A value that was looked at and not taken is still the first, also when the look is cancelled.
// proves: R-OBL-1
fn peeked_value_stays<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = mpsc::channel(ONE.saturating_add(1));
        tx.try_send(1)?;
        tx.try_send(2)?;
        drop(rx.peek(r).await?);
        let late = r
            .timeout(Duration::from_millis(1), async |cx| {
                let item = rx.peek(cx).await?;
                probe.expect_eq(*item, 1, "shown");
                cx.sleep(Duration::from_secs(3_600)).await?;
                Ok(item.take())
            })
            .await;
        probe.expect(late.is_err(), "it was taken");
        probe.expect(
            tx.try_send(3).is_err_and(|e| e.is_full()),
            "its slot was given away",
        );
        probe.expect_eq(rx.peek(r).await?.take(), 1, "the first");
        probe.expect_eq(rx.recv(r).await?, 2, "the second");
        Ok(())
    })
}

/// The table of the channel's docs: who sees what when an end closes.
// proves: R-OBL-1
fn closing<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = mpsc::channel(ONE.saturating_add(1));
        tx.try_send(1)?;
        let permit = tx.reserve(r).await?;
        {
            let mut waits = pin!(tx.reserve(r));
            probe.expect(poll_once(waits.as_mut()).await.is_pending(), "a third slot");
            rx.close();
            probe.expect(
                waits.await.is_err_and(|e| e.is_closed()),
                "a waiting sender",
            );
        }
        probe.expect(tx.try_send(9).is_err_and(|e| e.is_closed()), "a new sender");
        probe.expect_eq(rx.recv(r).await?, 1, "queued before");
        probe.expect(permit.send(2).is_delivered(), "a permit in hand");
        probe.expect_eq(rx.recv(r).await?, 2, "sent by the permit in hand");
        probe.expect(
            rx.recv(r).await.is_err_and(|e| e.is_closed()),
            "after the last",
        );

        let (tx, mut rx) = mpsc::channel(ONE);
        tx.try_send(1)?;
        drop(tx);
        probe.expect_eq(rx.recv(r).await?, 1, "of senders that are gone");
        probe.expect(
            rx.recv(r).await.is_err_and(|e| e.is_closed()),
            "after the last of those",
        );
        Ok(())
    })
}

/// A slot that was granted to a sender that goes away, unseen, is the next one's.
// proves: R-CAN-4
fn dropped_grant_goes_on<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = mpsc::channel(ONE);
        tx.try_send(1)?;
        let mut granted = Box::pin(tx.reserve(r));
        let mut next = pin!(tx.reserve(r));
        let _ = poll_once(granted.as_mut()).await;
        let _ = poll_once(next.as_mut()).await;
        rx.recv(r).await?;
        drop(granted);
        let permit = r
            .timeout(Duration::from_millis(5), async |_| Ok(next.await?))
            .await?;
        probe.expect(permit.send(2).is_delivered(), "the slot is gone");
        Ok(())
    })
}

/// A capacity is a bound, not an allocation: the largest one works, and the smallest.
// proves: R-OBL-1
fn capacity_extremes<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = mpsc::channel(NonZeroUsize::MAX);
        probe.expect_eq(tx.capacity(), mpsc::CAPACITY_MAX, "the capacity");
        for n in 0..1_000 {
            tx.try_send(n)?;
        }
        let mut values = Vec::new();
        probe.expect_eq(rx.recv_many(r, &mut values, 0).await?, 0, "none asked for");
        probe.expect_eq(
            rx.recv_many(r, &mut values, usize::MAX).await?,
            1_000,
            "all",
        );
        probe.expect(values.iter().copied().eq(0..1_000), "the order");
        let (tx, mut rx) = mpsc::channel(ONE);
        tx.try_send(1)?;
        probe.expect(tx.try_send(2).is_err_and(|e| e.is_full()), "a second value");
        probe.expect_eq(rx.recv(r).await?, 1, "received");
        Ok(())
    })
}

/// A channel may bound its waiting senders: the one too many is refused, not queued.
// proves: R-OBL-1
fn waiter_bound<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = mpsc::channel_with_waiters(ONE, 1);
        tx.try_send(1)?;
        {
            let mut waits = pin!(tx.reserve(r));
            probe.expect(
                poll_once(waits.as_mut()).await.is_pending(),
                "the first waits",
            );
            let refused = tx.reserve(r).await;
            probe.expect(
                refused.is_err_and(|e| e.is_too_many_waiters()),
                "the second waits",
            );
            rx.recv(r).await?;
            let _ = waits.await?.send(2);
        }
        probe.expect_eq(rx.recv(r).await?, 2, "received");
        let (tx, _rx) = mpsc::channel_with_waiters(ONE, 0);
        tx.try_send(1)?;
        let refused = tx.reserve(r).await;
        probe.expect(
            refused.is_err_and(|e| e.is_too_many_waiters()),
            "one waits where none may",
        );
        Ok(())
    })
}

/// A oneshot carries one value, or the news that none comes, or that nobody wants it.
// proves: R-OBL-1
fn oneshot_ends<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (tx, mut rx) = oneshot::channel();
        r.spawn(async move |cx| {
            cx.yield_now().await?;
            let _ = tx.send(1);
            Ok(())
        })?;
        probe.expect_eq(rx.recv(r).await?, 1, "received");
        probe.expect(
            rx.recv(r).await.is_err_and(|e| e.is_closed()),
            "a second value",
        );

        let (tx, mut rx) = oneshot::channel::<u8>();
        r.spawn(async move |cx| {
            cx.yield_now().await?;
            drop(tx);
            Ok(())
        })?;
        probe.expect(
            rx.recv(r).await.is_err_and(|e| e.is_closed()),
            "of a dropped sender",
        );

        let (mut tx, rx) = oneshot::channel();
        probe.expect(!tx.is_closed(), "closed from the start");
        r.spawn(async move |cx| {
            cx.yield_now().await?;
            drop(rx);
            Ok(())
        })?;
        tx.closed(r).await?;
        probe.expect_eq(tx.send(2).returned(), Some(2), "of a dropped receiver");
        Ok(())
    })
}
