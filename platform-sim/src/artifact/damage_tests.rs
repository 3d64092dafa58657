//! Damaged, hostile and foreign files: each gives a typed error that names the place, never a panic.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use asupersync_core::trace::{Event, EventKind};
use asupersync_core::{PathId, Time};
use proptest::prelude::*;

use super::sample;
use super::{
    CHUNK_LEN_MAX, ClockMode, Compression, Header, Limits, Place, Problem, SchemaVersion, Trace,
    TraceError,
};

const COMPRESSIONS: [Compression; 2] = [Compression::None, Compression::Lz4];

fn binary(compression: Compression) -> Vec<u8> {
    sample::trace().to_binary(compression).unwrap()
}

fn text() -> String {
    sample::trace().to_json_lines().unwrap()
}

/// Makes the checksum of a changed file right again, as a hostile writer would.
fn resealed(mut bytes: Vec<u8>) -> Vec<u8> {
    let end = bytes.len() - 4;
    let checksum = crc32fast::hash(&bytes[..end]);
    bytes[end..].copy_from_slice(&checksum.to_le_bytes());
    bytes
}

fn error(bytes: &[u8]) -> TraceError {
    Trace::from_bytes(bytes).unwrap_err()
}

/// Where things stand in a binary file.
const HEADER_LEN_AT: usize = 16;
const HEADER_AT: usize = 20;

fn events_len_at(bytes: &[u8]) -> usize {
    let len: [u8; 4] = bytes[HEADER_LEN_AT..HEADER_AT].try_into().unwrap();
    HEADER_AT + u32::from_le_bytes(len) as usize
}

#[test]
fn every_truncation_of_a_binary_file_is_an_error() {
    for compression in COMPRESSIONS {
        let bytes = binary(compression);
        for len in 0..bytes.len() {
            let error = error(&bytes[..len]);
            let is_cut = matches!(error.problem, Problem::Truncated { .. });
            // An empty file has no magic, and is taken for text.
            assert!(is_cut || len == 0, "{len} bytes: {error}");
        }
    }
}

#[test]
fn every_flipped_bit_of_a_binary_file_is_an_error() {
    for compression in COMPRESSIONS {
        let bytes = binary(compression);
        for at in 0..bytes.len() {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                let error = error(&flipped);
                let place = match error.place {
                    Place::Byte(offset) => offset as usize <= bytes.len(),
                    Place::Line(line) => line == 1 && at == 0,
                };
                assert!(place, "bit {bit} of byte {at}: {error}");
            }
        }
    }
}

#[test]
fn a_flipped_bit_under_a_right_checksum_never_changes_the_events() {
    for compression in COMPRESSIONS {
        let bytes = binary(compression);
        for at in 0..bytes.len() - 4 {
            for bit in 0..8 {
                let mut flipped = bytes.clone();
                flipped[at] ^= 1 << bit;
                if let Ok(trace) = Trace::from_bytes(&resealed(flipped)) {
                    assert_eq!(trace.events(), sample::events(), "bit {bit} of byte {at}");
                }
            }
        }
    }
}

#[test]
fn a_file_that_goes_on_after_its_end_is_an_error() {
    let mut bytes = binary(Compression::None);
    let end = bytes.len() as u64;
    bytes.push(0);
    assert_eq!(error(&bytes).problem, Problem::TrailingData);
    assert_eq!(error(&bytes).place, Place::Byte(end));
}

