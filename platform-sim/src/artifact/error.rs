//! `TraceError`: where a trace file is wrong, what is wrong there, and what to do about it.

use alloc::string::String;
use core::fmt;

use asupersync_core::Recoverability;

use super::SchemaVersion;

/// A trace that could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TraceError {
    /// Where.
    pub place: Place,
    /// What.
    pub problem: Problem,
}

/// A place in a trace file.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Place {
    /// Offset of a byte in the binary form, from 0.
    Byte(u64),
    /// Line of the JSON-lines form, from 1.
    Line(u64),
}

/// What is wrong with a trace file.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum Problem {
    /// It does not begin as a trace does.
    NotATrace,
    /// Its schema is of a major version that this reader does not know.
    Version {
        /// The version of the file.
        found: SchemaVersion,
        /// The version of this reader.
        supported: SchemaVersion,
    },
    /// It ends too early.
    Truncated {
        /// What was being read.
        part: &'static str,
        /// How many bytes or lines are needed from this place.
        needed: u64,
        /// How many there are.
        available: u64,
    },
    /// It goes on after its end.
    TrailingData,
    /// A length is past the reader's limit.
    TooLong {
        /// What is too long.
        part: &'static str,
        /// Its length.
        len: u64,
        /// The most that is accepted.
        max: u64,
    },
    /// A part is not what its format says.
    Malformed {
        /// Which part.
        part: &'static str,
        /// In which way.
        detail: String,
    },
    /// The events are compressed in a way that this reader does not know.
    UnknownCompression(u8),
    /// An event of a kind that this reader does not know; its number or name.
    UnknownEventKind(String),
    /// The header's count is not that of the events.
    EventCount {
        /// What the header says.
        claimed: u64,
        /// What is there.
        found: u64,
    },
    /// A checksum does not fit what it covers.
    Checksum {
        /// What it covers.
        part: &'static str,
        /// What the file says.
        claimed: u32,
        /// What was computed.
        found: u32,
    },
    /// The fingerprint does not fit the events, although their checksum does.
    Fingerprint {
        /// What the file says.
        claimed: u64,
        /// What was computed.
        found: u64,
    },
}

impl TraceError {
    pub(super) fn at_byte(offset: usize, problem: Problem) -> Self {
        Self {
            place: Place::Byte(offset as u64),
            problem,
        }
    }

    pub(super) fn at_line(line: usize, problem: Problem) -> Self {
        Self {
            place: Place::Line(line as u64),
            problem,
        }
    }

    /// [`Recoverability::Fatal`]: reading the same bytes again will not help.
    pub const fn recoverability(&self) -> Recoverability {
        Recoverability::Fatal
    }

    /// What to do about it, as a sentence without its final stop.
    pub fn remedy(&self) -> &'static str {
        match &self.problem {
            Problem::NotATrace => "check the path: it should name a trace",
            Problem::Version { found, supported } if found.major > supported.major => {
                "read it with the newer release that wrote it, or record the run again with this one"
            }
            Problem::Version { .. } => {
                "convert it with an older release through its JSON form, or record the run again"
            }
            Problem::Truncated { .. } => {
                "the recording or the copy was cut short: copy the file again, or record the run again"
            }
            Problem::TooLong { .. } => {
                "if the file is yours and sound, raise the limit; else it is damaged"
            }
            Problem::UnknownCompression(_) | Problem::UnknownEventKind(_) => {
                "read it with the newer release that wrote it; if none did, the file is damaged"
            }
            Problem::Fingerprint { .. } => {
                "record the run again: the fingerprint was made by another implementation, or edited"
            }
            Problem::TrailingData
            | Problem::Malformed { .. }
            | Problem::EventCount { .. }
            | Problem::Checksum { .. } => {
                "the file is damaged or was edited: copy it again, or record the run again"
            }
        }
    }
}

impl fmt::Display for TraceError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}; {}", self.place, self.problem, self.remedy())
    }
}

impl core::error::Error for TraceError {}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Byte(offset) => write!(f, "byte {offset}"),
            Self::Line(line) => write!(f, "line {line}"),
        }
    }
}

impl fmt::Display for Problem {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NotATrace => f.write_str("this is not a trace"),
            Self::Version { found, supported } => write!(
                f,
                "the trace has schema version {found}, and this reader knows {}.x",
                supported.major
            ),
            Self::Truncated {
                part,
                needed,
                available,
            } => write!(f, "{part} needs {needed} here, and {available} is left"),
            Self::TrailingData => f.write_str("the trace ends here, and the file goes on"),
            Self::TooLong { part, len, max } => {
                write!(f, "{part} has length {len}, and at most {max} is accepted")
            }
            Self::Malformed { part, detail } => write!(f, "{part} is malformed: {detail}"),
            Self::UnknownCompression(number) => write!(f, "compression {number} is not known"),
            Self::UnknownEventKind(kind) => write!(f, "event kind {kind} is not known"),
            Self::EventCount { claimed, found } => {
                write!(
                    f,
                    "the header promises {claimed} events, and there are {found}"
                )
            }
            Self::Checksum {
                part,
                claimed,
                found,
            } => write!(
                f,
                "the checksum of {part} is {found:08x}, not {claimed:08x} as the file says"
            ),
            Self::Fingerprint { claimed, found } => write!(
                f,
                "the fingerprint of the events is {found:016x}, not {claimed:016x} as the file says"
            ),
        }
    }
}
