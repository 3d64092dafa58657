//! The binary form of a trace. The layout is in the documentation of the parent module.
//!
//! Reading goes in three passes, so that an error names the earliest fault: first the lengths,
//! against what is there and against the limits; then the checksum of the file; then the contents.

use alloc::format;
use alloc::string::ToString;
use alloc::vec;
use alloc::vec::Vec;

use asupersync_core::trace::Event;
use serde::Deserialize;

use super::{Header, Limits, Place, Problem, SchemaVersion, Trace, TraceError, Trailer};

/// The first byte is no text, the rest shows what a text-mode transfer does to line ends.
pub(super) const MAGIC: [u8; 8] = *b"\x89AST\r\n\x1a\n";

/// The most that one compressed chunk unpacks to: about 1 MiB of whole records.
pub const CHUNK_LEN_MAX: usize = (1 << 20) / Event::ENCODED_LEN * Event::ENCODED_LEN;

/// One byte of an LZ4 block stands for at most this many; a higher claim is a lie.
const LZ4_RATIO_MAX: usize = 255;

/// How the events of a binary trace are stored.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
#[non_exhaustive]
#[repr(u8)]
pub enum Compression {
    /// As they are.
    None = 0,
    /// As LZ4 blocks: less than half the size, since ids repeat.
    #[default]
    Lz4 = 1,
}

impl Trace {
    /// The binary form.
    ///
    /// # Errors
    ///
    /// [`Problem::TooLong`] or [`Problem::Malformed`] if the header's texts come to more than 4 GiB.
    pub fn to_binary(&self, compression: Compression) -> Result<Vec<u8>, TraceError> {
        let mut out = Vec::new();
        out.extend_from_slice(&MAGIC);
        out.extend_from_slice(&SchemaVersion::CURRENT.major.to_le_bytes());
        out.extend_from_slice(&SchemaVersion::CURRENT.minor.to_le_bytes());
        out.extend_from_slice(&[compression as u8, 0, 0, 0]);

        let at = out.len();
        let header = postcard::to_allocvec(&self.header)
            .map_err(|error| TraceError::at_byte(at, malformed("the header", error)))?;
        let header_len = u32::try_from(header.len()).map_err(|_| {
            let problem = Problem::TooLong {
                part: "the header",
                len: header.len() as u64,
                max: u64::from(u32::MAX),
            };
            TraceError::at_byte(at, problem)
        })?;
        out.extend_from_slice(&header_len.to_le_bytes());
        out.extend_from_slice(&header);

        let section = self.deterministic_section();
        let stored = match compression {
            Compression::None => section,
            Compression::Lz4 => pack(&section),
        };
        out.extend_from_slice(&(stored.len() as u64).to_le_bytes());
        out.extend_from_slice(&stored);

        let trailer = self.trailer();
        out.extend_from_slice(&trailer.fingerprint.to_le_bytes());
        out.extend_from_slice(&trailer.checksum.to_le_bytes());
        let checksum = crc32fast::hash(&out);
        out.extend_from_slice(&checksum.to_le_bytes());
        Ok(out)
    }

    /// Reads the binary form.
    ///
    /// # Errors
    ///
    /// See [`Trace::from_bytes`]; places are byte offsets.
    pub fn from_binary(bytes: &[u8], limits: &Limits) -> Result<Self, TraceError> {
        let mut reader = Reader { bytes, at: 0 };
        let raw = Raw::read(&mut reader, limits)?;
        let header = raw.header()?;
        if header.event_count > limits.events_max {
            let problem = Problem::TooLong {
                part: "the sequence of events",
                len: header.event_count,
                max: limits.events_max,
            };
            return Err(TraceError::at_byte(raw.header_at, problem));
        }
        let events = match raw.compression {
            Compression::None => {
                let mut events = Vec::with_capacity(raw.events.len() / Event::ENCODED_LEN);
                decode(raw.events, raw.events_at, None, &mut events)?;
                events
            }
            Compression::Lz4 => unpack(raw.events, raw.events_at, header.event_count)?,
        };
        let place = Place::Byte(raw.trailer_at as u64);
        Self::checked(header, events, raw.trailer, place)
    }
}

