//! How many tasks a runtime may hold, counted without a word that every thread writes.
//!
//! Owns the limit. One driver counts places in one word. Several take places in batches, each into a word of its own,
//! and come back for those of others when the common word is empty: the limit is never passed, and a place that is free
//! is found, unless another driver is moving it at that very moment.

use alloc::boxed::Box;

use crate::executor::THREADS;
use crate::mutants::mutant;
use crate::sync::atomic::{AtomicIsize, AtomicUsize, Ordering};

/// The most that a driver takes at once.
const BATCH_MAX: usize = 64;

/// The places of one runtime.
#[derive(Debug)]
pub struct Capacity {
    limit: usize,
    /// Free places that no driver has taken up. Below zero where clean-up work took more than there are.
    free: AtomicIsize,
    /// Free places that a driver took up; empty where there is only one.
    shards: Box<[Shard]>,
    batch: usize,
}

#[derive(Debug)]
#[repr(align(64))]
struct Shard(AtomicUsize);

impl Capacity {
    /// Places for `limit` tasks, in a runtime of `drivers` drivers.
    pub fn new(limit: usize, drivers: usize) -> Self {
        let shards = if THREADS && drivers > 1 { drivers } else { 0 };
        Self {
            limit,
            free: AtomicIsize::new(isize::try_from(limit).unwrap_or(isize::MAX)),
            shards: (0..shards).map(|_| Shard(AtomicUsize::new(0))).collect(),
            // Small enough to leave places for the others.
            batch: (limit / (8 * drivers.max(1))).clamp(1, BATCH_MAX),
        }
    }

    /// Takes a place. `false`: there is none, and nothing happened.
    #[must_use]
    #[inline]
    pub fn admit(&self, driver: impl Fn() -> usize) -> bool {
        if !THREADS || self.shards.is_empty() {
            let before = self.free.fetch_sub(1, Ordering::Relaxed);
            if before <= 0 && !mutant!(NoAdmissionLimit) {
                self.free.fetch_add(1, Ordering::Relaxed);
                return false;
            }
            return true;
        }
        let own = &self.shards[driver() % self.shards.len()].0;
        take(own, 1) == 1 || self.refill(own) || mutant!(NoAdmissionLimit)
    }

    /// Takes up a batch, or what others took up; one of it is the caller's place.
    #[cold]
    fn refill(&self, own: &AtomicUsize) -> bool {
        let mut free = self.free.load(Ordering::Relaxed);
        while free > 0 {
            let some = self.batch.min(free.unsigned_abs());
            let orders = (Ordering::Relaxed, Ordering::Relaxed);
            let rest = free - some as isize;
            match self
                .free
                .compare_exchange_weak(free, rest, orders.0, orders.1)
            {
                Ok(_) => {
                    own.fetch_add(some - 1, Ordering::Relaxed);
                    return true;
                }
                Err(now) => free = now,
            }
        }
        self.shards.iter().any(|shard| take(&shard.0, 1) == 1)
    }

    /// Takes a place that there is always: for clean-up work, which the limit does not apply to.
    pub fn admit_cleanup(&self) {
        self.free.fetch_sub(1, Ordering::Relaxed);
    }

    /// Gives a place back.
    #[inline]
    pub fn release(&self, driver: impl Fn() -> usize) {
        if !THREADS || self.shards.is_empty() {
            self.free.fetch_add(1, Ordering::Relaxed);
            return;
        }
        let own = &self.shards[driver() % self.shards.len()].0;
        let before = own.fetch_add(1, Ordering::Relaxed);
        if before >= 2 * self.batch {
            let surplus = take(own, self.batch);
            self.free.fetch_add(surplus as isize, Ordering::Relaxed);
        }
    }

    /// How many places are taken; while drivers are at work, about.
    pub fn live(&self) -> usize {
        let shards = self.shards.iter().map(|shard| &shard.0);
        let taken_up: usize = shards.map(|own| own.load(Ordering::Relaxed)).sum();
        let free = self.free.load(Ordering::Relaxed);
        let live = self.limit as isize - free - taken_up as isize;
        usize::try_from(live).unwrap_or(0)
    }
}

/// Takes up to `wanted` places out of a word.
#[inline]
fn take(places: &AtomicUsize, wanted: usize) -> usize {
    let mut now = places.load(Ordering::Relaxed);
    loop {
        let some = wanted.min(now);
        if some == 0 {
            return 0;
        }
        let orders = (Ordering::Relaxed, Ordering::Relaxed);
        match places.compare_exchange_weak(now, now - some, orders.0, orders.1) {
            Ok(_) => return some,
            Err(other) => now = other,
        }
    }
}

#[cfg(all(test, not(loom)))]
mod tests {
    use super::*;

    // proves: R-OWN-2
    #[test]
    fn every_place_is_given_out_once_whoever_asks() {
        for drivers in [1, 2, 5] {
            for limit in [0, 1, 7, 1_000] {
                let capacity = Capacity::new(limit, drivers);
                for place in 0..limit {
                    assert!(capacity.admit(|| place % 3), "{place} of {limit}");
                }
                assert!(!capacity.admit(|| 0) && !capacity.admit(|| 1));
                assert_eq!(capacity.live(), limit);
                for place in 0..limit {
                    capacity.release(|| place % 2);
                }
                assert_eq!(capacity.live(), 0);
                let again = (0..=limit).filter(|_| capacity.admit(|| 2)).count();
                assert_eq!(again, limit);
            }
        }
    }

    #[test]
    fn clean_up_goes_past_the_limit_and_pays_it_back() {
        let capacity = Capacity::new(1, 2);
        assert!(capacity.admit(|| 0));
        capacity.admit_cleanup();
        assert_eq!(capacity.live(), 2);
        capacity.release(|| 1);
        capacity.release(|| 1);
        assert_eq!(capacity.live(), 0);
    }
}
