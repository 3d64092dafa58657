//! Scenarios of the channels: who gets a slot, what a cancel loses (nothing), who is told of a close.

mod wait_support;

use asupersync_core::channel::{Sent, mpsc, oneshot};
use asupersync_core::{Config, LeakResponse, find_cancelled};
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use wait_support::{OnWake, Waiting, run, with_cx};

fn channel<T>(capacity: usize) -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
    mpsc::channel(NonZeroUsize::new(capacity).expect("capacities here are not zero"))
}

/// Counts how many of it were dropped.
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

#[test]
fn slots_go_to_senders_in_the_order_they_came() {
    with_cx(|t| {
        let (tx, mut rx) = channel(1);
        assert!(tx.try_send(0).is_ok());
        let mut first = Waiting::new(tx.reserve(t.cx));
        let mut second = Waiting::new(tx.reserve(t.cx));
        assert!(first.poll().is_none() && second.poll().is_none());

        assert_eq!(rx.try_recv().ok(), Some(0));
        // The free slot belongs to the first waiter although it has not looked yet.
        assert!(tx.try_send(9).is_err_and(|e| e.is_full()));
        assert_eq!((first.wakes(), second.wakes()), (1, 0));
        assert!(second.poll().is_none());
        let permit = first.poll().expect("granted").expect("open");
        assert_eq!(permit.send(1), Sent::Delivered);

        assert_eq!(rx.try_recv().ok(), Some(1));
        let permit = second.poll().expect("granted").expect("open");
        assert_eq!(permit.send(2), Sent::Delivered);
        assert_eq!(rx.try_recv().ok(), Some(2));
    });
}

#[test]
fn a_cancelled_task_takes_nothing_on_its_first_poll() {
    // R-CAN-9: every wait reports the cancel at once, although it could be served.
    with_cx(|t| {
        let (tx, mut rx) = channel(1);
        t.cancel();
        let error = Waiting::new(tx.reserve(t.doomed)).poll().expect("at once");
        assert!(error.is_err_and(|e| e.is_cancelled()));
        let error = Waiting::new(tx.send(t.doomed, 5)).poll().expect("at once");
        let (value, error) = error.expect_err("cancelled").into_parts();
        assert_eq!(value, 5, "a cancelled send gives the value back");
        assert!(find_cancelled(&error).is_some());

        assert!(tx.try_send(6).is_ok(), "the slot was not taken");
        let error = Waiting::new(rx.recv(t.doomed)).poll().expect("at once");
        assert!(error.is_err_and(|e| e.is_cancelled()));
        assert_eq!(rx.len(), 1, "the value was not taken");
    });
}

#[test]
fn a_grant_wins_over_a_late_cancel() {
    // R-CAN-5, for a sender and for the receiver.
    with_cx(|t| {
        let (tx, mut rx) = channel(1);
        assert!(tx.try_send(0).is_ok());
        let mut sender = Waiting::new(tx.reserve(t.doomed));
        assert!(sender.poll().is_none());
        assert_eq!(rx.try_recv().ok(), Some(0));

        let mut receiver = Waiting::new(rx.recv(t.doomed));
        assert!(receiver.poll().is_none());
        t.cancel();
        let permit = sender.poll().expect("ready").expect("the grant came first");
        assert_eq!(permit.send(1), Sent::Delivered);
        let value = receiver.poll().expect("ready");
        assert_eq!(value.expect("the value came first"), 1);
    });
}

