//! Programs for the tests of the event loop itself: what the page does meanwhile is the tests' (`tests/browser/loop.mjs`).
//!
//! Owns one runtime per instance, and says what happens by `print`.

use std::cell::{Cell, OnceCell};
use std::sync::Arc;
use std::time::Duration;

use asupersync_browser::{Entry, PageEvent, PageEvents, Runtime, enter, yield_to_host};
use asupersync_core::lock::Notify;
use asupersync_core::{Error, LocalRegion};

use crate::export::export;
use crate::say;

thread_local! {
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
    static POLLS: Cell<f64> = const { Cell::new(0.0) };
    static POKED: Arc<Notify> = Arc::default();
}

/// Starts a body that is not expected to fail; its first polls come before this returns.
fn start<F>(body: F)
where
    F: AsyncFnOnce(&LocalRegion) -> Result<(), Error> + 'static,
{
    let begin = || {
        RUNTIME.with(|runtime| {
            let runtime = runtime.get_or_init(|| Runtime::new(64));
            runtime.start(body, |ended: Result<(), Error>| match ended {
                Ok(()) => say("ended"),
                Err(error) => say(&format!("failed: {error}")),
            });
        });
    };
    enter(Entry::Event, begin);
}

/// Wakes itself for ever.
async fn spin(region: &LocalRegion) -> Result<(), Error> {
    loop {
        POLLS.set(POLLS.get() + 1.0);
        region.yield_now().await?;
    }
}

/// Yields to the other tasks, then to the host.
async fn order(region: &LocalRegion) -> Result<(), Error> {
    say("starts");
    for _ in 0..100 {
        region.yield_now().await?;
    }
    say("yielded to tasks");
    yield_to_host(region).await?;
    say("yielded to the host");
    region.sleep(Duration::from_millis(3)).await?;
    say("slept");
    Ok(())
}

/// Says when it is poked, for ever.
async fn listen(region: &LocalRegion, poked: Arc<Notify>) -> Result<(), Error> {
    loop {
        poked.notified(region).await?;
        say("poked");
        say("goes on");
    }
}

/// Says what happens to the page.
async fn watch(region: &LocalRegion) -> Result<(), Error> {
    let mut events = PageEvents::new();
    loop {
        match events.next(region).await? {
            PageEvent::Suspended => say("suspended"),
            PageEvent::Resumed { gap } => say(&format!("resumed after {} ms", gap.as_millis())),
            _ => say("something else"),
        }
    }
}

export! {
    /// Starts a task without end.
    fn start_spin() {
        start(async |region: &LocalRegion| spin(region).await);
    }

    /// How often it was polled.
    fn polls() -> f64 {
        POLLS.get()
    }

    /// Starts a task that yields in each way.
    fn start_order() {
        start(async |region: &LocalRegion| order(region).await);
    }

    /// Starts a task that waits to be poked.
    fn start_listen() {
        let poked = POKED.with(Arc::clone);
        start(async move |region: &LocalRegion| listen(region, poked).await);
    }

    /// Pokes it; what that leads to has happened on return.
    fn poke() {
        enter(Entry::Event, || POKED.with(|poked| poked.notify_one()));
    }

    /// Panics.
    fn panic_now() {
        panic!("on purpose");
    }

    /// Starts a task that says what happens to the page.
    fn start_watch() {
        start(async |region: &LocalRegion| watch(region).await);
    }

    /// Starts a task that sleeps, and one that panics a moment later.
    fn start_panic() {
        start(async |region: &LocalRegion| Ok(region.sleep(Duration::from_millis(20)).await?));
        start(async |region: &LocalRegion| {
            region.sleep(Duration::from_millis(1)).await?;
            panic!("on purpose");
        });
    }
}
