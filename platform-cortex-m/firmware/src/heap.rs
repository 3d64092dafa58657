//! The heap: all RAM behind the statics, with a count of what is in use and of the most that ever was.

use core::alloc::{GlobalAlloc, Layout};
use core::ptr::{self, addr_of};
use core::sync::atomic::{AtomicUsize, Ordering};

use embedded_alloc::LlffHeap;

/// A first-fit heap that counts, and that a test can make smaller.
pub struct Heap {
    blocks: LlffHeap,
    /// Bytes asked for and not given back.
    used: AtomicUsize,
    /// The most that `used` ever was.
    peak: AtomicUsize,
    /// What `used` may not exceed.
    limit: AtomicUsize,
}

#[global_allocator]
static HEAP: Heap = Heap {
    blocks: LlffHeap::empty(),
    used: AtomicUsize::new(0),
    peak: AtomicUsize::new(0),
    limit: AtomicUsize::new(usize::MAX),
};

// SAFETY: both are symbols of the linker script. Only their addresses are used.
unsafe extern "C" {
    /// The end of the statics, from the linker script.
    static __sheap: u8;
    /// The end of the RAM, from the linker script.
    static _ram_end: u8;
}

/// Makes the heap. Called once, before anything allocates.
pub fn init() {
    let start = addr_of!(__sheap) as usize;
    let end = addr_of!(_ram_end) as usize;
    // SAFETY: the linker script leaves the RAM from `__sheap` to `_ram_end` to the heap alone, and a
    // second call panics.
    unsafe { HEAP.blocks.init(start, end - start) };
}

/// Bytes in use now.
pub fn used() -> usize {
    HEAP.used.load(Ordering::Relaxed)
}

/// The most bytes that were ever in use at once.
pub fn peak() -> usize {
    HEAP.peak.load(Ordering::Relaxed)
}

/// Lets no more than `bytes` be in use from now on; allocations beyond that fail.
pub fn limit(bytes: usize) {
    HEAP.limit.store(bytes, Ordering::Relaxed);
}

// SAFETY: blocks come from, and go back to, a heap that keeps the contract; the counts decide only
// whether it is asked.
unsafe impl GlobalAlloc for Heap {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        // SAFETY: what the caller owes is owed to `blocks`, below.
        let used = self.used.fetch_add(layout.size(), Ordering::Relaxed) + layout.size();
        let block = if used > self.limit.load(Ordering::Relaxed) {
            ptr::null_mut()
        } else {
            // SAFETY: the caller's contract is passed on.
            unsafe { self.blocks.alloc(layout) }
        };
        if block.is_null() {
            self.used.fetch_sub(layout.size(), Ordering::Relaxed);
        } else {
            self.peak.fetch_max(used, Ordering::Relaxed);
        }
        block
    }

    unsafe fn dealloc(&self, block: *mut u8, layout: Layout) {
        // SAFETY: the caller's contract is passed on.
        unsafe { self.blocks.dealloc(block, layout) };
        self.used.fetch_sub(layout.size(), Ordering::Relaxed);
    }
}
