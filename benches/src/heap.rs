//! A global allocator that counts while it is asked to. Only the `idle_bytes` workload asks; for every other workload
//! it costs one relaxed load and a well-predicted branch per call, the same for every contestant.
//!
//! This is the only unsafe code of the package: implementing `GlobalAlloc` is not possible without it.

use std::alloc::{GlobalAlloc, Layout, System};
use std::sync::atomic::{AtomicBool, AtomicIsize, Ordering::Relaxed};

static COUNTING: AtomicBool = AtomicBool::new(false);
static LIVE_BYTES: AtomicIsize = AtomicIsize::new(0);

/// The system allocator with a switchable count of live bytes.
pub struct Counting;

fn count(bytes: isize) {
    if COUNTING.load(Relaxed) {
        LIVE_BYTES.fetch_add(bytes, Relaxed);
    }
}

// SAFETY: every method passes its arguments on to `System` unchanged and returns what `System` returns, so each
// obligation of `GlobalAlloc` is met by `System` meeting it. Counting touches two statics and never allocates.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: the caller's promises about `layout` are the ones `System` asks for.
        unsafe { System.alloc(layout) }
    }

    unsafe fn alloc_zeroed(&self, layout: Layout) -> *mut u8 {
        count(layout.size() as isize);
        // SAFETY: as in `alloc`.
        unsafe { System.alloc_zeroed(layout) }
    }

    unsafe fn realloc(&self, block: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count(size as isize - layout.size() as isize);
        // SAFETY: `block` came from `System` with `layout`, since every allocating method above hands out only that.
        unsafe { System.realloc(block, layout, size) }
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        count(-(layout.size() as isize));
        // SAFETY: as in `realloc`.
        unsafe { System.dealloc(block, layout) }
    }
}

/// How many bytes more are live after `work` than before it: requested sizes, without malloc's own headers.
pub fn growth(work: impl FnOnce()) -> isize {
    start();
    work();
    stop()
}

/// Starts counting from zero; for work that cannot be a closure because it awaits.
pub fn start() {
    LIVE_BYTES.store(0, Relaxed);
    COUNTING.store(true, Relaxed);
}

/// Stops counting: how many bytes more are live than at [`start`].
pub fn stop() -> isize {
    COUNTING.store(false, Relaxed);
    LIVE_BYTES.load(Relaxed)
}
