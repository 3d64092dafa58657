//! Panics of programs under test: caught, and on request kept off the terminal.
//!
//! Owns the flag that says whether this thread is inside a guarded call, and the hook that looks at it.
//! A sweep over seeds of a program that panics on purpose would otherwise print for every run, which
//! costs more than the run.

use std::any::Any;
use std::boxed::Box;
use std::cell::Cell;
use std::panic::{self, AssertUnwindSafe};
use std::sync::Once;

std::thread_local! {
    static GUARDED: Cell<u32> = const { Cell::new(0) };
}

/// Runs `run` and gives its panic, if any.
pub(crate) fn catch<R>(run: impl FnOnce() -> R) -> Result<R, Box<dyn Any + Send>> {
    GUARDED.set(GUARDED.get() + 1);
    // The kernel drops what was interrupted and never looks at it again.
    let caught = panic::catch_unwind(AssertUnwindSafe(run));
    GUARDED.set(GUARDED.get() - 1);
    caught
}

/// Keeps the messages of panics inside lab runs off the terminal, for the whole process.
///
/// They still end their task as panicked and stand in its outcome. Panics elsewhere, such as failed
/// assertions of the test itself, go to the hook that was there before.
pub fn silence_panics() {
    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let before = panic::take_hook();
        panic::set_hook(Box::new(move |info| {
            if GUARDED.get() == 0 {
                before(info);
            }
        }));
    });
}
