//! What the module says of itself before it is an instance: its ABI and its profile, in a custom section.
//!
//! Owns the section `asupersync-abi`, which `packages/browser-core/src/load.ts` reads: `VERSION FINGERPRINT PROFILE`. What
//! the ABI is stands in `abi.txt`; `cargo xtask packages` writes it from the module and holds one to the other.

/// `version VERSION FINGERPRINT`, then the versions before, then every import and export.
const SCHEMA: &[u8] = include_bytes!("../abi.txt");
const BEFORE: usize = "version ".len();
/// How long the first line is after that word.
const VERSION: usize = {
    let mut end = BEFORE;
    while SCHEMA[end] != b'\n' {
        end += 1;
    }
    end - BEFORE
};
const PROFILE: &[u8] = asupersync::PROFILE.as_bytes();

// SAFETY: a custom section is no part of the memory, so what stands in it changes nothing of the program.
#[unsafe(link_section = "asupersync-abi")]
#[used]
static SECTION: [u8; VERSION + 1 + PROFILE.len()] = {
    let mut text = [b' '; VERSION + 1 + PROFILE.len()];
    let mut at = 0;
    while at < VERSION {
        text[at] = SCHEMA[BEFORE + at];
        at += 1;
    }
    at = 0;
    while at < PROFILE.len() {
        text[VERSION + 1 + at] = PROFILE[at];
        at += 1;
    }
    text
};