// proves: R-CAN-9
#[test]
fn a_cancelled_wait_hears_of_the_cancel_rather_than_of_a_close() {
    // What closed the channel may itself be a consequence of the cancel, in either order of polls.
    with_cx(|t| {
        let (tx, rx) = channel(1);
        assert!(tx.try_send(0).is_ok());
        let mut sender = Waiting::new(tx.reserve(t.doomed));
        let (other_tx, mut other_rx) = channel::<u8>(1);
        let mut receiver = Waiting::new(other_rx.recv(t.doomed));
        let (once_tx, mut once_rx) = oneshot::channel::<u8>();
        let mut once = Waiting::new(once_rx.recv(t.doomed));
        assert!(sender.poll().is_none() && receiver.poll().is_none() && once.poll().is_none());
        t.cancel();
        drop((rx, other_tx, once_tx));
        let refused = sender.poll().expect("ready");
        assert!(refused.is_err_and(|e| e.is_cancelled()));
        let ended = receiver.poll().expect("ready");
        assert!(ended.is_err_and(|e| e.is_cancelled()));
        let ended = once.poll().expect("ready");
        assert!(ended.is_err_and(|e| e.is_cancelled()));
    });
}

#[test]
fn a_cancelled_sender_leaves_the_queue() {
    with_cx(|t| {
        let (tx, mut rx) = channel(1);
        assert!(tx.try_send(0).is_ok());
        let mut cancelled = Waiting::new(tx.reserve(t.doomed));
        let mut next = Waiting::new(tx.reserve(t.cx));
        assert!(cancelled.poll().is_none() && next.poll().is_none());
        t.cancel();
        let error = cancelled.poll().expect("ready");
        assert!(error.is_err_and(|e| e.is_cancelled()));
        assert_eq!(rx.try_recv().ok(), Some(0));
        assert!(next.poll().expect("granted").is_ok());
    });
}

#[test]
fn a_sender_dropped_with_a_grant_hands_it_on() {
    with_cx(|t| {
        let (tx, mut rx) = channel(1);
        assert!(tx.try_send(0).is_ok());
        let mut first = Waiting::new(tx.reserve(t.cx));
        let mut second = Waiting::new(tx.reserve(t.cx));
        assert!(first.poll().is_none() && second.poll().is_none());
        assert_eq!(rx.try_recv().ok(), Some(0));
        drop(first);
        assert_eq!(second.wakes(), 1);
        assert!(second.poll().expect("granted").is_ok());
    });
}

#[test]
fn dropping_a_permit_gives_its_slot_to_the_next() {
    // R-OBL-1: abort, and no half-done effect.
    with_cx(|t| {
        let (tx, mut rx) = channel::<u8>(1);
        let permit = tx.try_reserve(t.cx).expect("a slot is free");
        let mut next = Waiting::new(tx.reserve(t.cx));
        assert!(next.poll().is_none());
        drop(permit);
        assert_eq!(next.wakes(), 1);
        drop(next.poll().expect("granted").expect("open"));
        assert!(rx.try_recv().is_err_and(|e| e.is_empty()));
        assert!(tx.try_reserve(t.cx).is_ok());
    });
}

#[test]
fn a_commit_after_the_receiver_is_gone_returns_the_value() {
    // R-OBL-1: commit is total.
    with_cx(|t| {
        let (tx, rx) = channel(2);
        let permit = tx.try_reserve(t.cx).expect("a slot is free");
        let owned = tx.try_reserve(t.cx).expect("another is").into_owned();
        drop(rx);
        assert_eq!(permit.send(7), Sent::Returned(7));
        assert_eq!(owned.send(8).returned(), Some(8));
        assert!(tx.try_send(9).is_err_and(|e| e.is_closed()));
        assert!(tx.is_closed());
    });
}

#[test]
fn a_dropped_receiver_tells_every_waiting_sender() {
    with_cx(|t| {
        let (tx, rx) = channel(1);
        assert!(tx.try_send(0).is_ok());
        let mut waiting: Vec<_> = (0..100).map(|_| Waiting::new(tx.reserve(t.cx))).collect();
        assert!(waiting.iter_mut().all(|w| w.poll().is_none()));
        drop(rx);
        for w in &mut waiting {
            assert_eq!(w.wakes(), 1);
            let error = w.poll().expect("ready");
            assert!(error.is_err_and(|e| e.is_closed()));
        }
    });
}

