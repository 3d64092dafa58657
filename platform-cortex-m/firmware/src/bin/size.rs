//! The example of the size bar: kernel, local executor, timer and one channel; 16 tasks; no formatting.
//!
//! 15 sensors wait for their time and send a reading; the body receives them all. Prints the heap's peak, the
//! statics and the worst stack as plain numbers. The size of the code is read from the ELF file.

#![no_std]
#![no_main]

use asupersync_core::channel::mpsc;
use asupersync_core::{Error, LocalRegion};
use asupersync_cortex_m::{Port, Runtime};
use asupersync_firmware::console::{Part, exit, print_plain};
use asupersync_firmware::{board, heap, stack};
use core::num::NonZeroUsize;
use core::panic::PanicInfo;
use core::time::Duration;
use cortex_m::Peripherals;
use cortex_m_rt::{entry, exception};

const SENSORS: u32 = 15;

static PORT: Port = Port::new(board::describe(|_| {}));

#[exception]
fn SysTick() {
    PORT.on_tick();
}

#[panic_handler]
fn on_panic(_: &PanicInfo<'_>) -> ! {
    exit(false)
}

#[entry]
fn main() -> ! {
    heap::init();
    let Some(peripherals) = Peripherals::take() else {
        exit(false)
    };
    PORT.start(peripherals.SYST);
    let mut runtime = Runtime::new(&PORT, SENSORS as usize + 1);
    let sum = runtime.block_on(collect);
    let stats = runtime.shut_down();
    print_plain(&[
        Part::Text("size: sum "),
        Part::Number(*sum.as_ref().unwrap_or(&0) as usize),
        Part::Text(", heap peak "),
        Part::Number(heap::peak()),
        Part::Text(", stack worst "),
        Part::Number(stack::worst()),
    ]);
    let right = sum.is_ok_and(|sum| sum == (1..=SENSORS).sum());
    exit(right && stats.live == 0 && stats.leaked == 0 && heap::used() == 0)
}

/// Sums what the sensors send, each after its own time. With the task that runs this they are 16.
async fn collect(region: &LocalRegion) -> Result<u32, Error> {
    let (sender, mut receiver) = mpsc::channel(const { NonZeroUsize::new(4).unwrap() });
    for reading in 1..=SENSORS {
        let sender = sender.clone();
        region.spawn(async move |cx| {
            let wait = Duration::from_millis(u64::from(SENSORS - reading));
            cx.sleep(wait).await?;
            Ok(sender.send(&cx, reading).await?)
        })?;
    }
    drop(sender);
    let mut sum = 0;
    while let Ok(reading) = receiver.recv(region).await {
        sum += reading;
    }
    Ok(sum)
}
