//! Board set-up for the port in `port.rs`, and a program that shows it at work.
//!
//! Owns what every firmware for a Cortex-M brings along anyway: heap, vectors, panic handler, console. None
//! of it counts as port.

#![no_std]
#![no_main]

extern crate alloc;

mod port;

use core::panic::PanicInfo;
use core::ptr::addr_of_mut;
use core::time::Duration;

use asupersync_core::{Error, LocalRegion};
use cortex_m::Peripherals;
use cortex_m::peripheral::syst::SystClkSource;
use cortex_m_rt::{entry, exception};
use embedded_alloc::LlffHeap;
use semihosting::{eprintln, println, process};

use port::Port;

static PORT: Port = Port::new();

#[global_allocator]
static HEAP: LlffHeap = LlffHeap::empty();

const HEAP_SIZE: usize = 16 * 1024;
static mut HEAP_MEMORY: [u8; HEAP_SIZE] = [0; HEAP_SIZE];

/// 12.5 MHz make 12,500 cycles in a millisecond.
const CYCLES_PER_TICK: u32 = 12_500;

#[exception]
fn SysTick() {
    PORT.on_tick();
}

#[panic_handler]
fn on_panic(info: &PanicInfo<'_>) -> ! {
    eprintln!("{info}");
    process::exit(1)
}

#[entry]
fn main() -> ! {
    // SAFETY: the first and only call, with memory that nothing else uses.
    unsafe { HEAP.init(addr_of_mut!(HEAP_MEMORY) as usize, HEAP_SIZE) };
    let Some(peripherals) = Peripherals::take() else {
        panic!("the firmware was started twice");
    };
    let mut systick = peripherals.SYST;
    systick.set_clock_source(SystClkSource::Core);
    systick.set_reload(CYCLES_PER_TICK - 1);
    systick.clear_current();
    systick.enable_interrupt();
    systick.enable_counter();

    let mut driver = port::driver(&PORT, 8);
    let blinked = driver.block_on(blink, |until| PORT.sleep(until));
    driver.request_shutdown();
    port::run(&PORT, &mut driver);
    let passed = blinked.is_ok_and(|count| count == 3) && driver.stats().live == 0;
    println!("min-platform: {}", if passed { "ok" } else { "failed" });
    process::exit(i32::from(!passed))
}

/// Two tasks: one blinks for ever, and is stopped after a while; the other counts with it.
async fn blink(region: &LocalRegion) -> Result<u32, Error> {
    let blinker = region.spawn(async |cx| -> Result<(), Error> {
        loop {
            cx.sleep(Duration::from_millis(20)).await?;
            println!("{}: blink", cx.now()?);
        }
    })?;
    let counter = region.spawn(async |cx| {
        for _ in 0..3 {
            cx.sleep(Duration::from_millis(25)).await?;
        }
        Ok(3)
    })?;
    let count = counter.join(region).await?;
    blinker.cancel("seen enough");
    Ok(count)
}
