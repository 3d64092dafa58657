//! Laws of the value types, as properties: what holds for every outcome, budget, time and path id.
//!
//! Owns what can be said through the public API. How cancel requests combine is tested in `cancel.rs`
//! itself, because users cannot make a reason or a token.

use asupersync_core::{
    Budget, CapabilityDenied, ChildEnded, CleanupBudgets, Error, Misuse, Outcome, PanicPayload,
    PathId, Recoverability, Severity, SpawnError, TaskError, Time, TimeError, find_cancelled,
};
use asupersync_core::{CAUSE_DEPTH_MAX, CancelKind};
use core::fmt;
use core::time::Duration;
use proptest::prelude::*;
use std::collections::HashSet;

// ---------------------------------------------------------------- outcomes

/// What tells two ends apart: the severity, and the number that the end was made with.
type Told = (Severity, u32);

fn told(outcome: &Outcome<u32, u32>) -> Told {
    let number = match outcome {
        Outcome::Ok(n) | Outcome::Err(n) => *n,
        Outcome::Panicked(payload) => payload.message().parse().expect("a number"),
        Outcome::Cancelled(_) => unreachable!("these tests cannot make a reason"),
    };
    (outcome.severity(), number)
}

fn an_outcome() -> impl Strategy<Value = Outcome<u32, u32>> {
    prop_oneof![
        any::<u32>().prop_map(Outcome::Ok),
        any::<u32>().prop_map(Outcome::Err),
        any::<u32>().prop_map(|n| Outcome::Panicked(PanicPayload::from_message(n.to_string()))),
    ]
}

proptest! {
    #[test]
    fn join_is_the_larger_severity(a in an_outcome(), b in an_outcome()) {
        let larger = a.severity().max(b.severity());
        prop_assert_eq!(a.join(b).severity(), larger);
    }

    #[test]
    fn join_is_associative(a in an_outcome(), b in an_outcome(), c in an_outcome()) {
        let left = a.clone().join(b.clone()).join(c.clone());
        let right = a.join(b.join(c));
        prop_assert_eq!(told(&left), told(&right));
    }

    #[test]
    fn join_is_commutative_in_severity(a in an_outcome(), b in an_outcome()) {
        let one_way = a.clone().join(b.clone()).severity();
        prop_assert_eq!(one_way, b.join(a).severity());
    }

    #[test]
    fn join_is_idempotent(a in an_outcome()) {
        prop_assert_eq!(told(&a.clone().join(a.clone())), told(&a));
    }

    #[test]
    fn ok_is_the_identity_of_join(a in an_outcome(), n: u32) {
        prop_assert_eq!(Outcome::Ok(n).join(a.clone()).severity(), a.severity());
        prop_assert_eq!(told(&a.clone().join(Outcome::Ok(n))), told(&a));
    }

    #[test]
    fn of_two_equal_severities_the_left_stays(a in an_outcome(), b in an_outcome()) {
        prop_assume!(a.severity() == b.severity());
        prop_assert_eq!(told(&a.clone().join(b)), told(&a));
    }
}

#[test]
fn severities_are_ordered() {
    assert!(Severity::Ok < Severity::Err);
    assert!(Severity::Err < Severity::Cancelled);
    assert!(Severity::Cancelled < Severity::Panicked);
}

#[test]
fn map_touches_the_value_only_and_map_err_the_error_only() {
    let double = |n: u32| n * 2;
    assert_eq!(told(&Outcome::Ok(2).map(double)), (Severity::Ok, 4));
    assert_eq!(told(&Outcome::Err(2).map(double)), (Severity::Err, 2));
    assert_eq!(told(&Outcome::Ok(2).map_err(double)), (Severity::Ok, 2));
    assert_eq!(told(&Outcome::Err(2).map_err(double)), (Severity::Err, 4));
}

