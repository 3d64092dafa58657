//! What happens when the stack runs over: a message and a clean end, with nothing overwritten.
//!
//! A task recurses without end. The stack lies at the bottom of the RAM, so the first write below it faults; the
//! fault handler reports and exits with failure. Whoever runs this expects both. To get past the end unseen
//! exits with success.

#![no_std]
#![no_main]

use core::hint::black_box;
use core::panic::PanicInfo;

use asupersync_core::{Error, LocalRegion};
use asupersync_cortex_m::{Port, Runtime};
use asupersync_firmware::{board, console, heap};
use cortex_m::Peripherals;
use cortex_m_rt::{entry, exception};

static PORT: Port = Port::new(board::describe(|_| {}));

#[exception]
fn SysTick() {
    PORT.on_tick();
}

#[panic_handler]
fn on_panic(info: &PanicInfo<'_>) -> ! {
    console::panicked(info)
}

#[entry]
fn main() -> ! {
    heap::init();
    let Some(peripherals) = Peripherals::take() else {
        panic!("the firmware was started twice");
    };
    PORT.start(peripherals.SYST);
    let mut runtime = Runtime::new(&PORT, 4);
    let ended: Result<u32, Error> = runtime.block_on(async |region: &LocalRegion| {
        let task = region.spawn(async |_| Ok(sink(1_000_000)))?;
        Ok(task.join(region).await?)
    });
    console::exit(ended.is_ok())
}

/// Uses stack for each of its steps.
#[inline(never)]
fn sink(steps: u32) -> u32 {
    let frame = black_box([steps; 16]);
    match steps {
        0 => 0,
        _ => sink(steps - 1).wrapping_add(frame[3]),
    }
}
