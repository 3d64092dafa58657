//! The JSON-lines form of a trace: for people, `grep`, `jq` and tools in other languages.

use alloc::borrow::Cow;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt::Write as _;

use asupersync_core::trace::{Event, EventKind};
use asupersync_core::{PathId, Time};
use serde::{Deserialize, Serialize};

use super::number::{Number, id_text, plain_text};
use super::{Header, Limits, Place, Problem, SchemaVersion, Trace, TraceError, Trailer};

/// The first line.
#[derive(Serialize)]
struct FirstLine<'a> {
    /// Always [`FORMAT`].
    format: &'static str,
    schema: (u16, u16),
    header: &'a Header,
}

/// Enough of the first line to know whether the rest can be read.
#[derive(Deserialize)]
struct FirstLook<'a> {
    #[serde(borrow)]
    format: Cow<'a, str>,
    schema: (u16, u16),
}

#[derive(Deserialize)]
struct SecondLook {
    header: Header,
}

const FORMAT: &str = "asupersync-trace";

/// Any line but the first; the last one has a fingerprint.
#[derive(Deserialize)]
struct Line<'a> {
    at: Option<Number>,
    #[serde(borrow)]
    kind: Option<Cow<'a, str>>,
    actor: Option<Number>,
    object: Option<Number>,
    arg: Option<Number>,
    fingerprint: Option<Number>,
    checksum: Option<Number>,
}

impl Trace {
    /// The JSON-lines form, with a final line end.
    ///
    /// # Errors
    ///
    /// [`Problem::Malformed`] if the header cannot be written, which no header made from texts causes.
    pub fn to_json_lines(&self) -> Result<String, TraceError> {
        let schema = SchemaVersion::CURRENT;
        let first = FirstLine {
            format: FORMAT,
            schema: (schema.major, schema.minor),
            header: self.header(),
        };
        let mut out = serde_json::to_string(&first).map_err(|error| malformed(1, &error))?;
        out.push('\n');
        for event in self.events() {
            // Writing to a string does not fail.
            let _ = writeln!(
                out,
                r#"{{"at":{},"kind":"{}","actor":{},"object":{},"arg":{}}}"#,
                plain_text(event.at.as_nanos()),
                event.kind,
                id_text(event.actor.as_u64()),
                id_text(event.object),
                plain_text(event.arg),
            );
        }
        let Trailer {
            fingerprint,
            checksum,
        } = self.trailer();
        let _ = writeln!(
            out,
            r#"{{"fingerprint":"0x{fingerprint:016x}","checksum":"0x{checksum:08x}"}}"#
        );
        Ok(out)
    }

    /// Reads the JSON-lines form.
    ///
    /// # Errors
    ///
    /// See [`Trace::from_bytes`]; places are line numbers.
    pub fn from_json_lines(bytes: &[u8], limits: &Limits) -> Result<Self, TraceError> {
        let bytes = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let mut lines = (1..).zip(bytes.split(|byte| *byte == b'\n'));
        let (_, first) = lines.next().unwrap_or((1, b""));
        let header = header_of(first, limits)?;

        let mut events = Vec::new();
        let mut line_last = 1;
        for (number, bytes) in &mut lines {
            line_last = number;
            let line: Line<'_> =
                serde_json::from_slice(bytes).map_err(|error| malformed(number, &error))?;
            if line.fingerprint.is_some() || line.checksum.is_some() {
                let trailer = trailer_of(number, &line)?;
                if lines.next().is_some() {
                    return Err(TraceError::at_line(number + 1, Problem::TrailingData));
                }
                let place = Place::Line(number as u64);
                return Self::checked(header, events, trailer, place);
            }
            if events.len() as u64 >= limits.events_max {
                let problem = Problem::TooLong {
                    part: "the sequence of events",
                    len: events.len() as u64 + 1,
                    max: limits.events_max,
                };
                return Err(TraceError::at_line(number, problem));
            }
            events.push(event_of(number, &line)?);
        }
        let problem = Problem::Truncated {
            part: "the line with fingerprint and checksum",
            needed: 1,
            available: 0,
        };
        Err(TraceError::at_line(line_last + 1, problem))
    }
}

fn header_of(line: &[u8], limits: &Limits) -> Result<Header, TraceError> {
    if line.len() as u64 > limits.header_len_max {
        let problem = Problem::TooLong {
            part: "the header",
            len: line.len() as u64,
            max: limits.header_len_max,
        };
        return Err(TraceError::at_line(1, problem));
    }
    let first: FirstLook<'_> = match serde_json::from_slice(line) {
        Ok(first) => first,
        // It says that it is one.
        Err(error)
            if line
                .windows(FORMAT.len())
                .any(|part| part == FORMAT.as_bytes()) =>
        {
            return Err(malformed(1, &error));
        }
        Err(_) => return Err(TraceError::at_line(1, Problem::NotATrace)),
    };
    if first.format != FORMAT {
        return Err(TraceError::at_line(1, Problem::NotATrace));
    }
    let (major, minor) = first.schema;
    let found = SchemaVersion { major, minor };
    let supported = SchemaVersion::CURRENT;
    if found.major != supported.major {
        return Err(TraceError::at_line(
            1,
            Problem::Version { found, supported },
        ));
    }
    // Fields of newer minor versions are skipped.
    let SecondLook { mut header } =
        serde_json::from_slice(line).map_err(|error| malformed(1, &error))?;
    header.schema = found;
    Ok(header)
}

fn event_of(number: usize, line: &Line<'_>) -> Result<Event, TraceError> {
    let need = |field: Option<Number>, name| {
        field
            .map(|Number(it)| it)
            .ok_or_else(|| missing(number, name))
    };
    let kind = line.kind.as_ref().ok_or_else(|| missing(number, "kind"))?;
    Ok(Event {
        at: Time::from_nanos(need(line.at, "at")?),
        actor: PathId::from_u64(need(line.actor, "actor")?),
        kind: EventKind::from_name(kind).ok_or_else(|| {
            TraceError::at_line(number, Problem::UnknownEventKind(kind.to_string()))
        })?,
        object: need(line.object, "object")?,
        arg: need(line.arg, "arg")?,
    })
}

fn trailer_of(number: usize, line: &Line<'_>) -> Result<Trailer, TraceError> {
    let Number(fingerprint) = line
        .fingerprint
        .ok_or_else(|| missing(number, "fingerprint"))?;
    let Number(checksum) = line.checksum.ok_or_else(|| missing(number, "checksum"))?;
    let checksum = u32::try_from(checksum).map_err(|error| malformed(number, &error))?;
    Ok(Trailer {
        fingerprint,
        checksum,
    })
}

fn missing(line: usize, field: &'static str) -> TraceError {
    let mut detail = String::from("it has no field ");
    detail.push_str(field);
    let part = "the line";
    TraceError::at_line(line, Problem::Malformed { part, detail })
}

fn malformed(line: usize, detail: &dyn ToString) -> TraceError {
    let problem = Problem::Malformed {
        part: "the line",
        detail: detail.to_string(),
    };
    TraceError::at_line(line, problem)
}