#[test]
fn an_end_without_value_becomes_child_ended() {
    let boom = PanicPayload::from_message("boom");
    let error = Outcome::<u32, Error>::Panicked(boom)
        .into_result()
        .expect_err("it panicked");
    assert!(matches!(
        error.downcast_ref::<ChildEnded>(),
        Some(ChildEnded::Panicked(payload)) if payload.message() == "boom"
    ));
    assert_eq!(Outcome::<u32, Error>::Ok(3).into_result().ok(), Some(3));
}

// ---------------------------------------------------------------- panic payloads

#[test]
fn a_payload_keeps_its_text_after_it_is_taken() {
    let payload = PanicPayload::new(Box::new(String::from("owned")));
    let same = payload.clone();
    let taken = payload.take().expect("nobody took it");
    assert_eq!(*taken.downcast::<String>().expect("the string"), "owned");
    assert!(same.take().is_none(), "clones share the payload");
    assert_eq!(same.message(), "owned");
}

#[test]
fn a_payload_that_is_not_text_survives() {
    let payload = PanicPayload::new(Box::new(7_u32));
    assert!(!payload.message().is_empty());
    let taken = payload.take().expect("nobody took it");
    assert_eq!(*taken.downcast::<u32>().expect("the number"), 7);
    assert!(PanicPayload::from_message("text").take().is_none());
    assert_eq!(PanicPayload::new(Box::new("static")).message(), "static");
}

#[test]
fn payloads_and_errors_travel_between_threads() {
    fn travels<T: Send + Sync + 'static>() {}
    travels::<PanicPayload>();
    travels::<ChildEnded>();
    travels::<Error>();
    travels::<Outcome<u32, Error>>();
}

// ---------------------------------------------------------------- budgets

fn a_budget() -> impl Strategy<Value = Budget> {
    // Small numbers meet often; the limits of the range stand for themselves.
    let deadline = proptest::option::of(prop_oneof![0..9_u64, Just(u64::MAX)]);
    let polls = prop_oneof![0..9_u32, Just(u32::MAX)];
    let cost = proptest::option::of(prop_oneof![0..9_u64, Just(u64::MAX)]);
    (deadline, polls, cost, any::<u8>()).prop_map(|(deadline, poll_quota, cost_quota, priority)| {
        Budget {
            deadline: deadline.map(Time::from_nanos),
            poll_quota,
            cost_quota,
            priority,
        }
    })
}

/// Whether `a` allows no more than `b` in any limit.
fn as_tight(a: Budget, b: Budget) -> bool {
    let limit = |budget: Budget| {
        (
            budget
                .deadline
                .map_or(u128::MAX, |at| u128::from(at.as_nanos())),
            budget.poll_quota,
            budget.cost_quota.map_or(u128::MAX, u128::from),
        )
    };
    let (a, b) = (limit(a), limit(b));
    a.0 <= b.0 && a.1 <= b.1 && a.2 <= b.2
}

proptest! {
    #[test]
    fn meet_is_associative(a in a_budget(), b in a_budget(), c in a_budget()) {
        prop_assert_eq!(a.meet(b).meet(c), a.meet(b.meet(c)));
    }

    #[test]
    fn meet_is_commutative(a in a_budget(), b in a_budget()) {
        prop_assert_eq!(a.meet(b), b.meet(a));
    }

    #[test]
    fn meet_is_idempotent(a in a_budget()) {
        prop_assert_eq!(a.meet(a), a);
    }

    #[test]
    fn infinite_is_neutral(a in a_budget()) {
        prop_assert_eq!(a.meet(Budget::INFINITE), a);
        prop_assert_eq!(Budget::default().meet(a), a);
    }

    #[test]
    fn a_child_can_only_tighten(parent in a_budget(), asked in a_budget()) {
        let child = parent.meet(asked);
        prop_assert!(as_tight(child, parent) && as_tight(child, asked));
        prop_assert_eq!(child.priority, parent.priority.max(asked.priority));
    }

    #[test]
    fn a_cap_binds_the_priority_and_nothing_else(a in a_budget(), b in a_budget(), cap: u8) {
        let (free, capped) = (a.meet(b), a.meet_capped(b, cap));
        prop_assert_eq!(capped, Budget { priority: free.priority.min(cap), ..free });
        prop_assert_eq!(a.meet_capped(b, u8::MAX), free);
    }

    #[test]
    fn capped_meets_of_one_region_are_associative(
        a in a_budget(), b in a_budget(), c in a_budget(), cap: u8,
    ) {
        prop_assert_eq!(
            a.meet_capped(b, cap).meet_capped(c, cap),
            a.meet_capped(b.meet_capped(c, cap), cap)
        );
    }
}

