//! Tests of the timer wheel: a model in which everything is obvious, and one test per promise.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::num::NonZeroU64;

use proptest::prelude::*;

use super::{Fired, NEAR, NONE, OVERFLOW, TimerClass, TimerKey, Wheel};
use crate::time::Time;
use TimerClass::{Cancel, Wake};

const MILLISECOND: u64 = 1_000_000;
const YEAR: u64 = 365 * 24 * 3_600 * 1_000 * MILLISECOND;

fn at(nanos: u64) -> Time {
    Time::from_nanos(nanos)
}

fn wheel<A>(tick: u64) -> Wheel<A> {
    wheel_from(tick, 0)
}

fn wheel_from<A>(tick: u64, start: u64) -> Wheel<A> {
    Wheel::new(NonZeroU64::new(tick).expect("a tick"), at(start))
}

/// Every action that is due at `now`, in the order of firing.
fn drain<A>(wheel: &mut Wheel<A>, now: u64) -> Vec<A> {
    core::iter::from_fn(|| wheel.pop_due(at(now)))
        .map(|fired| fired.action)
        .collect()
}

impl<A> Wheel<A> {
    /// Checks every link, home and bit against the module's documentation.
    fn check(&self) {
        let mut found = 0;
        for (home, first) in (0..=OVERFLOW).map(|home| (home, self.roots.get(home))) {
            if home < NEAR {
                let bit = self.occupied[home / 64] >> (home % 64) & 1;
                assert_eq!(bit == 1, first != NONE, "bit of bucket {home}");
            }
            if first != NONE {
                assert_eq!(self.entry(first).home as usize, home);
            }
            let mut stack = vec![];
            let (mut tree, mut prev) = (first, NONE);
            while tree != NONE {
                assert_eq!(self.entry(tree).prev, prev);
                stack.push(tree);
                prev = tree;
                tree = self.entry(tree).next;
            }
            while let Some(slot) = stack.pop() {
                if slot == NONE {
                    continue;
                }
                found += 1;
                let entry = self.entry(slot);
                assert!(entry.action.is_some());
                assert_eq!(self.home_of(entry.deadline), home);
                let (mut child, mut prev) = (entry.child, slot);
                while child != NONE {
                    assert_eq!(self.entry(child).prev, prev);
                    assert!(self.entry(child).key() > entry.key());
                    stack.push(child);
                    prev = child;
                    child = self.entry(child).next;
                }
            }
        }
        assert_eq!(found, self.len);
    }
}

/// What the wheel must behave like: an ordered map, and a clock that never goes back.
#[derive(Default)]
struct Model {
    timers: BTreeMap<(Time, TimerClass, u64), TimerKey>,
    now: Time,
    next_seq: u64,
}

impl Model {
    fn pop_due(&mut self, now: Time) -> Option<(Time, TimerClass, u64)> {
        self.now = self.now.max(now);
        let (&key, _) = self.timers.first_key_value()?;
        if key.0 > self.now {
            return None;
        }
        self.timers.remove(&key);
        Some(key)
    }
}

#[derive(Debug, Clone)]
enum Deadline {
    /// The clock plus so many nanoseconds.
    After(u64),
    /// The clock minus so many nanoseconds.
    Before(u64),
    /// The deadline of a timer registered earlier, whatever has become of it.
    Again(prop::sample::Index),
    Absolute(u64),
}

#[derive(Debug, Clone)]
enum Op {
    Insert(Deadline, TimerClass),
    /// Cancels a key handed out earlier, which may be stale.
    Cancel(prop::sample::Index),
    /// Moves the clock forward and takes out at most so many timers.
    Advance(u64, usize),
    /// Moves the clock to the next deadline, as the lab does.
    Jump(usize),
    /// Reports an earlier time.
    Back(u64),
}

/// Distances of every order of magnitude, so that every level is met.
fn distance() -> impl Strategy<Value = u64> {
    (0..64u32, any::<u64>()).prop_map(|(bits, value)| value & ((1 << bits) - 1))
}

fn short_distance() -> impl Strategy<Value = u64> {
    (0..34u32, any::<u64>()).prop_map(|(bits, value)| value & ((1 << bits) - 1))
}

fn deadline() -> impl Strategy<Value = Deadline> {
    prop_oneof![
        6 => short_distance().prop_map(Deadline::After),
        2 => distance().prop_map(Deadline::After),
        1 => short_distance().prop_map(Deadline::Before),
        3 => any::<prop::sample::Index>().prop_map(Deadline::Again),
        1 => prop_oneof![Just(0), Just(u64::MAX), any::<u64>()].prop_map(Deadline::Absolute),
    ]
}

