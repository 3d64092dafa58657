//! A value that is sent once: against the wait for it, and against the end of the receiver.

use std::future::{Future, poll_fn};
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::task::{Context, Poll, Wake, Waker};

use asupersync_core::channel::oneshot::{self, Sent, TryRecvError};
use asupersync_loom_tests::explore::model;
use asupersync_loom_tests::rig::{Drops, Rig, Value};
use loom::thread;

// proves: R-SCH-2, R-OBL-1
#[test]
fn send_vs_recv() {
    model("oneshot::send_vs_recv", || {
        let mut rig = Rig::new();
        let (sender, mut receiver) = oneshot::channel();
        let received = Arc::new(AtomicUsize::new(0));
        let count = Arc::clone(&received);
        let task = rig
            .spawner()
            .spawn(|cx| async move {
                count.store(receiver.recv(&cx).await?, SeqCst);
                Ok(())
            })
            .unwrap();
        let remote = thread::spawn(move || assert!(sender.send(7).is_delivered()));
        rig.run_until(|| task.is_finished());
        remote.join().unwrap();
        assert_eq!(received.load(SeqCst), 7, "the value did not arrive");
    });
}

// proves: R-OBL-1
#[test]
fn sender_drop_vs_recv() {
    model("oneshot::sender_drop_vs_recv", || {
        let mut rig = Rig::new();
        let (sender, mut receiver) = oneshot::channel::<u32>();
        let task = rig
            .spawner()
            .spawn(|cx| async move {
                let error = receiver.recv(&cx).await.unwrap_err();
                assert!(error.is_closed(), "{error}");
                Ok(())
            })
            .unwrap();
        let remote = thread::spawn(move || drop(sender));
        rig.run_until(|| task.is_finished());
        remote.join().unwrap();
    });
}

// The value comes back, or goes with the receiver; it is never left in between.
// proves: R-OBL-1
#[test]
fn send_vs_receiver_drop() {
    model("oneshot::send_vs_receiver_drop", || {
        let drops = Arc::new(Drops::default());
        let value = Value::new(&drops);
        let (sender, mut receiver) = oneshot::channel();
        let remote = thread::spawn(move || sender.send(value));
        // Some receivers look before they go.
        let looked = receiver.try_recv();
        drop(receiver);
        let sent = remote.join().unwrap();
        match (&sent, &looked) {
            (Sent::Delivered, Ok(_)) => assert_eq!(drops.count(), 0),
            (Sent::Delivered, Err(error)) => {
                assert!(error.is_empty(), "{error}");
                assert_eq!(drops.count(), 1, "a delivered value is left behind");
                assert!(drops.were_here(), "a delivered value goes with its sender");
            }
            (Sent::Returned(_), looked) => {
                assert!(
                    matches!(looked, Err(TryRecvError::Empty)),
                    "received and returned"
                );
                assert_eq!(drops.count(), 0);
            }
        }
        drop((sent, looked));
        assert_eq!(drops.count(), 1, "the value is not dropped exactly once");
    });
}

// The receiver asks again with another waker while the value comes.
// proves: R-SCH-2
#[test]
fn send_vs_second_poll() {
    model("oneshot::send_vs_second_poll", || {
        let mut rig = Rig::new();
        let (sender, mut receiver) = oneshot::channel();
        let task = rig
            .spawner()
            .spawn(|cx| async move {
                let own = poll_fn(|own| Poll::Ready(own.waker().clone())).await;
                let mut waiting = pin!(receiver.recv(&cx));
                let foreign = Wakes::new(&own);
                // The first look leaves the task's own waker, each later one another.
                let received = poll_fn(|first| match waiting.as_mut().poll(first) {
                    Poll::Ready(received) => Poll::Ready(received),
                    Poll::Pending => waiting
                        .as_mut()
                        .poll(&mut Context::from_waker(&Waker::from(Arc::clone(&foreign)))),
                });
                assert_eq!(received.await?, 7);
                Ok(())
            })
            .unwrap();
        let remote = thread::spawn(move || assert!(sender.send(7).is_delivered()));
        rig.run_until(|| task.is_finished());
        remote.join().unwrap();
    });
}

// Whoever leaves second frees the slot, and a sender that waits for the end hears of it.
// proves: R-OBL-1, R-SCH-2
#[test]
fn closed_vs_receiver_drop() {
    model("oneshot::closed_vs_receiver_drop", || {
        let mut rig = Rig::new();
        let (mut sender, receiver) = oneshot::channel::<u32>();
        let task = rig
            .spawner()
            .spawn(|cx| async move {
                sender.closed(&cx).await?;
                assert_eq!(sender.send(7), Sent::Returned(7));
                Ok(())
            })
            .unwrap();
        let remote = thread::spawn(move || drop(receiver));
        rig.run_until(|| task.is_finished());
        remote.join().unwrap();
    });
}

/// A waker of its own that wakes a task.
struct Wakes(Waker);

impl Wakes {
    fn new(task: &Waker) -> Arc<Self> {
        Arc::new(Self(task.clone()))
    }
}

impl Wake for Wakes {
    fn wake(self: Arc<Self>) {
        self.0.wake_by_ref();
    }
}
