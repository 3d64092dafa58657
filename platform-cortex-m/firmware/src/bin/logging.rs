//! The port's defmt feature at work: trace events and a diagnostic become defmt frames.
//!
//! The logger of this firmware counts the bytes of the frames; to read them takes the ELF file and a host
//! tool. Exits with failure if events or the diagnostic left no frame.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::sync::Arc;
use core::panic::PanicInfo;
use core::sync::atomic::{AtomicUsize, Ordering};

use asupersync_core::{Config, Error, LocalRegion};
use asupersync_cortex_m::{DefmtSink, Port, Runtime, report_with_defmt};
use asupersync_firmware::{board, console, heap};
use cortex_m::Peripherals;
use cortex_m_rt::{entry, exception};
use semihosting::println;

static PORT: Port = Port::new(board::describe(report_with_defmt));

/// Frames that were begun.
static FRAMES: AtomicUsize = AtomicUsize::new(0);
/// Their bytes.
static BYTES: AtomicUsize = AtomicUsize::new(0);

#[defmt::global_logger]
struct Counting;

// SAFETY: no handler of this firmware logs, so the calls come from one context and never nest.
unsafe impl defmt::Logger for Counting {
    fn acquire() {
        FRAMES.fetch_add(1, Ordering::Relaxed);
    }

    unsafe fn flush() {
        // SAFETY: nothing is kept that could be flushed.
    }

    unsafe fn release() {
        // SAFETY: nothing was taken that could be given back.
    }

    unsafe fn write(bytes: &[u8]) {
        // SAFETY: a count is all that is kept; the caller owes nothing.
        BYTES.fetch_add(bytes.len(), Ordering::Relaxed);
    }
}

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
    let sink = Some(Arc::new(DefmtSink) as _);
    let mut config = Config::default();
    config.obligation_budget = core::time::Duration::from_millis(1);
    let mut runtime = Runtime::with_config(&PORT, 4, config, sink);
    let ended: Result<(), Error> = runtime.block_on(async |region: &LocalRegion| {
        let task = region.spawn(async |cx| Ok(cx.yield_now().await?))?;
        Ok(task.join(region).await?)
    });
    let events = FRAMES.load(Ordering::Relaxed);
    // What is forgotten is found when the region closes, and reported.
    let leaked: Result<(), Error> = runtime.block_on(async |region: &LocalRegion| {
        core::mem::forget(region.io_op()?);
        Ok(())
    });
    let stats = runtime.shut_down();
    let (frames, bytes) = (
        FRAMES.load(Ordering::Relaxed),
        BYTES.load(Ordering::Relaxed),
    );
    println!("logging: {events} events, then {frames} frames of {bytes} bytes in all");
    let logged = events > 5 && frames > events && bytes > frames;
    console::exit(ended.is_ok() && leaked.is_ok() && stats.leaked == 1 && logged)
}
