//! Panics: whose code runs, so that the last word of a module names it.
//!
//! Owns the slot that is polled. What is said of a panic is `asupersync_browser`'s, what follows of it `kernel.ts`'s.

use core::cell::Cell;
use core::future::{Future, poll_fn};
use core::pin::pin;

use crate::host::{self, OneThread};

/// 0: nobody's code, the kernel between tasks.
static POLLED: OneThread<Cell<f64>> = OneThread(Cell::new(0.0));

/// The slot is polled until this is dropped.
struct Polled {
    before: f64,
}

impl Polled {
    fn begin(slot: f64) -> Self {
        let before = POLLED.0.replace(slot);
        Self { before }
    }
}

impl Drop for Polled {
    fn drop(&mut self) {
        POLLED.0.set(self.before);
    }
}

/// The future of a slot: a panic of it is the slot's.
pub async fn of_slot<F: Future>(slot: f64, future: F) -> F::Output {
    let mut future = pin!(future);
    poll_fn(|task| {
        let _polled = Polled::begin(slot);
        #[cfg(feature = "test-internals")]
        armed::strike(slot);
        future.as_mut().poll(task)
    })
    .await
}

/// Says whose code the panic is that was told.
pub fn tell() {
    host::panicking(POLLED.0.get());
}

#[cfg(feature = "test-internals")]
pub mod armed {
    //! Panics on demand, for tests; not in the module that ships.

    use core::cell::Cell;
    use core::hint::black_box;

    use crate::host::OneThread;

    static ARMED: OneThread<Cell<Option<(f64, u32)>>> = OneThread(Cell::new(None));

    /// The next poll of this slot ends badly.
    pub fn arm(slot: f64, how: u32) {
        ARMED.0.set(Some((slot, how)));
    }

    pub fn strike(polled: f64) {
        let Some((slot, how)) = ARMED.0.get() else {
            return;
        };
        if slot != polled {
            return;
        }
        ARMED.0.set(None);
        match how {
            0 => panic!("on purpose"),
            1 => panic!("on purpose, with the value {}", black_box(how)),
            2 => core::arch::wasm32::unreachable(),
            _ => drop(black_box(descend(black_box(0)))),
        }
    }

    /// Takes all of the stack.
    #[inline(never)]
    #[expect(unconditional_recursion, reason = "what it is for")]
    fn descend(depth: u64) -> u64 {
        black_box(descend(black_box(depth + 1))) + depth
    }
}
