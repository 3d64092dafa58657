//! Files of schema 1.0, kept: every later reader of major version 1 must read them as they were.

use super::sample;
use super::{Compression, Limits, SchemaVersion, Trace, diff};
use asupersync_core::Fingerprint;

const PLAIN: &[u8] = include_bytes!("golden/v1_0.trace");
const LZ4: &[u8] = include_bytes!("golden/v1_0_lz4.trace");
const TEXT: &[u8] = include_bytes!("golden/v1_0.jsonl");

// proves: RP-TRACE-001 WVT-012
#[test]
fn kept_files_still_read_as_the_run_they_recorded() {
    for bytes in [PLAIN, LZ4, TEXT] {
        let trace = Trace::from_bytes(bytes).unwrap();
        assert_eq!(diff(&sample::trace(), &trace), None);
        assert_eq!(trace, sample::trace());
    }
}

// proves: R-DET-1
#[test]
fn the_same_run_is_written_as_the_same_bytes() {
    let trace = sample::trace();
    assert_eq!(trace.to_binary(Compression::None).unwrap(), PLAIN);
    assert_eq!(trace.to_json_lines().unwrap().as_bytes(), TEXT);
    // The deterministic section stands in the plain file as it is.
    let section = trace.deterministic_section();
    assert!(PLAIN.windows(section.len()).any(|window| window == section));
}

// proves: RP-TRACE-001
#[test]
fn a_trace_survives_export_and_import_in_any_order() {
    let limits = Limits::default();
    let text = Trace::from_binary(LZ4, &limits)
        .unwrap()
        .to_json_lines()
        .unwrap();
    let back = Trace::from_json_lines(text.as_bytes(), &limits).unwrap();
    assert_eq!(back.to_binary(Compression::None).unwrap(), PLAIN);
}

#[test]
fn the_versions_that_make_up_the_schema_move_together() {
    // Whoever changes one of these changes what old traces mean: raise the major version, and keep
    // new golden files beside the old ones.
    assert_eq!((SchemaVersion::CURRENT.major, Fingerprint::VERSION), (1, 1));
}
