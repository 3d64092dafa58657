//! The newest events in memory, for the tiers that record.

use alloc::sync::Arc;
use alloc::vec::Vec;

use asupersync::browser::Options;
use asupersync::trace::{Event, RingSink};

/// How many events are kept.
const EVENTS: usize = 256;

pub struct Tier(Arc<RingSink>);

/// Records into a ring.
pub fn tier() -> (Tier, Options) {
    let ring = Arc::new(RingSink::new(EVENTS));
    let options = Options {
        sink: Some(ring.clone()),
        ..Options::default()
    };
    (Tier(ring), options)
}

impl Tier {
    /// Takes the events out, encoded as for an export, and says how many there were.
    pub fn recorded(&self) -> u32 {
        let bytes: Vec<u8> = self.0.drain().iter().flat_map(Event::encode).collect();
        (bytes.len() / Event::ENCODED_LEN) as u32
    }
}
