//! The imports of `browser-io` and the export that answers them; `js/io/bridge.mjs` is their other side.
//!
//! Owns the signatures, and all that is `unsafe` here.

use alloc::string::String;
use alloc::vec;
use alloc::vec::Vec;

use super::slots::Answer;
use crate::host::with_loop;
use crate::pace::Entry;

// SAFETY: `js/io/bridge.mjs` has functions with these signatures. They read the memory that they are given during the call only,
// and `take` writes as many bytes as it is told that there is room.
#[link(wasm_import_module = "asupersync_io")]
unsafe extern "C" {
    #[link_name = "open"]
    safe fn open_with(
        number: u32,
        kind: u32,
        head: *const u8,
        head_length: usize,
        body: *const u8,
        body_length: usize,
    ) -> i32;
    #[link_name = "call"]
    safe fn call_with(number: u32, what: u32, wait: u32, data: *const u8, length: usize);
    #[link_name = "take"]
    safe fn take_into(number: u32, room: *mut u8, length: usize);
    #[link_name = "length"]
    safe fn length_of(number: u32) -> u32;
    /// The module has no more to do with this operation.
    pub(crate) safe fn end(number: u32);
    /// Nobody fetches this answer.
    pub(crate) safe fn forget(number: u32);
}

/// Begins an operation: 0, or the status of an error, whose text can be taken.
pub(crate) fn open(number: u32, kind: u32, head: &str, body: &[u8]) -> i32 {
    open_with(
        number,
        kind,
        head.as_ptr(),
        head.len(),
        body.as_ptr(),
        body.len(),
    )
}

/// Asks an operation for something; the answer comes to `wait`.
pub(crate) fn call(number: u32, what: u32, wait: u32, data: &[u8]) {
    call_with(number, what, wait, data.as_ptr(), data.len());
}

/// The bytes of an answer.
pub(crate) fn take(number: u32, length: u32) -> Vec<u8> {
    let mut bytes = vec![0; length as usize];
    take_into(number, bytes.as_mut_ptr(), bytes.len());
    bytes
}

/// The text of the error of an `open`.
pub(crate) fn refusal(number: u32) -> String {
    String::from_utf8(take(number, length_of(number))).unwrap_or_default()
}

/// Called by the host: a wait has its answer, or an operation its end. 0: nobody waits any more.
// SAFETY: no other function of a module has this name.
#[unsafe(no_mangle)]
extern "C" fn asupersync_io_settle(number: u32, status: i32, length: u32) -> u32 {
    let answer = Answer { status, length };
    let settle = || with_loop(|event_loop| event_loop.io.settle(number, answer));
    u32::from(with_loop(|event_loop| {
        event_loop.enter(Entry::Settled, settle)
    }))
}
