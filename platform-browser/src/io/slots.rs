//! `Slots`: the numbers by which a module and its host name what is under way between them.
//!
//! Owns who waits behind a number, and that a number that is over finds nobody: an answer that comes late is refused, and its
//! host counts it (R-IO-3). A number is an index (20 bits) and a generation (12); an index whose generation would wrap is retired.

use alloc::vec::Vec;
use core::cell::Cell;
use core::task::Waker;

use asupersync_core::ObligationToken;

const INDEX_BITS: u32 = 20;
const GENERATIONS: u32 = 1 << (32 - INDEX_BITS);

/// What the host said: how it went, and how many bytes it has for the module.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Answer {
    pub(crate) status: i32,
    pub(crate) length: u32,
}

enum State {
    Free,
    /// A wait of a task; nobody is woken before its first poll.
    Waits(Option<Waker>),
    Answered(Answer),
    /// An operation. Its region waits for the obligation, the number for its handle.
    Open {
        obligation: Option<ObligationToken>,
        is_held: bool,
    },
}

struct Place {
    generation: u32,
    state: State,
}

#[derive(Default)]
struct Table {
    places: Vec<Place>,
    free: Vec<u32>,
}

/// In a `Cell`: nothing of others is called or dropped while the table is out.
pub(crate) struct Slots(Cell<Table>);

impl Slots {
    pub(crate) const fn new() -> Self {
        Self(Cell::new(Table {
            places: Vec::new(),
            free: Vec::new(),
        }))
    }

    fn with<R>(&self, look: impl FnOnce(&mut Table) -> R) -> R {
        let mut table = self.0.take();
        let result = look(&mut table);
        self.0.set(table);
        result
    }

    /// A number for a wait; `None` if all are in use.
    pub(crate) fn watch(&self) -> Option<u32> {
        self.with(|table| table.add(State::Waits(None)))
    }

    /// A number for an operation that holds `obligation` until the host's last word; `None`, which aborts it, if all are in use.
    pub(crate) fn open(&self, obligation: ObligationToken) -> Option<u32> {
        let state = State::Open {
            obligation: Some(obligation),
            is_held: true,
        };
        self.with(|table| table.add(state))
    }

    /// The answer to a wait, once; until then `waker` is kept.
    pub(crate) fn take(&self, number: u32, waker: &Waker) -> Option<Answer> {
        let waker = waker.clone();
        let (answer, _before) = self.with(|table| {
            let Some(place) = table.place(number) else {
                return (None, None);
            };
            match core::mem::replace(&mut place.state, State::Free) {
                State::Answered(answer) => {
                    table.free(number);
                    (Some(answer), None)
                }
                State::Waits(before) => {
                    place.state = State::Waits(Some(waker));
                    (None, before)
                }
                other => {
                    place.state = other;
                    (None, None)
                }
            }
        });
        answer
    }

    /// Nobody waits any more. `true`: the host has an answer, which nobody fetches.
    pub(crate) fn forget(&self, number: u32) -> bool {
        let state = self.with(|table| {
            let place = table.place(number)?;
            let state = core::mem::replace(&mut place.state, State::Free);
            table.free(number);
            Some(state)
        });
        matches!(state, Some(State::Answered(_)))
    }

    /// The host answers a wait, or has said the last of an operation. `false`: nobody waits behind this number.
    pub(crate) fn settle(&self, number: u32, answer: Answer) -> bool {
        let found = self.with(|table| {
            let place = table.place(number)?;
            match core::mem::replace(&mut place.state, State::Free) {
                State::Waits(waker) => {
                    place.state = State::Answered(answer);
                    Some((waker, None))
                }
                State::Open {
                    obligation: Some(obligation),
                    is_held,
                } => {
                    if is_held {
                        place.state = State::Open {
                            obligation: None,
                            is_held,
                        };
                    } else {
                        table.free(number);
                    }
                    Some((None, Some(obligation)))
                }
                other => {
                    place.state = other;
                    None
                }
            }
        });
        let Some((waker, obligation)) = found else {
            return false;
        };
        if let Some(waker) = waker {
            waker.wake();
        }
        if let Some(obligation) = obligation {
            // Revoked before: then its region has reported it.
            let _ = obligation.commit();
        }
        true
    }

    /// The handle of an operation is gone. `false`: there is no such operation.
    pub(crate) fn release(&self, number: u32) -> bool {
        self.with(|table| {
            let Some(place) = table.place(number) else {
                return false;
            };
            match &mut place.state {
                State::Open {
                    obligation: None, ..
                } => table.free(number),
                State::Open { is_held, .. } => *is_held = false,
                _ => return false,
            }
            true
        })
    }

    /// Takes back an operation that the host refused; its obligation is aborted.
    pub(crate) fn refuse(&self, number: u32) {
        let state = self.with(|table| {
            let place = table.place(number)?;
            let state = core::mem::replace(&mut place.state, State::Free);
            table.free(number);
            Some(state)
        });
        drop(state);
    }
}

impl Table {
    fn add(&mut self, state: State) -> Option<u32> {
        let index = match self.free.pop() {
            Some(index) => index,
            None if self.places.len() < 1 << INDEX_BITS => {
                self.places.push(Place {
                    generation: 1,
                    state: State::Free,
                });
                self.places.len() as u32 - 1
            }
            None => return None,
        };
        let place = &mut self.places[index as usize];
        place.state = state;
        Some(place.generation << INDEX_BITS | index)
    }

    fn place(&mut self, number: u32) -> Option<&mut Place> {
        let place = self
            .places
            .get_mut((number & ((1 << INDEX_BITS) - 1)) as usize)?;
        (place.generation == number >> INDEX_BITS).then_some(place)
    }

    fn free(&mut self, number: u32) {
        if let Some(place) = self.place(number) {
            place.state = State::Free;
            place.generation += 1;
            if place.generation < GENERATIONS {
                self.free.push(number & ((1 << INDEX_BITS) - 1));
            }
        }
    }
}
