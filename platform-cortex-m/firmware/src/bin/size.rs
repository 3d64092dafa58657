//! The example of the size bar: kernel, local executor, timer and one channel; 16 tasks; no formatting.
//!
//! 15 sensors wait for their time and send a reading; the body receives them all. Prints the heap's peak, the
//! statics and the worst stack as plain numbers. The size of the code is read from the ELF file.

#![no_std]
#![no_main]

use asupersync_core::channel::mpsc::{self, ReserveError, SendError};
use asupersync_core::{Cancelled, ChildEnded, LocalRegion, SpawnError, TaskError, TimeError};
use asupersync_cortex_m::{Port, Runtime};
use asupersync_firmware::console::{Part, exit, print_plain};
use asupersync_firmware::{board, heap, stack};
use core::num::NonZeroUsize;
use core::panic::PanicInfo;
use core::time::Duration;
use cortex_m::Peripherals;
use cortex_m_rt::{entry, exception};

const SENSORS: u32 = 15;
/// Bytes of RAM that the program may need.
const RAM_MAX: usize = 8 * 1024;

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
        Part::Text(", statics "),
        Part::Number(stack::statics()),
        Part::Text("; in all "),
        Part::Number(ram()),
        Part::Text(" of "),
        Part::Number(RAM_MAX),
    ]);
    let right = sum.is_ok_and(|sum| sum == (1..=SENSORS).sum());
    exit(right && ram() <= RAM_MAX && stats.live == 0 && stats.leaked == 0 && heap::used() == 0)
}

/// Bytes of RAM that the program needs.
fn ram() -> usize {
    heap::peak() + stack::worst() + stack::statics()
}

/// Sums what the sensors send, each after its own time. With the task that runs this they are 16.
async fn collect(region: &LocalRegion<Failed>) -> Result<u32, Failed> {
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

/// Why a sensor gave no reading. An error of its own instead of [`asupersync_core::Error`]: that one could be printed,
/// whatever it holds, and so brings the formatting of all it may hold.
enum Failed {
    /// It was asked to stop.
    Stopped(Cancelled),
    /// Anything else; nobody is there to read more.
    Otherwise,
}

impl TaskError for Failed {
    fn cancelled(&self) -> Option<&Cancelled> {
        match self {
            Self::Stopped(cancelled) => Some(cancelled),
            Self::Otherwise => None,
        }
    }
}

impl From<Cancelled> for Failed {
    fn from(cancelled: Cancelled) -> Self {
        Self::Stopped(cancelled)
    }
}

impl From<SpawnError> for Failed {
    fn from(_: SpawnError) -> Self {
        Self::Otherwise
    }
}

impl From<ChildEnded> for Failed {
    fn from(_: ChildEnded) -> Self {
        Self::Otherwise
    }
}

impl From<TimeError> for Failed {
    fn from(error: TimeError) -> Self {
        match error {
            TimeError::Cancelled(cancelled) => Self::Stopped(cancelled),
            _ => Self::Otherwise,
        }
    }
}

impl From<SendError<u32>> for Failed {
    fn from(error: SendError<u32>) -> Self {
        match error.into_parts().1 {
            ReserveError::Cancelled(cancelled) => Self::Stopped(cancelled),
            _ => Self::Otherwise,
        }
    }
}
