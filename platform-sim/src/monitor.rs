//! `Monitor`: the sink of a run. Every event goes to the oracles, the fingerprint and the digest; to
//! memory only if a trace is wanted.
//!
//! Owns what is computed from events while they happen. It judges nothing itself.

use alloc::sync::Arc;
use alloc::vec::Vec;

use asupersync_core::Fingerprint;
use asupersync_core::internal::Mutex;
use asupersync_core::trace::{Event, TraceSink};

use crate::lab::Sink;
use crate::oracle::Oracles;

pub(crate) struct Monitor(Mutex<Record>);

/// What is known of a run so far.
pub(crate) struct Record {
    pub(crate) oracles: Oracles,
    pub(crate) fingerprint: Fingerprint,
    pub(crate) digest: Digest,
    /// How many events there were.
    pub(crate) count: u64,
    /// `None`: no trace is wanted.
    pub(crate) events: Option<Vec<Event>>,
    sink: Option<Sink>,
    /// What is recorded while the driver is dropped is no part of the run.
    is_over: bool,
}

impl Monitor {
    pub(crate) fn new(oracles: Oracles, capture: bool, sink: Option<Sink>) -> Arc<Self> {
        Arc::new(Self(Mutex::new(Record {
            oracles,
            fingerprint: Fingerprint::new(),
            digest: Digest::default(),
            count: 0,
            events: capture.then(Vec::new),
            sink,
            is_over: false,
        })))
    }

    /// Looks at, or changes, what is known so far. The kernel must not be called meanwhile.
    pub(crate) fn with<R>(&self, f: impl FnOnce(&mut Record) -> R) -> R {
        f(&mut self.0.lock())
    }

    pub(crate) fn end(&self) {
        self.0.lock().is_over = true;
    }
}

impl TraceSink for Monitor {
    fn record(&self, event: &Event) {
        let mut record = self.0.lock();
        if record.is_over {
            return;
        }
        let Record {
            oracles,
            fingerprint,
            digest,
            count,
            events,
            sink,
            ..
        } = &mut *record;
        *count += 1;
        fingerprint.push(event);
        digest.push(event);
        oracles.event(event);
        if let Some(events) = events {
            events.push(*event);
        }
        if let Some(Sink(sink)) = sink {
            sink.record(event);
        }
    }
}

/// A hash of all events in their order: equal runs have equal digests. For comparing two runs
/// of one process; files carry a checksum.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct Digest(u64);

impl Digest {
    fn push(&mut self, event: &Event) {
        let words = [
            event.kind as u64,
            event.at.as_nanos(),
            event.actor.as_u64(),
            event.object,
            event.arg,
        ];
        for word in words {
            self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(0x517c_c1b7_2722_0a95);
        }
    }

    pub(crate) fn finish(self) -> u64 {
        self.0 ^ (self.0 >> 32)
    }
}
