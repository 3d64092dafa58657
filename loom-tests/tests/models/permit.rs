//! A reserved slot: commit, abort and revoke, against the end of the receiver and of the region.

use std::num::NonZeroUsize;
use std::sync::atomic::{AtomicBool, Ordering::SeqCst};
use std::sync::{Arc, Mutex};

use asupersync_core::Time;
use asupersync_core::channel::mpsc::{self, OwnedPermit, Sent};
use asupersync_loom_tests::explore::model;
use asupersync_loom_tests::rig::{Drops, Rig, Value};
use loom::thread;

/// Long after every budget.
const LATE: Time = Time::from_nanos(u64::MAX / 2);

/// A permit that a task of `rig` reserved and gave away; its region stays open.
fn reserve<T: Send + 'static>(rig: &mut Rig, sender: &mpsc::Sender<T>) -> OwnedPermit<T> {
    let slot = Arc::new(Mutex::new(None));
    let (given, sender) = (Arc::clone(&slot), sender.clone());
    let task = rig.spawner().spawn(|cx| async move {
        *given.lock().unwrap() = Some(sender.reserve_owned(&cx).await?);
        Ok(())
    });
    drop(task.unwrap());
    rig.run();
    let permit = slot.lock().unwrap().take();
    permit.unwrap()
}

fn channel<T>() -> (mpsc::Sender<T>, mpsc::Receiver<T>) {
    mpsc::channel(NonZeroUsize::MIN)
}

// proves: R-OBL-1, R-OBL-3
#[test]
fn commit_vs_receiver_drop() {
    model("commit_vs_receiver_drop", || {
        let drops = Arc::new(Drops::default());
        let value = Value::new(&drops);
        let mut rig = Rig::new();
        let (sender, receiver) = channel();
        let permit = reserve(&mut rig, &sender);
        let remote = thread::spawn(move || permit.send(value));
        drop(receiver);
        let sent = remote.join().unwrap();
        let dropped = usize::from(sent.is_delivered());
        assert_eq!(
            drops.count(),
            dropped,
            "a delivered value goes with the receiver, another one comes back"
        );
        drop(sent);
        assert_eq!(drops.count(), 1, "the value is not dropped exactly once");
        assert!(sender.is_closed());
    });
}

// proves: R-OBL-1, R-CAN-4
#[test]
fn abort_vs_reserve() {
    model("abort_vs_reserve", || {
        let mut rig = Rig::new();
        let (sender, _receiver) = channel::<u32>();
        let permit = reserve(&mut rig, &sender);
        let task = rig
            .spawner()
            .spawn(|cx| async move {
                drop(sender.reserve(&cx).await?);
                Ok(())
            })
            .unwrap();
        let remote = thread::spawn(move || drop(permit));
        rig.run_until(|| task.is_finished());
        remote.join().unwrap();
    });
}

// proves: R-OBL-1
#[test]
fn receiver_drop_vs_reserve() {
    model("receiver_drop_vs_reserve", || {
        let mut rig = Rig::new();
        let (sender, receiver) = channel::<u32>();
        let permit = reserve(&mut rig, &sender);
        let task = rig
            .spawner()
            .spawn(|cx| async move {
                let error = sender.reserve(&cx).await.unwrap_err();
                assert!(error.is_closed(), "{error}");
                Ok(())
            })
            .unwrap();
        let remote = thread::spawn(move || drop(receiver));
        rig.run_until(|| task.is_finished());
        remote.join().unwrap();
        drop(permit);
    });
}

// proves: R-OBL-1, R-SCH-2
#[test]
fn last_sender_vs_recv() {
    model("last_sender_vs_recv", || {
        let mut rig = Rig::new();
        let (sender, mut receiver) = channel::<u32>();
        let task = rig
            .spawner()
            .spawn(|cx| async move {
                assert_eq!(receiver.recv(&cx).await?, 7);
                let error = receiver.recv(&cx).await.unwrap_err();
                assert!(error.is_closed(), "{error}");
                Ok(())
            })
            .unwrap();
        let other = sender.clone();
        let remotes = [
            thread::spawn(move || assert!(sender.try_send(7).is_ok())),
            thread::spawn(move || drop(other)),
        ];
        rig.run_until(|| task.is_finished());
        for remote in remotes {
            remote.join().unwrap();
        }
    });
}