#[test]
fn absurd_lengths_are_refused_before_memory_is_taken() {
    for compression in COMPRESSIONS {
        let mut bytes = binary(compression);
        bytes[HEADER_LEN_AT..HEADER_AT].fill(0xff);
        let error_of_header = error(&resealed(bytes));
        assert_eq!(error_of_header.place, Place::Byte(16));
        assert!(matches!(error_of_header.problem, Problem::TooLong { .. }));

        let mut bytes = binary(compression);
        let at = events_len_at(&bytes);
        bytes[at..at + 8].fill(0xff);
        let error_of_events = error(&resealed(bytes));
        assert_eq!(error_of_events.place, Place::Byte(at as u64 + 8));
        assert!(matches!(
            error_of_events.problem,
            Problem::Truncated {
                needed: u64::MAX,
                ..
            }
        ));
    }

    // A chunk that claims to unpack to four gigabytes, to nothing, to part of an event.
    for (claim, is_expected) in [
        (
            u32::MAX,
            (|it| matches!(it, Problem::TooLong { .. })) as fn(&Problem) -> bool,
        ),
        (CHUNK_LEN_MAX as u32, |it| {
            matches!(it, Problem::TooLong { .. })
        }),
        (0, |it| matches!(it, Problem::Malformed { .. })),
        (34, |it| matches!(it, Problem::Malformed { .. })),
        (33, |it| matches!(it, Problem::Malformed { .. })),
        (33 * 33, |it| {
            matches!(
                it,
                Problem::EventCount {
                    claimed: 32,
                    found: 33
                }
            )
        }),
    ] {
        let mut bytes = binary(Compression::Lz4);
        let at = events_len_at(&bytes) + 8;
        bytes[at..at + 4].copy_from_slice(&claim.to_le_bytes());
        let error = error(&resealed(bytes));
        assert!(is_expected(&error.problem), "{claim}: {error}");
        assert_eq!(error.place, Place::Byte(at as u64));
    }
}

#[test]
fn a_chunk_shorter_than_it_says_names_its_place_in_the_file() {
    let mut bytes = binary(Compression::Lz4);
    let at = events_len_at(&bytes) + 8;
    bytes[at + 4..at + 8].fill(0xff);
    let error = error(&resealed(bytes));
    assert_eq!(error.place, Place::Byte(at as u64 + 8));
    assert!(matches!(
        error.problem,
        Problem::Truncated {
            part: "a chunk",
            ..
        }
    ));
}

#[test]
fn limits_bind_in_both_forms() {
    let few = Limits {
        events_max: 31,
        ..Limits::default()
    };
    let short = Limits {
        header_len_max: 10,
        ..Limits::default()
    };
    for bytes in [
        binary(Compression::None),
        binary(Compression::Lz4),
        text().into_bytes(),
    ] {
        for limits in [&few, &short] {
            let error = Trace::from_bytes_within(&bytes, limits).unwrap_err();
            assert!(matches!(error.problem, Problem::TooLong { .. }), "{error}");
        }
    }
}

#[test]
fn another_major_version_is_refused_and_a_newer_minor_one_is_read() {
    let mut bytes = binary(Compression::Lz4);
    bytes[8] = 2;
    let newer = error(&bytes);
    assert_eq!(
        newer.to_string(),
        "byte 8: the trace has schema version 2.0, and this reader knows 1.x; \
         read it with the newer release that wrote it, or record the run again with this one"
    );
    bytes[8] = 0;
    assert!(error(&bytes).to_string().contains("an older release"));
    let text_of_next = text().replace("\"schema\":[1,0]", "\"schema\":[2,0]");
    assert_eq!(error(text_of_next.as_bytes()).problem, newer.problem);

    // A newer minor version has fields that we do not know; the same surplus in ours is damage.
    let mut bytes = binary(Compression::None);
    let end = events_len_at(&bytes);
    bytes.splice(end..end, [1, 2, 3]);
    let len = (end + 3 - HEADER_AT) as u32;
    bytes[HEADER_LEN_AT..HEADER_AT].copy_from_slice(&len.to_le_bytes());
    let damaged = error(&resealed(bytes.clone()));
    assert_eq!(damaged.place, Place::Byte(end as u64));
    bytes[10] = 7;
    let trace = Trace::from_bytes(&resealed(bytes)).unwrap();
    assert_eq!(trace.header().schema, SchemaVersion { major: 1, minor: 7 });
    assert_eq!(trace.events(), sample::events());

    let newer = text()
        .replace("\"schema\":[1,0]", "\"schema\":[1,7],\"more\":{}")
        .replace("\"seed\"", "\"later\":[1],\"seed\"");
    assert_eq!(
        Trace::from_bytes(newer.as_bytes()).unwrap().events(),
        sample::events()
    );
}

