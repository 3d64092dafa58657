//! `EmbassyHost`: embassy-time as the clock and the timer of a guest.
//!
//! Owns the conversion between embassy's ticks and the runtime's nanoseconds. The tick rate, and who counts,
//! is the binary's choice by embassy-time's features.

use asupersync_core::Time;
use embassy_time::{Instant, TICK_HZ, Timer};

use crate::host::Host;

/// Nanoseconds in a second.
const NANOS: u64 = 1_000_000_000;

/// A task of embassy-executor as the host.
///
/// The runtime's time is counted in nanoseconds from when this was made, in steps of one tick
/// (`embassy_time::TICK_HZ` of them a second). A deadline is rounded up to a whole tick, so that by this clock none
/// fires early. As with `embassy_time::Timer::after`, the tick that runs already counts: a sleep, measured
/// from outside, may be shorter by less than one tick.
///
/// Inside the guest use `cx.sleep`. An `embassy_time::Timer` awaited by a task *of the guest* is polled with a waker
/// that is not of embassy's making, and embassy's integrated timer queue panics on those.
#[derive(Debug, Clone, Copy)]
pub struct EmbassyHost {
    epoch: Instant,
    entropy: u64,
}

impl EmbassyHost {
    /// A host whose time begins now. `entropy` should differ between runs: take it from the board's random
    /// number generator; the same number repeats the same draws.
    pub fn new(entropy: u64) -> Self {
        Self {
            epoch: Instant::now(),
            entropy,
        }
    }
}

impl Host for EmbassyHost {
    type Timer = Timer;

    fn now(&self) -> Time {
        let ticks = Instant::now().saturating_duration_since(self.epoch);
        nanos_of(ticks.as_ticks(), TICK_HZ)
    }

    fn timer(&self, deadline: Time) -> Timer {
        let ticks = ticks_until(deadline, TICK_HZ);
        Timer::at(Instant::from_ticks(
            self.epoch.as_ticks().saturating_add(ticks),
        ))
    }

    fn entropy(&self) -> u64 {
        self.entropy
    }
}

/// When tick number `ticks` began. In halves, so that nothing overflows at any rate up to 18 GHz.
fn nanos_of(ticks: u64, hz: u64) -> Time {
    let whole = (ticks / hz).saturating_mul(NANOS);
    Time::from_nanos(whole.saturating_add(ticks % hz * NANOS / hz))
}

/// The first tick that begins at `time` or later.
fn ticks_until(time: Time, hz: u64) -> u64 {
    let nanos = time.as_nanos();
    let whole = (nanos / NANOS).saturating_mul(hz);
    whole.saturating_add((nanos % NANOS * hz).div_ceil(NANOS))
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Rates from slow to fast, with whole and broken numbers of nanoseconds to a tick.
    const RATES_HZ: [u64; 8] = [
        1,
        100,
        1_000,
        32_768,
        1_000_000,
        64_000_000,
        NANOS,
        5_242_880_000,
    ];

    #[test]
    fn a_deadline_never_fires_early_and_at_most_a_tick_late() {
        for hz in RATES_HZ {
            for nanos in [
                0,
                1,
                999,
                30_517,
                30_518,
                999_999_999,
                NANOS,
                7 * NANOS + 13,
            ] {
                let deadline = Time::from_nanos(nanos);
                let tick = ticks_until(deadline, hz);
                assert!(nanos_of(tick, hz) >= deadline, "{deadline} at {hz} Hz");
                if tick > 0 {
                    assert!(nanos_of(tick - 1, hz) < deadline, "{deadline} at {hz} Hz");
                }
            }
        }
    }

    #[test]
    fn the_clock_never_goes_back_and_hits_whole_seconds() {
        for hz in RATES_HZ {
            let samples = [0, 1, 2, hz / 2, hz - 1, hz, hz + 1, 10 * hz];
            for pair in samples.windows(2).filter(|pair| pair[0] <= pair[1]) {
                assert!(nanos_of(pair[0], hz) <= nanos_of(pair[1], hz), "{hz} Hz");
            }
            assert_eq!(nanos_of(10 * hz, hz).as_nanos(), 10 * NANOS, "{hz} Hz");
        }
    }

    #[test]
    fn the_ends_of_the_range_saturate() {
        for hz in RATES_HZ {
            let end = ticks_until(Time::MAX, hz);
            assert!(end >= u64::MAX / NANOS * hz.min(NANOS), "{hz} Hz");
            assert!(
                nanos_of(u64::MAX, hz) >= Time::from_nanos(u64::MAX / hz),
                "{hz} Hz"
            );
        }
    }
}
