//! The tier full-dev: events are kept, and diagnostics and panics are shown as text.

#[path = "ring.rs"]
mod ring;

use alloc::string::ToString;

use asupersync::Diagnostic;
use asupersync::browser::Options;

pub use ring::Tier;

// SAFETY: the page has a function with this signature; it reads the text and keeps nothing of it.
#[link(wasm_import_module = "page")]
unsafe extern "C" {
    #[link_name = "show"]
    safe fn show_with(text: *const u8, length: usize);
}

fn show(text: &str) {
    show_with(text.as_ptr(), text.len());
}

/// Records into a ring, and shows what is found wrong.
pub fn tier() -> (Tier, Options) {
    let (tier, mut options) = ring::tier();
    options.report = Some(|found: &Diagnostic| show(&found.to_string()));
    (tier, options)
}

/// Shows the text and the place of a panic.
pub fn panicked(info: &core::panic::PanicInfo<'_>) {
    show(&info.to_string());
}