#[test]
fn unknown_kinds_and_compressions_are_named() {
    let mut bytes = binary(Compression::None);
    let at = events_len_at(&bytes) + 8 + 33;
    bytes[at] = 200;
    let unknown = error(&resealed(bytes));
    assert_eq!(unknown.place, Place::Byte(at as u64));
    assert_eq!(unknown.problem, Problem::UnknownEventKind("200".into()));

    let mut bytes = binary(Compression::None);
    bytes[12] = 9;
    assert_eq!(error(&bytes).problem, Problem::UnknownCompression(9));

    let unknown = error(text().replacen("TaskWoken", "TaskEaten", 1).as_bytes());
    assert_eq!(unknown.place, Place::Line(3));
    assert_eq!(
        unknown.problem,
        Problem::UnknownEventKind("TaskEaten".into())
    );
}

#[test]
fn other_files_are_not_traces() {
    let others: [&[u8]; 6] = [
        b"",
        b"\n",
        b"hello",
        b"{}",
        b"\x7fELF\x02\x01",
        b"{\"format\":\"other\"}",
    ];
    for bytes in others {
        assert_eq!(error(bytes).problem, Problem::NotATrace, "{bytes:?}");
    }
    assert_eq!(
        error(b"\x89PNG\r\n\x1a\n").to_string(),
        "byte 0: this is not a trace; check the path: it should name a trace"
    );
}

#[test]
fn every_truncation_of_a_text_file_is_an_error() {
    let text = text();
    // The last character is a line end, which may be missing.
    for len in 0..text.len() - 1 {
        let error = error(&text.as_bytes()[..len]);
        assert!(
            matches!(error.place, Place::Line(1..=34)),
            "{len} bytes: {error}"
        );
    }
    assert!(Trace::from_bytes(&text.as_bytes()[..text.len() - 1]).is_ok());
}

#[test]
fn no_flipped_bit_of_a_text_file_changes_the_events_unnoticed() {
    let bytes = text().into_bytes();
    for at in 0..bytes.len() {
        for bit in 0..8 {
            let mut flipped = bytes.clone();
            flipped[at] ^= 1 << bit;
            if let Ok(trace) = Trace::from_bytes(&flipped) {
                assert_eq!(trace.events(), sample::events(), "bit {bit} of byte {at}");
            }
        }
    }
}

#[test]
fn edited_text_is_noticed_where_it_was_edited() {
    let text = text();
    let lines: Vec<&str> = text.lines().collect();
    let reason = |edited: &str| error(edited.as_bytes());

    let without_third: Vec<&str> = [&lines[..2], &lines[3..]].concat();
    let missing = reason(&without_third.join("\n"));
    assert!(matches!(
        missing.problem,
        Problem::EventCount {
            claimed: 32,
            found: 31
        }
    ));

    let changed = reason(&text.replacen("\"arg\":2", "\"arg\":3", 1));
    assert!(matches!(
        changed.problem,
        Problem::Checksum {
            part: "the events",
            ..
        }
    ));

    let fieldless = reason(&text.replacen("\"actor\"", "\"author\"", 1));
    assert_eq!(
        fieldless.to_string(),
        "line 2: the line is malformed: it has no field actor; \
         the file is damaged or was edited: copy it again, or record the run again"
    );

    let longer = format!("{text}{}", lines[1]);
    assert_eq!(reason(&longer).problem, Problem::TrailingData);
    assert_eq!(reason(&longer).place, Place::Line(35));

    let signed = reason(&text.replacen("\"0x", "\"0x+", 1));
    assert!(matches!(signed.problem, Problem::Malformed { .. }));

    let forged = text.replace(
        &format!("{:016x}", sample::trace().trailer().fingerprint),
        "00000000000000aa",
    );
    assert!(matches!(
        reason(&forged).problem,
        Problem::Fingerprint { claimed: 0xaa, .. }
    ));
}

#[test]
fn the_end_of_a_long_run_keeps_the_fingerprint_of_the_whole() {
    let whole = sample::trace();
    let events = sample::events();
    let end = Trace::with_dropped(
        Header::default(),
        events[20..].to_vec(),
        20,
        whole.trailer().fingerprint,
    );
    for bytes in [
        end.to_binary(Compression::Lz4).unwrap(),
        end.to_json_lines().unwrap().into_bytes(),
    ] {
        assert_eq!(Trace::from_bytes(&bytes), Ok(end.clone()));
    }
}