#[test]
fn builders_set_one_limit_each() {
    let built = Budget::INFINITE
        .with_deadline(Time::from_nanos(1))
        .with_poll_quota(2)
        .with_cost_quota(3)
        .with_priority(4);
    let spelled = Budget {
        deadline: Some(Time::from_nanos(1)),
        poll_quota: 2,
        cost_quota: Some(3),
        priority: 4,
    };
    assert_eq!(built, spelled);
}

// ---------------------------------------------------------------- cleanup budgets

/// Every kind there is: the numbers are dense from 1.
fn kinds() -> impl Iterator<Item = CancelKind> {
    (1..=u8::MAX).map_while(CancelKind::from_u8)
}

#[test]
fn kinds_have_stable_numbers_and_names() {
    let named: Vec<(u8, &str)> = kinds().map(|kind| (kind as u8, kind.name())).collect();
    let expected = [
        (1, "User"),
        (2, "Timeout"),
        (3, "ScopeDone"),
        (4, "FailFast"),
        (5, "RaceLost"),
        (6, "ParentCancelled"),
        (7, "Shutdown"),
        (8, "Poisoned"),
    ];
    assert_eq!(named, expected);
    assert_eq!(CancelKind::from_u8(0), None);
    assert!((9..=u8::MAX).all(|number| CancelKind::from_u8(number).is_none()));
}

#[test]
fn ranks_are_those_of_the_contract() {
    // Weakest to strongest, equals side by side.
    let ladder: [&[CancelKind]; 7] = [
        &[CancelKind::User],
        &[CancelKind::Timeout],
        &[CancelKind::ScopeDone],
        &[CancelKind::FailFast, CancelKind::RaceLost],
        &[CancelKind::ParentCancelled],
        &[CancelKind::Shutdown],
        &[CancelKind::Poisoned],
    ];
    for steps in ladder.windows(2) {
        for (weak, strong) in steps[0]
            .iter()
            .flat_map(|w| steps[1].iter().map(move |s| (w, s)))
        {
            assert!(
                weak.rank() < strong.rank(),
                "{weak} is weaker than {strong}"
            );
        }
    }
    assert_eq!(CancelKind::FailFast.rank(), CancelKind::RaceLost.rank());
    assert_eq!(ladder.concat().len(), kinds().count());
}

/// The ends of the range are where a scaled budget would vanish or overflow.
fn a_factor() -> impl Strategy<Value = u32> {
    prop_oneof![0..3_u32, any::<u32>(), Just(u32::MAX)]
}

#[test]
fn default_cleanup_budgets_are_those_of_the_contract() {
    let millis: Vec<u128> = kinds()
        .map(|kind| CleanupBudgets::default().of(kind).as_millis())
        .collect();
    assert_eq!(millis, [5_000, 2_000, 2_000, 1_000, 1_000, 1_000, 500, 1]);
}

