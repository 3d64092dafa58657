//! Trace events: what the kernel says about a run, as fixed-width records.
//!
//! Owns the record, the stable numbers of the event kinds, the sink seam and a bounded ring that
//! keeps the newest events. Does not own file formats (the lab does) nor the hash of a run
//! ([`Fingerprint`](crate::Fingerprint)). Everything in a record is a number that means the same on
//! every target: no addresses, no pointer widths, no text.
//!
//! The sequence of records is the *deterministic section* of a trace (R-DET-1): each record is
//! [`Event::ENCODED_LEN`] bytes, little-endian, without padding, in the field order
//! `kind, at, actor, object, arg`. Numbers of kinds and the meaning of their fields change only
//! together with the major version of the trace schema; new kinds are a minor version.

use alloc::collections::VecDeque;
use alloc::vec::Vec;
use core::fmt;

pub use crate::fingerprint::{Access, Footprint};
use crate::path::PathId;
use crate::sync::Mutex;
use crate::time::Time;

/// One thing that happened: when, who did it, what, to which object, with which number.
///
/// What `object` and `arg` hold is said at each [`EventKind`]; `actor` is a task unless the kind
/// says otherwise, and path 0 where nobody in particular acted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Event {
    /// The runtime's time at which it happened.
    pub at: Time,
    /// Who did it.
    pub actor: PathId,
    /// What happened.
    pub kind: EventKind,
    /// What it happened to: a path, a code, or 0.
    pub object: u64,
    /// A number that belongs to the kind.
    pub arg: u64,
}

impl Event {
    /// Bytes of an encoded event.
    pub const ENCODED_LEN: usize = 33;

    /// The record as it stands in the deterministic section of a trace.
    pub fn encode(&self) -> [u8; Self::ENCODED_LEN] {
        let mut record = [0; Self::ENCODED_LEN];
        let numbers = [
            self.at.as_nanos(),
            self.actor.as_u64(),
            self.object,
            self.arg,
        ];
        record[0] = self.kind as u8;
        for (field, number) in record[1..].chunks_exact_mut(8).zip(numbers) {
            field.copy_from_slice(&number.to_le_bytes());
        }
        record
    }

    /// Reads a record back.
    ///
    /// # Errors
    ///
    /// [`UnknownEventKind`] when the first byte is no kind of this version: the record is damaged,
    /// or was written by a newer minor version. Every other byte pattern is an event.
    pub fn decode(record: &[u8; Self::ENCODED_LEN]) -> Result<Self, UnknownEventKind> {
        let kind = EventKind::from_u8(record[0]).ok_or(UnknownEventKind(record[0]))?;
        let mut numbers = [0; 4];
        for (number, field) in numbers.iter_mut().zip(record[1..].chunks_exact(8)) {
            let mut bytes = [0; 8];
            bytes.copy_from_slice(field);
            *number = u64::from_le_bytes(bytes);
        }
        let [at, actor, object, arg] = numbers;
        Ok(Self {
            at: Time::from_nanos(at),
            actor: PathId::from_u64(actor),
            kind,
            object,
            arg,
        })
    }
}

impl fmt::Display for Event {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            at,
            actor,
            kind,
            object,
            arg,
        } = self;
        write!(
            f,
            "{kind} at {at} by {actor}, object {}, arg {arg}",
            PathId::from_u64(*object)
        )
    }
}

/// A number that no event kind of this version has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct UnknownEventKind(pub u8);

impl fmt::Display for UnknownEventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "{} is no event kind of this version (1 to {} are)",
            self.0,
            EventKind::ALL.len()
        )
    }
}

impl core::error::Error for UnknownEventKind {}

