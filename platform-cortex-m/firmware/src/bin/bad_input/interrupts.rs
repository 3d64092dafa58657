//! Interrupts: wakes from handlers at every moment, and more of them than anybody ordered.

use alloc::format;
use alloc::string::{String, ToString};
use core::cell::RefCell;
use core::future::poll_fn;
use core::num::NonZeroUsize;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::task::{Poll, Waker};
use core::time::Duration;

use asupersync_core::channel::mpsc;
use asupersync_core::{Error, LocalRegion, Platform};
use asupersync_cortex_m::{Port, Runtime};
use asupersync_firmware::board;
use cortex_m::Peripherals;
use cortex_m::peripheral::SCB;
use critical_section::Mutex;

use super::{PORT, TICKS, expect};

/// How many handshakes each case has with a handler.
const ROUNDS: u32 = 500;

/// Something that a handler raises and a task waits for.
struct Signal {
    is_raised: AtomicBool,
    waiting: Mutex<RefCell<Option<Waker>>>,
}

impl Signal {
    const fn new() -> Self {
        Self {
            is_raised: AtomicBool::new(false),
            waiting: Mutex::new(RefCell::new(None)),
        }
    }

    fn raise(&self) {
        self.is_raised.store(true, Ordering::SeqCst);
        let waiting = critical_section::with(|cs| self.waiting.take(cs));
        if let Some(waker) = waiting {
            waker.wake();
        }
    }

    /// Waits until it is raised and takes it down. `between` runs once the waker is in place, within the poll.
    async fn raised(&self, mut between: impl FnMut()) {
        poll_fn(|cx| {
            let waker = cx.waker().clone();
            let before = critical_section::with(|cs| self.waiting.replace(cs, Some(waker)));
            drop(before);
            between();
            match self.is_raised.swap(false, Ordering::SeqCst) {
                true => Poll::Ready(()),
                false => Poll::Pending,
            }
        })
        .await;
        critical_section::with(|cs| self.waiting.take(cs));
    }
}

static TICK: Signal = Signal::new();
static PENDED: Signal = Signal::new();
/// Where the handler of PendSV sends what it counts.
static SENDER: Mutex<RefCell<Option<mpsc::Sender<u32>>>> = Mutex::new(RefCell::new(None));
static SENT: AtomicU32 = AtomicU32::new(0);

/// What the handler of SysTick does besides ticking.
pub fn on_tick() {
    STORM.on_tick();
    TICK.raise();
}

/// What the handler of PendSV does.
pub fn on_pended() {
    PENDED.raise();
    critical_section::with(|cs| {
        if let Some(sender) = &*SENDER.borrow_ref(cs) {
            if sender.try_send(SENT.load(Ordering::Relaxed)).is_ok() {
                SENT.fetch_add(1, Ordering::Relaxed);
            }
        }
    });
}

fn run(
    port: &'static Port,
    body: impl AsyncFnOnce(&LocalRegion) -> Result<(), Error>,
) -> Result<(), String> {
    let mut runtime = Runtime::new(port, 16);
    let result = runtime.block_on(body);
    let stats = runtime.shut_down();
    result.map_err(|error| error.to_string())?;
    expect(stats.live == 0 && stats.timers == 0, "something is left")
}

pub fn pend_before_sleep() -> Result<(), String> {
    for _ in 0..ROUNDS {
        (&PORT).pend();
        // Without a deadline: a pend that is lost hangs here.
        PORT.idle(None);
    }
    Ok(())
}

pub fn wakes_from_sleep() -> Result<(), String> {
    let before = TICKS.load(Ordering::Relaxed);
    // Nothing but the handler's wake ends the sleep: there is no timer.
    run(&PORT, async |_| {
        for _ in 0..20 {
            TICK.raised(|| {}).await;
        }
        Ok(())
    })?;
    let ticks = TICKS.load(Ordering::Relaxed) - before;
    expect(ticks >= 19, "it woke without ticks")
}

