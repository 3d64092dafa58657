//! Trace artifacts: a recorded run as a file, binary or JSON lines, and back without loss.
//!
//! Owns the model ([`Trace`], [`Header`], [`Trailer`]), both forms, the limits a reader keeps to, the
//! errors, and the search for the first difference of two runs. Does not own the events themselves
//! (`asupersync_core::trace` does), nor what to do with a trace. No form reads a clock or the
//! environment: whoever records a run fills the header.
//!
//! # Parts
//!
//! The *deterministic section* is the events, as fixed-width records ([`Event::encode`]). For the
//! same program, seed and configuration it is the same, byte for byte, on every target (R-DET-1), and
//! so are fingerprint and checksum, which are computed from it alone. The header is provenance: where
//! the run was made and how to make it again.
//!
//! # Binary form, schema 1
//!
//! All numbers are little-endian.
//!
//! | bytes | what |
//! |---|---|
//! | 8 | magic: `89 41 53 54 0D 0A 1A 0A`, which text-mode transfer damages visibly |
//! | 2 + 2 | schema version: major, minor |
//! | 1 | compression of the events: 0 none, 1 LZ4 |
//! | 3 | zero |
//! | 4 + n | the header's length, the header in the postcard format |
//! | 8 + n | length of the events as stored, and the events |
//! | 8 | fingerprint of the events |
//! | 4 | CRC-32 (IEEE) of the events as records, uncompressed |
//! | 4 | CRC-32 (IEEE) of all bytes before this one |
//!
//! Compressed events are chunks: length when unpacked (4), length as stored (4), an LZ4 block. A chunk
//! holds whole records, at most [`CHUNK_LEN_MAX`] bytes of them.
//!
//! # JSON lines
//!
//! A first line with schema and header, one line for each event, a last line with fingerprint and
//! checksum. Ids are strings (`"0x..."`), other numbers are JSON numbers up to 2^53 and strings above,
//! so that every JSON tool keeps them exact; a reader takes either. The checksum covers the events,
//! not the header.
//!
//! # Versions
//!
//! A reader refuses another major version. A newer minor version may have more header fields, which
//! are skipped, and more kinds of events, which are refused where they occur. The numbers of event
//! kinds, the derivation of path ids and the fingerprint are part of the major version.

mod binary;
mod diff;
mod error;
#[cfg(feature = "std")]
mod file;
mod jsonl;
mod number;

#[cfg(test)]
mod damage_tests;
#[cfg(test)]
mod golden_tests;
#[cfg(test)]
pub(crate) mod sample;

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use asupersync_core::Fingerprint;
use asupersync_core::trace::Event;
use serde::{Deserialize, Serialize};

pub use binary::{CHUNK_LEN_MAX, Compression};
pub use diff::{Divergence, diff};
pub use error::{Place, Problem, TraceError};
#[cfg(feature = "std")]
pub use file::FileError;

/// The version of the trace schema: what numbers and fields mean.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct SchemaVersion {
    /// Another major version means something else; it is refused.
    pub major: u16,
    /// A newer minor version only adds.
    pub minor: u16,
}

impl SchemaVersion {
    /// The version this crate writes.
    pub const CURRENT: Self = Self { major: 1, minor: 0 };
}

impl Default for SchemaVersion {
    fn default() -> Self {
        Self::CURRENT
    }
}

impl fmt::Display for SchemaVersion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

/// Which clock the run saw.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub enum ClockMode {
    /// Virtual time that jumps to the next timer when nothing is runnable.
    #[default]
    Virtual,
    /// Virtual time that only the test moves.
    Manual,
    /// The host's monotonic clock: such a run cannot be repeated exactly.
    Host,
}

/// Provenance: where a run was made, and how to make it again.
///
/// Nothing here takes part in fingerprint or checksum. Texts are free; leave empty what is unknown.
///
/// ```
/// use asupersync_sim::artifact::Header;
///
/// let mut header = Header::default();
/// header.seed = 42;
/// header.scenario = "no_message_is_lost_on_cancel".into();
/// ```
// The order of the fields is the binary form: new ones go to the end, with a new minor version.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
#[non_exhaustive]
pub struct Header {
    /// The version the trace was read from, or is written in. [`Trace::new`] sets it.
    #[serde(skip)]
    pub schema: SchemaVersion,
    /// The version of the runtime that made the run.
    pub runtime_version: String,
    /// The runtime profile, for instance `lab` or `current_thread`.
    pub profile: String,
    /// The target triple of the build.
    pub target: String,
    /// The seed of the run.
    #[serde(with = "number::plain")]
    pub seed: u64,
    /// Which clock the run saw.
    pub clock_mode: ClockMode,
    /// A hash of everything else that was configured.
    #[serde(with = "number::id")]
    pub config_hash: u64,
    /// How many events follow. [`Trace::new`] sets it.
    #[serde(with = "number::plain")]
    pub event_count: u64,
    /// How many older events a bounded sink let go before the first one here. [`Trace::new`] sets it to 0.
    #[serde(with = "number::plain")]
    pub dropped: u64,
    /// The name of the scenario or test.
    pub scenario: String,
    /// The machine or page that hosted the run, in words.
    pub host: String,
    /// Anything else worth keeping, as names and values in a fixed order.
    pub notes: Vec<(String, String)>,
}

