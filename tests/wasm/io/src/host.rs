//! What a program says.

// SAFETY: `tests/browser/capsules-rust.mjs` has a function with this signature, which reads the memory during the call only.
#[link(wasm_import_module = "host")]
unsafe extern "C" {
    safe fn print(text: *const u8, length: usize);
}

/// Tells the test.
pub fn note(text: &str) {
    print(text.as_ptr(), text.len());
}