#[test]
fn a_closed_channel_still_delivers_what_permits_in_hand_send() {
    with_cx(|t| {
        let (tx, mut rx) = channel(3);
        assert!(tx.try_send(1).is_ok());
        let kept = tx.try_reserve(t.cx).expect("a slot is free");
        let aborted = tx.try_reserve(t.cx).expect("a slot is free");
        rx.close();
        assert!(tx.try_reserve(t.cx).is_err_and(|e| e.is_closed()));
        assert_eq!(rx.try_recv().ok(), Some(1));
        assert!(
            rx.try_recv().is_err_and(|e| e.is_empty()),
            "two may still come"
        );
        assert_eq!(kept.send(2), Sent::Delivered);
        assert_eq!(rx.try_recv().ok(), Some(2));

        let mut end = Waiting::new(rx.recv(t.cx));
        assert!(end.poll().is_none());
        drop(aborted);
        assert_eq!(end.wakes(), 1, "the last permit went");
        assert!(end.poll().expect("ready").is_err_and(|e| e.is_closed()));
    });
}

#[test]
fn a_grant_made_before_a_close_is_kept() {
    with_cx(|t| {
        let (tx, mut rx) = channel(1);
        assert!(tx.try_send(0).is_ok());
        let mut sender = Waiting::new(tx.reserve(t.cx));
        assert!(sender.poll().is_none());
        assert_eq!(rx.try_recv().ok(), Some(0));
        rx.close();
        assert!(rx.try_recv().is_err_and(|e| e.is_empty()));
        let permit = sender.poll().expect("ready").expect("granted before");
        assert_eq!(permit.send(1), Sent::Delivered);
        assert_eq!(rx.try_recv().ok(), Some(1));
        assert!(rx.try_recv().is_err_and(|e| e.is_closed()));
    });
}

#[test]
fn the_last_sender_wakes_the_receiver_and_queued_values_come_first() {
    with_cx(|t| {
        let (tx, mut rx) = channel(2);
        let clone = tx.clone();
        assert!(clone.try_send(1).is_ok());
        drop(tx);
        assert_eq!(rx.try_recv().ok(), Some(1));
        let mut end = Waiting::new(rx.recv(t.cx));
        assert!(end.poll().is_none());
        drop(clone);
        assert_eq!(end.wakes(), 1);
        assert!(end.poll().expect("ready").is_err_and(|e| e.is_closed()));
    });
}

#[test]
fn an_owned_permit_keeps_the_channel_open() {
    // R-OBL-3: it travels; the sender it came from may be gone.
    with_cx(|t| {
        let (tx, mut rx) = channel(1);
        let mut reserve = Waiting::new(tx.reserve_owned(t.cx));
        let permit = reserve.poll().expect("ready").expect("open");
        drop(reserve);
        drop(tx);
        assert!(rx.try_recv().is_err_and(|e| e.is_empty()));
        assert_eq!(permit.send(3), Sent::Delivered);
        assert_eq!(rx.try_recv().ok(), Some(3));
        assert!(rx.try_recv().is_err_and(|e| e.is_closed()));
    });
}

#[test]
fn an_owned_permit_uses_its_slot_once() {
    with_cx(|t| {
        let (tx, mut rx) = channel(1);
        let permit = tx.try_reserve(t.cx).expect("a slot is free").into_owned();
        assert_eq!(permit.send(1), Sent::Delivered);
        assert!(tx.try_send(2).is_err_and(|e| e.is_full()));
        assert_eq!(rx.try_recv().ok(), Some(1));
        assert!(tx.try_send(2).is_ok());
        assert!(tx.try_send(3).is_err_and(|e| e.is_full()));
    });
}

#[test]
fn a_dropped_owned_permit_gives_its_slot_to_the_next() {
    with_cx(|t| {
        let (tx, _rx) = channel::<u8>(1);
        let permit = tx.try_reserve(t.cx).expect("a slot is free").into_owned();
        let mut next = Waiting::new(tx.reserve(t.cx));
        assert!(next.poll().is_none());
        drop(permit);
        assert!(next.poll().expect("granted").is_ok());
    });
}

