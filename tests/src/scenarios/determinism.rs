//! Determinism (R-DET-*), as far as one run can show it; the rest is in the replay tests.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::time::Duration;

use asupersync_core::trace::{Event, EventKind};
use asupersync_core::{Fingerprint, LocalRegion, PathId, Time};

use crate::Probe;
use crate::harness::{Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new(
        "det/draws_depend_on_place_alone",
        draws_depend_on_place_alone,
    ),
    Scenario::new("det/paths_follow_the_spawner", paths_follow_the_spawner),
    Scenario::new("det/clock_never_goes_back", clock_never_goes_back),
    Scenario::new(
        "det/fingerprint_ignores_independent_order",
        fingerprint_ignores_independent_order,
    ),
    Scenario::new(
        "det/fingerprint_sees_dependent_order",
        fingerprint_sees_dependent_order,
    ),
];

/// What was mixed into a draw: the inverse of the finaliser of splitmix64, which the generator is.
fn unmix(draw: u64) -> u64 {
    let mut x = draw;
    x = x ^ (x >> 31) ^ (x >> 62);
    x = x.wrapping_mul(0x3196_42b2_d24d_8ec3);
    x = x ^ (x >> 27) ^ (x >> 54);
    x = x.wrapping_mul(0x96de_1b17_3f11_9089);
    x ^ (x >> 30) ^ (x >> 60)
}

/// A draw is made of the runtime's seed and the path of the draw: not of time, order or addresses.
// proves: R-DET-1 WVT-006
fn draws_depend_on_place_alone<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let mut seeds = Vec::new();
        for _ in 0..2 {
            let task = r.spawn(async |cx| {
                let mut seeds = Vec::new();
                for ordinal in 0..3 {
                    let place = cx.path().child(ordinal);
                    seeds.push(unmix(cx.random_u64()?) ^ place.as_u64());
                    cx.sleep(Duration::from_micros(700)).await?;
                }
                Ok(seeds)
            })?;
            seeds.extend(task.join(r).await?);
        }
        let same = seeds.iter().all(|seed| *seed == seeds[0]);
        probe.expect(same, "a draw depends on more than seed and place");
        Ok(())
    })
}

/// A path is the parent's path and the number of the spawn, whatever runs first.
// proves: R-DET-1 WVT-006
fn paths_follow_the_spawner<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region(async |inner| {
            for ordinal in 0..4 {
                let (expected, notes) = (inner.path().child(ordinal), probe.clone());
                let task = inner.spawn(async move |cx| {
                    notes.expect_eq(cx.path(), expected, "in the task");
                    Ok(())
                })?;
                probe.expect_eq(task.path(), expected, "of the handle");
                if ordinal % 2 == 0 {
                    task.join(inner).await?;
                }
            }
            Ok(())
        })
        .await
    })
}

/// The clock stands or moves forward, across polls, yields and sleeps.
// proves: R-DET-1 WVT-008
fn clock_never_goes_back<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let mut last = r.now()?;
        for round in 0..20 {
            if round % 2 == 0 {
                r.yield_now().await?;
            } else {
                r.sleep(Duration::from_micros(round)).await?;
            }
            let now = r.now()?;
            probe.expect(now >= last, "the clock went back");
            last = now;
        }
        Ok(())
    })
}

const A: u64 = 0xa;
const B: u64 = 0xb;

fn said(actor: u64, value: u64) -> Event {
    Event {
        at: Time::ZERO,
        actor: PathId::from_u64(actor),
        kind: EventKind::User,
        object: 1,
        arg: value,
    }
}

/// Takes something from the queue `0xc`, which both know.
fn waited(actor: u64) -> Event {
    Event {
        kind: EventKind::WaitGranted,
        object: 0xc,
        ..said(actor, 0)
    }
}

fn fingerprint(events: &[Event]) -> u64 {
    Fingerprint::of(events)
}

/// Traces that differ in the order of independent events only have one fingerprint.
// proves: R-DET-3 WVT-012
fn fingerprint_ignores_independent_order<'a>(_: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let (a1, a2, b1, b2) = (said(A, 1), said(A, 2), said(B, 1), said(B, 2));
        let expected = fingerprint(&[a1, a2, b1, b2]);
        for trace in [[a1, b1, a2, b2], [b1, a1, b2, a2], [b1, b2, a1, a2]] {
            probe.expect_eq(fingerprint(&trace), expected, "an equivalent trace");
        }
        Ok(())
    })
}

/// The order of dependent events, and every event, counts.
// proves: R-DET-3 WVT-012
fn fingerprint_sees_dependent_order<'a>(_: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let whole = fingerprint(&[said(A, 1), said(A, 2)]);
        probe.expect(
            whole != fingerprint(&[said(A, 2), said(A, 1)]),
            "one task's own order",
        );
        probe.expect(whole != fingerprint(&[said(A, 1)]), "a missing event");
        probe.expect(
            whole != fingerprint(&[said(A, 1), said(B, 2)]),
            "another actor",
        );
        let one = fingerprint(&[waited(A), waited(B)]);
        probe.expect(
            one != fingerprint(&[waited(B), waited(A)]),
            "the order at one queue",
        );
        Ok(())
    })
}
