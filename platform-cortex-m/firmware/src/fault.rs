//! Hard faults: a clean end with a reason, also when the stack ran over.
//!
//! The stack lies at the bottom of the RAM, so what runs over its end is a bus fault, which becomes a hard fault. Its
//! handler may not touch the stack it finds: it starts on an empty one, in assembly, before any Rust runs.

use core::arch::global_asm;

use crate::console::{Part, exit, print_plain};
use crate::stack;

global_asm!(
    ".section .HardFault.asupersync, \"ax\"",
    ".global HardFault",
    ".type HardFault, %function",
    ".thumb_func",
    "HardFault:",
    "mrs r0, msp",
    "ldr r1, =_stack_start",
    "msr msp, r1",
    "bl {on_fault}",
    "udf #0",
    on_fault = sym on_fault,
);

/// `stack_pointer` is where the stack was when the fault happened. No formatting: small firmware has this, too.
extern "C" fn on_fault(stack_pointer: usize) -> ! {
    let left = stack_pointer.saturating_sub(stack::end());
    if left < FRAME {
        print_plain(&[
            Part::Text("stack overflow: all bytes are used: "),
            Part::Number(stack::size()),
            Part::Text("; give the stack more room in its memory map, or nest less"),
        ]);
    } else {
        print_plain(&[
            Part::Text("hard fault; bytes of stack left: "),
            Part::Number(left),
        ]);
    }
    exit(false)
}

/// What the core stacks when it takes an exception.
const FRAME: usize = 32;