#[test]
fn a_revoked_permit_gives_the_value_and_the_slot_back() {
    // R-OBL-2: the region gave up on a permit that outlived it.
    let mut config = Config::default();
    config.obligation_budget = Duration::ZERO;
    config.leak_response = LeakResponse::Silent;
    let stats = run(config, async |root| {
        let (tx, _rx) = channel(1);
        let permit = root
            .region(async |region| Ok(tx.reserve_owned(region).await?))
            .await?;
        assert_eq!(permit.send(1), Sent::Returned(1));
        assert!(tx.try_send(2).is_ok());
        Ok(())
    });
    assert_eq!(stats.leaked, 1);
}

#[test]
fn a_forgotten_permit_is_counted() {
    // R-OBL-2, R-OBL-3: borrowed permits are counted in the header of their task.
    let stats = run(Config::default(), async |root| {
        let (tx, _rx) = channel::<u8>(2);
        let task = root.spawn_local(async move |cx| {
            std::mem::forget(tx.try_reserve(&cx)?);
            Ok(())
        })?;
        task.join(root).await
    });
    assert_eq!(stats.leaked, 1);
}

#[test]
fn a_task_cancelled_while_it_waits_leaves_and_the_next_is_served() {
    // No registration with the cancel protocol: the kernel polls the task again.
    run(Config::default(), async |root| {
        let (tx, mut rx) = channel(1);
        assert!(tx.try_send(0).is_ok());
        let spawn = |value: u32| {
            let tx = tx.clone();
            root.spawn_local(async move |cx| Ok(tx.reserve(&cx).await?.send(value).is_delivered()))
        };
        let (first, second) = (spawn(1)?, spawn(2)?);
        root.yield_now().await?;
        first.cancel("not this one");
        root.yield_now().await?;
        assert_eq!(rx.recv(root).await?, 0);
        assert_eq!(rx.recv(root).await?, 2);
        assert!(second.join(root).await?);
        assert!(first.outcome(root).await?.is_cancelled());
        Ok(())
    });
}

#[test]
fn a_forced_task_puts_back_what_it_had_in_hand() {
    // R-CAN-4: a future dropped at its suspension point loses no value and no slot.
    run(Config::default(), async |root| {
        let (tx, mut rx) = channel(2);
        assert!(tx.try_send(1).is_ok());
        let sender = tx.clone();
        let task = root.spawn_local(async move |cx| {
            let permit = sender.reserve(&cx).await?;
            let item = rx.peek(&cx).await?;
            assert_eq!(*item, 1);
            // Never looks at the cancel: only its cleanup budget ends it.
            std::future::pending::<()>().await;
            drop((permit, item));
            Ok(())
        })?;
        root.yield_now().await?;
        assert!(tx.try_send(9).is_err_and(|e| e.is_full()));
        task.cancel("stop");
        assert!(task.outcome(root).await?.is_cancelled());
        assert!(tx.is_closed(), "the receiver was dropped with the task");
        Ok(())
    });
}

#[test]
fn a_receive_that_is_dropped_or_cancelled_loses_nothing() {
    with_cx(|t| {
        let (tx, mut rx) = channel(2);
        let mut dropped = Waiting::new(rx.recv(t.cx));
        assert!(dropped.poll().is_none());
        assert!(tx.try_send(1).is_ok());
        assert_eq!(dropped.wakes(), 1);
        drop(dropped);
        assert_eq!(rx.try_recv().ok(), Some(1));

        let mut cancelled = Waiting::new(rx.recv(t.doomed));
        assert!(cancelled.poll().is_none());
        t.cancel();
        let error = cancelled.poll().expect("ready");
        assert!(error.is_err_and(|e| e.is_cancelled()));
        drop(cancelled);
        assert!(tx.try_send(2).is_ok());
        assert_eq!(rx.try_recv().ok(), Some(2));
    });
}

