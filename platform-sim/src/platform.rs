//! `SimPlatform`: the world as a program in the lab sees it.
//!
//! Owns virtual time, seeded entropy, panic capture and the diagnostics of one run. The engine holds
//! the other end: it moves the clock and reads the diagnostics.

use alloc::string::{String, ToString};
use alloc::vec::Vec;
use portable_atomic::{AtomicU64, Ordering};

use asupersync_core::internal::Mutex;
use asupersync_core::{Diagnostic, PanicPayload, Platform, Time};

use crate::clock::VirtualClock;
use crate::entropy::{Random, Stream, splitmix64};

/// How many diagnostics a run keeps; the rest is counted by the kernel's statistics.
const DIAGNOSTICS_MAX: usize = 64;

pub(crate) struct SimPlatform {
    pub(crate) clock: VirtualClock,
    entropy: AtomicU64,
    diagnostics: Mutex<Vec<String>>,
}

impl SimPlatform {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            clock: VirtualClock::default(),
            entropy: AtomicU64::new(Random::new(seed, Stream::Program).next_u64()),
            diagnostics: Mutex::new(Vec::new()),
        }
    }

    pub(crate) fn take_diagnostics(&self) -> Vec<String> {
        core::mem::take(&mut self.diagnostics.lock())
    }
}

impl Platform for SimPlatform {
    fn now(&self) -> Time {
        self.clock.now()
    }

    /// The engine asks the driver for its deadline when nothing is runnable.
    fn arm(&self, _deadline: Option<Time>) {}

    /// The engine looks at its queue by itself.
    fn pend(&self) {}

    fn entropy(&self) -> u64 {
        let state = self.entropy.load(Ordering::Relaxed);
        let (next, output) = splitmix64(state);
        self.entropy.store(next, Ordering::Relaxed);
        output
    }

    #[cfg(feature = "std")]
    fn guard(&self, run: &mut dyn FnMut()) -> Result<(), PanicPayload> {
        crate::panics::catch(run).map_err(PanicPayload::new)
    }

    #[cfg(not(feature = "std"))]
    fn guard(&self, run: &mut dyn FnMut()) -> Result<(), PanicPayload> {
        run();
        Ok(())
    }

    fn report(&self, diagnostic: &Diagnostic) {
        let mut diagnostics = self.diagnostics.lock();
        if diagnostics.len() < DIAGNOSTICS_MAX {
            diagnostics.push(diagnostic.to_string());
        }
    }
}
