//! What wasm lacks: a heap, and a way to end in a panic.

use core::arch::wasm32::memory_grow;
use core::sync::atomic::{AtomicBool, Ordering};

use embedded_alloc::LlffHeap;

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
fn panicked(info: &core::panic::PanicInfo<'_>) -> ! {
    crate::tier::panicked(info);
    core::arch::wasm32::unreachable()
}
