//! Programs that fetch and talk over sockets, streams and ports; `tests/browser/capsules-rust.mjs` runs them against a server
//! and looks at what they note.
//!
//! Owns the programs, one at a time: each is given a text, an address as a rule, and a number of `lend`. Empty on other targets.

#![cfg(target_arch = "wasm32")]

#[path = "../../export.rs"]
mod export;
mod host;
mod programs;

use std::cell::{Cell, RefCell};

use asupersync_browser::io::Grants;
use asupersync_browser::{Entry, Options, Runtime, enter};
use asupersync_core::{Error, LocalRegion, Spawner};
use export::export;
use host::note;

thread_local! {
    static RUNTIME: Cell<Option<Runtime>> = const { Cell::new(None) };
    /// The region of the program, for `cancel`.
    static OPEN: RefCell<Option<Spawner<Error>>> = const { RefCell::new(None) };
    static TEXT: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

export! {
    /// Room for the text of the next program.
    fn text(length: usize) -> *mut u8 {
        TEXT.with_borrow_mut(|text| {
            text.clear();
            text.resize(length, 0);
            text.as_mut_ptr()
        })
    }

    /// Runs a program, in a runtime that is granted everything or nothing. It notes how its region ended.
    fn start(program: u32, lent: u32, is_granted: u32) {
        let text = TEXT.with_borrow_mut(|text| String::from_utf8(std::mem::take(text)).unwrap_or_default());
        let runtime = Runtime::with_options(Options {
            capacity: 64,
            io: if is_granted == 0 { Grants::NONE } else { Grants::ALL },
            ..Options::default()
        });
        let body = async move |region: &LocalRegion| {
            OPEN.set(Some(region.spawner()));
            programs::run(region, program, &text, lent).await
        };
        let ended = |result: Result<(), Error>| {
            OPEN.set(None);
            match result {
                Ok(()) => note("ended"),
                Err(error) => note(&format!("ended: {error}")),
            }
        };
        enter(Entry::Event, || runtime.start(body, ended));
        RUNTIME.set(Some(runtime));
    }

    /// Asks the program to stop.
    fn cancel() {
        if let Some(region) = OPEN.with_borrow(Option::clone) {
            enter(Entry::Event, || region.cancel("superseded"));
        }
    }

    /// Ends the runtime; notes when it has.
    fn shut_down() {
        if let Some(runtime) = RUNTIME.take() {
            enter(Entry::Event, || runtime.shut_down(|_| note("shut down")));
        }
    }

    /// Panics.
    fn panic_now() {
        panic!("on purpose");
    }
}