/// What is computed from the deterministic section.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Trailer {
    /// Equal for runs that differ only in the order of independent events. Of the *whole* run, also
    /// where a bounded sink let go of its beginning.
    pub fingerprint: u64,
    /// CRC-32 (IEEE) of the deterministic section: equal for runs that are equal byte for byte.
    pub checksum: u32,
}

/// A recorded run.
///
/// Header counts, fingerprint and checksum always fit the events, since a trace is only made by
/// [`Trace::new`], [`Trace::with_dropped`] and the checking readers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Trace {
    header: Header,
    events: Vec<Event>,
    trailer: Trailer,
}

impl Trace {
    /// The trace of a whole run. Sets the header's schema and counts.
    pub fn new(header: Header, events: Vec<Event>) -> Self {
        let fingerprint = Fingerprint::of(&events);
        Self::with_dropped(header, events, 0, fingerprint)
    }

    /// The newest events of a run whose `dropped` older ones were let go, with the fingerprint that
    /// was computed while it ran.
    pub fn with_dropped(
        mut header: Header,
        events: Vec<Event>,
        dropped: u64,
        fingerprint: u64,
    ) -> Self {
        header.schema = SchemaVersion::CURRENT;
        header.event_count = events.len() as u64;
        header.dropped = dropped;
        let trailer = Trailer {
            fingerprint,
            checksum: checksum_of(&events),
        };
        Self {
            header,
            events,
            trailer,
        }
    }

    /// Where the run was made.
    pub fn header(&self) -> &Header {
        &self.header
    }

    /// What happened, in order.
    pub fn events(&self) -> &[Event] {
        &self.events
    }

    /// What was computed from the events.
    pub fn trailer(&self) -> Trailer {
        self.trailer
    }

    /// The events, moved out.
    pub fn into_events(self) -> Vec<Event> {
        self.events
    }

    /// The bytes that are the same on every target: the events as fixed-width records.
    pub fn deterministic_section(&self) -> Vec<u8> {
        let mut section = Vec::with_capacity(self.events.len() * Event::ENCODED_LEN);
        for event in &self.events {
            section.extend_from_slice(&event.encode());
        }
        section
    }

    /// Reads either form, with the default limits: binary if it begins with the magic, else JSON lines.
    ///
    /// # Errors
    ///
    /// [`TraceError`] says where, what and how to go on. Damaged or hostile input never panics and
    /// never takes more memory than its own length and the limits explain.
    pub fn from_bytes(bytes: &[u8]) -> Result<Self, TraceError> {
        Self::from_bytes_within(bytes, &Limits::default())
    }

    /// [`from_bytes`](Self::from_bytes) with limits of the caller's choice.
    ///
    /// # Errors
    ///
    /// As `from_bytes`.
    pub fn from_bytes_within(bytes: &[u8], limits: &Limits) -> Result<Self, TraceError> {
        // Half a magic is a damaged binary file, not text.
        if bytes.first() == Some(&binary::MAGIC[0]) {
            Self::from_binary(bytes, limits)
        } else {
            Self::from_json_lines(bytes, limits)
        }
    }

    /// A trace as a reader found it, after comparing what it claims with what it is.
    fn checked(
        header: Header,
        events: Vec<Event>,
        claimed: Trailer,
        place: Place,
    ) -> Result<Self, TraceError> {
        let found = events.len() as u64;
        if header.event_count != found {
            let problem = Problem::EventCount {
                claimed: header.event_count,
                found,
            };
            return Err(TraceError { place, problem });
        }
        let found = checksum_of(&events);
        if claimed.checksum != found {
            let problem = Problem::Checksum {
                part: "the events",
                claimed: claimed.checksum,
                found,
            };
            return Err(TraceError { place, problem });
        }
        // Of a run whose beginning was let go, the fingerprint cannot be computed again.
        if header.dropped == 0 {
            let found = Fingerprint::of(&events);
            if claimed.fingerprint != found {
                let problem = Problem::Fingerprint {
                    claimed: claimed.fingerprint,
                    found,
                };
                return Err(TraceError { place, problem });
            }
        }
        Ok(Self {
            header,
            events,
            trailer: claimed,
        })
    }
}

/// What a reader accepts at most.
///
/// A file's own claims never decide how much memory is taken: lengths are first compared with what
/// is there and with these limits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Limits {
    /// Events, each about 40 bytes in memory. Default: 2^24.
    pub events_max: u64,
    /// Bytes of the header as stored. Default: 1 MiB.
    pub header_len_max: u64,
    /// Bytes of a file, for the functions that read files. Default: 1 GiB.
    pub file_len_max: u64,
}

impl Default for Limits {
    fn default() -> Self {
        Self {
            events_max: 1 << 24,
            header_len_max: 1 << 20,
            file_len_max: 1 << 30,
        }
    }
}

fn checksum_of(events: &[Event]) -> u32 {
    let mut hasher = crc32fast::Hasher::new();
    for event in events {
        hasher.update(&event.encode());
    }
    hasher.finalize()
}
