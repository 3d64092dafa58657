//! The imports and the exports of a module; `js/host.mjs` is their other side.
//!
//! Owns the signatures, and the argument why an instance may keep its loop in a static.

use crate::event_loop::EventLoop;
#[cfg(feature = "lifecycle")]
use crate::lifecycle::PageEvent;
use crate::pace::{Entry, Hop};

#[cfg(target_feature = "atomics")]
compile_error!(
    "asupersync-browser keeps a module's event loop in a static of one thread: build without `+atomics`, and give each worker an instance of its own"
);

// SAFETY: `js/host.mjs` has functions with these signatures. They touch no memory of the module
// but the texts that they are given.
#[link(wasm_import_module = "asupersync")]
unsafe extern "C" {
    /// `performance.now()`: milliseconds, never backwards.
    #[link_name = "now"]
    safe fn performance_now() -> f64;
    /// Asks for a call of `asupersync_pump`: 0 by a microtask, 1 by a macrotask.
    #[link_name = "hop"]
    safe fn ask(kind: u32);
    /// Sets the one timer, in milliseconds; negative takes it back.
    #[link_name = "alarm"]
    safe fn set_alarm(milliseconds: i32);
    /// 32 bits of `crypto.getRandomValues`.
    #[link_name = "random"]
    safe fn random_u32() -> u32;
    /// The module panics.
    #[link_name = "panicked"]
    safe fn tell_panic(
        text: *const u8,
        length: usize,
        file: *const u8,
        file_length: usize,
        line: u32,
    );
}

/// Nanoseconds since the page began.
pub(crate) fn now() -> u64 {
    (performance_now() * 1e6) as u64
}

pub(crate) fn hop(hop: Hop) {
    ask(match hop {
        Hop::Microtask => 0,
        Hop::Macrotask => 1,
    });
}

pub(crate) fn alarm(milliseconds: Option<i32>) {
    set_alarm(milliseconds.unwrap_or(-1));
}

pub(crate) fn random() -> u64 {
    u64::from(random_u32()) << 32 | u64::from(random_u32())
}

pub(crate) fn panicked(text: &str, file: &str, line: u32) {
    tell_panic(text.as_ptr(), text.len(), file.as_ptr(), file.len(), line);
}

/// A static of a module that has one thread.
struct OneThread<T>(T);

// SAFETY: without the target feature `atomics`, which is refused above, a module's memory belongs to one instance, and
// an instance runs on the thread that made it.
unsafe impl<T> Sync for OneThread<T> {}

static LOOP: OneThread<EventLoop> = OneThread(EventLoop::new());

pub(crate) fn with_loop<R>(look: impl FnOnce(&EventLoop) -> R) -> R {
    look(&LOOP.0)
}

/// Called by the host: a hop has come, or the timer.
// SAFETY: no other function of a module has this name.
#[unsafe(no_mangle)]
extern "C" fn asupersync_pump(entry: u32) {
    let entry = match entry {
        0 => Entry::Microtask,
        1 => Entry::Macrotask,
        2 => Entry::Timer,
        3 => Entry::Event,
        _ => Entry::Settled,
    };
    with_loop(|event_loop| event_loop.enter(entry, || ()));
}

/// Called by the host: the page is suspended (negative), or goes on after so many milliseconds of wall time.
// SAFETY: no other function of a module has this name.
#[cfg(feature = "lifecycle")]
#[unsafe(no_mangle)]
extern "C" fn asupersync_lifecycle(gap_ms: f64) {
    let event = match gap_ms {
        gap if gap < 0.0 => PageEvent::Suspended,
        gap => PageEvent::Resumed {
            gap: core::time::Duration::from_nanos((gap * 1e6) as u64),
        },
    };
    with_loop(|event_loop| event_loop.enter(Entry::Event, || event_loop.lifecycle.tell(event)));
}

#[cfg(feature = "lock")]
mod lock {
    //! The critical section of a target with one thread and no interrupts.

    /// Nothing to lock out.
    struct Nobody;

    critical_section::set_impl!(Nobody);

    // SAFETY: nothing interrupts the one thread of a module: whoever runs is alone.
    unsafe impl critical_section::Impl for Nobody {
        unsafe fn acquire() -> critical_section::RawRestoreState {
            // SAFETY: nothing is done here; the contract is kept by the target, see above.
        }

        unsafe fn release(_restore: critical_section::RawRestoreState) {
            // SAFETY: as in `acquire`.
        }
    }
}
