//! What a driver counts, and how others read it.
//!
//! Owns the published numbers. A driver counts for itself, in plain numbers, and publishes them at the end of a turn:
//! a poll costs nothing more, and a reader is at most a turn behind.

use std::sync::atomic::{AtomicUsize, Ordering};

/// What one driver of a pool has done since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct DriverStats {
    /// Polls of tasks.
    pub polls: usize,
    /// Times it took work from another driver.
    pub steals: usize,
    /// Times it took a task that came from a thread that drives nothing, or found the ring full.
    pub injector_takes: usize,
    /// Tasks that ran at once, since the task before had made them runnable.
    pub lifo_hits: usize,
    /// Times it found nothing to do and went to sleep.
    pub parks: usize,
    /// Times another lane was served although cancel work waited.
    pub fairness_yields: usize,
    /// The longest run of cancel turns that others waited through.
    pub max_cancel_streak: usize,
}

/// A driver's numbers as others see them.
#[derive(Debug, Default)]
pub(crate) struct Published([AtomicUsize; 7]);

impl Published {
    /// Only the driver itself publishes.
    pub(crate) fn publish(&self, stats: &DriverStats) {
        let numbers = [
            stats.polls,
            stats.steals,
            stats.injector_takes,
            stats.lifo_hits,
            stats.parks,
            stats.fairness_yields,
            stats.max_cancel_streak,
        ];
        // Relaxed: numbers for people, each by itself.
        for (place, number) in self.0.iter().zip(numbers) {
            place.store(number, Ordering::Relaxed);
        }
    }

    pub(crate) fn read(&self) -> DriverStats {
        let [
            polls,
            steals,
            injector_takes,
            lifo_hits,
            parks,
            fairness_yields,
            max_cancel_streak,
        ] = std::array::from_fn(|index| self.0[index].load(Ordering::Relaxed));
        DriverStats {
            polls,
            steals,
            injector_takes,
            lifo_hits,
            parks,
            fairness_yields,
            max_cancel_streak,
        }
    }
}
