//! The fingerprint of a run: one number for all traces that differ only in the order of independent events.
//!
//! Owns the dependence relation over trace events ([`Footprint`]) and the hash of the Foata normal
//! form over it ([`Fingerprint`], R-DET-3). Does not store events. The lab's explorer uses the same
//! relation, so that "the same class" means one thing.
//!
//! # Dependence
//!
//! An event touches *entities*: tasks, regions, scopes, obligations and wait objects, all named by
//! a number of one namespace in which 0 is nobody. It touches an entity as a *write*, or as a *share*:
//! something that commutes with other shares, such as counting a child, but not with writes. Two
//! events are dependent exactly if both touch one entity and one of them writes it, or if one of
//! them is a clock advance, which is a barrier: everything before it stays before it.
//!
//! | kind | actor | object | arg |
//! |---|---|---|---|
//! | TaskSpawned, RegionOpened | write | write: the new one | share: the region it is in |
//! | RegionAdopted | write | write: the region | share: the new parent |
//! | TaskWoken, CancelRequested | write | write: the one asked, as if it acted | |
//! | TaskDone | write | share the region if the outcome is Ok, else write: the first failure counts | |
//! | CancelObserved, MaskEntered, MaskLeft | write | share: the scope | |
//! | RegionState, Finalizer*, Forced | write | write | |
//! | Reserved, Committed, Aborted, Revoked, Leaked | write | write | |
//! | WaitStarted, WaitGranted, WaitEnded | write | write: a queue has an order | |
//! | TaskPolled, PhaseChanged, Timer*, Capability*, User, Chaos | write | not an entity | |
//! | ClockAdvanced | barrier | | |
//!
//! # Hash, version 1
//!
//! The Foata normal form sorts events into layers: an event is in layer 1 + the highest layer of the
//! earlier events it depends on. Two traces are equivalent exactly if their layers hold the same
//! events. With `mix(h, w)` = the 64-bit finaliser of MurmurHash3 over `(h ^ w) + 0x9E3779B97F4A7C15`
//! (all arithmetic wraps at 64 bits):
//!
//! - an event is `mix(mix(mix(mix(1, kind), actor), object), arg)`. Its time is left out: clock
//!   advances say it. For timers the object is left out too (0 stands for it): registration numbers
//!   depend on the schedule, and a timer is sufficiently named by its owner and deadline;
//! - a layer is the sum of its events, so that their order does not matter but their number does;
//! - the whole starts as `h = mix(0, VERSION)`; each layer in order makes `h = mix(mix(h, sum), count)`;
//!   the result is `mix(h, total number of events)`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::mutants::mutant;
use crate::trace::{Event, EventKind};

/// How an event touches an entity.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Access {
    /// Commutes with other shares of the same entity.
    Share,
    /// Commutes with nothing that touches the same entity.
    Write,
}

/// What an event touches: the ground of the dependence relation.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Footprint {
    touched: [(u64, Access); 3],
    is_barrier: bool,
}

/// The entity that is nobody.
const NOBODY: u64 = 0;

impl Footprint {
    /// The footprint of an event; it depends on nothing but the event.
    pub fn of(event: &Event) -> Self {
        use Access::{Share, Write};
        use EventKind as Kind;

        let none = (NOBODY, Share);
        let (object, arg) = (event.object, event.arg);
        let (object, arg) = match event.kind {
            Kind::TaskSpawned | Kind::RegionOpened | Kind::RegionAdopted => {
                ((object, Write), (arg, Share))
            }
            // The low byte is the severity; Ok is 0. Failures are ordered: the first one decides.
            Kind::TaskDone if arg & 0xff == 0 => ((object, Share), none),
            Kind::CancelObserved | Kind::MaskEntered | Kind::MaskLeft => ((object, Share), none),
            Kind::TaskDone
            | Kind::TaskWoken
            | Kind::CancelRequested
            | Kind::RegionState
            | Kind::FinalizerAdded
            | Kind::FinalizerStarted
            | Kind::FinalizerDone
            | Kind::Reserved
            | Kind::Committed
            | Kind::Aborted
            | Kind::Revoked
            | Kind::Leaked
            | Kind::WaitStarted
            | Kind::WaitGranted
            | Kind::WaitEnded
            | Kind::Forced => ((object, Write), none),
            Kind::TaskPolled
            | Kind::PhaseChanged
            | Kind::TimerArmed
            | Kind::TimerFired
            | Kind::TimerCancelled
            | Kind::CapabilityUsed
            | Kind::CapabilityDenied
            | Kind::ClockAdvanced
            | Kind::User
            | Kind::Chaos
            | Kind::Stalled
            | Kind::StallEnded => (none, none),
        };
        Self {
            touched: [(event.actor.as_u64(), Write), object, arg],
            is_barrier: event.kind == Kind::ClockAdvanced,
        }
    }

