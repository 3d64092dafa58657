//! `EventLoop`: what one instance of a module knows of its host's event loop.
//!
//! Owns the way in and the way out: the guard against re-entry, the pump over every runtime of the instance, the one timer,
//! and who waits for a macrotask. When to hop, and how, is [`Pace`]'s; what a turn does, the executor's.
//!
//! ```text
//! host ── hop, timer ──> asupersync_pump ──┐
//! host ── an export of the app ──> enter ──┴─> enter ──> each runtime: turn(64) ──> more: ask for a hop
//! inside a poll: pend, enter ──> noted, nothing runs                             └> idle: arm the timer
//! ```
//!
//! Lists are in `Cell`s and taken out to be used: a `RefCell` brings formatting for its panic, 1 KB of a small module.

use alloc::rc::Rc;
use alloc::vec::Vec;
use core::cell::Cell;
use core::task::Waker;

use crate::host;
#[cfg(feature = "lifecycle")]
use crate::lifecycle::Lifecycle;
use crate::pace::{Entry, Hop, Pace};
use crate::seat::{Rest, Seat};

/// One per instance.
pub(crate) struct EventLoop {
    pace: Cell<Pace>,
    /// Control is inside: calls that come from within a poll only enqueue.
    is_inside: Cell<bool>,
    /// Something became runnable while control was inside.
    again: Cell<bool>,
    /// When the timer is due. It may be due too early: then it looks, and is set again.
    armed: Cell<Option<u64>>,
    seats: Cell<Vec<Rc<Seat>>>,
    /// How many macrotasks there were; for those that wait for the next one.
    macrotasks: Cell<u32>,
    for_macrotask: Wakers,
    #[cfg(feature = "lifecycle")]
    pub(crate) lifecycle: Lifecycle,
    #[cfg(all(feature = "browser-io", target_arch = "wasm32"))]
    pub(crate) io: crate::io::Slots,
}

impl EventLoop {
    pub(crate) const fn new() -> Self {
        Self {
            pace: Cell::new(Pace::new()),
            is_inside: Cell::new(false),
            again: Cell::new(false),
            armed: Cell::new(None),
            seats: Cell::new(Vec::new()),
            macrotasks: Cell::new(0),
            for_macrotask: Wakers::new(),
            #[cfg(feature = "lifecycle")]
            lifecycle: Lifecycle::new(),
            #[cfg(all(feature = "browser-io", target_arch = "wasm32"))]
            io: crate::io::Slots::new(),
        }
    }

    /// Reads the clock.
    pub(crate) fn now(&self) -> u64 {
        let now = host::now();
        self.with_pace(|pace| pace.see(now));
        now
    }

    /// A runtime has work, and its driver is not looking.
    pub(crate) fn pend(&self) {
        if self.is_inside.get() {
            self.again.set(true);
        } else {
            self.ask();
            self.arm(None);
        }
    }

    /// Takes in a runtime; its first turn comes soon.
    pub(crate) fn join(&self, seat: Rc<Seat>) {
        self.with_seats(|seats| seats.push(seat));
    }

    /// Forgets a runtime.
    pub(crate) fn leave(&self, seat: &Rc<Seat>) {
        let is_last = self.with_seats(|seats| {
            seats.retain(|other| !Rc::ptr_eq(other, seat));
            seats.is_empty()
        });
        // A timer that nobody needs is left to fire for nothing, but for the last one: node waits for it.
        if is_last && self.armed.take().is_some() {
            host::alarm(None);
        }
    }

    /// Lets control in: runs `call`, then the runtimes, unless control is inside already or the slice is over.
    pub(crate) fn enter<R>(&self, entry: Entry, call: impl FnOnce() -> R) -> R {
        if entry.is_macrotask() {
            self.now();
        }
        if entry == Entry::Timer {
            self.armed.set(None);
        }
        let may_poll = self.with_pace(|pace| pace.enter(entry));
        if self.is_inside.replace(true) {
            self.again.set(true);
            return call();
        }
        let _inside = Inside(self);
        let result = call();
        if entry.is_macrotask() {
            self.macrotasks.set(self.macrotasks.get().wrapping_add(1));
            self.for_macrotask.wake_all();
        }
        if may_poll {
            self.pump();
        } else {
            self.ask();
            self.arm(None);
        }
        result
    }

