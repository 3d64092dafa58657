//! Polling by hand: what a scenario needs to stop a future half-way, or to see who is woken when.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll, Waker};

use crate::Probe;

/// Polls once, with the task's own waker.
pub async fn poll_once<F: Future>(mut future: Pin<&mut F>) -> Poll<F::Output> {
    poll_fn(|waker| Poll::Ready(future.as_mut().poll(waker))).await
}

/// Polls once, with a waker that writes a mark and then wakes the task.
pub async fn poll_marking<F: Future>(
    mut future: Pin<&mut F>,
    probe: &Probe,
    mark: &'static str,
) -> Poll<F::Output> {
    poll_fn(|waker| {
        let marking = Waker::from(Arc::new(MarkOnWake {
            probe: probe.clone(),
            mark,
            task: waker.waker().clone(),
        }));
        Poll::Ready(future.as_mut().poll(&mut Context::from_waker(&marking)))
    })
    .await
}

struct MarkOnWake {
    probe: Probe,
    mark: &'static str,
    task: Waker,
}

impl Wake for MarkOnWake {
    fn wake(self: Arc<Self>) {
        self.wake_by_ref();
    }

    fn wake_by_ref(self: &Arc<Self>) {
        self.probe.mark(self.mark);
        self.task.wake_by_ref();
    }
}