proptest! {
    #[test]
    fn a_stronger_kind_never_has_longer_to_clean_up(n in a_factor(), d in a_factor()) {
        let budgets = CleanupBudgets::default().scaled(n, d);
        for (a, b) in kinds().flat_map(|a| kinds().map(move |b| (a, b))) {
            prop_assert!(a.rank() < b.rank() || budgets.of(a) <= budgets.of(b));
        }
    }

    #[test]
    fn cleanup_budgets_stay_finite_and_positive(n in a_factor(), d in a_factor()) {
        for kind in kinds() {
            let scaled = CleanupBudgets::default().scaled(n, d).of(kind);
            let most = CleanupBudgets::default().of(kind) * 1_000;
            prop_assert!(Duration::ZERO < scaled && scaled <= most);
        }
    }
}

// ---------------------------------------------------------------- time

proptest! {
    #[test]
    fn adding_then_measuring_gives_the_duration_back(at: u64, nanos: u64) {
        let (start, step) = (Time::from_nanos(at), Duration::from_nanos(nanos));
        let end = start.saturating_add(step);
        prop_assert!(end >= start);
        let room = Duration::from_nanos(u64::MAX - at);
        prop_assert_eq!(end.saturating_since(start), step.min(room));
        prop_assert_eq!(start.saturating_since(end), Duration::ZERO);
    }

    #[test]
    fn order_is_the_order_of_nanoseconds(a: u64, b: u64) {
        prop_assert_eq!(Time::from_nanos(a).cmp(&Time::from_nanos(b)), a.cmp(&b));
    }
}

#[test]
fn durations_longer_than_the_clock_saturate() {
    assert_eq!(Time::ZERO.saturating_add(Duration::MAX), Time::MAX);
    assert_eq!(Time::MAX.saturating_add(Duration::from_nanos(1)), Time::MAX);
}

#[test]
fn times_read_in_the_unit_that_fits() {
    for (nanos, text) in [
        (0, "0ns"),
        (999, "999ns"),
        (1_000, "1.000us"),
        (1_500_000, "1.500ms"),
        (999_999_999, "999.999ms"),
        (1_000_000_000, "1.000s"),
        (90_000_000_000, "90.000s"),
        (u64::MAX, "18446744073.709s"),
    ] {
        assert_eq!(Time::from_nanos(nanos).to_string(), text);
    }
}

// ---------------------------------------------------------------- path ids

proptest! {
    #[test]
    fn a_path_id_is_a_function_of_maker_and_ordinal(parent: u64, ordinal: u32) {
        let parent = PathId::from_u64(parent);
        prop_assert_eq!(parent.child(ordinal), parent.child(ordinal));
        prop_assert_eq!(PathId::from_u64(parent.child(ordinal).as_u64()), parent.child(ordinal));
    }

    /// Not by luck: the mix is a bijection of its input.
    #[test]
    fn siblings_never_collide(parent: u64, a: u32, b: u32) {
        prop_assume!(a != b);
        let parent = PathId::from_u64(parent);
        prop_assert_ne!(parent.child(a), parent.child(b));
    }
}

#[test]
fn a_family_of_a_hundred_thousand_has_no_collision() {
    let mut seen = HashSet::from([PathId::ROOT]);
    for child in (0..316).map(|n| PathId::ROOT.child(n)) {
        assert!(seen.insert(child));
        for grandchild in (0..316).map(|n| child.child(n)) {
            assert!(seen.insert(grandchild));
        }
    }
    // Traces write 0 for "nobody".
    assert!(!seen.contains(&PathId::from_u64(0)));
}

// ---------------------------------------------------------------- errors

#[derive(Debug)]
struct Ours(u32);
impl fmt::Display for Ours {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ours {}", self.0)
    }
}
impl core::error::Error for Ours {}

const DENIED: CapabilityDenied = CapabilityDenied { capability: "time" };

