//! A host for tests on other targets: it notes what it is asked for, and time is the test's.
//!
//! One per thread, as an instance has one loop.

use std::cell::RefCell;
use std::format;
use std::string::String;
use std::thread_local;
use std::vec::Vec;

use crate::event_loop::EventLoop;
use crate::pace::Hop;

/// What the host was asked for since the test last took it, and what time it is.
#[derive(Debug, Default)]
pub(crate) struct Script {
    pub(crate) now: u64,
    pub(crate) hops: Vec<Hop>,
    pub(crate) alarms: Vec<Option<i32>>,
    pub(crate) panics: Vec<String>,
}

thread_local! {
    static SCRIPT: RefCell<Script> = RefCell::default();
    static LOOP: EventLoop = const { EventLoop::new() };
}

/// Reads or changes this thread's host.
pub(crate) fn script<R>(look: impl FnOnce(&mut Script) -> R) -> R {
    SCRIPT.with_borrow_mut(look)
}

pub(crate) fn with_loop<R>(look: impl FnOnce(&EventLoop) -> R) -> R {
    LOOP.with(look)
}

pub(crate) fn now() -> u64 {
    script(|host| host.now)
}

pub(crate) fn hop(hop: Hop) {
    script(|host| host.hops.push(hop));
}

pub(crate) fn alarm(milliseconds: Option<i32>) {
    script(|host| host.alarms.push(milliseconds));
}

pub(crate) fn random() -> u64 {
    42
}

pub(crate) fn panicked(text: &str, file: &str, line: u32) {
    script(|host| host.panics.push(format!("{text} at {file}:{line}")));
}
