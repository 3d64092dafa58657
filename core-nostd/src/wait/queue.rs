//! `Waiters`: the FIFO queue of waiting futures, as a slab with index links.
//!
//! Owns the places in the queue and their order. It knows nothing of permits, values or cancellation,
//! and it never wakes: it hands wakers out. Registering may grow the slab (amortised); granting,
//! waking and leaving never allocate, so a release cannot fail.
//!
//! | slot | in the queue | entered by | left by |
//! |---|---|---|---|
//! | `Free` | no | `remove` | `push` |
//! | `Waiting` | yes | `push` | `grant_front`, `remove` |
//! | `Granted` | no | `grant_front` | `remove` |

use alloc::vec::Vec;
use core::mem;
use core::task::Waker;

/// The largest number of waiters one queue holds.
pub(crate) const WAITERS_MAX: u32 = u32::MAX - 1;

/// The end of a list of slots.
const NIL: u32 = u32::MAX;

/// An empty queue keeps the storage of this many waiters; what a larger crowd needed is freed.
const KEPT: usize = 64;

/// What a waiter was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Grant {
    /// Units that belong to the waiter now; it takes them or passes them on.
    Units,
    /// News that everybody got (notified, closed); there is nothing to pass on.
    News,
}

/// A place in the queue. Linear: made by `push`, used up by `remove`, never copied.
#[derive(Debug)]
#[must_use = "a forgotten ticket holds its place for ever"]
pub(crate) struct Ticket {
    index: u32,
    seq: u64,
}

/// What became of a waiter that left.
#[derive(Debug)]
pub(crate) enum Left {
    /// It had been granted this.
    Granted(Grant),
    /// It was still waiting. Drop its waker outside the lock.
    Waiting(Waker),
}

enum State {
    Free,
    Waiting(Waker),
    Granted(Grant),
}

struct Slot {
    /// When its owner registered. Unique per registration, hence also the generation that tells a
    /// ticket of an earlier owner from the present one's. 64 bits do not wrap.
    seq: u64,
    prev: u32,
    /// Next in the queue while `Waiting`, next free slot while `Free`.
    next: u32,
    wanted: u32,
    state: State,
}

/// The queue. See the module header for the states of a slot.
pub(crate) struct Waiters {
    slots: Vec<Slot>,
    head: u32,
    tail: u32,
    free: u32,
    /// Slots that are not `Free`.
    occupied: u32,
    limit: u32,
    next_seq: u64,
}

impl Waiters {
    /// An empty queue for at most `limit` waiters. Allocates nothing.
    pub(crate) const fn new(limit: u32) -> Self {
        Self {
            slots: Vec::new(),
            head: NIL,
            tail: NIL,
            free: NIL,
            occupied: 0,
            limit: if limit < WAITERS_MAX {
                limit
            } else {
                WAITERS_MAX
            },
            next_seq: 0,
        }
    }

    /// Whether nobody waits. Those with a grant in hand no longer do.
    pub(crate) fn is_empty(&self) -> bool {
        self.head == NIL
    }

    /// How many units the first waiter wants.
    pub(crate) fn front_wanted(&self) -> Option<u32> {
        (self.head != NIL).then(|| self.slots[self.head as usize].wanted)
    }

    /// A mark in time: everybody who waits now is before it, everybody who comes later is not.
    pub(crate) fn mark(&self) -> u64 {
        self.next_seq
    }

    /// Whether the first waiter came before `mark`.
    pub(crate) fn front_is_before(&self, mark: u64) -> bool {
        self.head != NIL && self.slots[self.head as usize].seq < mark
    }

    /// Joins the queue at its end, or gives the waker back if the queue is full.
    pub(crate) fn push(&mut self, wanted: u32, waker: Waker) -> Result<Ticket, Waker> {
        if self.occupied >= self.limit {
            return Err(waker);
        }
        let seq = self.next_seq;
        self.next_seq += 1;
        let slot = Slot {
            seq,
            prev: self.tail,
            next: NIL,
            wanted,
            state: State::Waiting(waker),
        };
        let index = if self.free == NIL {
            // Fits: there are at most `WAITERS_MAX` slots.
            let index = self.slots.len() as u32;
            self.slots.push(slot);
            index
        } else {
            let index = self.free;
            self.free = self.slots[index as usize].next;
            self.slots[index as usize] = slot;
            index
        };
        match self.tail {
            NIL => self.head = index,
            tail => self.slots[tail as usize].next = index,
        }
        self.tail = index;
        self.occupied += 1;
        Ok(Ticket { index, seq })
    }

    /// Grants to the first waiter and takes it out of the queue. The caller wakes it outside the lock.
    pub(crate) fn grant_front(&mut self, grant: Grant) -> Option<Waker> {
        if self.head == NIL {
            return None;
        }
        let index = self.head;
        self.unlink(index);
        match mem::replace(&mut self.slots[index as usize].state, State::Granted(grant)) {
            State::Waiting(waker) => Some(waker),
            State::Free | State::Granted(_) => unreachable!("only waiting slots are linked"),
        }
    }

    /// The waiter's grant, if it has one.
    pub(crate) fn grant_of(&self, ticket: &Ticket) -> Option<Grant> {
        match self.slot(ticket).state {
            State::Granted(grant) => Some(grant),
            State::Waiting(_) | State::Free => None,
        }
    }