fn op() -> impl Strategy<Value = Op> {
    let class = prop_oneof![Just(Cancel), Just(Wake)];
    prop_oneof![
        8 => (deadline(), class).prop_map(|(deadline, class)| Op::Insert(deadline, class)),
        3 => any::<prop::sample::Index>().prop_map(Op::Cancel),
        2 => (short_distance(), 0..20usize).prop_map(|(by, limit)| Op::Advance(by, limit)),
        1 => (distance(), 0..20usize).prop_map(|(by, limit)| Op::Advance(by, limit)),
        2 => (0..5usize).prop_map(Op::Jump),
        1 => short_distance().prop_map(Op::Back),
    ]
}

fn tick() -> impl Strategy<Value = u64> {
    prop_oneof![
        Just(1),
        Just(7),
        Just(1_000),
        Just(MILLISECOND),
        Just(u64::MAX)
    ]
}

fn start() -> impl Strategy<Value = u64> {
    prop_oneof![
        4 => Just(0),
        2 => any::<u64>(),
        // Just short of a turn of the top level.
        2 => (0..200u64).prop_map(|n| (1 << 36) - n),
        1 => (0..200u64).prop_map(|n| u64::MAX - n),
    ]
}

fn pop_both(wheel: &mut Wheel<u64>, model: &mut Model, now: Time) -> bool {
    let fired = wheel.pop_due(now);
    let expected = model.pop_due(now).map(|(deadline, class, seq)| Fired {
        deadline,
        class,
        seq,
        action: seq,
    });
    assert_eq!(fired, expected);
    expected.is_some()
}

proptest! {
    #[test]
    fn behaves_like_an_ordered_map(
        tick in tick(),
        start in start(),
        ops in prop::collection::vec(op(), 1..200),
    ) {
        let mut wheel = wheel_from(tick, start);
        let mut model = Model { now: at(start), ..Model::default() };
        let mut known: Vec<((Time, TimerClass, u64), TimerKey)> = Vec::new();

        for op in ops {
            let clock = model.now.as_nanos();
            match op {
                Op::Insert(deadline, class) => {
                    let deadline = match deadline {
                        Deadline::After(by) => at(clock.saturating_add(by)),
                        Deadline::Before(by) => at(clock.saturating_sub(by)),
                        Deadline::Again(index) if !known.is_empty() => index.get(&known).0.0,
                        Deadline::Again(_) => at(clock),
                        Deadline::Absolute(nanos) => at(nanos),
                    };
                    let seq = model.next_seq;
                    model.next_seq += 1;
                    let key = wheel.insert(deadline, class, seq);
                    prop_assert_eq!(wheel.sequence(key), Some(seq));
                    model.timers.insert((deadline, class, seq), key);
                    known.push(((deadline, class, seq), key));
                }
                Op::Cancel(index) if !known.is_empty() => {
                    let (order, key) = *index.get(&known);
                    let live = model.timers.remove(&order).is_some();
                    prop_assert_eq!(wheel.contains(key), live);
                    prop_assert_eq!(wheel.cancel(key), live.then_some(order.2));
                    prop_assert!(!wheel.contains(key));
                }
                Op::Cancel(_) => {}
                Op::Advance(by, limit) => {
                    let now = at(clock.saturating_add(by));
                    for _ in 0..limit {
                        if !pop_both(&mut wheel, &mut model, now) {
                            break;
                        }
                    }
                }
                Op::Jump(limit) => {
                    if let Some(next) = wheel.next_deadline() {
                        for _ in 0..limit {
                            pop_both(&mut wheel, &mut model, next);
                        }
                    }
                }
                Op::Back(by) => {
                    pop_both(&mut wheel, &mut model, at(clock.saturating_sub(by)));
                }
            }
            wheel.check();
            prop_assert_eq!(wheel.len(), model.timers.len());
            prop_assert_eq!(wheel.is_empty(), model.timers.is_empty());
            let earliest = model.timers.first_key_value().map(|(order, _)| order.0);
            prop_assert_eq!(wheel.next_deadline(), earliest);
        }

        while pop_both(&mut wheel, &mut model, Time::MAX) {
            wheel.check();
        }
        prop_assert!(wheel.is_empty());
    }

    #[test]
    fn clock_steps_do_not_depend_on_the_tick(
        deadlines in prop::collection::vec(distance(), 1..50),
    ) {
        let steps = |tick| {
            let mut wheel = wheel(tick);
            for &deadline in &deadlines {
                wheel.insert(at(deadline), Wake, ());
            }
            let mut steps = Vec::new();
            while let Some(next) = wheel.next_deadline() {
                steps.push(next);
                while wheel.pop_due(next).is_some() {}
            }
            steps
        };
        prop_assert_eq!(steps(1), steps(MILLISECOND));
    }
}

