//! A page in Rust on asupersync-browser alone: three tickers in a region, and a button that drains it.
//!
//! Owns the program; `main.mjs` owns the elements. Empty on other targets.

#![cfg(target_arch = "wasm32")]

use std::cell::{OnceCell, RefCell};
use std::time::Duration;

use asupersync_browser::{Entry, Runtime, enter};
use asupersync_core::{Cx, Error, LocalRegion, Spawner};

// SAFETY: the page's `show` has this signature, and reads the memory only during the call.
#[link(wasm_import_module = "page")]
unsafe extern "C" {
    /// Puts a text into a row of the page.
    safe fn show(row: u32, text: *const u8, length: usize);
}

fn put(row: u32, text: &str) {
    show(row, text.as_ptr(), text.len());
}

/// The row that says how it all goes; the tickers have those above it.
const STATUS: u32 = 3;

thread_local! {
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
    /// The region that is open, for the button.
    static OPEN: RefCell<Option<Spawner<Error>>> = const { RefCell::new(None) };
}

/// Counts until it is asked to stop; then takes a moment to clean up, masked so that the request does not end that, too.
async fn tick(cx: Cx, row: u32) -> Result<(), Error> {
    let period = Duration::from_millis(100 * u64::from(row + 1));
    let mut count = 0;
    let stopped = loop {
        put(row, &format!("{count} ticks"));
        if let Err(stopped) = cx.sleep(period).await {
            break stopped;
        }
        count += 1;
    };
    put(row, &format!("{count} ticks, cleaning up"));
    cx.masked(period * 2, async |cx| cx.sleep(period).await)
        .await?;
    put(row, &format!("{count} ticks, clean"));
    Err(stopped.into())
}

// SAFETY: the module links no other function of this name.
/// Opens the region with the tickers, unless it is open.
#[unsafe(no_mangle)]
extern "C" fn start() {
    if OPEN.with_borrow(Option::is_some) {
        return;
    }
    let tickers = async |region: &LocalRegion| {
        OPEN.set(Some(region.spawner()));
        for row in 0..STATUS {
            region.spawn_background(async move |cx| tick(cx, row).await)?;
        }
        put(STATUS, "open");
        // The region stays open until it is asked to stop.
        loop {
            region.sleep(Duration::from_secs(3_600)).await?;
        }
    };
    let closed = |_ended: Result<(), Error>| {
        OPEN.set(None);
        put(STATUS, "drained");
    };
    enter(Entry::Event, || {
        RUNTIME.with(|runtime| {
            runtime
                .get_or_init(|| Runtime::new(16))
                .start(tickers, closed)
        });
    });
}

// SAFETY: as above.
/// Asks everything in the region to stop; the page hears when it is drained.
#[unsafe(no_mangle)]
extern "C" fn stop() {
    let Some(region) = OPEN.with_borrow(Option::clone) else {
        return;
    };
    put(STATUS, "draining");
    enter(Entry::Event, || region.cancel("the button was pressed"));
}
