//! Scenarios of the locks: order, hand-over, and what a cancelled or panicking task leaves behind.

mod wait_support;

use asupersync_core::lock::{Mutex, Notify, Semaphore};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Arc;
use wait_support::{OnWake, Waiting, with_cx};

#[test]
fn a_mutex_is_handed_over_in_order() {
    with_cx(|t| {
        let mutex = Mutex::new(0);
        let mut guard = mutex.try_lock().expect("free");
        let mut first = Waiting::new(mutex.lock(t.cx));
        let mut second = Waiting::new(mutex.lock(t.cx));
        assert!(first.poll().is_none() && second.poll().is_none());
        *guard += 1;
        drop(guard);
        assert_eq!((first.wakes(), second.wakes()), (1, 0));
        assert!(mutex.try_lock().is_none(), "it belongs to the first waiter");
        assert!(second.poll().is_none());
        let mut guard = first.poll().expect("granted").expect("not cancelled");
        *guard += 1;
        drop(guard);
        let guard = second.poll().expect("granted").expect("not cancelled");
        assert_eq!(*guard, 2);
        drop(guard);
        drop((first, second));
        assert_eq!(mutex.into_inner(), Some(2));
    });
}

#[test]
fn a_wait_for_a_mutex_dropped_with_the_grant_hands_it_on() {
    with_cx(|t| {
        let mutex = Mutex::new(());
        let guard = mutex.try_lock().expect("free");
        let mut first = Waiting::new(mutex.lock(t.cx));
        let mut second = Waiting::new(mutex.lock(t.cx));
        assert!(first.poll().is_none() && second.poll().is_none());
        drop(guard);
        drop(first);
        assert_eq!(second.wakes(), 1);
        drop(second);
        assert!(mutex.try_lock().is_some(), "nobody has it");
    });
}

#[test]
fn a_cancelled_task_does_not_lock() {
    // R-CAN-9 on the first poll, R-CAN-5 on later ones.
    with_cx(|t| {
        let mutex = Mutex::new(());
        let guard = mutex.try_lock().expect("free");
        let mut granted = Waiting::new(mutex.lock(t.doomed));
        let mut waits = Waiting::new(mutex.lock(t.doomed));
        assert!(granted.poll().is_none() && waits.poll().is_none());
        drop(guard);
        t.cancel();
        assert!(waits.poll().expect("ready").is_err());
        drop(granted.poll().expect("ready").expect("granted before"));
        assert!(
            Waiting::new(mutex.lock(t.doomed))
                .poll()
                .expect("ready")
                .is_err()
        );
        assert!(mutex.try_lock().is_some());
    });
}

#[test]
fn a_guard_dropped_by_a_panic_unlocks_and_does_not_poison() {
    with_cx(|t| {
        let mutex = Mutex::new(1);
        let mut next = Waiting::new(mutex.lock(t.cx));
        let panicked = catch_unwind(AssertUnwindSafe(|| {
            let mut guard = mutex.try_lock().expect("free");
            assert!(next.poll().is_none());
            *guard = 2;
            panic!("on purpose");
        }));
        assert!(panicked.is_err());
        let guard = next.poll().expect("granted").expect("not cancelled");
        assert_eq!(*guard, 2);
    });
}

#[test]
fn a_leaked_guard_keeps_the_value() {
    let mutex = Mutex::new(1);
    std::mem::forget(mutex.try_lock());
    assert!(mutex.try_lock().is_none());
    assert_eq!(mutex.into_inner(), None);
}

#[test]
fn a_waker_may_come_back_to_the_mutex() {
    with_cx(|t| {
        let mutex = Arc::new(Mutex::new(()));
        let guard = mutex.try_lock().expect("free");
        let again = Arc::clone(&mutex);
        let mut waits = Waiting::with_wake(
            mutex.lock(t.cx),
            OnWake::new(move || {
                assert!(again.try_lock().is_none());
            }),
        );
        assert!(waits.poll().is_none());
        drop(guard);
        assert_eq!(waits.wakes(), 1);
    });
}

