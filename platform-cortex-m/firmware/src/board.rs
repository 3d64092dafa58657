//! The boards that QEMU has: their clocks.

use asupersync_core::Diagnostic;
use asupersync_cortex_m::Board;

/// The core's clock: what the LM3S6965 of QEMU has after reset.
#[cfg(not(feature = "mps2-an385"))]
const CORE_HZ: u32 = 12_500_000;
/// The core's clock: what the MPS2 boards of QEMU have.
#[cfg(feature = "mps2-an385")]
const CORE_HZ: u32 = 25_000_000;

/// The board of this build. There is no noise in an emulator: the seed is fixed, and runs repeat.
pub const fn describe(report: fn(&Diagnostic)) -> Board {
    Board {
        core_hz: CORE_HZ,
        tick_hz: 1_000,
        seed: 0x5eed,
        report,
    }
}