macro_rules! event_kinds {
    ($($(#[$doc:meta])* $name:ident = $number:literal,)*) => {
        /// What happened. The numbers are those of the binary form and never change.
        #[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
        #[non_exhaustive]
        #[repr(u8)]
        pub enum EventKind { $($(#[$doc])* $name = $number,)* }

        impl EventKind {
            /// Every kind, in the order of its number.
            pub const ALL: &'static [EventKind] = &[$(EventKind::$name,)*];

            /// The kind with this number.
            pub const fn from_u8(number: u8) -> Option<Self> {
                match number {
                    $($number => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The kind with this name.
            pub fn from_name(name: &str) -> Option<Self> {
                match name {
                    $(stringify!($name) => Some(Self::$name),)*
                    _ => None,
                }
            }

            /// The name, as stable as the number: text forms of a trace use it.
            pub const fn name(self) -> &'static str {
                match self { $(Self::$name => stringify!($name),)* }
            }
        }
    };
}

event_kinds! {
    /// A task was admitted. Actor: the spawner; object: the task; arg: its region.
    TaskSpawned = 1,
    /// A poll of a task begins. Arg: the lane it was taken from.
    TaskPolled = 2,
    /// A task was made runnable, or, while it is polled, is to be polled again. Actor: who woke it; object:
    /// the task.
    TaskWoken = 3,
    /// A task ended. Object: its region; arg: severity, bit 8 if forced, bit 9 if never polled.
    TaskDone = 4,
    /// A stop was asked for. Actor and object: the task, region or scope asked; arg: the kind.
    CancelRequested = 5,
    /// A task saw that it should stop. Object: the scope or task asked; arg: the kind.
    CancelObserved = 6,
    /// A task moved along the cancel protocol. Object: the old phase; arg: the new phase. Of an arm
    /// of a race or timeout that was asked to stop (actor: its scope): `Finalizing` when its body is
    /// gone, `Done` when what waited for it goes on.
    PhaseChanged = 7,
    /// A region was opened. Actor: the opener; object: the region; arg: its parent.
    RegionOpened = 8,
    /// A region changed its state. Actor and object: the region; arg: the new state.
    RegionState = 9,
    /// A dropped region was handed to its parent. Object: the region; arg: the new parent.
    RegionAdopted = 10,
    /// Clean-up was deferred. Actor: who deferred; object: the owner's path; arg: the index.
    FinalizerAdded = 11,
    /// A finalizer begins. Actor and object: the owner; arg: the index.
    FinalizerStarted = 12,
    /// A finalizer ended. Actor and object: the owner; arg: the index, and above bit 32 how it
    /// ended (0 well, 1 panicked, 2 forced).
    FinalizerDone = 13,
    /// An effect was reserved. Object: the obligation's id; arg: its kind.
    Reserved = 14,
    /// A reserved effect happened. Object: the obligation's id; arg: its kind.
    Committed = 15,
    /// A reserved effect will not happen. Object: the obligation's id; arg: its kind.
    Aborted = 16,
    /// A reservation was taken back by its region. Object: the obligation's id; arg: its kind.
    Revoked = 17,
    /// A token was never resolved. Object: the obligation's id; arg: its kind.
    Leaked = 18,
    /// A timer was set. Actor: its owner; object: registration number; arg: the deadline.
    TimerArmed = 19,
    /// A timer came due. Actor: its owner; object: registration number; arg: the deadline.
    TimerFired = 20,
    /// A timer was taken back. Actor: its owner; object: registration number; arg: the deadline.
    TimerCancelled = 21,
    /// A task queued for something. Object: the wait object's id.
    WaitStarted = 22,
    /// Something was handed to a waiter. Actor: who gave, or 0; object: the wait object's id.
    WaitGranted = 23,
    /// A task stopped waiting. Object: the wait object's id; arg: 1 granted, 0 abandoned.
    WaitEnded = 24,
    /// A cleanup budget was spent. Actor and object: the task or scope that was dropped.
    Forced = 25,
    /// A mask opens. Object: the scope's path; arg: its limit in nanoseconds.
    MaskEntered = 26,
    /// A mask closes. Object: the scope's path.
    MaskLeft = 27,
    /// A capability was asked for and held. Object: the hash of its name; arg: the region. If the
    /// actor is a region: it is opened with this capability granted. Of the core's own, uses are told
    /// only in regions below such an edit.
    CapabilityUsed = 28,
    /// A capability was asked for and not held. Object: the hash of its name; arg: the region. If
    /// the actor is a region: it is opened with this capability denied.
    CapabilityDenied = 29,
    /// Virtual time moved. Arg: the new time.
    ClockAdvanced = 30,
    /// The program said something. Object: its code; arg: its value.
    User = 31,
    /// The lab injected a fault. Object: which; arg: its parameter.
    Chaos = 32,
    /// A poll lasts too long, as somebody who watches found. Object: the task's region; arg: for how many nanoseconds
    /// it was seen. The host's time decides, so the lab has none.
    Stalled = 33,
    /// A poll that was told of as stalled is over. Object: the task's region; arg: for how many nanoseconds it was seen.
    StallEnded = 34,
}

impl fmt::Display for EventKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// What a runtime records its events with.
#[cfg(feature = "trace")]
pub type Sink = alloc::sync::Arc<dyn TraceSink>;
/// What a runtime would record its events with: without the feature `trace` there is no such thing.
#[cfg(not(feature = "trace"))]
pub type Sink = core::convert::Infallible;

/// Where events go.
///
/// A runtime has at most one sink; without one, nothing is recorded and nothing is computed for it.
pub trait TraceSink: Send + Sync {
    /// Takes one event.
    ///
    /// Called from any thread that runs tasks or wakes them, sometimes while the kernel holds a
    /// lock, hence an implementation must return soon, must not call back into the runtime, and
    /// must not panic. Calls of one thread come in the order in which things happened.
    fn record(&self, event: &Event);

    /// A task was spawned in `region`, under this name: called after its event, for sinks that tell people. What
    /// [`record`](Self::record) says of calls holds here and below.
    fn task_spawned(&self, task: PathId, region: PathId, name: Option<&'static str>) {
        let _ = (task, region, name);
    }

    /// A task is about to be polled on this thread. Its poll may run another runtime, hence a poll in a poll.
    fn poll_begins(&self, task: PathId) {
        let _ = task;
    }

    /// The last poll on this thread that began has ended.
    fn poll_ends(&self, task: PathId) {
        let _ = task;
    }
}

/// A sink that keeps the newest events in memory and counts those it had to let go.
///
/// Recording costs one short lock and, while the ring still grows, amortised allocation: rings of
/// up to 4096 events take all their memory at once and never allocate afterwards.
#[derive(Debug)]
pub struct RingSink {
    capacity: usize,
    ring: Mutex<Ring>,
}

#[derive(Debug)]
struct Ring {
    events: VecDeque<Event>,
    dropped: u64,
}

/// Rings of up to this many events (160 KiB) are allocated at once.
const RESERVED_MAX: usize = 4096;

impl RingSink {
    /// A ring of at most `capacity` events. With 0 it only counts.
    pub fn new(capacity: usize) -> Self {
        Self {
            capacity,
            ring: Mutex::new(Ring {
                events: VecDeque::with_capacity(capacity.min(RESERVED_MAX)),
                dropped: 0,
            }),
        }
    }

    /// How many events it keeps at most.
    pub fn capacity(&self) -> usize {
        self.capacity
    }

    /// How many events it keeps now.
    pub fn len(&self) -> usize {
        self.ring.lock().events.len()
    }

    /// Whether it keeps none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// How many events, the oldest ones, it has let go since it was made.
    pub fn dropped(&self) -> u64 {
        self.ring.lock().dropped
    }

    /// A copy of what it keeps, oldest first. The copying happens under the lock.
    pub fn snapshot(&self) -> Vec<Event> {
        self.ring.lock().events.iter().copied().collect()
    }

    /// Takes out what it keeps, oldest first; the count of dropped events goes on.
    pub fn drain(&self) -> Vec<Event> {
        self.ring.lock().events.drain(..).collect()
    }
}

impl TraceSink for RingSink {
    fn record(&self, event: &Event) {
        let mut ring = self.ring.lock();
        if ring.events.len() >= self.capacity {
            ring.dropped = ring.dropped.saturating_add(1);
            if ring.events.pop_front().is_none() {
                return;
            }
        }
        ring.events.push_back(*event);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use alloc::string::ToString;
    use proptest::prelude::*;

    fn event(value: u64) -> Event {
        Event {
            at: Time::from_nanos(value),
            actor: PathId::from_u64(7),
            kind: EventKind::User,
            object: 9,
            arg: value,
        }
    }

    // proves: WVT-012
    #[test]
    fn kinds_keep_their_numbers_and_names() {
        // A golden list: a line here may be added, never changed.
        let golden = [
            (1, "TaskSpawned"),
            (2, "TaskPolled"),
            (3, "TaskWoken"),
            (4, "TaskDone"),
            (5, "CancelRequested"),
            (6, "CancelObserved"),
            (7, "PhaseChanged"),
            (8, "RegionOpened"),
            (9, "RegionState"),
            (10, "RegionAdopted"),
            (11, "FinalizerAdded"),
            (12, "FinalizerStarted"),
            (13, "FinalizerDone"),
            (14, "Reserved"),
            (15, "Committed"),
            (16, "Aborted"),
            (17, "Revoked"),
            (18, "Leaked"),
            (19, "TimerArmed"),
            (20, "TimerFired"),
            (21, "TimerCancelled"),
            (22, "WaitStarted"),
            (23, "WaitGranted"),
            (24, "WaitEnded"),
            (25, "Forced"),
            (26, "MaskEntered"),
            (27, "MaskLeft"),
            (28, "CapabilityUsed"),
            (29, "CapabilityDenied"),
            (30, "ClockAdvanced"),
            (31, "User"),
            (32, "Chaos"),
            (33, "Stalled"),
            (34, "StallEnded"),
        ];
        assert_eq!(golden.len(), EventKind::ALL.len());
        for ((number, name), kind) in golden.into_iter().zip(EventKind::ALL) {
            assert_eq!((*kind as u8, kind.name()), (number, name));
            assert_eq!(EventKind::from_u8(number), Some(*kind));
            assert_eq!(EventKind::from_name(name), Some(*kind));
            assert_eq!(kind.to_string(), name);
        }
        for number in [0, 35, 255] {
            assert_eq!(EventKind::from_u8(number), None);
        }
        assert_eq!(EventKind::from_name("taskspawned"), None);
    }

    #[test]
    fn records_are_little_endian_without_padding() {
        let record = Event {
            at: Time::from_nanos(0x0102),
            actor: PathId::from_u64(0x0304),
            kind: EventKind::Chaos,
            object: 0x0506,
            arg: u64::MAX,
        }
        .encode();
        let mut expected = [0; 33];
        expected[0] = 32;
        expected[1..3].copy_from_slice(&[2, 1]);
        expected[9..11].copy_from_slice(&[4, 3]);
        expected[17..19].copy_from_slice(&[6, 5]);
        expected[25..].fill(0xff);
        assert_eq!(record, expected);
    }

    #[test]
    fn a_record_of_an_unknown_kind_is_refused() {
        let mut record = event(1).encode();
        record[0] = 35;
        let error = Event::decode(&record).unwrap_err();
        assert_eq!(error, UnknownEventKind(35));
        assert_eq!(
            error.to_string(),
            "35 is no event kind of this version (1 to 34 are)"
        );
    }

    #[test]
    fn the_ring_keeps_the_newest_and_counts_the_rest() {
        let ring = RingSink::new(3);
        for value in 0..5 {
            ring.record(&event(value));
        }
        assert_eq!((ring.len(), ring.dropped()), (3, 2));
        assert_eq!(ring.snapshot(), [event(2), event(3), event(4)]);
        assert_eq!(ring.drain(), [event(2), event(3), event(4)]);
        assert!(ring.is_empty());
        ring.record(&event(5));
        assert_eq!(
            (ring.snapshot(), ring.dropped()),
            (alloc::vec![event(5)], 2)
        );
    }

    #[test]
    fn a_ring_of_zero_only_counts() {
        let ring = RingSink::new(0);
        ring.record(&event(1));
        ring.record(&event(2));
        assert_eq!((ring.len(), ring.dropped(), ring.capacity()), (0, 2, 0));
    }

    proptest! {
        #[test]
        fn events_survive_encoding(kind in 1u8..=34, numbers: [u64; 4]) {
            let [at, actor, object, arg] = numbers;
            let event = Event {
                at: Time::from_nanos(at),
                actor: PathId::from_u64(actor),
                kind: EventKind::from_u8(kind).unwrap(),
                object,
                arg,
            };
            prop_assert_eq!(Event::decode(&event.encode()), Ok(event));
            prop_assert!(event.to_string().starts_with(event.kind.name()));
        }
    }
}