#[test]
fn who_wants_many_permits_is_not_passed_by() {
    with_cx(|t| {
        let semaphore = Semaphore::new(3);
        let one = semaphore.try_acquire(t.cx, 1).expect("free");
        let mut many = Waiting::new(semaphore.acquire(t.cx, 3));
        let mut few = Waiting::new(semaphore.acquire(t.cx, 1));
        assert!(many.poll().is_none() && few.poll().is_none());
        assert_eq!(semaphore.available_permits(), 2);
        assert!(
            semaphore
                .try_acquire(t.cx, 1)
                .is_err_and(|e| e.is_no_permits())
        );
        drop(one);
        assert_eq!((many.wakes(), few.wakes()), (1, 0));
        let permit = many.poll().expect("granted").expect("open");
        assert_eq!(permit.count(), 3);
        drop(permit);
        assert_eq!(few.wakes(), 1);
        assert!(few.poll().expect("granted").is_ok());
    });
}

#[test]
fn when_who_wants_many_gives_up_those_behind_go_on() {
    with_cx(|t| {
        let semaphore = Semaphore::new(2);
        let mut many = Waiting::new(semaphore.acquire(t.doomed, 5));
        let mut few: Vec<_> = (0..2)
            .map(|_| Waiting::new(semaphore.acquire(t.cx, 1)))
            .collect();
        assert!(many.poll().is_none());
        assert!(few.iter_mut().all(|w| w.poll().is_none()));
        t.cancel();
        assert!(many.poll().expect("ready").is_err_and(|e| e.is_cancelled()));
        assert!(few.iter_mut().all(|w| w.wakes() == 1 && w.poll().is_some()));
        assert_eq!(semaphore.available_permits(), 2, "both permits came back");
    });
}

#[test]
fn new_permits_reach_a_crowd() {
    with_cx(|t| {
        let semaphore = Semaphore::new(0);
        let mut crowd: Vec<_> = (0..50)
            .map(|_| Waiting::new(semaphore.acquire(t.cx, 1)))
            .collect();
        assert!(crowd.iter_mut().all(|w| w.poll().is_none()));
        assert!(semaphore.add_permits(49).is_ok());
        assert_eq!(crowd.iter().map(Waiting::wakes).sum::<usize>(), 49);
        assert_eq!(crowd[49].wakes(), 0);
        assert_eq!(semaphore.available_permits(), 0);
    });
}

#[test]
fn permits_cannot_be_counted_over_the_top() {
    with_cx(|t| {
        let semaphore = Semaphore::new(u32::MAX);
        let permit = semaphore.try_acquire(t.cx, u32::MAX).expect("all are free");
        assert!(
            semaphore.add_permits(1).is_err(),
            "those that are out count"
        );
        drop(permit);
        assert_eq!(semaphore.available_permits(), u32::MAX);
        assert!(semaphore.add_permits(0).is_ok());
    });
}

#[test]
fn no_permits_at_all_are_free_unless_somebody_waits() {
    with_cx(|t| {
        let semaphore = Semaphore::new(0);
        assert_eq!(
            semaphore
                .try_acquire(t.cx, 0)
                .expect("nothing is free")
                .count(),
            0
        );
        let mut waits = Waiting::new(semaphore.acquire(t.cx, 1));
        assert!(waits.poll().is_none());
        let mut none = Waiting::new(semaphore.acquire(t.cx, 0));
        assert!(none.poll().is_none(), "first come, first served");
        drop(waits);
        assert_eq!(none.wakes(), 1);
        assert!(none.poll().expect("granted").is_ok());
    });
}

#[test]
fn a_closed_semaphore_refuses_but_takes_permits_back() {
    with_cx(|t| {
        let semaphore = Semaphore::new(1);
        let permit = semaphore.try_acquire(t.cx, 1).expect("free");
        let mut waits = Waiting::new(semaphore.acquire(t.cx, 1));
        assert!(waits.poll().is_none());
        semaphore.close();
        assert!(waits.poll().expect("ready").is_err_and(|e| e.is_closed()));
        assert!(semaphore.try_acquire(t.cx, 0).is_err_and(|e| e.is_closed()));
        drop(permit);
        assert_eq!(semaphore.available_permits(), 1);
        assert!(semaphore.is_closed());
    });
}

