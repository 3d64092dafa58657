//! Binary traces under a right file checksum: reaches the code behind it, which random bytes do not.
//!
//! Run with `cargo +nightly fuzz run read_resealed` in `platform-sim/`; good seeds are the binary
//! files in `src/artifact/golden/`.
#![no_main]

use asupersync_sim::artifact::{Limits, Trace};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some(end) = bytes.len().checked_sub(4) else {
        return;
    };
    let mut sealed = bytes[..end].to_vec();
    sealed.extend_from_slice(&crc32fast::hash(&sealed).to_le_bytes());
    let _ = Trace::from_binary(&sealed, &Limits::default());
});
