//! How deep the stack ever was: `cortex-m-rt` paints it before anything runs, and what was used lost its paint.
//!
//! Owns the look at the paint, and at how much RAM statics take. The memory map puts the stack at the bottom of the RAM, so that an
//! overflow faults.

use core::ptr::addr_of;

use cortex_m_rt::STACK_PAINT_VALUE;

// SAFETY: all are symbols of the memory map; of the first two only addresses and words of RAM in between are used, of
// the others only addresses.
unsafe extern "C" {
    /// The lowest address of the stack, from the memory map.
    static _stack_end: u32;
    /// The address above the stack, from the memory map.
    static _stack_start: u32;
    /// Where statics with a value begin, from `cortex-m-rt`.
    static __sdata: u32;
    /// The address above all statics, from `cortex-m-rt`.
    static __ebss: u32;
}

/// Bytes of stack that were ever in use.
pub fn worst() -> usize {
    let bottom = addr_of!(_stack_end);
    let words = size() / size_of::<u32>();
    // SAFETY: the words lie between the linker script's two symbols and are read one at a time, by a
    // volatile read: some of them are this function's own frame.
    let is_paint = |at: &usize| unsafe { bottom.add(*at).read_volatile() } == STACK_PAINT_VALUE;
    let untouched = (0..words).take_while(is_paint).count();
    (words - untouched) * size_of::<u32>()
}

/// Bytes of RAM that statics take: what lies between the first initialised one and the last that is zeroed.
pub fn statics() -> usize {
    addr_of!(__ebss) as usize - addr_of!(__sdata) as usize
}

/// Bytes of stack there are.
pub fn size() -> usize {
    addr_of!(_stack_start) as usize - end()
}

/// The lowest address of the stack.
pub fn end() -> usize {
    addr_of!(_stack_end) as usize
}