#[test]
fn question_mark_takes_any_error() {
    fn users() -> Result<(), Error> {
        Err(Ours(1))?
    }
    fn parsing() -> Result<u32, Error> {
        Ok("seven".parse::<u32>()?)
    }
    fn spawning() -> Result<(), Error> {
        Err(SpawnError::AtCapacity)?
    }
    fn timing() -> Result<(), Error> {
        Err(TimeError::from(DENIED))?
    }
    fn joining() -> Result<(), Error> {
        Err(ChildEnded::Failed)?
    }
    assert_eq!(users().expect_err("fails").to_string(), "ours 1");
    assert!(parsing().is_err());
    assert!(
        spawning()
            .expect_err("fails")
            .downcast_ref::<SpawnError>()
            .is_some()
    );
    assert!(
        timing()
            .expect_err("fails")
            .downcast_ref::<TimeError>()
            .is_some()
    );
    assert!(
        joining()
            .expect_err("fails")
            .downcast_ref::<ChildEnded>()
            .is_some()
    );
}

#[test]
fn downcast_gives_the_error_back_or_keeps_it() {
    let error = Error::from(Ours(2));
    let error = error
        .downcast::<SpawnError>()
        .expect_err("it is something else");
    assert_eq!(error.downcast::<Ours>().expect("it is ours").0, 2);
}

#[test]
fn what_is_no_cancellation_carries_no_token() {
    assert!(find_cancelled(&Ours(3)).is_none());
    assert!(find_cancelled(&TimeError::Denied(DENIED)).is_none());
    assert!(Error::from(ChildEnded::Failed).cancelled().is_none());
}

#[test]
fn every_error_says_what_a_caller_can_do() {
    use Recoverability::{Fatal, Misuse as Wrong, Retry};
    let panicked = ChildEnded::Panicked(PanicPayload::from_message("boom"));
    assert_eq!(SpawnError::AtCapacity.recoverability(), Retry);
    assert_eq!(SpawnError::RegionClosed.recoverability(), Fatal);
    assert_eq!(SpawnError::TooDeep.recoverability(), Wrong);
    assert_eq!(SpawnError::Denied(DENIED).recoverability(), Wrong);
    assert_eq!(DENIED.recoverability(), Wrong);
    assert_eq!(TimeError::Denied(DENIED).recoverability(), Wrong);
    assert_eq!(panicked.recoverability(), Fatal);
    assert_eq!(ChildEnded::Failed.recoverability(), Fatal);
    assert_eq!(Misuse::ForeignCx.recoverability(), Wrong);
}

#[test]
fn messages_name_the_thing_and_do_not_end_in_a_stop() {
    let boom = PanicPayload::from_message("boom");
    let errors: [&dyn core::error::Error; 9] = [
        &SpawnError::RegionClosed,
        &SpawnError::AtCapacity,
        &SpawnError::TooDeep,
        &SpawnError::Denied(DENIED),
        &TimeError::Denied(DENIED),
        &ChildEnded::Failed,
        &ChildEnded::Panicked(boom),
        &Misuse::ForeignCx,
        &Misuse::JoinSelf,
    ];
    for error in errors {
        let text = error.to_string();
        assert!(!text.is_empty() && !text.ends_with('.'), "{text}");
    }
    assert!(DENIED.to_string().contains("`time`"));
    assert!(
        ChildEnded::Panicked(PanicPayload::from_message("boom"))
            .to_string()
            .contains("boom")
    );
}

#[test]
fn predicates_tell_the_variants_apart() {
    assert!(SpawnError::RegionClosed.is_closed() && !SpawnError::RegionClosed.is_at_capacity());
    assert!(SpawnError::AtCapacity.is_at_capacity() && !SpawnError::AtCapacity.is_closed());
    assert!(!TimeError::Denied(DENIED).is_cancelled());
    assert!(!ChildEnded::Failed.is_cancelled() && !ChildEnded::Failed.is_timeout());
    assert!(ChildEnded::Failed.reason().is_none());
    const {
        assert!(
            CAUSE_DEPTH_MAX >= 2,
            "the first origin and the latest link both fit"
        )
    };
}