/// The parts of a file whose lengths and checksum are right, and nothing more.
struct Raw<'a> {
    schema: SchemaVersion,
    compression: Compression,
    header_at: usize,
    header: &'a [u8],
    events_at: usize,
    events: &'a [u8],
    trailer_at: usize,
    trailer: Trailer,
}

impl<'a> Raw<'a> {
    fn read(reader: &mut Reader<'a>, limits: &Limits) -> Result<Self, TraceError> {
        let magic = &reader.bytes[..reader.bytes.len().min(MAGIC.len())];
        if !MAGIC.starts_with(magic) {
            return Err(TraceError::at_byte(0, Problem::NotATrace));
        }
        reader.take(MAGIC.len() as u64, "the magic")?;

        let version_at = reader.at;
        let schema = SchemaVersion {
            major: u16::from_le_bytes(reader.array("the version")?),
            minor: u16::from_le_bytes(reader.array("the version")?),
        };
        let supported = SchemaVersion::CURRENT;
        if schema.major != supported.major {
            let found = schema;
            let problem = Problem::Version { found, supported };
            return Err(TraceError::at_byte(version_at, problem));
        }

        let compression_at = reader.at;
        let [number, zeros @ ..]: [u8; 4] = reader.array("the compression")?;
        let compression = match number {
            0 => Compression::None,
            1 => Compression::Lz4,
            _ => {
                let problem = Problem::UnknownCompression(number);
                return Err(TraceError::at_byte(compression_at, problem));
            }
        };
        if zeros != [0; 3] {
            let problem = malformed("the padding", "it is not zero");
            return Err(TraceError::at_byte(compression_at + 1, problem));
        }

        let at = reader.at;
        let header_len = u64::from(u32::from_le_bytes(reader.array("the header's length")?));
        if header_len > limits.header_len_max {
            let problem = Problem::TooLong {
                part: "the header",
                len: header_len,
                max: limits.header_len_max,
            };
            return Err(TraceError::at_byte(at, problem));
        }
        let header_at = reader.at;
        let header = reader.take(header_len, "the header")?;

        let events_len = u64::from_le_bytes(reader.array("the events' length")?);
        let events_at = reader.at;
        let events = reader.take(events_len, "the events")?;
        let trailer_at = reader.at;
        let trailer = Trailer {
            fingerprint: u64::from_le_bytes(reader.array("the fingerprint")?),
            checksum: u32::from_le_bytes(reader.array("the checksum of the events")?),
        };

        let checksum_at = reader.at;
        let claimed = u32::from_le_bytes(reader.array("the checksum of the file")?);
        if reader.at != reader.bytes.len() {
            return Err(TraceError::at_byte(reader.at, Problem::TrailingData));
        }
        let found = crc32fast::hash(&reader.bytes[..checksum_at]);
        if claimed != found {
            let problem = Problem::Checksum {
                part: "the file",
                claimed,
                found,
            };
            return Err(TraceError::at_byte(checksum_at, problem));
        }
        Ok(Self {
            schema,
            compression,
            header_at,
            header,
            events_at,
            events,
            trailer_at,
            trailer,
        })
    }

    fn header(&self) -> Result<Header, TraceError> {
        let mut deserializer = postcard::Deserializer::from_bytes(self.header);
        let read = Header::deserialize(&mut deserializer);
        // What is left says how far the reading came, also when it failed.
        let left = deserializer.finalize().map_or(0, <[u8]>::len);
        let at = self.header_at + self.header.len() - left;
        let mut header =
            read.map_err(|error| TraceError::at_byte(at, malformed("the header", error)))?;
        // Newer minor versions add fields at the end, and only they have them.
        if left != 0 && self.schema <= SchemaVersion::CURRENT {
            let problem = malformed("the header", "it goes on after its last field");
            return Err(TraceError::at_byte(at, problem));
        }
        header.schema = self.schema;
        Ok(header)
    }
}

/// The events as chunks of LZ4 blocks.
fn pack(section: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    for chunk in section.chunks(CHUNK_LEN_MAX) {
        let block = lz4_flex::block::compress(chunk);
        // A chunk is at most 1 MiB and its block hardly longer.
        for len in [chunk.len(), block.len()] {
            out.extend_from_slice(&u32::try_from(len).unwrap_or(u32::MAX).to_le_bytes());
        }
        out.extend_from_slice(&block);
    }
    out
}