#[test]
fn a_peeked_value_stays_until_it_is_taken() {
    with_cx(|t| {
        let (tx, mut rx) = channel(2);
        assert!(tx.try_send(1).is_ok() && tx.try_send(2).is_ok());
        let mut peek = Waiting::new(rx.peek(t.cx));
        let item = peek.poll().expect("ready").expect("open");
        assert_eq!(*item, 1);
        assert!(
            tx.try_send(3).is_err_and(|e| e.is_full()),
            "it keeps its slot"
        );
        drop(item);
        drop(peek);

        let mut peek = Waiting::new(rx.peek(t.cx));
        let item = peek.poll().expect("ready").expect("open");
        assert_eq!(item.take(), 1, "it was put back in front");
        drop(peek);
        assert!(tx.try_send(3).is_ok(), "its slot is free");
        assert_eq!(rx.try_recv().ok(), Some(2));
        assert_eq!(rx.try_recv().ok(), Some(3));
    });
}

#[test]
fn a_batch_frees_all_its_slots() {
    with_cx(|t| {
        let (tx, mut rx) = channel(40);
        for i in 0..40 {
            assert!(tx.try_send(i).is_ok());
        }
        let mut waiting: Vec<_> = (0..40).map(|_| Waiting::new(tx.reserve(t.cx))).collect();
        assert!(waiting.iter_mut().all(|w| w.poll().is_none()));
        let mut buffer = Vec::new();
        let mut batch = Waiting::new(rx.recv_many(t.cx, &mut buffer, 35));
        assert_eq!(batch.poll().expect("ready").ok(), Some(35));
        drop(batch);
        assert_eq!(buffer, (0..35).collect::<Vec<_>>());
        // More than one batch of wakers, and exactly as many as there are slots.
        assert!(waiting[..35].iter().all(|w| w.wakes() == 1));
        assert!(waiting[35..].iter().all(|w| w.wakes() == 0));
        assert!(waiting[34].poll().expect("granted").is_ok());
        assert_eq!(waiting[35].wakes(), 1, "the permit above was dropped");
    });
}

#[test]
fn a_batch_of_none_does_not_wait_and_an_empty_one_does() {
    with_cx(|t| {
        let (tx, mut rx) = channel::<u8>(1);
        let mut buffer = Vec::new();
        let none = Waiting::new(rx.recv_many(t.cx, &mut buffer, 0)).poll();
        assert_eq!(none.expect("ready").ok(), Some(0));
        assert!(
            Waiting::new(rx.recv_many(t.cx, &mut buffer, 5))
                .poll()
                .is_none()
        );
        drop(tx);
        let end = Waiting::new(rx.recv_many(t.cx, &mut buffer, 5)).poll();
        assert!(end.expect("ready").is_err_and(|e| e.is_closed()));
    });
}

#[test]
fn a_waker_may_come_back_to_the_channel() {
    // Wakers are woken, and dropped, outside the lock.
    with_cx(|t| {
        let (tx, mut rx) = channel(1);
        assert!(tx.try_send(0).is_ok());
        let other = tx.clone();
        let mut sender = Waiting::with_wake(
            tx.reserve(t.cx),
            OnWake::new(move || {
                assert!(other.try_send(9).is_err());
            }),
        );
        assert!(sender.poll().is_none());
        assert_eq!(rx.try_recv().ok(), Some(0));
        assert_eq!(sender.wakes(), 1);
        drop(sender);

        let other = tx.clone();
        let mut receiver = Waiting::with_wake(
            rx.recv(t.cx),
            OnWake::new(move || {
                // The value that woke the receiver fills the channel.
                assert!(other.try_send(9).is_err());
            }),
        );
        assert!(receiver.poll().is_none());
        assert!(tx.try_send(1).is_ok());
        assert_eq!(receiver.wakes(), 1);
        assert_eq!(receiver.poll().expect("ready").ok(), Some(1));
    });
}