/// A channel of `capacity` whose slots are open: the storage is there, and nobody waits.
fn open(capacity: usize) -> (mpsc::Sender<u32>, mpsc::Receiver<u32>) {
    let (sender, mut receiver) = mpsc::channel(NonZeroUsize::new(capacity).unwrap());
    for value in 0..capacity {
        sender.try_send(value as u32).unwrap();
    }
    while receiver.try_recv().is_ok() {}
    (sender, receiver)
}

// One free slot, two senders, no lock.
// proves: R-OBL-1
#[test]
fn two_senders_vs_one_slot() {
    model("two_senders_vs_one_slot", || {
        let (sender, mut receiver) = open(1);
        let remotes = [7, 8].map(|value| {
            let sender = sender.clone();
            thread::spawn(move || usize::from(sender.try_send(value).is_ok()))
        });
        let mut sent = 0;
        for remote in remotes {
            sent += remote.join().unwrap();
        }
        assert_eq!(sent, 1, "one slot takes exactly one value");
        assert!(receiver.try_recv().is_ok());
        assert!(receiver.try_recv().unwrap_err().is_empty());
    });
}

// A slot comes back while the sender that wants it begins to wait.
// proves: R-OBL-1, R-SCH-2
#[test]
fn recv_vs_reserve() {
    model("recv_vs_reserve", || {
        let mut rig = Rig::new();
        let (sender, mut receiver) = open(2);
        assert!(sender.try_send(7).is_ok() && sender.try_send(8).is_ok());
        // Fetches both and frees one slot: the next receive gives its slot back without the lock.
        assert!(receiver.try_recv().is_ok());
        assert!(sender.try_send(9).is_ok());
        let task = rig
            .spawner()
            .spawn(|cx| async move {
                drop(sender.reserve(&cx).await?);
                Ok(())
            })
            .unwrap();
        let remote = thread::spawn(move || {
            assert!(receiver.try_recv().is_ok());
            receiver
        });
        rig.run_until(|| task.is_finished());
        drop(remote.join().unwrap());
    });
}

// A value that was sent into a channel that closes is still there to be received.
// proves: R-OBL-1
#[test]
fn send_vs_close() {
    model("send_vs_close", || {
        let (sender, mut receiver) = open(1);
        let remote = thread::spawn(move || match sender.try_send(7) {
            Ok(()) => true,
            Err(error) => {
                assert!(error.is_closed(), "{error}");
                false
            }
        });
        receiver.close();
        let sent = remote.join().unwrap();
        assert_eq!(
            receiver.try_recv().is_ok(),
            sent,
            "sent and received differ"
        );
        assert!(receiver.try_recv().unwrap_err().is_closed());
    });
}

// A permit outlives the children of its region, and the region's patience ends while it commits.
// Either the value is there when the region has closed, or it comes back and counts as leaked.
// proves: R-OBL-1, R-OBL-2, R-REG-4
#[test]
fn commit_vs_revoke() {
    model("commit_vs_revoke", || {
        let mut rig = Rig::new();
        let (sender, receiver) = channel();
        let receiver = Arc::new(Mutex::new(receiver));
        let slot = Arc::new(Mutex::new(None));
        let (given, reserving) = (Arc::clone(&slot), sender.clone());
        let at_close = Arc::new(AtomicBool::new(false));
        let (received, receiving) = (Arc::clone(&at_close), Arc::clone(&receiver));
        let task = rig
            .spawner()
            .spawn(|cx| async move {
                cx.region(async |region| {
                    *given.lock().unwrap() = Some(reserving.reserve_owned(region).await?);
                    Ok(())
                })
                .await?;
                received.store(receiving.lock().unwrap().try_recv().is_ok(), SeqCst);
                Ok(())
            })
            .unwrap();
        rig.run();
        assert!(
            !task.is_finished(),
            "the region does not wait for the permit"
        );
        let permit: OwnedPermit<u32> = slot.lock().unwrap().take().unwrap();
        let remote = thread::spawn(move || permit.send(7));
        rig.world.set_now(LATE);
        rig.run_until(|| task.is_finished());
        let sent = remote.join().unwrap();
        let leaked = rig.driver.stats().leaked;
        match sent {
            Sent::Delivered => {
                assert_eq!(leaked, 0, "a commit counts as leaked");
                assert!(
                    at_close.load(SeqCst),
                    "an effect comes after the region's close"
                );
            }
            Sent::Returned(_) => {
                assert_eq!(leaked, 1, "a revoked permit is not counted");
                assert!(!at_close.load(SeqCst), "delivered and returned");
            }
        }
        drop((sender, receiver));
    });
}
