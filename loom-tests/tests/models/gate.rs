//! The gate of a region: admission against close, and who is the last out.

use std::sync::Arc;

use asupersync_core::internal::Gate;
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
            gate: Gate::new(),
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
            .exit(false)
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
        assert!(region.gate.enter(false));
        let spawner = {
            let region = Arc::clone(&region);
            thread::spawn(move || {
                if region.gate.enter(false) {
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

// The seal is the last touch: whoever finds the closed region empty sees all that was done inside,
// and may take the region apart.
// proves: R-REG-4
#[test]
fn last_out_sees_everything() {
    model("last_out_sees_everything", || {
        let region = Region::new();
        assert!(region.gate.enter(false) && region.gate.enter(true));
        let children = [false, true].map(|background| {
            let region = Arc::clone(&region);
            thread::spawn(move || {
                region.done[usize::from(background)].store(1, Relaxed);
                let _ = region.gate.exit(background);
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
