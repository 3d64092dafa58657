//! Capabilities (R-IO-4): nothing is ambient, and what was taken away stays away.

use alloc::boxed::Box;
use core::time::Duration;

use asupersync_core::{
    Budget, Capability, CapabilityDenied, ChildEnded, Cx, CxBase, Entropy, Error, Io, LocalRegion,
    MissedTicks, RegionOptions, Spawn, SpawnError, TimeError, Timing, Tracing,
};

use crate::Probe;
use crate::harness::{Run, Scenario};

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[
    Scenario::new("cap/time_denied", time_denied),
    Scenario::new("cap/spawn_denied", spawn_denied),
    Scenario::new("cap/each_denial_is_its_own", each_denial_is_its_own),
    Scenario::new("cap/narrowing_is_inherited", narrowing_is_inherited),
    Scenario::new("cap/custom_capability", custom_capability),
    Scenario::new("cap/cleanup_holds_no_more", cleanup_holds_no_more),
    Scenario::new(
        "cap/limits_bind_without_the_clock",
        limits_bind_without_the_clock,
    ),
];

const MILLI: Duration = Duration::from_millis(1);

fn name(denied: Option<CapabilityDenied>) -> Option<&'static str> {
    denied.map(|denied| denied.capability)
}

fn denied_wait(result: Result<(), TimeError>) -> Option<&'static str> {
    match result {
        Err(TimeError::Denied(denied)) => Some(denied.capability),
        _ => None,
    }
}

fn denied_spawn<T>(result: Result<T, SpawnError>) -> Option<&'static str> {
    match result {
        Err(SpawnError::Denied(denied)) => Some(denied.capability),
        _ => None,
    }
}

/// Without `time` every clock and timer fails by name, before anything runs.
// proves: R-IO-4
fn time_denied<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region_with(RegionOptions::new().deny::<Timing>(), async |bare| {
            probe.expect_eq(name(bare.now().err()), Some("time"), "now");
            probe.expect_eq(denied_wait(bare.sleep(MILLI).await), Some("time"), "sleep");
            let zero = asupersync_core::Time::ZERO;
            probe.expect_eq(
                denied_wait(bare.sleep_until(zero).await),
                Some("time"),
                "sleep_until",
            );
            let ticker = bare.interval(MILLI, MissedTicks::Burst);
            probe.expect_eq(name(ticker.err()), Some("time"), "interval");
            let timed = bare
                .timeout(MILLI, async |_| {
                    probe.mark("ran");
                    Ok(())
                })
                .await;
            let denied = timed.err().and_then(|e| e.downcast::<SpawnError>().ok());
            probe.expect_eq(
                denied_spawn(denied.map_or(Ok(()), Err)),
                Some("time"),
                "timeout",
            );
            Ok(())
        })
        .await?;
        probe.expect_marks(&[]);
        Ok(())
    })
}

/// Without `spawn` every way to spawn fails by name, and the closure is dropped uncalled.
// proves: R-IO-4 R-OWN-2
fn spawn_denied<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region_with(RegionOptions::new().deny::<Spawn>(), async |bare| {
            let body = |what: &'static str| {
                let (kept, notes) = (probe.mark_on_drop(what), probe.clone());
                async move |_: Cx| {
                    notes.mark("ran");
                    drop(kept);
                    Ok(())
                }
            };
            probe.expect_eq(
                denied_spawn(bare.spawn(body("spawn"))),
                Some("spawn"),
                "spawn",
            );
            let background = bare.spawn_background(body("background"));
            probe.expect_eq(denied_spawn(background), Some("spawn"), "spawn_background");
            let sibling = bare.spawner().spawn(body("spawner"));
            probe.expect_eq(denied_spawn(sibling), Some("spawn"), "spawner");
            Ok(())
        })
        .await?;
        probe.expect_marks(&["spawn", "background", "spawner"]);
        Ok(())
    })
}

/// Taking one capability away leaves the others.
// proves: R-IO-4
fn each_denial_is_its_own<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let found = |cx: &CxBase| {
            [
                name(cx.now().err()),
                name(cx.random_u64().err()),
                name(cx.io_op().err()),
                name(cx.trace(1, 2).err()),
            ]
        };
        let options = RegionOptions::new;
        probe.expect_eq(found(r), [None; 4], "with everything");
        r.region_with(options().deny::<Entropy>(), async |bare| {
            probe.expect_eq(
                found(bare),
                [None, Some("entropy"), None, None],
                "without entropy",
            );
            Ok(())
        })
        .await?;
        r.region_with(options().deny::<Io>(), async |bare| {
            probe.expect_eq(found(bare), [None, None, Some("io"), None], "without io");
            Ok(())
        })
        .await?;
        r.region_with(options().deny::<Tracing>().deny::<Timing>(), async |bare| {
            let expected = [Some("time"), None, None, Some("trace")];
            probe.expect_eq(found(bare), expected, "without time and trace");
            Ok(())
        })
        .await?;
        probe.expect_eq(found(r), [None; 4], "afterwards, outside");
        Ok(())
    })
}

