//! Polling by hand: a future with a waker that counts and may act.

use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, Wake, Waker};

/// Counts wakes and runs an action on each.
pub struct OnWake {
    count: AtomicUsize,
    action: Box<dyn Fn() + Send + Sync>,
}

impl OnWake {
    pub fn new(action: impl Fn() + Send + Sync + 'static) -> Arc<Self> {
        Arc::new(Self {
            count: AtomicUsize::new(0),
            action: Box::new(action),
        })
    }

    pub fn nothing() -> Arc<Self> {
        Self::new(|| {})
    }

    pub fn count(&self) -> usize {
        self.count.load(Ordering::Relaxed)
    }
}

impl Wake for OnWake {
    fn wake(self: Arc<Self>) {
        self.count.fetch_add(1, Ordering::Relaxed);
        (self.action)();
    }
}

/// A future polled by hand.
pub struct Waiting<F> {
    future: Pin<Box<F>>,
    wake: Arc<OnWake>,
}

impl<F: Future> Waiting<F> {
    pub fn new(future: F) -> Self {
        Self::with_wake(future, OnWake::nothing())
    }

    pub fn with_wake(future: F, wake: Arc<OnWake>) -> Self {
        Self {
            future: Box::pin(future),
            wake,
        }
    }

    /// From the next poll on the future is to wake `wake`.
    pub fn replace_wake(&mut self, wake: Arc<OnWake>) -> Arc<OnWake> {
        std::mem::replace(&mut self.wake, wake)
    }

    pub fn poll(&mut self) -> Option<F::Output> {
        let waker = Waker::from(Arc::clone(&self.wake));
        match self.future.as_mut().poll(&mut Context::from_waker(&waker)) {
            Poll::Ready(output) => Some(output),
            Poll::Pending => None,
        }
    }

    pub fn wakes(&self) -> usize {
        self.wake.count()
    }
}