    /// The entities touched. One may come twice, as a share and as a write.
    pub fn touched(&self) -> impl Iterator<Item = (u64, Access)> + '_ {
        self.touched
            .iter()
            .copied()
            .filter(|(entity, _)| *entity != NOBODY)
    }

    /// Whether the event keeps its place against every other one.
    pub fn is_barrier(&self) -> bool {
        self.is_barrier
    }

    /// Whether two events are dependent, that is, whether their order is part of the run's meaning.
    /// Symmetric.
    pub fn conflicts(&self, other: &Self) -> bool {
        self.is_barrier
            || other.is_barrier
            || self.touched().any(|(entity, access)| {
                other.touched().any(|(other_entity, other_access)| {
                    entity == other_entity
                        && (access == Access::Write || other_access == Access::Write)
                })
            })
    }
}

/// The highest layers in which an entity was touched since the last barrier; 0 is none.
#[derive(Debug, Clone, Copy, Default)]
struct Touched {
    shared: usize,
    written: usize,
}

/// The hash of one layer so far.
#[derive(Debug, Clone, Copy, Default)]
struct Layer {
    sum: u64,
    count: u64,
}

/// Computes the fingerprint of a run, event by event.
///
/// Each push costs at most three look-ups among the entities touched since the last clock advance;
/// memory is proportional to those and to the layers since then, not to the length of the run.
///
/// # Examples
///
/// ```
/// use asupersync_core::trace::{Event, EventKind};
/// use asupersync_core::{Fingerprint, PathId, Time};
///
/// let says = |actor, at| Event {
///     at: Time::from_nanos(at),
///     actor: PathId::ROOT.child(actor),
///     kind: EventKind::User,
///     object: 1,
///     arg: 2,
/// };
/// let of = |events: [Event; 2]| {
///     let mut fingerprint = Fingerprint::new();
///     events.iter().for_each(|event| fingerprint.push(event));
///     fingerprint.finish()
/// };
/// // Two tasks that have nothing to do with each other may come in either order.
/// assert_eq!(of([says(1, 10), says(2, 20)]), of([says(2, 10), says(1, 20)]));
/// assert_ne!(of([says(1, 10), says(1, 20)]), of([says(1, 10), says(2, 20)]));
/// ```
#[derive(Debug, Clone)]
pub struct Fingerprint {
    /// The hash of all layers before the last barrier, and of the barrier.
    state: u64,
    total: u64,
    layers: Vec<Layer>,
    touched: BTreeMap<u64, Touched>,
}

impl Fingerprint {
    /// The version of the dependence relation and of the hash. Numbers of different versions are
    /// not comparable.
    pub const VERSION: u64 = 1;

    /// Nothing has happened yet.
    pub fn new() -> Self {
        Self {
            state: mix(0, Self::VERSION),
            total: 0,
            layers: Vec::new(),
            touched: BTreeMap::new(),
        }
    }

    /// The fingerprint of a whole run.
    pub fn of<'a>(events: impl IntoIterator<Item = &'a Event>) -> u64 {
        let mut fingerprint = Self::new();
        for event in events {
            fingerprint.push(event);
        }
        fingerprint.finish()
    }

    /// Takes the next event of the run.
    pub fn push(&mut self, event: &Event) {
        let footprint = Footprint::of(event);
        self.total = self.total.wrapping_add(1);
        if footprint.is_barrier() {
            self.close_layers();
            self.layers.push(Layer {
                sum: hash_of(event),
                count: 1,
            });
            self.close_layers();
            return;
        }
        let below = footprint
            .touched()
            .filter_map(|(entity, access)| {
                let before = self.touched.get(&entity)?;
                Some(match access {
                    Access::Share => before.written,
                    Access::Write => before.written.max(before.shared),
                })
            })
            .max()
            .unwrap_or(0);
        let below = if mutant!(FingerprintOrdered) {
            self.layers.len()
        } else {
            below
        };
        for (entity, access) in footprint.touched() {
            let touched = self.touched.entry(entity).or_default();
            match access {
                Access::Share => touched.shared = touched.shared.max(below + 1),
                Access::Write => touched.written = below + 1,
            }
        }
        // Every layer below this one holds an event, so at most one layer is new.
        if self.layers.len() == below {
            self.layers.push(Layer::default());
        }
        if let Some(layer) = self.layers.get_mut(below) {
            layer.sum = layer.sum.wrapping_add(hash_of(event));
            layer.count += 1;
        }
    }

    /// The fingerprint of what was pushed so far; more may be pushed afterwards.
    #[must_use]
    pub fn finish(&self) -> u64 {
        mix(fold(self.state, &self.layers), self.total)
    }

    /// Nothing that comes later can fall into the layers so far: hashes them and forgets them.
    fn close_layers(&mut self) {
        self.state = fold(self.state, &self.layers);
        self.layers.clear();
        self.touched.clear();
    }
}