#[test]
fn equal_deadlines_fire_in_registration_order() {
    for tick in [1, MILLISECOND] {
        for deadline in [0, 5, 3 * MILLISECOND, YEAR, u64::MAX] {
            let mut wheel = wheel(tick);
            for id in 0..100 {
                wheel.insert(at(deadline), Wake, id);
            }
            assert_eq!(drain(&mut wheel, deadline), Vec::from_iter(0..100));
        }
    }
}

#[test]
fn cancels_fire_before_wakes_of_the_same_instant_only() {
    let mut wheel = wheel(MILLISECOND);
    wheel.insert(at(20), Wake, "wake at 20");
    wheel.insert(at(20), Cancel, "cancel at 20");
    wheel.insert(at(21), Cancel, "cancel at 21");
    wheel.insert(at(20), Cancel, "second cancel at 20");
    wheel.insert(at(10), Wake, "wake at 10");
    assert_eq!(
        drain(&mut wheel, MILLISECOND),
        [
            "wake at 10",
            "cancel at 20",
            "second cancel at 20",
            "wake at 20",
            "cancel at 21",
        ]
    );
}

#[test]
fn a_timer_registered_between_batches_takes_its_place() {
    let mut wheel = wheel(1);
    for deadline in [10, 20, 30] {
        wheel.insert(at(deadline), Wake, deadline);
    }
    let first = wheel.pop_due(at(100)).map(|fired| fired.action);
    assert_eq!(first, Some(10));
    wheel.insert(at(25), Wake, 25);
    wheel.insert(at(5), Wake, 5);
    assert_eq!(drain(&mut wheel, 100), [5, 20, 25, 30]);
}

#[test]
fn nothing_fires_early_within_a_tick() {
    let mut wheel = wheel(MILLISECOND);
    for deadline in [MILLISECOND + 1, 2 * MILLISECOND - 1, 2 * MILLISECOND] {
        wheel.insert(at(deadline), Wake, deadline);
    }
    assert_eq!(drain(&mut wheel, MILLISECOND), []);
    assert_eq!(drain(&mut wheel, MILLISECOND + 1), [MILLISECOND + 1]);
    assert_eq!(wheel.next_deadline(), Some(at(2 * MILLISECOND - 1)));
    assert_eq!(drain(&mut wheel, 2 * MILLISECOND - 2), []);
    assert_eq!(
        drain(&mut wheel, 2 * MILLISECOND - 1),
        [2 * MILLISECOND - 1]
    );
    assert_eq!(drain(&mut wheel, 2 * MILLISECOND), [2 * MILLISECOND]);
}

#[test]
fn every_level_boundary_is_met_exactly() {
    for tick in [1_u64, 1_000] {
        for level in 1..=6 {
            let boundary = tick << (6 * level);
            for deadline in [boundary - 1, boundary, boundary + 1] {
                let mut wheel = wheel(tick);
                wheel.insert(at(deadline), Wake, deadline);
                assert_eq!(wheel.next_deadline(), Some(at(deadline)));
                assert_eq!(drain(&mut wheel, deadline - 1), []);
                assert_eq!(drain(&mut wheel, deadline), [deadline]);
            }
        }
    }
}

#[test]
fn deadlines_beyond_the_top_level_keep_their_order() {
    let turn = 1 << 36;
    let mut wheel = wheel(1);
    wheel.insert(Time::MAX, Wake, u64::MAX);
    for deadline in [5 * turn, turn + 1, turn, 3 * turn, turn - 1] {
        wheel.insert(at(deadline), Wake, deadline);
    }
    assert_eq!(drain(&mut wheel, turn - 1), [turn - 1]);
    wheel.check();
    assert_eq!(drain(&mut wheel, turn), [turn]);
    // The rest of the second turn has moved into the wheel by now.
    wheel.check();
    assert_eq!(drain(&mut wheel, 4 * turn), [turn + 1, 3 * turn]);
    assert_eq!(wheel.next_deadline(), Some(at(5 * turn)));
    assert_eq!(drain(&mut wheel, u64::MAX), [5 * turn, u64::MAX]);
}

#[test]
fn a_jump_of_years_fires_everything_once_and_in_order() {
    for tick in [1, MILLISECOND] {
        let mut wheel = wheel(tick);
        let mut deadlines: Vec<u64> = (0..2_000u64).map(|n| n * n * 7_919 * 40_000_000).collect();
        for &deadline in deadlines.iter().rev() {
            wheel.insert(at(deadline), Wake, deadline);
        }
        deadlines.retain(|&deadline| deadline <= 30 * YEAR);
        assert_eq!(drain(&mut wheel, 30 * YEAR), deadlines);
        assert_eq!(drain(&mut wheel, 30 * YEAR), []);
        wheel.check();
    }
}

