//! The port: four functions and a loop. This whole file is counted; the board's set-up is in `main.rs`.
//!
//! Owns a clock that counts ticks, and the flag that ends a sleep. To port to another target keep the shape
//! and replace what is marked TARGET. `docs/porting.md` has the contract, `platform-cortex-m` a finer
//! clock.

use core::cell::Cell;
use core::sync::atomic::{AtomicBool, Ordering};

use alloc::sync::Arc;
use asupersync_core::{Diagnostic, Platform, Time};
use asupersync_local::{LocalDriver, Turn};
use critical_section::Mutex;

/// How long a tick lasts. A sleep ends at most one tick late.
const TICK_NS: u64 = 1_000_000;

/// What an interrupt handler and the main loop share: plain data, in a `static`.
pub struct Port {
    /// Ticks since the start. 64 bits, which this core cannot write at once: hence the critical section.
    ticks: Mutex<Cell<u64>>,
    /// A turn was asked for since the last sleep.
    pended: AtomicBool,
}

impl Port {
    pub const fn new() -> Self {
        Self {
            ticks: Mutex::new(Cell::new(0)),
            pended: AtomicBool::new(false),
        }
    }

    /// The handler of the timer interrupt calls this once per tick.
    pub fn on_tick(&self) {
        critical_section::with(|cs| {
            let ticks = self.ticks.borrow(cs);
            ticks.set(ticks.get() + 1);
        });
    }

    /// Sleeps until a pend or the deadline. A pend that came before is not lost: the flag is looked at
    /// first, and a pend after that look leaves an event behind, so that WFE does not sleep.
    pub fn sleep(&self, deadline: Option<Time>) {
        while !self.pended.swap(false, Ordering::SeqCst) && deadline.is_none_or(|at| now(self) < at)
        {
            cortex_m::asm::wfe(); // TARGET: wait for an interrupt or an event
        }
    }
}

fn now(port: &Port) -> Time {
    let ticks = critical_section::with(|cs| port.ticks.borrow(cs).get());
    Time::from_nanos(ticks * TICK_NS)
}

impl Platform for &'static Port {
    /// Never goes back. From anywhere, also from interrupts.
    fn now(&self) -> Time {
        now(self)
    }

    /// Nothing to do: the timer ticks anyway, and the loop sleeps until the time that a turn names.
    fn arm(&self, _deadline: Option<Time>) {}

    /// Ends the sleep, or the next one. From anywhere, also from interrupts; never runs the turn itself.
    fn pend(&self) {
        self.pended.store(true, Ordering::SeqCst);
        cortex_m::asm::sev(); // TARGET: leave an event for the sleeper
    }

    /// TARGET: a board with a noise source reads it here. A fixed seed makes runs repeat.
    fn entropy(&self) -> u64 {
        0x5eed
    }

    /// Optional: shows what no caller will see. TARGET: the console.
    fn report(&self, diagnostic: &Diagnostic) {
        semihosting::println!("{diagnostic}");
    }
}

/// The loop: takes turns until the runtime is shut down, and sleeps when there is nothing to do.
pub fn run(port: &'static Port, driver: &mut LocalDriver) {
    while !driver.is_shut_down() {
        // At most 32 polls; then a watchdog could be fed here.
        match driver.turn(32) {
            Turn::More => {}
            Turn::Idle(_) if driver.is_shut_down() => {}
            Turn::Idle(until) => port.sleep(until),
        }
    }
}

/// A runtime of at most `capacity` tasks.
pub fn driver(port: &'static Port, capacity: usize) -> LocalDriver {
    LocalDriver::new(Arc::new(port), capacity)
}
