//! The work that both sides do: futures that know nothing of who polls them.

use std::cell::{Cell, RefCell};
use std::future::{Future, poll_fn};
use std::rc::Rc;
use std::task::{Poll, Waker};

/// Wakes itself `times` times.
pub fn self_wake(times: u32) -> impl Future<Output = ()> {
    let mut left = times;
    poll_fn(move |task| {
        if left == 0 {
            return Poll::Ready(());
        }
        left -= 1;
        task.waker().wake_by_ref();
        Poll::Pending
    })
}

/// What two tasks hand to each other.
#[derive(Default)]
pub struct Baton {
    passed: Cell<u32>,
    waiting: RefCell<Option<Waker>>,
}

/// One of two tasks, which take turns until the baton was passed `times` times; `side` is 0 or 1.
pub fn player(baton: Rc<Baton>, side: u32, times: u32) -> impl Future<Output = ()> {
    poll_fn(move |task| {
        let passed = baton.passed.get();
        if passed < times && passed % 2 != side {
            *baton.waiting.borrow_mut() = Some(task.waker().clone());
            return Poll::Pending;
        }
        if passed < times {
            baton.passed.set(passed + 1);
        }
        let other = baton.waiting.borrow_mut().take();
        if passed + 1 < times {
            *baton.waiting.borrow_mut() = Some(task.waker().clone());
        }
        if let Some(other) = other {
            other.wake();
        }
        match passed + 1 < times {
            true => Poll::Pending,
            false => Poll::Ready(()),
        }
    })
}
