//! The one place that reads SysTick: a 64-bit clock from a 24-bit counter that wraps.
//!
//! Owns the arithmetic. Who excludes whom is [`Port`](crate::Port)'s matter: every read happens inside
//! a critical section.
//!
//! # Why a read is never wrong by a period
//! SysTick counts down from `period - 1` to 0. On the step from 1 to 0 it raises COUNTFLAG, which a read of
//! the flag takes down. Only [`Clock::read`] reads the flag, and nothing can interrupt it, so every
//! wrap is counted once, whether the SysTick handler ran for it or not.
//!
//! 1. The value is read, then the flag. Flag down: no wrap before the value was read is uncounted.
//! 2. Flag up: a wrap happened at some time before the flag was read, perhaps between the two
//!    reads, so the value is read again: that one is surely of the new period.
//! 3. The value 0 belongs to the new period, because the flag rises with it.
//!
//! What is left is that two wraps between two reads raise one flag: the SysTick handler reads the clock
//! once per period to prevent that. If interrupts are masked for longer, whole periods are lost and
//! the clock is late; it never goes back. A debugger or an emulator may show 0 a moment before the flag:
//! such a value lies before the last one, and the last one is given again.

/// Nanoseconds of a second.
const SECOND_NS: u64 = 1_000_000_000;

/// SysTick as the clock sees it.
pub(crate) trait Counter {
    /// The current value.
    fn value(&mut self) -> u32;
    /// Whether it reached 0 since this was last asked.
    fn has_wrapped(&mut self) -> bool;
}

/// The frequency of the counter, and what follows from it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// Counts per second.
    hz: u32,
    /// Counts per period.
    period: u32,
    /// Nanoseconds per count, times 2^32. Rounded down, which is made good at each full second.
    scale: u64,
}

impl Rate {
    /// # Panics
    /// If SysTick cannot count a period: it has 24 bits.
    pub(crate) const fn new(hz: u32, tick_hz: u32) -> Self {
        assert!(
            tick_hz > 0 && hz / tick_hz > 1 && hz / tick_hz <= 1 << 24,
            "a tick must last 2 to 2^24 cycles: choose another tick_hz"
        );
        Self {
            hz,
            period: hz / tick_hz,
            scale: (SECOND_NS << 32) / hz as u64,
        }
    }

    /// What SysTick's reload register has to hold.
    pub(crate) const fn reload(&self) -> u32 {
        self.period - 1
    }
}

/// The time that was counted so far.
#[derive(Debug, Default)]
pub(crate) struct Clock {
    /// Full seconds before the period that runs, in nanoseconds.
    seconds_ns: u64,
    /// Counts from there to the start of the period that runs; less than a second.
    counts: u32,
    /// The last time that was given.
    last_ns: u64,
}

impl Clock {
    pub(crate) const fn new() -> Self {
        Self {
            seconds_ns: 0,
            counts: 0,
            last_ns: 0,
        }
    }

    /// Nanoseconds since the counter was started. The caller holds the critical section.
    pub(crate) fn read(&mut self, rate: &Rate, counter: &mut impl Counter) -> u64 {
        let mut value = counter.value();
        if counter.has_wrapped() {
            value = counter.value();
            self.counts += rate.period;
            // A period is at most a second long.
            if self.counts >= rate.hz {
                self.counts -= rate.hz;
                self.seconds_ns += SECOND_NS;
            }
        }
        let elapsed = match value {
            0 => 0,
            left => rate.period.saturating_sub(left),
        };
        // Below 2 * hz counts: the product stays below 2 * 10^9 * 2^32.
        let part_ns = (u64::from(self.counts + elapsed) * rate.scale) >> 32;
        self.last_ns = self.last_ns.max(self.seconds_ns + part_ns);
        self.last_ns
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A counter that steps between any two looks at it, as a real one may.
    struct Stepping {
        value: u32,
        wrapped: bool,
        period: u32,
        /// Counts from one look to the next; the last one stays.
        steps: std::vec::Vec<u32>,
        /// Counts since the start.
        total: u64,
    }

    impl Stepping {
        fn new(period: u32, steps: &[u32]) -> Self {
            Self {
                value: 0,
                wrapped: false,
                period,
                steps: steps.to_vec(),
                total: 0,
            }
        }

        fn step(&mut self, counts: u32) {
            for _ in 0..counts {
                self.total += 1;
                self.value = match self.value {
                    0 => self.period - 1,
                    value => value - 1,
                };
                self.wrapped |= self.value == 0;
            }
        }

        fn look(&mut self) {
            let steps = match self.steps.len() {
                0 | 1 => self.steps.first().copied().unwrap_or(0),
                _ => self.steps.remove(0),
            };
            self.step(steps);
        }
    }

    impl Counter for Stepping {
        fn value(&mut self) -> u32 {
            self.look();
            self.value
        }

        fn has_wrapped(&mut self) -> bool {
            self.look();
            core::mem::take(&mut self.wrapped)
        }
    }

    const HZ: u32 = 1_000;
    const COUNT_NS: u64 = 1_000_000;

    /// What the counter showed at some moment of the read is what the read gives.
    #[test]
    fn a_wrap_at_any_moment_of_a_read_is_counted_once() {
        let rate = Rate::new(HZ, 100);
        for start in 0..2 * rate.period {
            for first in 0..4 {
                for second in 0..4 {
                    let mut counter = Stepping::new(rate.period, &[0]);
                    let mut clock = Clock::new();
                    for _ in 0..start {
                        counter.step(1);
                        clock.read(&rate, &mut counter);
                    }
                    let before = counter.total;
                    counter.steps = std::vec![first, second, 0];
                    let read = clock.read(&rate, &mut counter);
                    let after = counter.total;
                    assert!(
                        (before * COUNT_NS..=after * COUNT_NS).contains(&read),
                        "{read} is not between {before} and {after} counts"
                    );
                }
            }
        }
    }

    #[test]
    fn a_second_of_counts_is_a_second() {
        // A frequency that divides nothing evenly.
        let rate = Rate::new(12_345_677, 1_000);
        let mut counter = Stepping::new(rate.period, &[0]);
        let mut clock = Clock::new();
        let mut last = 0;
        for _ in 0..3_000 {
            counter.step(rate.period - 7);
            let now = clock.read(&rate, &mut counter);
            let exact = u128::from(counter.total) * 1_000_000_000 / 12_345_677;
            assert!(now > last, "time stands still at {now}");
            assert!(exact.abs_diff(u128::from(now)) <= 1, "{now}, not {exact}");
            last = now;
        }
    }

    #[test]
    fn lost_periods_make_the_clock_late_and_not_go_back() {
        let rate = Rate::new(HZ, 100);
        let mut counter = Stepping::new(rate.period, &[0]);
        let mut clock = Clock::new();
        let mut last = 0;
        for masked in [3, 25, 9, 10, 11, 40, 1] {
            counter.step(masked);
            let now = clock.read(&rate, &mut counter);
            assert!((last..=counter.total * COUNT_NS).contains(&now));
            last = now;
        }
    }

    /// QEMU shows 0 from the end of a period until its timer has run.
    #[test]
    fn a_zero_before_its_flag_gives_the_last_time_again() {
        let rate = Rate::new(HZ, 100);
        let mut counter = Stepping::new(rate.period, &[0]);
        let mut clock = Clock::new();
        counter.step(2 * rate.period - 1);
        let before = clock.read(&rate, &mut counter);
        counter.value = 0;
        assert_eq!(clock.read(&rate, &mut counter), before);
        counter.wrapped = true;
        assert!(clock.read(&rate, &mut counter) > before);
    }
}