#[test]
fn a_wait_moved_to_another_waker_is_woken_through_that() {
    with_cx(|t| {
        let (tx, mut rx) = channel(1);
        assert!(tx.try_send(0).is_ok());
        let mut sender = Waiting::new(tx.reserve(t.cx));
        assert!(sender.poll().is_none());
        let first = sender.replace_wake(OnWake::nothing());
        assert!(sender.poll().is_none());
        assert_eq!(rx.try_recv().ok(), Some(0));
        assert_eq!((first.count(), sender.wakes()), (0, 1));
        drop(sender);

        let mut receiver = Waiting::new(rx.recv(t.cx));
        assert!(receiver.poll().is_none());
        let first = receiver.replace_wake(OnWake::nothing());
        assert!(receiver.poll().is_none());
        assert!(tx.try_send(1).is_ok());
        assert_eq!((first.count(), receiver.wakes()), (0, 1));
    });
}

#[test]
fn queued_values_are_dropped_with_the_receiver_outside_the_lock() {
    struct ComesBack(mpsc::Sender<ComesBack>, Arc<AtomicUsize>);
    impl Drop for ComesBack {
        fn drop(&mut self) {
            // Takes the lock of the channel.
            assert!(self.0.is_closed());
            self.1.fetch_add(1, Ordering::Relaxed);
        }
    }
    let drops = Arc::new(AtomicUsize::new(0));
    let (tx, rx) = channel(3);
    for _ in 0..3 {
        assert!(
            tx.try_send(ComesBack(tx.clone(), Arc::clone(&drops)))
                .is_ok()
        );
    }
    drop(rx);
    assert_eq!(drops.load(Ordering::Relaxed), 3);
}

#[test]
fn every_value_is_dropped_exactly_once() {
    with_cx(|t| {
        let drops = Arc::new(AtomicUsize::new(0));
        let value = || Counted(Arc::clone(&drops));
        let (tx, mut rx) = channel(4);
        assert!(tx.try_send(value()).is_ok() && tx.try_send(value()).is_ok());
        let mut peek = Waiting::new(rx.peek(t.cx));
        drop(peek.poll().expect("ready").expect("open"));
        drop(peek);
        assert_eq!(drops.load(Ordering::Relaxed), 0);
        drop(rx.try_recv());
        assert_eq!(drops.load(Ordering::Relaxed), 1);
        let permit = tx.try_reserve(t.cx).expect("a slot is free");
        drop(rx);
        assert_eq!(drops.load(Ordering::Relaxed), 2);
        drop(permit.send(value()));
        assert_eq!(drops.load(Ordering::Relaxed), 3);
    });
}

#[test]
fn a_huge_capacity_costs_nothing_and_is_bounded() {
    with_cx(|t| {
        let (tx, mut rx) = mpsc::channel::<[u64; 1024]>(NonZeroUsize::MAX);
        assert_eq!(tx.capacity(), mpsc::CAPACITY_MAX);
        assert_eq!(rx.capacity(), mpsc::CAPACITY_MAX);
        let permit = tx.try_reserve(t.cx).expect("a slot is free");
        assert_eq!(permit.send([1; 1024]), Sent::Delivered);
        assert!(rx.try_recv().is_ok_and(|v| v[1023] == 1));

        let (tx, mut rx) = mpsc::channel::<()>(NonZeroUsize::MAX);
        assert!((0..10_000).all(|_| tx.try_send(()).is_ok()));
        assert_eq!(rx.len(), 10_000);
        assert!(rx.try_recv().is_ok());
    });
}

#[test]
fn waiters_can_be_bounded() {
    with_cx(|t| {
        let (tx, mut rx) = mpsc::channel_with_waiters(NonZeroUsize::MIN, 1);
        assert!(tx.try_send(0).is_ok());
        let mut waits = Waiting::new(tx.reserve(t.cx));
        assert!(waits.poll().is_none());
        let refused = Waiting::new(tx.reserve(t.cx)).poll().expect("at once");
        assert!(refused.is_err_and(|e| e.is_too_many_waiters()));
        assert_eq!(rx.try_recv().ok(), Some(0));
        assert!(waits.poll().expect("granted").is_ok());
    });
}

