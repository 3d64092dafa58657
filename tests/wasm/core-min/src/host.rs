//! What the module asks of its host: a clock, entropy and two call-backs. And what wasm lacks: heap, panics.

use core::arch::wasm32::memory_grow;
use core::sync::atomic::{AtomicBool, Ordering};

use asupersync_core::{Platform, Time};
use embedded_alloc::LlffHeap;

// SAFETY: the host's functions have these signatures, and touch no memory.
#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Nanoseconds since any fixed moment; never backwards.
    safe fn now() -> u64;
    /// Asks for a turn at this time; `u64::MAX` takes that back.
    safe fn arm(deadline: u64);
    /// Asks for a turn soon.
    safe fn pend();
    /// 64 random bits.
    safe fn entropy() -> u64;
}

/// The platform behind the imports.
pub struct Host;

impl Platform for Host {
    fn now(&self) -> Time {
        Time::from_nanos(now())
    }

    fn arm(&self, deadline: Option<Time>) {
        arm(deadline.map_or(u64::MAX, Time::as_nanos));
    }

    fn pend(&self) {
        pend();
    }

    fn entropy(&self) -> u64 {
        entropy()
    }
}

/// What the heap holds: 1 MiB. A module that needs more brings an allocator that grows.
const HEAP_PAGES: usize = 16;
const PAGE: usize = 64 * 1024;

#[global_allocator]
static HEAP: LlffHeap = LlffHeap::empty();
static HAS_HEAP: AtomicBool = AtomicBool::new(false);

/// Gives the heap its memory, at the first call. `false`: there is none.
pub fn has_heap() -> bool {
    if !HAS_HEAP.load(Ordering::Relaxed) {
        let first = memory_grow::<0>(HEAP_PAGES);
        if first == usize::MAX {
            return false;
        }
        // SAFETY: the pages are new, and nobody else's; this comes here once.
        unsafe { HEAP.init(first * PAGE, HEAP_PAGES * PAGE) };
        HAS_HEAP.store(true, Ordering::Relaxed);
    }
    true
}

#[panic_handler]
fn panicked(_info: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
