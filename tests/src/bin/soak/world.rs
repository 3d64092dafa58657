//! What every part of the load has: the ledger, the sign to end, choices from the seed, and where the server is.

use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, OnceLock};

use asupersync_core::{Error, SpawnError, TaskError};

use crate::ledger::{Count, Ledger, Open};

/// What is said by panics that are meant.
pub const ON_PURPOSE: &str = "soak: on purpose";

/// One round's world.
#[derive(Debug)]
pub struct World {
    /// Of the whole run.
    pub ledger: Arc<Ledger>,
    /// Where the round's server listens.
    pub server: OnceLock<SocketAddr>,
    seed: u64,
    parts: AtomicUsize,
    is_over: AtomicBool,
}

impl World {
    /// The world of a round that makes its choices from `seed`.
    pub fn new(ledger: &Arc<Ledger>, seed: u64) -> Arc<Self> {
        Arc::new(Self {
            ledger: Arc::clone(ledger),
            server: OnceLock::new(),
            seed,
            parts: AtomicUsize::new(0),
            is_over: AtomicBool::new(false),
        })
    }

    /// Whether the parts are to end.
    pub fn is_over(&self) -> bool {
        self.is_over.load(Ordering::Relaxed)
    }

    /// Has the parts end when they are done with what they are at.
    pub fn end(&self) {
        self.is_over.store(true, Ordering::Relaxed);
    }

    /// The choices of the next part.
    pub fn dice(&self) -> Dice {
        let part = self.parts.fetch_add(1, Ordering::Relaxed) as u64;
        Dice(self.seed ^ part.wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// Counts a beginning; see [`Open`].
    pub fn open(&self, begun: fn(&Ledger) -> &Count, dropped: fn(&Ledger) -> &Count) -> Open {
        Open::new(&self.ledger, begun, dropped)
    }
}

/// A part failed in a way that nobody meant, unless it was asked to stop.
pub fn judge(world: &World, part: &str, ended: Result<(), Error>) {
    if let Err(error) = ended {
        // A connection that was accepted as the stop came finds its region closed.
        let is_closed = error.downcast_ref().is_some_and(SpawnError::is_closed);
        if error.cancelled().is_none() && !is_closed {
            world.ledger.faults.errors.add();
            eprintln!("soak: a part failed, {part}: {error}");
        }
    }
}

/// Choices: splitmix64 (Steele, Lea, Flood 2014).
#[derive(Debug, Clone)]
pub struct Dice(pub u64);

impl Dice {
    /// A number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut x = self.0;
        x = (x ^ (x >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        x = (x ^ (x >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        (x ^ (x >> 31)) % bound.max(1)
    }

    /// True once in `times`.
    pub fn once_in(&mut self, times: u64) -> bool {
        self.below(times) == 0
    }
}