pub fn wakes_the_polled_task() -> Result<(), String> {
    run(&PORT, async |_| {
        for _ in 0..ROUNDS {
            let mut asked = false;
            PENDED
                .raised(|| {
                    // The handler runs here and wakes the task that is being polled; the flag is then
                    // taken down as if the task had not seen it, so that only the wake brings it back.
                    if !core::mem::replace(&mut asked, true) {
                        SCB::set_pendsv();
                        cortex_m::asm::isb();
                        let was_raised = PENDED.is_raised.swap(false, Ordering::SeqCst);
                        assert!(was_raised, "the handler did not run within the poll");
                    } else {
                        PENDED.is_raised.store(true, Ordering::SeqCst);
                    }
                })
                .await;
        }
        Ok(())
    })
}

pub fn wakes_another_task() -> Result<(), String> {
    run(&PORT, async |region| {
        let waiter = region.spawn(async |_| {
            for _ in 0..ROUNDS {
                PENDED.raised(|| {}).await;
            }
            Ok(())
        })?;
        while !waiter.is_finished() {
            SCB::set_pendsv();
            region.yield_now().await?;
        }
        Ok(waiter.join(region).await?)
    })
}

pub fn sends_into_a_channel() -> Result<(), String> {
    SENT.store(0, Ordering::Relaxed);
    let ended = run(&PORT, async |region| {
        let (sender, mut receiver) = mpsc::channel(const { NonZeroUsize::new(4).unwrap() });
        critical_section::with(|cs| SENDER.replace(cs, Some(sender)));
        for expected in 0..ROUNDS {
            if expected % 3 == 0 {
                // Up to three are sent ahead, the third while the receiver is asleep.
                SCB::set_pendsv();
                SCB::set_pendsv();
            }
            SCB::set_pendsv();
            while receiver.is_empty() {
                SCB::set_pendsv();
                region.yield_now().await?;
            }
            let received = receiver.recv(region).await?;
            assert_eq!(received, expected, "a value was lost or came twice");
        }
        let sender = critical_section::with(|cs| SENDER.take(cs));
        drop(sender);
        Ok(())
    });
    ended?;
    expect(SENT.load(Ordering::Relaxed) >= ROUNDS, "too few were sent")
}

/// A board whose timer interrupts a hundred times as often as it should.
static STORM: Port = Port::new({
    let mut storm = board::describe(|_| {});
    storm.tick_hz = 100_000;
    storm
});

pub fn storm() -> Result<(), String> {
    // SAFETY: the cases run one after the other; the other port gets SysTick back below and reads
    // nothing but its registers meanwhile.
    STORM.start(unsafe { Peripherals::steal() }.SYST);
    let before = TICKS.load(Ordering::Relaxed);
    let ended = run(&STORM, weather_the_storm);
    let ticks = TICKS.load(Ordering::Relaxed) - before;
    // SAFETY: as above.
    PORT.start(unsafe { Peripherals::steal() }.SYST);
    ended?;
    if ticks < 1_000 {
        return Err(format!("{ticks} interrupts are no storm"));
    }
    Ok(())
}

/// Sleeps, yields, and waits for the handler, all at once.
async fn weather_the_storm(region: &LocalRegion) -> Result<(), Error> {
    for millis in 1..=8 {
        region.spawn(async move |cx| {
            for _ in 0..5 {
                let (asked, before) = (Duration::from_millis(millis), cx.now()?);
                cx.sleep(asked).await?;
                assert!(cx.now()?.saturating_since(before) >= asked, "a short sleep");
            }
            Ok(())
        })?;
    }
    region.spawn(async |_| {
        for _ in 0..ROUNDS {
            TICK.raised(|| {}).await;
        }
        Ok(())
    })?;
    for _ in 0..2_000 {
        region.yield_now().await?;
    }
    Ok(())
}
