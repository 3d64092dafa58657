//! `Registry`: the slots behind the numbers that JavaScript holds.
//!
//! Owns the numbers: index (24 bits), generation (16), realm (13), together what a double holds exactly. A number that
//! was forged, is of another runtime or of a slot since gone finds nothing. A slot whose generation would wrap is
//! retired. What a slot means is `tasks`' affair.

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::cell::Cell;
use core::task::Waker;

use asupersync_core::{Alarm, CancelRequest, Clock, Spawner, Task, Time};

use crate::host::OneThread;
use crate::stop::Stop;
use crate::tasks::End;

const INDEX_BITS: u32 = 24;
const GENERATION_BITS: u32 = 16;
const REALM_BITS: u32 = 13;

/// What JavaScript said of the promise of a slot's function.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum Settled {
    Ok,
    Failed,
    /// It failed with the very error that told it to stop.
    Cancelled,
}

/// What a slot's function is.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
pub enum Kind {
    /// The body of a region.
    #[default]
    Scope,
    /// Its error is its region's.
    Task,
    /// A task that ends with its region.
    Background,
    /// A task whose error is for who waits for it.
    Contained,
}

/// One function of JavaScript, from its spawn to the end of its task.
#[derive(Default)]
pub struct Slot {
    pub kind: Kind,
    /// The kernel's handle; a background task has none.
    pub handle: Option<Task<End, Stop>>,
    /// Spawns into the slot's own region, once there is one.
    pub spawner: Option<Spawner<Stop>>,
    pub settled: Option<Settled>,
    /// The finalizer under way has ended.
    pub is_finalized: bool,
    /// A finalizer is under way.
    pub is_finalizing: bool,
    /// The function is gone: only finalizers run.
    pub is_over: bool,
    /// Cancels that came before the kernel had the task.
    pub asked: Vec<CancelRequest>,
    /// Functions deferred of which the kernel has not been told.
    pub deferred: u32,
    /// When a scope is to be cancelled with `Timeout`.
    pub deadline: Option<Time>,
    /// What waits for the slot to have a region: scopes, and tasks of a scope that is not open yet.
    pub openings: Vec<f64>,
    pub sleeps: Vec<(u32, Alarm)>,
    /// Of the task, while it waits for any of the above.
    pub waker: Option<Waker>,
}

struct Place {
    generation: u64,
    slot: Option<Box<Slot>>,
}

#[derive(Default)]
pub struct Registry {
    realm: u64,
    places: Vec<Place>,
    free: Vec<u32>,
    /// The runtime's.
    pub clock: Option<Clock>,
    /// Spawns into the region around all scopes.
    pub root: Option<Spawner<Stop>>,
    /// What JavaScript writes before it passes a text.
    pub text: Vec<u8>,
    /// Slots whose task may have ended, for the collector.
    pub ends: VecDeque<f64>,
    pub collector: Option<Waker>,
}

static REGISTRY: OneThread<Cell<Option<Box<Registry>>>> = OneThread(Cell::new(None));

/// Uses the registry. Nothing of the host, and nothing that wakes or drops, is called inside.
pub fn registry<R>(look: impl FnOnce(&mut Registry) -> R) -> R {
    let mut registry = REGISTRY.0.take().unwrap_or_default();
    let result = look(&mut registry);
    REGISTRY.0.set(Some(registry));
    result
}

/// Uses a slot; `None` if the number has none.
pub fn with_slot<R>(id: f64, look: impl FnOnce(&mut Slot) -> R) -> Option<R> {
    registry(|registry| registry.slot(id).map(look))
}

impl Registry {
    /// Numbers of another realm are foreign from now on.
    pub fn set_realm(&mut self, realm: u32) {
        self.realm = u64::from(realm) % (1 << REALM_BITS);
    }

    /// A number for a new slot; `None` if all are in use.
    pub fn add(&mut self, kind: Kind) -> Option<f64> {
        let index = match self.free.pop() {
            Some(index) => index as usize,
            None if self.places.len() < 1 << INDEX_BITS => {
                self.places.push(Place {
                    generation: 1,
                    slot: None,
                });
                self.places.len() - 1
            }
            None => return None,
        };
        let place = &mut self.places[index];
        place.slot = Some(Box::new(Slot {
            kind,
            ..Slot::default()
        }));
        let number = index as u64
            | place.generation << INDEX_BITS
            | self.realm << (INDEX_BITS + GENERATION_BITS);
        Some(number as f64)
    }

    pub fn in_use(&self) -> u32 {
        self.places
            .iter()
            .filter(|place| place.slot.is_some())
            .count() as u32
    }

    pub fn slot(&mut self, id: f64) -> Option<&mut Slot> {
        let index = self.index(id)?;
        self.places[index].slot.as_deref_mut()
    }

    /// Takes a slot out; its number never finds anything again.
    pub fn remove(&mut self, id: f64) -> Option<Box<Slot>> {
        let index = self.index(id)?;
        let place = &mut self.places[index];
        let slot = place.slot.take()?;
        place.generation += 1;
        if place.generation < 1 << GENERATION_BITS {
            self.free.push(index as u32);
        }
        Some(slot)
    }

    fn index(&self, id: f64) -> Option<usize> {
        let number = id as u64;
        // Fractions, negatives, NaN and what is out of range do not come back as they were.
        if number as f64 != id {
            return None;
        }
        let index = (number & ((1 << INDEX_BITS) - 1)) as usize;
        let generation = number >> INDEX_BITS & ((1 << GENERATION_BITS) - 1);
        let realm = number >> (INDEX_BITS + GENERATION_BITS);
        let place = self.places.get(index)?;
        (place.generation == generation && realm == self.realm).then_some(index)
    }
}