/// A denial holds for child tasks, inner regions and every fiber below, at any depth.
// proves: R-IO-4
fn narrowing_is_inherited<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region_with(RegionOptions::new().deny::<Timing>(), async |bare| {
            let notes = probe.clone();
            let child = bare.spawn(async move |cx| {
                notes.expect_eq(name(cx.now().err()), Some("time"), "a child task");
                cx.region(async |inner| {
                    notes.expect_eq(name(inner.now().err()), Some("time"), "its inner region");
                    let notes = notes.clone();
                    let grandchild = inner.spawn(async move |cx| {
                        notes.expect_eq(name(cx.now().err()), Some("time"), "a grandchild");
                        Ok(())
                    })?;
                    grandchild.join(inner).await
                })
                .await
            })?;
            bare.join(
                async |cx| {
                    probe.expect_eq(name(cx.now().err()), Some("time"), "a fiber");
                    Ok(())
                },
                async |cx| {
                    cx.masked(MILLI, async |cx| {
                        probe.expect_eq(name(cx.now().err()), Some("time"), "a mask in a fiber");
                    })
                    .await;
                    Ok(())
                },
            )
            .await?;
            child.join(bare).await
        })
        .await
    })
}

/// An authority of the program's own.
#[derive(Clone)]
struct Mail {
    relay: &'static str,
}

impl Capability for Mail {
    const NAME: &'static str = "mail";
}

fn relay(cx: &CxBase) -> Result<&'static str, &'static str> {
    cx.capability::<Mail>()
        .map(|mail| mail.relay)
        .map_err(|denied| denied.capability)
}

/// A capability of the program's own is held where a region grants it, replaced by the nearest
/// grant, and gone below a denial.
// proves: R-IO-4
fn custom_capability<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let grant = |relay| RegionOptions::new().grant(Mail { relay });
        probe.expect_eq(relay(r), Err("mail"), "never granted");
        r.region_with(grant("outer"), async |outer| {
            probe.expect_eq(relay(outer), Ok("outer"), "granted");
            let notes = probe.clone();
            let child = outer.spawn(async move |cx| {
                notes.expect_eq(relay(&cx), Ok("outer"), "a child");
                Ok(())
            })?;
            outer
                .region_with(grant("inner"), async |inner| {
                    probe.expect_eq(relay(inner), Ok("inner"), "granted again");
                    inner
                        .region_with(RegionOptions::new().deny::<Mail>(), async |bare| {
                            probe.expect_eq(relay(bare), Err("mail"), "denied");
                            Ok(())
                        })
                        .await
                })
                .await?;
            probe.expect_eq(relay(outer), Ok("outer"), "afterwards");
            child.join(outer).await
        })
        .await?;
        probe.expect_eq(relay(r), Err("mail"), "outside");
        Ok(())
    })
}

/// Finalizers of a task and of a region hold what their owner held, and no more.
// proves: R-IO-4 R-REG-3
fn cleanup_holds_no_more<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        r.region_with(RegionOptions::new().deny::<Entropy>(), async |bare| {
            let notes = probe.clone();
            bare.defer(async move |cx| {
                notes.expect_eq(
                    name(cx.random_u64().err()),
                    Some("entropy"),
                    "of the region",
                );
                notes.mark("region");
            })?;
            let notes = probe.clone();
            let child = bare.spawn(async move |cx| {
                cx.defer(async move |cx| {
                    notes.expect_eq(name(cx.random_u64().err()), Some("entropy"), "of the task");
                    notes.mark("task");
                })?;
                Ok(())
            })?;
            child.join(bare).await
        })
        .await?;
        probe.expect_marks(&["task", "region"]);
        Ok(())
    })
}

/// A deadline is a limit on code, not an authority of it: it holds without `time`.
// proves: R-IO-4 WVT-008
fn limits_bind_without_the_clock<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let deadline = r.now()?.saturating_add(MILLI);
        let options = RegionOptions::new()
            .budget(Budget::INFINITE.with_deadline(deadline))
            .deny::<Timing>();
        let waits = asupersync_core::lock::Notify::new();
        let result: Result<(), Error> = r
            .region_with(options, async |bare| Ok(waits.notified(bare).await?))
            .await;
        let ended = result
            .err()
            .and_then(|error| error.downcast::<ChildEnded>().ok());
        probe.expect(
            ended.is_some_and(|e| e.is_timeout()),
            "the deadline did not hold",
        );
        probe.expect(r.now()? >= deadline, "it ended early");
        Ok(())
    })
}
