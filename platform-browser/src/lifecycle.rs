//! `PageEvents`: the page is suspended and goes on.
//!
//! Owns the last event and who waits for the next. Who listens to the page is `js/lifecycle.mjs`; without it nothing is
//! ever told.
//!
//! A deadline is of the runtime's clock, `performance.now()`. It runs on while a page is frozen or in the back/forward
//! cache, so what was due meanwhile is due at once when the page goes on, after the event was told. It
//! stands while the machine sleeps, but for Windows; the gap of the event is by the wall clock and has both.

use core::cell::Cell;
use core::future::poll_fn;
use core::task::Poll;
use core::time::Duration;

use asupersync_core::{Cancelled, CxBase};

use crate::event_loop::Wakers;
use crate::host::with_loop;

/// What happens to a page as a whole.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
#[non_exhaustive]
pub enum PageEvent {
    /// The page is hidden, frozen or put in the back/forward cache. From the end of this pump on timers are late by
    /// seconds or minutes, or nothing runs at all.
    Suspended,
    /// The page goes on.
    Resumed {
        /// How long it was away, by the wall clock.
        gap: Duration,
    },
}

pub(crate) struct Lifecycle {
    told: Cell<u32>,
    last: Cell<PageEvent>,
    wakers: Wakers,
}

impl Lifecycle {
    pub(crate) const fn new() -> Self {
        Self {
            told: Cell::new(0),
            last: Cell::new(PageEvent::Suspended),
            wakers: Wakers::new(),
        }
    }

    pub(crate) fn tell(&self, event: PageEvent) {
        self.last.set(event);
        self.told.set(self.told.get().wrapping_add(1));
        self.wakers.wake_all();
    }
}

/// The page's events from when this was made.
///
/// ```ignore
/// let mut events = PageEvents::new();
/// loop {
///     match events.next(cx).await? {
///         PageEvent::Suspended => close_sockets(),
///         PageEvent::Resumed { gap } => reconnect(gap),
///         _ => {}
///     }
/// }
/// ```
#[derive(Debug)]
pub struct PageEvents {
    heard: u32,
}

impl Default for PageEvents {
    fn default() -> Self {
        Self::new()
    }
}

impl PageEvents {
    /// Listens from now on.
    pub fn new() -> Self {
        Self {
            heard: with_loop(|event_loop| event_loop.lifecycle.told.get()),
        }
    }

    /// The next event. Who comes late gets the latest: a `Resumed` may stand for the `Suspended` before it.
    ///
    /// # Errors
    /// [`Cancelled`] if this context was asked to stop.
    ///
    /// # Cancel safety
    /// Dropping the wait loses nothing.
    pub async fn next(&mut self, cx: &CxBase) -> Result<PageEvent, Cancelled> {
        let heard = &mut self.heard;
        let event = poll_fn(|task| {
            with_loop(|event_loop| {
                let lifecycle = &event_loop.lifecycle;
                if *heard == lifecycle.told.get() {
                    lifecycle.wakers.add(task.waker());
                    return Poll::Pending;
                }
                *heard = lifecycle.told.get();
                Poll::Ready(lifecycle.last.get())
            })
        });
        cx.until_cancelled(event).await
    }
}