    /// Whether a waiter that still waits would be woken through an equivalent of `waker`.
    pub(crate) fn will_wake(&self, ticket: &Ticket, waker: &Waker) -> bool {
        matches!(&self.slot(ticket).state, State::Waiting(current) if current.will_wake(waker))
    }

    /// Replaces the waker of a waiter that still waits. Drop what comes back outside the lock.
    pub(crate) fn replace_waker(&mut self, ticket: &Ticket, waker: Waker) -> Waker {
        self.slot(ticket);
        match &mut self.slots[ticket.index as usize].state {
            State::Waiting(current) => mem::replace(current, waker),
            State::Granted(_) | State::Free => waker,
        }
    }

    /// Gives the place up.
    pub(crate) fn remove(&mut self, ticket: Ticket) -> Left {
        self.slot(&ticket);
        let index = ticket.index;
        let left = match mem::replace(&mut self.slots[index as usize].state, State::Free) {
            State::Granted(grant) => Left::Granted(grant),
            State::Waiting(waker) => {
                self.unlink(index);
                Left::Waiting(waker)
            }
            State::Free => unreachable!("a ticket holds its slot"),
        };
        self.slots[index as usize].next = self.free;
        self.free = index;
        self.occupied -= 1;
        if self.occupied == 0 && self.slots.len() > KEPT {
            // No waker is left in it, so this only gives memory back. `next_seq` lives on.
            self.slots = Vec::new();
            self.free = NIL;
        }
        left
    }

    fn slot(&self, ticket: &Ticket) -> &Slot {
        let slot = &self.slots[ticket.index as usize];
        assert!(
            slot.seq == ticket.seq,
            "a ticket outlived its place in a wait queue"
        );
        slot
    }

    fn unlink(&mut self, index: u32) {
        let Slot { prev, next, .. } = self.slots[index as usize];
        match prev {
            NIL => self.head = next,
            prev => self.slots[prev as usize].next = next,
        }
        match next {
            NIL => self.tail = prev,
            next => self.slots[next as usize].prev = prev,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn push(queue: &mut Waiters) -> Ticket {
        queue
            .push(1, Waker::noop().clone())
            .unwrap_or_else(|_| panic!("the queue has room"))
    }

    #[test]
    fn grants_are_first_in_first_out_and_a_middle_one_can_leave() {
        let mut queue = Waiters::new(WAITERS_MAX);
        let (a, b, c) = (push(&mut queue), push(&mut queue), push(&mut queue));
        assert!(matches!(queue.remove(b), Left::Waiting(_)));
        assert!(queue.grant_front(Grant::Units).is_some());
        assert_eq!(queue.grant_of(&a), Some(Grant::Units));
        assert_eq!(queue.grant_of(&c), None);
        assert!(queue.grant_front(Grant::News).is_some());
        assert_eq!(queue.grant_of(&c), Some(Grant::News));
        assert!(queue.grant_front(Grant::Units).is_none());
        assert!(queue.is_empty());
        assert!(matches!(queue.remove(a), Left::Granted(Grant::Units)));
        assert!(matches!(queue.remove(c), Left::Granted(Grant::News)));
    }

    #[test]
    fn both_ends_can_leave_and_slots_are_used_again() {
        let mut queue = Waiters::new(WAITERS_MAX);
        for _ in 0..3 {
            let (a, b, c) = (push(&mut queue), push(&mut queue), push(&mut queue));
            assert!(matches!(queue.remove(c), Left::Waiting(_)));
            assert!(matches!(queue.remove(a), Left::Waiting(_)));
            assert!(queue.grant_front(Grant::Units).is_some());
            assert!(matches!(queue.remove(b), Left::Granted(_)));
            assert!(queue.is_empty());
        }
        assert_eq!(queue.slots.len(), 3);
    }

    #[test]
    fn the_bound_counts_grants_that_were_not_taken_yet() {
        let mut queue = Waiters::new(1);
        let ticket = push(&mut queue);
        assert!(queue.grant_front(Grant::Units).is_some());
        assert!(queue.push(1, Waker::noop().clone()).is_err());
        assert!(matches!(queue.remove(ticket), Left::Granted(_)));
        assert!(queue.push(1, Waker::noop().clone()).is_ok());
    }

    #[test]
    fn a_mark_separates_those_who_wait_from_those_who_come_later() {
        let mut queue = Waiters::new(WAITERS_MAX);
        let early = push(&mut queue);
        let mark = queue.mark();
        let late = push(&mut queue);
        assert!(queue.front_is_before(mark));
        assert!(queue.grant_front(Grant::News).is_some());
        assert!(!queue.front_is_before(mark));
        assert_eq!(queue.grant_of(&early), Some(Grant::News));
        assert_eq!(queue.grant_of(&late), None);
    }

    #[test]
    #[should_panic(expected = "outlived")]
    fn a_stale_ticket_never_reaches_the_next_owner() {
        let mut queue = Waiters::new(WAITERS_MAX);
        let stale = push(&mut queue);
        let copy = Ticket { ..stale };
        let _ = queue.remove(copy);
        let _next = push(&mut queue);
        let _ = queue.remove(stale);
    }

    #[test]
    fn a_crowd_gives_its_memory_back() {
        let mut queue = Waiters::new(WAITERS_MAX);
        let tickets: Vec<_> = (0..10_000).map(|_| push(&mut queue)).collect();
        for ticket in tickets {
            let _ = queue.remove(ticket);
        }
        assert_eq!(queue.slots.capacity(), 0);
    }
}
