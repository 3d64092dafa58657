//! The gate of a region: admission against close, and who is the last out.

use std::sync::Arc;

use asupersync_core::internal::{Capacity, Gate};
use asupersync_loom_tests::explore::model;
use loom::sync::atomic::AtomicUsize;
use loom::sync::atomic::Ordering::{AcqRel, Acquire, Relaxed, SeqCst};
use loom::thread;

/// A region, reduced to its gate and to what its children leave behind.
struct Region {
    gate: Gate,
    /// What each child did; plain data, published by nothing but the gate.
    done: [AtomicUsize; 2],
    /// How often somebody was told to be the last.
    last_outs: AtomicUsize,
}

impl Region {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            gate: Gate::new(2),
            done: [AtomicUsize::new(0), AtomicUsize::new(0)],
            last_outs: AtomicUsize::new(0),
        })
    }

    /// A child that is inside works and leaves.
    fn work_and_leave(&self, child: usize) {
        assert_eq!(
            self.last_outs.load(Acquire),
            0,
            "the last went out before this child"
        );
        self.done[child].store(1, Relaxed);
        if self
            .gate
            .exit(false, || child % 2)
            .is_some_and(|inside| inside.is_empty())
        {
            self.last_out();
        }
    }

    fn close(&self) {
        if self.gate.close().is_empty() {
            self.last_out();
        }
    }

    fn last_out(&self) {
        assert_eq!(self.last_outs.fetch_add(1, AcqRel), 0, "two were the last");
    }
}

// proves: R-OWN-2, R-CAN-1, R-REG-4
#[test]
fn spawn_vs_close() {
    model("spawn_vs_close", || {
        let region = Region::new();
        assert!(region.gate.enter(false, || 0));
        let spawner = {
            let region = Arc::clone(&region);
            thread::spawn(move || {
                if region.gate.enter(false, || 0) {
                    region.work_and_leave(0);
                }
            })
        };
        let child = {
            let region = Arc::clone(&region);
            thread::spawn(move || region.work_and_leave(1))
        };
        region.close();
        spawner.join().unwrap();
        child.join().unwrap();
        assert_eq!(region.last_outs.load(SeqCst), 1, "nobody was the last");
    });
}

/// As above, at a gate with a word per driver: a child enters by one word and leaves by the other.
// proves: R-OWN-2, R-CAN-1, R-REG-4
#[test]
fn fold_vs_last_out() {
    model("fold_vs_last_out", || {
        let region = Region::new();
        region.gate.widen();
        assert!(region.gate.enter(false, || 0));
        let spawner = {
            let region = Arc::clone(&region);
            thread::spawn(move || {
                if region.gate.enter(false, || 1) {
                    region.work_and_leave(0);
                }
            })
        };
        let child = {
            let region = Arc::clone(&region);
            thread::spawn(move || region.work_and_leave(1))
        };
        region.close();
        spawner.join().unwrap();
        child.join().unwrap();
        assert_eq!(region.last_outs.load(SeqCst), 1, "nobody was the last");
    });
}

/// A child that came while the gate was narrow leaves while the shards are folded: the first word alone is not the sum.
// proves: R-REG-4
#[test]
fn fold_vs_children_of_the_first_word() {
    model("fold_vs_children_of_the_first_word", || {
        let region = Region::new();
        assert!(region.gate.enter(false, || 0));
        region.gate.widen();
        assert!(region.gate.enter(false, || 1));
        let children = [0, 1].map(|child| {
            let region = Arc::clone(&region);
            thread::spawn(move || region.work_and_leave(child))
        });
        region.close();
        for child in children {
            child.join().unwrap();
        }
        assert_eq!(region.last_outs.load(SeqCst), 1, "nobody was the last");
    });
}

/// A gate becomes wide while children come and go, and while it closes.
// proves: R-OWN-2, R-REG-4
#[test]
fn widen_vs_close() {
    model("widen_vs_close", || {
        let region = Region::new();
        assert!(region.gate.enter(false, || 0));
        let child = {
            let region = Arc::clone(&region);
            thread::spawn(move || {
                region.gate.widen();
                region.work_and_leave(1);
            })
        };
        let spawner = {
            let region = Arc::clone(&region);
            thread::spawn(move || {
                if region.gate.enter(false, || 1) {
                    region.work_and_leave(0);
                }
            })
        };
        region.close();
        spawner.join().unwrap();
        child.join().unwrap();
        assert_eq!(region.last_outs.load(SeqCst), 1, "nobody was the last");
    });
}

/// Who closes for a second time has the sum too.
// proves: R-REG-4
#[test]
fn two_closers_of_a_wide_gate() {
    model("two_closers_of_a_wide_gate", || {
        let region = Region::new();
        region.gate.widen();
        assert!(region.gate.enter(false, || 0));
        let other = {
            let region = Arc::clone(&region);
            thread::spawn(move || region.gate.close())
        };
        let inside = region.gate.close();
        assert_eq!((inside.foreground, inside.background), (1, 0));
        assert_eq!(other.join().unwrap(), inside);
        let left = region.gate.exit(false, || 1);
        assert!(left.is_some_and(|inside| inside.is_empty()));
    });
}

// The seal is the last touch: whoever finds the closed region empty sees all that was done inside,
// and may take the region apart.
// proves: R-REG-4
#[test]
fn last_out_sees_everything() {
    model("last_out_sees_everything", || {
        let region = Region::new();
        assert!(region.gate.enter(false, || 0) && region.gate.enter(true, || 0));
        let children = [false, true].map(|background| {
            let region = Arc::clone(&region);
            thread::spawn(move || {
                region.done[usize::from(background)].store(1, Relaxed);
                let _ = region.gate.exit(background, || 0);
            })
        });
        let _ = region.gate.close();
        if region.gate.inside().is_empty() {
            for done in &region.done {
                assert_eq!(done.load(Relaxed), 1, "a child's last words are missing");
            }
        }
        for child in children {
            child.join().unwrap();
        }
    });
}

/// Three places and three who want two each, one of them giving one back: never more than three are taken at once.
// proves: R-OWN-2
#[test]
fn places_are_never_given_out_twice() {
    model("places_are_never_given_out_twice", || {
        let capacity = Arc::new(Capacity::new(3, 2));
        let taken = Arc::new(AtomicUsize::new(0));
        let take = |driver: usize, capacity: &Capacity, taken: &AtomicUsize| {
            if capacity.admit(|| driver) {
                assert!(
                    taken.fetch_add(1, AcqRel) < 3,
                    "a place was given out twice"
                );
            }
        };
        let other = {
            let (capacity, taken) = (Arc::clone(&capacity), Arc::clone(&taken));
            thread::spawn(move || {
                take(0, &capacity, &taken);
                take(0, &capacity, &taken);
            })
        };
        take(1, &capacity, &taken);
        if taken
            .fetch_update(AcqRel, Acquire, |now| now.checked_sub(1))
            .is_ok()
        {
            capacity.release(|| 1);
        }
        take(1, &capacity, &taken);
        take(1, &capacity, &taken);
        other.join().unwrap();
        assert_eq!(capacity.live(), taken.load(SeqCst));
    });
}
