//! What a board can throw at a runtime: interrupt storms, wakes at any moment, a clock that is wrong, no heap, no stack.
//!
//! Prints one line per case and exits with failure if one failed. A wake that is lost hangs the run:
//! whoever starts it gives it a time limit.

#![no_std]
#![no_main]

extern crate alloc;

mod clock;
mod interrupts;
mod memory;
mod nesting;

use alloc::format;
use alloc::string::String;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicU32, Ordering};

use asupersync_cortex_m::Port;
use asupersync_firmware::{board, console, heap, stack};
use cortex_m::Peripherals;
use cortex_m_rt::{entry, exception};
use semihosting::println;

static PORT: Port = Port::new(board::describe(|diagnostic| println!("{diagnostic}")));
/// How often SysTick interrupted.
static TICKS: AtomicU32 = AtomicU32::new(0);

#[exception]
fn SysTick() {
    TICKS.fetch_add(1, Ordering::Relaxed);
    PORT.on_tick();
    interrupts::on_tick();
}

#[exception]
fn PendSV() {
    interrupts::on_pended();
}

#[panic_handler]
fn on_panic(info: &PanicInfo<'_>) -> ! {
    console::panicked(info)
}

/// A case: what went wrong, if something did.
type Case = fn() -> Result<(), String>;

const CASES: &[(&str, Case)] = &[
    (
        "a pend before the sleep ends it",
        interrupts::pend_before_sleep,
    ),
    ("a tick wakes a sleeping core", interrupts::wakes_from_sleep),
    (
        "an interrupt wakes the task that is polled",
        interrupts::wakes_the_polled_task,
    ),
    (
        "an interrupt wakes another task during a poll",
        interrupts::wakes_another_task,
    ),
    (
        "an interrupt sends, a task receives",
        interrupts::sends_into_a_channel,
    ),
    ("a storm of timer interrupts", interrupts::storm),
    ("the clock stands still", clock::stands_still),
    ("the clock jumps ahead", clock::jumps_ahead),
    ("the clock jumps to its end", clock::jumps_to_the_end),
    ("the clock jumps back", clock::jumps_back),
    ("a nest that is too deep is refused", nesting::too_deep),
    ("the heap is full at a spawn", memory::full_at_spawn),
];

#[entry]
fn main() -> ! {
    heap::init();
    let Some(peripherals) = Peripherals::take() else {
        panic!("the firmware was started twice");
    };
    PORT.start(peripherals.SYST);
    let mut failed = 0;
    for (name, case) in CASES {
        let before = heap::used();
        let ended = case().and_then(|()| match heap::used() - before {
            0 => Ok(()),
            kept => Err(format!("{kept} bytes of heap were never given back")),
        });
        match ended {
            Ok(()) => println!("pass {name}"),
            Err(why) => {
                println!("FAIL {name}: {why}");
                failed += 1;
            }
        }
    }
    println!(
        "bad_input: {} passed, {failed} failed; heap peak {}, stack worst {} of {}",
        CASES.len() - failed,
        heap::peak(),
        stack::worst(),
        stack::size(),
    );
    console::exit(failed == 0)
}

/// An error unless `holds`.
fn expect(holds: bool, what: &str) -> Result<(), String> {
    if holds { Ok(()) } else { Err(what.into()) }
}
