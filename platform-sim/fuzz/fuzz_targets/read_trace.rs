//! Any bytes as a trace of either form: no panic, bounded memory, and what is read survives writing.
//!
//! Run with `cargo +nightly fuzz run read_trace` in `platform-sim/`; good seeds are the files in
//! `src/artifact/golden/`.
#![no_main]

use asupersync_sim::artifact::{Compression, Trace, diff};
use asupersync_sim::perfetto::{Axis, to_chrome_json};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Ok(trace) = Trace::from_bytes(bytes) else {
        return;
    };
    for compression in [Compression::None, Compression::Lz4] {
        let written = trace
            .to_binary(compression)
            .expect("a sound trace is written");
        let back = Trace::from_bytes(&written).expect("what was written is read");
        assert_eq!(diff(&trace, &back), None);
    }
    let written = trace.to_json_lines().expect("a sound trace is written");
    let back = Trace::from_bytes(written.as_bytes()).expect("what was written is read");
    assert_eq!(diff(&trace, &back), None);
    to_chrome_json(&trace, Axis::Time, |_| None);
});