#[test]
fn a_send_that_waits_delivers_or_gives_the_value_back() {
    with_cx(|t| {
        let (tx, mut rx) = channel(1);
        let mut direct = Waiting::new(tx.send(t.cx, 1));
        assert!(direct.poll().expect("a slot is free").is_ok());
        let mut waits = Waiting::new(tx.send(t.cx, 2));
        assert!(waits.poll().is_none());
        assert_eq!(rx.try_recv().ok(), Some(1));
        assert!(waits.poll().expect("granted").is_ok());

        let mut cancelled = Waiting::new(tx.send(t.doomed, 3));
        assert!(cancelled.poll().is_none());
        t.cancel();
        let error = cancelled.poll().expect("ready").expect_err("cancelled");
        assert!(error.is_cancelled() && find_cancelled(&error).is_some());
        assert_eq!(error.into_value(), 3);

        let mut closed = Waiting::new(tx.send(t.cx, 4));
        assert!(closed.poll().is_none());
        drop(rx);
        let error = closed.poll().expect("ready").expect_err("closed");
        assert!(error.is_closed());
        assert_eq!(error.into_value(), 4);
    });
}

#[test]
fn oneshot_delivers_once() {
    with_cx(|t| {
        let (tx, mut rx) = oneshot::channel();
        assert!(rx.try_recv().is_err_and(|e| e.is_empty()));
        let mut recv = Waiting::new(rx.recv(t.cx));
        assert!(recv.poll().is_none());
        assert_eq!(tx.send(1), Sent::Delivered);
        assert_eq!(recv.wakes(), 1);
        assert_eq!(recv.poll().expect("ready").ok(), Some(1));
        drop(recv);
        let again = Waiting::new(rx.recv(t.cx)).poll().expect("ready");
        assert!(again.is_err_and(|e| e.is_closed()));
    });
}

#[test]
fn oneshot_tells_the_receiver_that_nothing_comes() {
    with_cx(|t| {
        let (tx, mut rx) = oneshot::channel::<u8>();
        let mut recv = Waiting::new(rx.recv(t.cx));
        assert!(recv.poll().is_none());
        drop(tx);
        assert_eq!(recv.wakes(), 1);
        assert!(recv.poll().expect("ready").is_err_and(|e| e.is_closed()));
    });
}

#[test]
fn oneshot_gives_the_value_back_when_nobody_receives() {
    with_cx(|t| {
        let (mut tx, rx) = oneshot::channel();
        assert!(!tx.is_closed());
        let mut closed = Waiting::new(tx.closed(t.cx));
        assert!(closed.poll().is_none());
        drop(rx);
        assert_eq!(closed.wakes(), 1);
        assert!(closed.poll().expect("ready").is_ok());
        drop(closed);
        assert_eq!(tx.send(5), Sent::Returned(5));

        let drops = Arc::new(AtomicUsize::new(0));
        let (tx, rx) = oneshot::channel();
        assert!(tx.send(Counted(Arc::clone(&drops))).is_delivered());
        drop(rx);
        assert_eq!(drops.load(Ordering::Relaxed), 1);
    });
}

#[test]
fn oneshot_value_wins_over_a_late_cancel_and_survives_a_dropped_wait() {
    with_cx(|t| {
        let (tx, mut rx) = oneshot::channel();
        let mut recv = Waiting::new(rx.recv(t.cx));
        assert!(recv.poll().is_none());
        assert!(tx.send(1).is_delivered());
        drop(recv);
        assert_eq!(rx.try_recv().ok(), Some(1));

        let (tx, mut rx) = oneshot::channel();
        let mut recv = Waiting::new(rx.recv(t.doomed));
        assert!(recv.poll().is_none());
        assert!(tx.send(2).is_delivered());
        t.cancel();
        assert_eq!(recv.poll().expect("ready").ok(), Some(2));
    });
}