    /// One turn of every runtime.
    fn pump(&self) {
        self.again.set(false);
        let mut until: Option<u64> = None;
        let mut more = false;
        let mut at = 0;
        while let Some(seat) = self.seat(at) {
            at += 1;
            match seat.turn() {
                Rest::More => more = true,
                Rest::Idle(None) => {}
                Rest::Idle(Some(due)) => until = Some(until.map_or(due, |first| first.min(due))),
                Rest::Gone => {
                    self.leave(&seat);
                    at -= 1;
                }
            }
        }
        if more || self.again.replace(false) {
            self.ask();
            // The hop looks at the deadlines again.
            until = None;
        }
        self.arm(until);
    }

    fn seat(&self, at: usize) -> Option<Rc<Seat>> {
        self.with_seats(|seats| seats.get(at).cloned())
    }

    /// `look` calls nobody's code: the list is out meanwhile.
    fn with_seats<R>(&self, look: impl FnOnce(&mut Vec<Rc<Seat>>) -> R) -> R {
        let mut seats = self.seats.take();
        let result = look(&mut seats);
        self.seats.set(seats);
        result
    }

    /// Asks for the hop that the slice allows.
    fn ask(&self) {
        self.ask_for(Pace::hop);
    }

    fn ask_for(&self, which: impl FnOnce(&mut Pace) -> Option<Hop>) {
        // After the state is stored: a host may call back within the call.
        if let Some(hop) = self.with_pace(which) {
            host::hop(hop);
        }
    }

    /// Sets the timer for `until` or for the watchdog, whichever is first. Only when it becomes earlier: to set it costs
    /// microseconds, to let it fire for nothing costs one.
    fn arm(&self, until: Option<u64>) {
        const MILLISECOND: u64 = 1_000_000;
        let pace = self.pace.get();
        let Some(due) = until.into_iter().chain(pace.watchdog()).min() else {
            return;
        };
        if self.armed.get().is_some_and(|armed| armed <= due) {
            return;
        }
        self.armed.set(Some(due));
        // More than the host can count to fires at once; so long ones are waited for in parts.
        let wait = due.saturating_sub(pace.seen()).div_ceil(MILLISECOND);
        host::alarm(Some(i32::try_from(wait).unwrap_or(i32::MAX)));
    }

    /// How many macrotasks there were.
    pub(crate) fn macrotasks(&self) -> u32 {
        self.macrotasks.get()
    }

    /// Wakes at the start of the next macrotask, and asks for one.
    pub(crate) fn at_macrotask(&self, waker: &Waker) {
        self.for_macrotask.add(waker);
        self.ask_for(Pace::macrotask);
        if !self.is_inside.get() {
            self.arm(None);
        }
    }

    fn with_pace<R>(&self, change: impl FnOnce(&mut Pace) -> R) -> R {
        let mut pace = self.pace.get();
        let result = change(&mut pace);
        self.pace.set(pace);
        result
    }
}

/// Control is inside until this is dropped, also by a panic that unwinds.
struct Inside<'a>(&'a EventLoop);

impl Drop for Inside<'_> {
    fn drop(&mut self) {
        self.0.is_inside.set(false);
    }
}

/// Who waits for something that happens to all of them.
pub(crate) struct Wakers(Cell<Vec<Waker>>);

impl Wakers {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(Vec::new()))
    }

    pub(crate) fn add(&self, waker: &Waker) {
        let mut wakers = self.0.take();
        wakers.push(waker.clone());
        self.0.set(wakers);
    }

    pub(crate) fn wake_all(&self) {
        // Taken out first: who is woken may add itself again.
        for waker in self.0.take() {
            waker.wake();
        }
    }
}