/// Unpacks at most `count` events; the chunks begin at `start` in the file.
///
/// Takes one chunk's memory at a time, and no chunk claims more than its block can hold.
fn unpack(stored: &[u8], start: usize, count: u64) -> Result<Vec<Event>, TraceError> {
    let mut events = Vec::new();
    let mut reader = Reader {
        bytes: stored,
        at: 0,
    };
    while reader.at < stored.len() {
        let at = start + reader.at;
        let shifted = |error: TraceError| error.shifted(start);
        let len: [u8; 4] = reader.array("a chunk's length").map_err(shifted)?;
        let len = u32::from_le_bytes(len) as usize;
        let block_len: [u8; 4] = reader.array("a chunk's length").map_err(shifted)?;
        let block_len = u64::from(u32::from_le_bytes(block_len));
        let block = reader.take(block_len, "a chunk").map_err(shifted)?;
        let len_max = CHUNK_LEN_MAX.min(block.len().saturating_mul(LZ4_RATIO_MAX));
        if len > len_max {
            let problem = Problem::TooLong {
                part: "an unpacked chunk",
                len: len as u64,
                max: len_max as u64,
            };
            return Err(TraceError::at_byte(at, problem));
        }
        if len == 0 || len % Event::ENCODED_LEN != 0 {
            let problem = malformed("a chunk", "it does not hold whole events");
            return Err(TraceError::at_byte(at, problem));
        }
        let found = (events.len() + len / Event::ENCODED_LEN) as u64;
        if found > count {
            let claimed = count;
            let problem = Problem::EventCount { claimed, found };
            return Err(TraceError::at_byte(at, problem));
        }
        let mut records = vec![0; len];
        match lz4_flex::block::decompress_into(block, &mut records) {
            Ok(unpacked) if unpacked == len => {}
            Ok(unpacked) => {
                let detail = format!("it unpacks to {unpacked} bytes instead of {len}");
                return Err(TraceError::at_byte(at, malformed("a chunk", detail)));
            }
            Err(error) => return Err(TraceError::at_byte(at, malformed("a chunk", error))),
        }
        decode(&records, start, Some(at), &mut events)?;
    }
    Ok(events)
}

/// Decodes whole records. They begin at `start` in the file, or were unpacked from a chunk there.
fn decode(
    records: &[u8],
    start: usize,
    chunk: Option<usize>,
    events: &mut Vec<Event>,
) -> Result<(), TraceError> {
    for (index, record) in records.chunks(Event::ENCODED_LEN).enumerate() {
        let at = chunk.unwrap_or(start + index * Event::ENCODED_LEN);
        let record = record.try_into().map_err(|_| {
            let problem = malformed("the last event", "it is cut short");
            TraceError::at_byte(at, problem)
        })?;
        let event = Event::decode(record).map_err(|unknown| {
            TraceError::at_byte(at, Problem::UnknownEventKind(unknown.0.to_string()))
        })?;
        events.push(event);
    }
    Ok(())
}

fn malformed(part: &'static str, detail: impl ToString) -> Problem {
    Problem::Malformed {
        part,
        detail: detail.to_string(),
    }
}

impl TraceError {
    fn shifted(mut self, by: usize) -> Self {
        if let Place::Byte(offset) = &mut self.place {
            *offset += by as u64;
        }
        self
    }
}

/// Bytes and how many of them were read.
struct Reader<'a> {
    bytes: &'a [u8],
    at: usize,
}

impl<'a> Reader<'a> {
    fn take(&mut self, len: u64, part: &'static str) -> Result<&'a [u8], TraceError> {
        let left = self.bytes.get(self.at..).unwrap_or_default();
        let taken = usize::try_from(len).ok().and_then(|len| left.get(..len));
        let Some(taken) = taken else {
            let problem = Problem::Truncated {
                part,
                needed: len,
                available: left.len() as u64,
            };
            return Err(TraceError::at_byte(self.at, problem));
        };
        self.at += taken.len();
        Ok(taken)
    }

    fn array<const LEN: usize>(&mut self, part: &'static str) -> Result<[u8; LEN], TraceError> {
        let mut array = [0; LEN];
        array.copy_from_slice(self.take(LEN as u64, part)?);
        Ok(array)
    }
}