#[test]
fn a_clock_that_stands_still_or_goes_back_fires_nothing_twice() {
    let mut wheel = wheel(1);
    wheel.insert(at(10), Wake, 10);
    wheel.insert(at(50), Wake, 50);
    assert_eq!(drain(&mut wheel, 40), [10]);
    assert_eq!(drain(&mut wheel, 40), []);
    assert_eq!(drain(&mut wheel, 3), []);
    // The wheel's clock still stands at 40, so this one is due whatever the caller's clock says.
    wheel.insert(at(30), Wake, 30);
    assert_eq!(drain(&mut wheel, 3), [30]);
    assert_eq!(drain(&mut wheel, 50), [50]);
}

#[test]
fn the_clock_may_start_anywhere() {
    let mut wheel = wheel_from(MILLISECOND, 5 * YEAR);
    wheel.insert(at(0), Wake, "past");
    wheel.insert(at(5 * YEAR), Wake, "now");
    wheel.insert(at(5 * YEAR + 1), Wake, "next");
    assert_eq!(drain(&mut wheel, 0), ["past", "now"]);
    assert_eq!(drain(&mut wheel, 5 * YEAR + 1), ["next"]);
}

#[test]
fn cancel_after_fire_finds_nothing() {
    let mut wheel = wheel(1);
    let fired = wheel.insert(at(1), Wake, "first");
    assert_eq!(drain(&mut wheel, 1), ["first"]);
    assert_eq!(wheel.cancel(fired), None);

    // The slot is used again, and the old key must not reach its new timer.
    let reused = wheel.insert(at(2), Wake, "second");
    assert_eq!(reused.slot, fired.slot);
    assert!(!wheel.contains(fired));
    assert_eq!(wheel.cancel(fired), None);
    assert_eq!(wheel.cancel(reused), Some("second"));
    assert_eq!(wheel.cancel(reused), None);
    assert!(wheel.is_empty());
}

#[test]
fn a_key_of_another_wheel_does_not_panic() {
    let mut other = wheel(1);
    other.insert(at(1), Wake, ());
    let foreign = other.insert(at(1), Wake, ());
    assert_eq!(wheel::<()>(1).cancel(foreign), None);
}

#[test]
fn a_slot_is_retired_before_its_generation_wraps() {
    let mut wheel = wheel(1);
    let first = wheel.insert(at(1), Wake, "first");
    wheel.cancel(first);
    wheel.entries[first.slot as usize].generation = u32::MAX - 1;

    let second_last = wheel.insert(at(1), Wake, "second last");
    assert_eq!(wheel.cancel(second_last), Some("second last"));
    let last = wheel.insert(at(1), Wake, "last");
    assert_eq!(last.slot, first.slot);
    assert_eq!(wheel.cancel(last), Some("last"));

    let next = wheel.insert(at(1), Wake, "elsewhere");
    assert_ne!(next.slot, first.slot);
    for stale in [first, second_last, last] {
        assert!(!wheel.contains(stale));
        assert_eq!(wheel.cancel(stale), None);
    }
    assert_eq!(drain(&mut wheel, 1), ["elsewhere"]);
}

#[test]
fn the_slab_grows_only_with_the_number_of_live_timers() {
    let mut wheel = wheel(MILLISECOND);
    for round in 0..1_000 {
        let keys: Vec<_> = (0..10)
            .map(|n| wheel.insert(at(round * n * MILLISECOND), Wake, n))
            .collect();
        for key in keys.into_iter().skip(5) {
            wheel.cancel(key);
        }
        drain(&mut wheel, u64::MAX);
    }
    assert_eq!(wheel.entries.len(), 10);
}

#[test]
fn cancelling_the_earliest_leaves_the_exact_next_one() {
    // Requests that are answered in order: the earliest timeout of a full bucket goes every time.
    let mut wheel = wheel(MILLISECOND);
    let deadline = |n: u64| at(30_000 * MILLISECOND + n);
    let keys: Vec<_> = (0..2_000)
        .map(|n| wheel.insert(deadline(n), Cancel, n))
        .collect();
    for (n, key) in (0..).zip(keys) {
        assert_eq!(wheel.next_deadline(), Some(deadline(n)));
        assert_eq!(wheel.cancel(key), Some(n));
    }
    assert_eq!(wheel.next_deadline(), None);
}