#[test]
fn nothing_is_granted_while_a_semaphore_closes() {
    with_cx(|t| {
        let semaphore = Arc::new(Semaphore::new(0));
        // More than one batch of wakers; those of the first add permits before the second goes.
        let mut crowd: Vec<_> = (0..50)
            .map(|_| {
                let late = Arc::clone(&semaphore);
                Waiting::with_wake(
                    semaphore.acquire(t.cx, 1),
                    OnWake::new(move || assert!(late.add_permits(1).is_ok())),
                )
            })
            .collect();
        assert!(crowd.iter_mut().all(|w| w.poll().is_none()));
        semaphore.close();
        for w in &mut crowd {
            assert!(w.poll().expect("ready").is_err_and(|e| e.is_closed()));
        }
    });
}

#[test]
fn waiters_of_a_semaphore_can_be_bounded() {
    with_cx(|t| {
        let semaphore = Semaphore::with_waiters(0, 0);
        let refused = Waiting::new(semaphore.acquire(t.cx, 1)).poll();
        assert!(
            refused
                .expect("at once")
                .is_err_and(|e| e.is_too_many_waiters())
        );
    });
}

#[test]
fn an_owned_permit_gives_itself_back() {
    with_cx(|t| {
        let semaphore = Arc::new(Semaphore::new(2));
        let mut acquire = Waiting::new(semaphore.acquire_owned(t.cx, 2));
        let permit = acquire.poll().expect("ready").expect("open");
        drop(acquire);
        assert_eq!((permit.count(), semaphore.available_permits()), (2, 0));
        drop(permit);
        assert_eq!(semaphore.available_permits(), 2);
    });
}

#[test]
fn one_notification_is_stored_and_no_more() {
    with_cx(|t| {
        let notify = Notify::new();
        notify.notify_one();
        notify.notify_one();
        assert!(
            Waiting::new(notify.notified(t.cx))
                .poll()
                .expect("stored")
                .is_ok()
        );
        assert!(Waiting::new(notify.notified(t.cx)).poll().is_none());
    });
}

#[test]
fn notifications_of_one_go_in_order_and_are_handed_on() {
    with_cx(|t| {
        let notify = Notify::new();
        let mut first = Waiting::new(notify.notified(t.cx));
        let mut second = Waiting::new(notify.notified(t.cx));
        assert!(first.poll().is_none() && second.poll().is_none());
        notify.notify_one();
        assert_eq!((first.wakes(), second.wakes()), (1, 0));
        drop(first);
        assert_eq!(second.wakes(), 1);
        drop(second);
        assert!(
            Waiting::new(notify.notified(t.cx)).poll().is_some(),
            "stored again"
        );
    });
}

#[test]
fn notify_all_reaches_everybody_who_is_there_and_nobody_later() {
    with_cx(|t| {
        let notify = Notify::new();
        let unpolled = notify.notified(t.cx);
        let mut crowd: Vec<_> = (0..50)
            .map(|_| Waiting::new(notify.notified(t.cx)))
            .collect();
        assert!(crowd.iter_mut().all(|w| w.poll().is_none()));
        notify.notify_all();
        drop(crowd.pop());
        assert!(
            crowd
                .iter_mut()
                .all(|w| w.wakes() == 1 && w.poll().is_some())
        );
        assert!(
            Waiting::new(unpolled).poll().is_some(),
            "it was made before"
        );
        let later = Waiting::new(notify.notified(t.cx)).poll();
        assert!(later.is_none(), "news is not stored, nor handed on");
    });
}

#[test]
fn a_waker_may_come_back_to_notify() {
    with_cx(|t| {
        let notify = Arc::new(Notify::new());
        let mut crowd: Vec<_> = (0..20)
            .map(|_| {
                let again = Arc::clone(&notify);
                Waiting::with_wake(
                    notify.notified(t.cx),
                    OnWake::new(move || again.notify_all()),
                )
            })
            .collect();
        assert!(crowd.iter_mut().all(|w| w.poll().is_none()));
        notify.notify_all();
        assert!(
            crowd
                .iter_mut()
                .all(|w| w.wakes() == 1 && w.poll().is_some())
        );
    });
}

#[test]
fn a_cancelled_task_leaves_a_notification_alone() {
    with_cx(|t| {
        let notify = Notify::new();
        notify.notify_one();
        t.cancel();
        assert!(
            Waiting::new(notify.notified(t.doomed))
                .poll()
                .expect("ready")
                .is_err()
        );
        assert!(
            Waiting::new(notify.notified(t.cx))
                .poll()
                .expect("stored")
                .is_ok()
        );
    });
}
