//! `Table`: which source a key stands for. For drivers whose host names sources by numbers.
//!
//! Owns the slots and their generations. A key is a slot and the generation of its use, so what the host still has
//! to say about a source that is gone is told from news of the source that took its slot (R-IO-3).

use alloc::vec::Vec;

use crate::mutants::mutant;

/// How many bits of a key are the slot. The rest is the generation.
const SLOT_BITS: u32 = usize::BITS / 2;
const SLOT_MASK: usize = (1 << SLOT_BITS) - 1;
/// The last slot is never used: keys near `usize::MAX` belong to the poller.
const SLOTS_MAX: usize = SLOT_MASK;

#[derive(Debug)]
struct Slot<T> {
    generation: usize,
    source: Option<T>,
}

/// Sources under keys. A slot whose generation would wrap is retired.
#[derive(Debug)]
pub struct Table<T> {
    slots: Vec<Slot<T>>,
    free: Vec<usize>,
    len: usize,
}

impl<T> Default for Table<T> {
    fn default() -> Self {
        Self::new()
    }
}

impl<T> Table<T> {
    /// A table without sources.
    pub const fn new() -> Self {
        Self {
            slots: Vec::new(),
            free: Vec::new(),
            len: 0,
        }
    }

    /// How many sources there are.
    pub fn len(&self) -> usize {
        self.len
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len == 0
    }

    /// Enters a source; `None` if every slot is taken.
    pub fn insert(&mut self, source: T) -> Option<usize> {
        let slot = match self.free.pop() {
            Some(slot) => slot,
            None if self.slots.len() < SLOTS_MAX => {
                self.slots.push(Slot {
                    generation: 0,
                    source: None,
                });
                self.slots.len() - 1
            }
            None => return None,
        };
        let place = self.slots.get_mut(slot)?;
        place.source = Some(source);
        self.len += 1;
        Some(place.generation << SLOT_BITS | slot)
    }

    /// The source of a key; `None` if it is gone.
    pub fn get(&self, key: usize) -> Option<&T> {
        let place = self.slots.get(key & SLOT_MASK)?;
        let source = place.source.as_ref();
        source.filter(|_| place.generation == key >> SLOT_BITS || mutant!(StaleKeyAccepted))
    }

    /// Takes a source out; `None` if it is gone.
    pub fn remove(&mut self, key: usize) -> Option<T> {
        let slot = key & SLOT_MASK;
        let place = self.slots.get_mut(slot)?;
        if place.generation != key >> SLOT_BITS {
            return None;
        }
        let source = place.source.take()?;
        self.len -= 1;
        if place.generation < SLOT_MASK {
            place.generation += 1;
            self.free.push(slot);
        }
        Some(source)
    }
}

#[cfg(test)]
mod tests {
    use super::{SLOT_BITS, SLOT_MASK, Table};

    // proves: R-IO-3
    #[test]
    fn a_stale_key_is_not_the_new_owners() {
        let mut table = Table::new();
        let first = table.insert("first").expect("there is room");
        assert_eq!(table.remove(first), Some("first"));
        let second = table.insert("second").expect("there is room");
        assert_eq!(
            first & SLOT_MASK,
            second & SLOT_MASK,
            "the slot is used again"
        );
        assert_eq!(table.get(first), None);
        assert_eq!(table.remove(first), None);
        assert_eq!((table.get(second), table.len()), (Some(&"second"), 1));
    }

    #[test]
    fn a_spent_slot_is_retired() {
        let mut table = Table::new();
        let key = table.insert(1).expect("there is room");
        table.slots[0].generation = SLOT_MASK;
        let last = SLOT_MASK << SLOT_BITS;
        assert_eq!(table.get(key), None);
        assert_eq!(table.remove(last), Some(1));
        let next = table.insert(2).expect("there is room");
        assert_eq!(next & SLOT_MASK, 1, "slot 0 would reuse a key");
    }
}
