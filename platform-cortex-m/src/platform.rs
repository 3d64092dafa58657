//! `Port`: one Cortex-M core as the kernel sees it.

use core::cell::RefCell;
use core::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use core::time::Duration;

use asupersync_core::{Diagnostic, Platform, Time};
use cortex_m::asm;
use cortex_m::peripheral::SYST;
use cortex_m::peripheral::syst::SystClkSource;
use critical_section::Mutex;

use crate::clock::{Clock, Counter, Rate};

/// What a board says about itself.
#[derive(Debug, Clone, Copy)]
pub struct Board {
    /// The frequency of the core's clock, which SysTick counts.
    pub core_hz: u32,
    /// How often SysTick interrupts. A sleep ends at most one tick late; between two ticks the core
    /// sleeps. A tick must last 2 to 2^24 cycles and at most a second.
    pub tick_hz: u32,
    /// What entropy is made from. A board with a noise source reads it here; equal seeds give equal runs.
    pub seed: u64,
    /// Shows a diagnostic to a person. Never called from an interrupt handler.
    pub report: fn(&Diagnostic),
}

/// Clock, wake-up and entropy of one Cortex-M core. Lives in a `static`, so that the SysTick handler
/// reaches it; `Arc::new(&PORT)` is the platform that a driver takes.
pub struct Port {
    board: Board,
    rate: Rate,
    clock: Mutex<RefCell<(Clock, Option<SysTick>)>>,
    /// A turn was asked for since the last sleep.
    pended: AtomicBool,
    /// How many runtimes took their entropy.
    seeds: AtomicU32,
}

impl Port {
    /// A port whose clock stands at zero until [`start`](Self::start).
    ///
    /// # Panics
    /// If SysTick cannot count a tick of this board; in a `static`, the compiler says so.
    pub const fn new(board: Board) -> Self {
        Self {
            board,
            rate: Rate::new(board.core_hz, board.tick_hz),
            clock: Mutex::new(RefCell::new((Clock::new(), None))),
            pended: AtomicBool::new(false),
            seeds: AtomicU32::new(0),
        }
    }

    /// Starts the clock. From here on SysTick belongs to the port.
    pub fn start(&self, mut systick: SYST) {
        systick.set_clock_source(SystClkSource::Core);
        systick.set_reload(self.rate.reload());
        // Takes the flag down, too. The next count loads the period.
        systick.clear_current();
        systick.enable_interrupt();
        systick.enable_counter();
        critical_section::with(|cs| {
            self.clock.borrow_ref_mut(cs).1 = Some(SysTick(systick));
        });
    }

    /// The board calls this from its SysTick handler: no wrap of the counter goes unseen.
    pub fn on_tick(&self) {
        self.now_ns();
    }

    /// Sleeps until [`pend`](Platform::pend) or, if given, until `deadline`. May return early.
    ///
    /// A pend before the sleep is not lost: it leaves the flag up, which is looked at first. Nor is one that
    /// comes between that look and WFE: the core's event register remembers it (SEV sets it, and so does
    /// the return from any exception), and WFE then takes the event instead of sleeping. The same holds
    /// for the tick that makes the deadline pass.
    pub fn idle(&self, deadline: Option<Time>) {
        while !self.pended.swap(false, Ordering::SeqCst)
            && deadline.is_none_or(|at| self.now_ns() < at.as_nanos())
        {
            asm::wfe();
        }
    }

    /// The time between two ticks.
    pub fn tick(&self) -> Duration {
        Duration::from_secs(1) / self.board.tick_hz
    }

    fn now_ns(&self) -> u64 {
        critical_section::with(|cs| {
            let (clock, systick) = &mut *self.clock.borrow_ref_mut(cs);
            match systick {
                Some(systick) => clock.read(&self.rate, systick),
                None => 0,
            }
        })
    }
}

/// For `Arc::new(&PORT)`: what a driver takes is a reference to the static.
impl Platform for &'static Port {
    fn now(&self) -> Time {
        Time::from_nanos(self.now_ns())
    }

    /// Nothing to do: SysTick ticks anyway, and the loop sleeps until the time that a turn names.
    fn arm(&self, _deadline: Option<Time>) {}

    fn pend(&self) {
        self.pended.store(true, Ordering::SeqCst);
        asm::sev();
    }

    /// The seed itself for the first runtime; numbers that follow from it for later ones.
    fn entropy(&self) -> u64 {
        let made = u64::from(self.seeds.fetch_add(1, Ordering::Relaxed));
        // The step of splitmix64 (Steele, Lea, Flood 2014): 2^64 divided by the golden ratio.
        let step = 0x9e37_79b9_7f4a_7c15_u64;
        self.board.seed.wrapping_add(made.wrapping_mul(step))
    }

    fn report(&self, diagnostic: &Diagnostic) {
        (self.board.report)(diagnostic);
    }
}

/// The counter of the core.
struct SysTick(SYST);

impl Counter for SysTick {
    fn value(&mut self) -> u32 {
        SYST::get_current()
    }

    fn has_wrapped(&mut self) -> bool {
        self.0.has_wrapped()
    }
}