impl Default for Fingerprint {
    fn default() -> Self {
        Self::new()
    }
}

fn fold(state: u64, layers: &[Layer]) -> u64 {
    layers.iter().fold(state, |state, layer| {
        mix(mix(state, layer.sum), layer.count)
    })
}

fn hash_of(event: &Event) -> u64 {
    let object = match event.kind {
        EventKind::TimerArmed | EventKind::TimerFired | EventKind::TimerCancelled => 0,
        _ => event.object,
    };
    [event.kind as u64, event.actor.as_u64(), object, event.arg]
        .into_iter()
        .fold(1, mix)
}

/// See the module's documentation; the finaliser is Austin Appleby's, from MurmurHash3.
const fn mix(hash: u64, word: u64) -> u64 {
    let mut mixed = (hash ^ word).wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xff51_afd7_ed55_8ccd);
    mixed = (mixed ^ (mixed >> 33)).wrapping_mul(0xc4ce_b9fe_1a85_ec53);
    mixed ^ (mixed >> 33)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::path::PathId;
    use crate::time::Time;
    use alloc::collections::{BTreeMap, BTreeSet};
    use alloc::vec;
    use proptest::prelude::*;

    fn event(kind: EventKind, actor: u64, object: u64, arg: u64) -> Event {
        Event {
            at: Time::from_nanos(0),
            actor: PathId::from_u64(actor),
            kind,
            object,
            arg,
        }
    }

    fn are_dependent(a: &Event, b: &Event) -> bool {
        Footprint::of(a).conflicts(&Footprint::of(b))
    }

    /// A small world, so that events meet: three actors, objects among them and beside them.
    fn any_event() -> impl Strategy<Value = Event> {
        // A barrier now and then only: it would order everything else.
        let kind = prop_oneof![
            12 => (1u8..=29).prop_map(|number| EventKind::from_u8(number).unwrap()),
            2 => Just(EventKind::User),
            1 => Just(EventKind::ClockAdvanced),
        ];
        (kind, 0u64..4, 0u64..6, 0u64..3)
            .prop_map(|(kind, actor, object, arg)| event(kind, actor, object, arg))
    }

    /// What the hash sees of an event.
    type Letter = (u8, u64, u64, u64);

    fn letter(event: &Event) -> Letter {
        let is_timer = event.kind.name().starts_with("Timer");
        let object = if is_timer { 0 } else { event.object };
        (event.kind as u8, event.actor.as_u64(), object, event.arg)
    }

    fn word(events: &[Event]) -> Vec<Letter> {
        events.iter().map(letter).collect()
    }

    /// Every linearisation of the trace that `events` stands for, by swapping neighbours.
    fn class_of(events: &[Event]) -> BTreeMap<Vec<Letter>, Vec<Event>> {
        let mut class = BTreeMap::from([(word(events), events.to_vec())]);
        let mut fresh = vec![events.to_vec()];
        while let Some(events) = fresh.pop() {
            for at in 1..events.len() {
                if !are_dependent(&events[at - 1], &events[at]) {
                    let mut swapped = events.clone();
                    swapped.swap(at - 1, at);
                    if class.insert(word(&swapped), swapped.clone()).is_none() {
                        fresh.push(swapped);
                    }
                }
            }
        }
        class
    }

    fn permutations(events: &[Event]) -> Vec<Vec<Event>> {
        let Some((first, rest)) = events.split_first() else {
            return vec![vec![]];
        };
        let mut all = Vec::new();
        for shorter in permutations(rest) {
            for at in 0..=shorter.len() {
                let mut longer = shorter.clone();
                longer.insert(at, *first);
                all.push(longer);
            }
        }
        all
    }

    proptest! {
        // proves: R-DET-3 WVT-012
        #[test]
        fn swapping_independent_neighbours_changes_nothing(
            mut events in prop::collection::vec(any_event(), 0..60),
            swaps in prop::collection::vec(any::<prop::sample::Index>(), 0..200),
        ) {
            let before = Fingerprint::of(&events);
            for swap in swaps {
                if events.len() < 2 {
                    break;
                }
                let at = 1 + swap.index(events.len() - 1);
                if !are_dependent(&events[at - 1], &events[at]) {
                    events.swap(at - 1, at);
                }
            }
            prop_assert_eq!(Fingerprint::of(&events), before);
        }

        // proves: R-DET-3
        #[test]
        fn swapping_dependent_neighbours_changes_it(
            mut events in prop::collection::vec(any_event(), 2..40),
            swap: prop::sample::Index,
        ) {
            let before = Fingerprint::of(&events);
            let at = 1 + swap.index(events.len() - 1);
            let (left, right) = (events[at - 1], events[at]);
            events.swap(at - 1, at);
            if are_dependent(&left, &right) && letter(&left) != letter(&right) {
                prop_assert_ne!(Fingerprint::of(&events), before);
            } else {
                prop_assert_eq!(Fingerprint::of(&events), before);
            }
        }

        #[test]
        fn dependence_is_symmetric_and_holds_within_an_actor(a in any_event(), b in any_event()) {
            prop_assert_eq!(are_dependent(&a, &b), are_dependent(&b, &a));
            if a.actor == b.actor && a.actor.as_u64() != NOBODY {
                prop_assert!(are_dependent(&a, &b));
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]
        // proves: R-DET-3 WVT-012
        #[test]
        fn fingerprints_are_equal_exactly_within_a_class(
            events in prop::collection::vec(any_event(), 0..=5),
        ) {
            // Brute force: all orders of the same events, grouped by swapping neighbours.
            let mut seen = BTreeSet::new();
            let mut fingerprints = BTreeSet::new();
            for order in permutations(&events) {
                if seen.contains(&word(&order)) {
                    continue;
                }
                let fingerprint = Fingerprint::of(&order);
                prop_assert!(fingerprints.insert(fingerprint), "two classes share a fingerprint");
                for (word, linearisation) in class_of(&order) {
                    prop_assert_eq!(Fingerprint::of(&linearisation), fingerprint);
                    prop_assert!(seen.insert(word), "classes overlap");
                }
            }
        }
    }

    #[test]
    fn the_hash_is_what_the_documentation_says() {
        // Golden: computed from the text of the module, not by this code. They change only together
        // with `VERSION`.
        let spawn = event(EventKind::TaskSpawned, 1, 2, 3);
        let other = event(EventKind::User, 9, 5, 6);
        let clock = event(EventKind::ClockAdvanced, 0, 0, 1_000);
        let wake = event(EventKind::TaskWoken, 1, 2, 0);
        assert_eq!(Fingerprint::of(&[]), 0x5b9a_6eba_30ae_dee8);
        assert_eq!(Fingerprint::of(&[spawn]), 0x65c8_f767_6cac_ff76);
        assert_eq!(
            Fingerprint::of(&[spawn, other, wake, clock, wake]),
            0x9adf_fe0d_ef05_1cb5
        );
    }

    #[test]
    fn time_and_registration_numbers_are_not_part_of_it() {
        let armed = event(EventKind::TimerArmed, 1, 10, 500);
        let mut later = armed;
        later.at = Time::from_nanos(77);
        later.object = 11;
        assert_eq!(Fingerprint::of(&[armed]), Fingerprint::of(&[later]));
        later.arg = 501;
        assert_ne!(Fingerprint::of(&[armed]), Fingerprint::of(&[later]));
    }

    #[test]
    fn children_that_end_well_commute_and_failures_do_not() {
        let done = |task, severity| event(EventKind::TaskDone, task, 9, severity);
        assert!(!are_dependent(&done(1, 0), &done(2, 0)));
        assert!(are_dependent(&done(1, 0), &done(2, 1)));
        assert!(are_dependent(&done(1, 1), &done(2, 1)));
        assert!(are_dependent(
            &done(1, 0),
            &event(EventKind::RegionState, 9, 9, 4)
        ));
    }

    #[test]
    fn equal_independent_events_are_counted() {
        let nobody = event(EventKind::User, 0, 1, 1);
        let once = Fingerprint::of(&[nobody]);
        let twice = Fingerprint::of(&[nobody, nobody]);
        let thrice = Fingerprint::of(&[nobody, nobody, nobody]);
        assert!(once != twice && twice != thrice && once != thrice);
    }

    #[test]
    fn a_clock_advance_is_a_barrier_and_frees_the_memory() {
        let (a, b) = (
            event(EventKind::User, 1, 0, 0),
            event(EventKind::User, 2, 0, 0),
        );
        let clock = event(EventKind::ClockAdvanced, 0, 0, 5);
        assert_ne!(
            Fingerprint::of(&[a, clock, b]),
            Fingerprint::of(&[b, clock, a])
        );
        let mut fingerprint = Fingerprint::new();
        for event in [a, b, a, clock] {
            fingerprint.push(&event);
        }
        assert!(fingerprint.layers.is_empty() && fingerprint.touched.is_empty());
    }
}
