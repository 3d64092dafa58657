//! A cut of the demo on the port: real data, real time, and the independent recount.
//!
//! The last line is the column of the table, as JSON. Exits with failure if a record is lost or doubled, or
//! something is left behind.

#![no_std]
#![no_main]

use core::panic::PanicInfo;

use asupersync_conformance::demo::column::Column;
use asupersync_conformance::demo::run::{Cut, Input, Run};
use asupersync_conformance::demo::{config, pipeline};
use asupersync_core::LocalRegion;
use asupersync_cortex_m::{Port, Runtime};
use asupersync_firmware::{board, console, heap, stack};
use cortex_m::Peripherals;
use cortex_m_rt::{entry, exception};
use semihosting::println;

/// The whole file: the recount reads it, too.
const ORDERS: &str = include_str!("../../../../data/flights-airport.csv");
/// How many of its records run: a cut from its start.
const RECORDS: u32 = 1_024;
/// How many tasks there may be at once.
const TASKS: usize = 4_096;

static PORT: Port = Port::new(board::describe(|diagnostic| println!("{diagnostic}")));

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
    let input = match Input::parse(ORDERS) {
        Ok(input) => input,
        Err(flaw) => panic!("the records of this firmware are damaged: {flaw}"),
    };
    let Cut { ids, orders } = input.cut(0, RECORDS);
    let mut runtime = Runtime::with_config(&PORT, TASKS, config(), None);
    let ended = runtime.block_on(async |region: &LocalRegion| pipeline::run(region, orders).await);
    let run = Run::judge(&input, ids, ended, runtime.shut_down());
    let column = Column::new("Cortex-M3 in QEMU, the port", &[run]);
    println!(
        "demo: heap peak {}, stack worst {} of {}",
        heap::peak(),
        stack::worst(),
        stack::size(),
    );
    match column.to_line() {
        Ok(line) => println!("{line}"),
        Err(why) => panic!("the column has no text: {why}"),
    }
    console::exit(column.wrong().is_empty())
}
