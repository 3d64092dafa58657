//! The state word of a task: wakes against polls, completion against joins, the last reference.

use std::sync::Arc;

use asupersync_core::internal::{JoinAction, PendingAction, State, WakeAction};
use asupersync_loom_tests::explore::model;
use loom::sync::Notify;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed};
use loom::thread;

/// A task reduced to its state word, the one queue slot it may have, and what its wakers write.
struct Task {
    state: State,
    slots: AtomicUsize,
    written: [AtomicUsize; 2],
}

impl Task {
    fn queued() -> Arc<Self> {
        let task = Arc::new(Self {
            state: State::spawning(),
            slots: AtomicUsize::new(0),
            written: [AtomicUsize::new(0), AtomicUsize::new(0)],
        });
        task.state.transition_to_spawned();
        task.push();
        task
    }

    fn push(&self) {
        assert_eq!(
            self.slots.fetch_add(1, AcqRel),
            0,
            "a task is in two queue slots"
        );
    }

    fn pop(&self) -> bool {
        self.slots.swap(0, AcqRel) == 1
    }

    fn wake(&self) {
        if self.state.transition_to_woken() == WakeAction::Schedule {
            self.push();
        }
    }

    /// Polls once if queued. The future waits until both wakers have written. Says whether it is done.
    fn turn(&self) -> bool {
        if !self.pop() {
            return false;
        }
        let _ = self.state.transition_to_polling();
        if self.written.iter().all(|flag| flag.load(Relaxed) == 1) {
            return true;
        }
        if self.state.transition_to_pending(false) == PendingAction::Again {
            self.push();
        }
        false
    }
}

// proves: R-SCH-2, R-OWN-2
#[test]
fn wake_vs_poll() {
    model("wake_vs_poll", || {
        let task = Task::queued();
        let wakers = [0, 1].map(|index| {
            let task = Arc::clone(&task);
            thread::spawn(move || {
                // Relaxed: the wake alone must make it visible to the poll that it causes.
                task.written[index].store(1, Relaxed);
                task.wake();
            })
        });
        let mut done = task.turn() || task.turn();
        for waker in wakers {
            waker.join().unwrap();
        }
        while !done && task.slots.load(Acquire) == 1 {
            done = task.turn();
        }
        assert!(done, "a wake was lost");
    });
}

/// A task that completes, its outcome, and the slot for the join waker.
struct Joined {
    state: State,
    /// The stored outcome; plain data.
    outcome: AtomicUsize,
    /// Which of the joiner's wakers is in the slot; plain data.
    waker: AtomicUsize,
    /// Whoever uses the slot is alone.
    users: AtomicUsize,
    bell: Notify,
}

impl Joined {
    fn use_slot(&self, with: impl FnOnce(&AtomicUsize)) {
        assert_eq!(
            self.users.fetch_add(1, Relaxed),
            0,
            "the join waker has two owners"
        );
        with(&self.waker);
        self.users.fetch_sub(1, Relaxed);
    }

    /// One poll of the joiner: the outcome, or its waker is in the slot.
    fn poll_join(&self, waker: usize) -> bool {
        if self.state.transition_to_joining() == JoinAction::Take {
            return true;
        }
        self.use_slot(|slot| slot.store(waker, Relaxed));
        self.state.join_waker_set() == JoinAction::Take
    }
}

// proves: R-SCH-2, R-OWN-1
#[test]
fn complete_vs_join() {
    model("complete_vs_join", || {
        let task = Arc::new(Joined {
            state: State::spawning(),
            outcome: AtomicUsize::new(0),
            waker: AtomicUsize::new(0),
            users: AtomicUsize::new(0),
            bell: Notify::new(),
        });
        let completer = {
            let task = Arc::clone(&task);
            thread::spawn(move || {
                task.outcome.store(7, Relaxed);
                let action = task.state.transition_to_done();
                assert!(action.handle, "the handle is alive");
                if action.wake_joiner {
                    task.use_slot(|slot| {
                        // The first waker may be gone by the time that the second was set.
                        if slot.load(Relaxed) == 2 {
                            task.bell.notify();
                        }
                    });
                }
            })
        };
        // Twice: the second poll replaces the waker of the first.
        if !(task.poll_join(1) || task.poll_join(2)) {
            // A waker that was not woken leaves the joiner here for ever.
            task.bell.wait();
        }
        while !task.state.load().is_done() {
            task.bell.wait();
        }
        assert_eq!(task.outcome.load(Relaxed), 7, "the outcome is not visible");
        completer.join().unwrap();
    });
}

// Whoever comes second, completer or handle, has the outcome; never both, never nobody.
// proves: R-OWN-4
#[test]
fn complete_vs_handle_drop() {
    model("complete_vs_handle_drop", || {
        let state = Arc::new(State::spawning());
        let handle = {
            let state = Arc::clone(&state);
            thread::spawn(move || state.transition_to_unhandled())
        };
        let to_completer = !state.transition_to_done().handle;
        let to_handle = handle.join().unwrap();
        assert!(
            to_completer != to_handle,
            "the outcome does not have exactly one owner"
        );
    });
}

// proves: R-OWN-1
#[test]
fn last_reference_frees() {
    model("last_reference_frees", || {
        // Three references: the runtime's, the handle's and the context's.
        let task = Task::queued();
        let users = [0, 1].map(|index| {
            let task = Arc::clone(&task);
            thread::spawn(move || {
                task.written[index].store(1, Relaxed);
                drop_reference(&task)
            })
        });
        let mut freed = usize::from(drop_reference(&task));
        for user in users {
            freed += usize::from(user.join().unwrap());
        }
        assert_eq!(freed, 1, "freed by exactly one");
    });
}

fn drop_reference(task: &Task) -> bool {
    let last = task.state.reference_drop();
    if last {
        for written in &task.written {
            assert_eq!(written.load(Relaxed), 1, "freed while still in use");
        }
    }
    last
}