#[test]
fn more_events_than_a_chunk_holds_survive() {
    let event = |value| Event {
        at: Time::from_nanos(value),
        actor: PathId::from_u64(value % 3),
        kind: EventKind::User,
        object: 0,
        arg: value * value,
    };
    let count = (CHUNK_LEN_MAX / Event::ENCODED_LEN) as u64 + 5;
    let trace = Trace::new(Header::default(), (0..count).map(event).collect());
    let bytes = trace.to_binary(Compression::Lz4).unwrap();
    assert!(bytes.len() < trace.deterministic_section().len() / 2);
    assert!(Trace::from_bytes(&bytes).unwrap() == trace);
}

fn any_event() -> impl Strategy<Value = Event> {
    (1u8..=34, any::<[u64; 4]>()).prop_map(|(kind, [at, actor, object, arg])| Event {
        at: Time::from_nanos(at),
        actor: PathId::from_u64(actor),
        kind: EventKind::from_u8(kind).unwrap(),
        object,
        arg,
    })
}

fn any_header() -> impl Strategy<Value = Header> {
    let clock = prop_oneof![
        Just(ClockMode::Virtual),
        Just(ClockMode::Manual),
        Just(ClockMode::Host)
    ];
    let texts = any::<[String; 5]>();
    let notes = prop::collection::vec(any::<(String, String)>(), 0..3);
    (texts, any::<u64>(), any::<u64>(), clock, notes).prop_map(
        |([version, profile, target, scenario, host], seed, config_hash, clock_mode, notes)| {
            Header {
                runtime_version: version,
                profile,
                target,
                seed,
                clock_mode,
                config_hash,
                scenario,
                host,
                notes,
                ..Header::default()
            }
        },
    )
}

proptest! {
    // proves: WVT-012
    #[test]
    fn any_trace_survives_both_forms(
        header in any_header(),
        events in prop::collection::vec(any_event(), 0..40),
    ) {
        let trace = Trace::new(header, events);
        for compression in COMPRESSIONS {
            let bytes = trace.to_binary(compression).unwrap();
            prop_assert_eq!(Trace::from_bytes(&bytes), Ok(trace.clone()));
        }
        let text = trace.to_json_lines().unwrap();
        prop_assert_eq!(Trace::from_bytes(text.as_bytes()), Ok(trace));
    }

    #[test]
    fn noise_never_panics(
        mut noise in prop::collection::vec(any::<u8>(), 0..300),
        keep in 0usize..200,
    ) {
        let _ = Trace::from_bytes(&noise);
        // Noise behind a sound beginning, under a right checksum.
        let mut bytes = binary(Compression::Lz4);
        bytes.truncate(keep);
        bytes.append(&mut noise);
        if bytes.len() >= 4 {
            let _ = Trace::from_bytes(&resealed(bytes));
        }
    }
}

#[cfg(feature = "std")]
#[test]
fn files_are_read_back_and_errors_name_them() {
    use super::FileError;
    let folder = std::env::temp_dir().join(format!("asupersync-trace-{}", std::process::id()));
    std::fs::create_dir_all(&folder).unwrap();
    for name in ["run.trace", "run.jsonl"] {
        let path = folder.join(name);
        sample::trace().write_file(&path).unwrap();
        let read = Trace::read_file(&path, &Limits::default());
        assert_eq!(read, Ok(sample::trace()));
        let tight = Limits {
            file_len_max: 100,
            ..Limits::default()
        };
        let error = Trace::read_file(&path, &tight).unwrap_err();
        assert!(error.to_string().contains(name));
        assert!(matches!(error, FileError::Trace { .. }));
    }
    let absent = Trace::read_file(folder.join("absent"), &Limits::default());
    let is_absent = |kind| kind == std::io::ErrorKind::NotFound;
    assert!(matches!(absent, Err(FileError::Io { kind, .. }) if is_absent(kind)));
    std::fs::remove_dir_all(&folder).unwrap();
}
