//! Each oracle against the kernel itself: seeded bugs that it must name, with programs that are clean without.
//!
//! Means something under `--cfg asupersync_mutants` only.

#![cfg(asupersync_mutants)]

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use asupersync_core::channel::mpsc;
use asupersync_core::lock::Semaphore;
use asupersync_core::mutants::{Mutant, arm};
use asupersync_core::{Cx, Error, RegionOptions, Timing};
use asupersync_sim::{Lab, LabReport, LocalRegion, Oracle};

const LONG: Duration = Duration::from_secs(3_600);
const SHORT: Duration = Duration::from_millis(1);

/// How many seeds a bug may take to be found.
const SEEDS: u64 = 20;

type Program = fn(&Lab) -> LabReport<()>;

macro_rules! program {
    ($body:expr) => {
        |lab| lab.run_twice(|| $body)
    };
}

/// Bug, who must name it, and in which program.
const BUGS: &[(Mutant, Oracle, Program)] = &[
    (
        Mutant::BackgroundOrphaned,
        Oracle::Quiescence,
        program!(background),
    ),
    (
        Mutant::SpawnAfterClose,
        Oracle::Ownership,
        program!(late_spawn),
    ),
    (
        Mutant::ClosingStillOpen,
        Oracle::Ownership,
        program!(late_spawn),
    ),
    (Mutant::NoAdmissionLimit, Oracle::Ownership, |lab| {
        lab.clone().capacity(3).run(crowd)
    }),
    (
        Mutant::AdoptionUncounted,
        Oracle::Ownership,
        program!(dropped_region),
    ),
    (
        Mutant::HandleDropCancels,
        Oracle::CancelPhases,
        program!(background),
    ),
    (
        Mutant::CancelMissesIdle,
        Oracle::CancelPhases,
        program!(cancelled_tree),
    ),
    (
        Mutant::CancelMissesChild,
        Oracle::CancelPhases,
        program!(cancelled_tree),
    ),
    (
        Mutant::PollsTheUnpolled,
        Oracle::CancelPhases,
        program!(cancelled_before),
    ),
    (Mutant::WeakerReplaces, Oracle::CancelPhases, |lab| {
        lab.run(weaker_after_stronger)
    }),
    (Mutant::CloseEarly, Oracle::Quiescence, program!(background)),
    (
        Mutant::FinalizersEarly,
        Oracle::Quiescence,
        program!(background),
    ),
    (Mutant::ShutdownEarly, Oracle::Quiescence, |lab| {
        let rooted = lab.clone().root(|spawner| {
            let slow = spawner.spawn(async |cx: Cx| {
                cx.masked(LONG, async |cx| cx.sleep(SHORT).await).await?;
                Ok(())
            });
            drop(slow);
        });
        rooted.run(async |_| Ok(()))
    }),
    (
        Mutant::FinalizerSkipped,
        Oracle::Finalizers,
        program!(finalizers),
    ),
    (Mutant::DoubleCommit, Oracle::Obligations, program!(permits)),
    (Mutant::LeakIgnored, Oracle::Obligations, |lab| {
        lab.clone().allow_leaks(true).run(forgotten)
    }),
    (Mutant::LeakAtForce, Oracle::Leaks, program!(forced_holder)),
    (
        Mutant::RaceDoesNotDrain,
        Oracle::LoserDrain,
        program!(slow_loser),
    ),
    (
        Mutant::CapabilityAmbient,
        Oracle::Capabilities,
        program!(denied),
    ),
    (
        Mutant::WakeWhilePollingLost,
        Oracle::LostWakeup,
        program!(self_wake),
    ),
    (
        Mutant::GrantDropped,
        Oracle::Deadlock,
        program!(abandoned_grant),
    ),
    (Mutant::NeverForced, Oracle::Progress, |lab| {
        lab.clone().max_steps(2_000).run(never_looks)
    }),
    (
        Mutant::EntropyFromAddress,
        Oracle::Determinism,
        program!(draws),
    ),
];

async fn background(region: &LocalRegion) -> Result<(), Error> {
    region.spawn_background(async |cx: Cx| {
        cx.sleep(LONG).await?;
        Ok(())
    })?;
    let handle = region.spawn(async |cx: Cx| {
        cx.sleep(SHORT).await?;
        Ok(())
    })?;
    drop(handle);
    Ok(())
}

async fn late_spawn(region: &LocalRegion) -> Result<(), Error> {
    let spawner = region.region(async |inner| Ok(inner.spawner())).await?;
    let refused = spawner.spawn(async |_cx| Ok(()));
    drop(refused);
    Ok(())
}

async fn crowd(region: &LocalRegion) -> Result<(), Error> {
    for _ in 0..6 {
        let admitted = region.spawn(async |cx: Cx| {
            cx.sleep(SHORT).await?;
            Ok(())
        });
        drop(admitted);
    }
    Ok(())
}

/// Drops the future of a region whose child lives, deep enough that there is a grandparent.
async fn dropped_region(region: &LocalRegion) -> Result<(), Error> {
    region
        .region(async |middle| {
            let mut inner = Box::pin(middle.region(async |inner| {
                inner.spawn(async |cx: Cx| {
                    cx.sleep(LONG).await?;
                    Ok(())
                })?;
                inner.sleep(LONG).await?;
                Ok(())
            }));
            std::future::poll_fn(|waker| Poll::Ready(inner.as_mut().poll(waker).is_pending()))
                .await;
            middle.yield_now().await?;
            drop(inner);
            Ok(())
        })
        .await
}

async fn cancelled_tree(region: &LocalRegion) -> Result<(), Error> {
    let ended = region
        .region(async |outer| {
            outer.spawn(async |cx: Cx| {
                cx.region(async |inner| {
                    inner.spawn(async |cx: Cx| {
                        cx.sleep(LONG).await?;
                        Ok(())
                    })?;
                    inner.sleep(LONG).await?;
                    Ok(())
                })
                .await
            })?;
            outer.sleep(SHORT).await?;
            outer.cancel("enough");
            Ok(())
        })
        .await;
    drop(ended);
    Ok(())
}

async fn cancelled_before(region: &LocalRegion) -> Result<(), Error> {
    let task = region.spawn(async |cx: Cx| {
        let _ = cx.sleep(SHORT).await;
        Ok(())
    })?;
    task.cancel("before its first poll");
    drop(task.outcome(region).await);
    Ok(())
}

async fn weaker_after_stronger(region: &LocalRegion) -> Result<(), Error> {
    let ended = region
        .region(async |inner| {
            let failing = inner
                .spawn(async |_cx| -> Result<(), Error> { Err(Error::from(core::fmt::Error)) })?;
            inner.spawn(async |cx: Cx| {
                cx.masked(LONG, async |cx| cx.sleep(SHORT).await).await?;
                Ok(())
            })?;
            drop(failing);
            inner.yield_now().await?;
            let _ = inner.sleep(LONG).await;
            inner.cancel("weaker than a failure");
            Ok(())
        })
        .await;
    drop(ended);
    Ok(())
}

async fn finalizers(region: &LocalRegion) -> Result<(), Error> {
    for _ in 0..2 {
        region.defer(async |cx: Cx| {
            let _ = cx.yield_now().await;
        })?;
    }
    Ok(())
}

async fn permits(region: &LocalRegion) -> Result<(), Error> {
    let (sender, mut receiver) = mpsc::channel(NonZeroUsize::MIN);
    assert!(sender.reserve(region).await?.send(1).is_delivered());
    receiver.recv(region).await?;
    Ok(())
}

async fn forgotten(region: &LocalRegion) -> Result<(), Error> {
    region
        .region(async |inner| {
            inner.spawn(async |cx: Cx| {
                std::mem::forget(cx.io_op()?);
                Ok(())
            })?;
            Ok(())
        })
        .await
}

async fn forced_holder(region: &LocalRegion) -> Result<(), Error> {
    let (sender, receiver) = mpsc::channel::<u8>(NonZeroUsize::MIN);
    let task = region.spawn(async move |cx: Cx| {
        let _permit = sender.reserve(&cx).await?;
        std::future::pending::<()>().await;
        Ok(())
    })?;
    region.sleep(SHORT).await?;
    task.cancel("it never looks");
    drop(task.outcome(region).await);
    drop(receiver);
    Ok(())
}

async fn slow_loser(region: &LocalRegion) -> Result<(), Error> {
    region
        .race(
            async |cx| Ok(cx.sleep(SHORT).await?),
            async |cx| {
                let _ = cx.sleep(LONG).await;
                cx.masked(LONG, async |cx| cx.sleep(SHORT).await).await?;
                Ok(())
            },
        )
        .await?;
    Ok(())
}

async fn denied(region: &LocalRegion) -> Result<(), Error> {
    let options = RegionOptions::new().deny::<Timing>();
    region
        .region_with(options, async |inner| {
            drop(inner.now());
            Ok(())
        })
        .await
}

async fn self_wake(region: &LocalRegion) -> Result<(), Error> {
    let mut first = true;
    region
        .timeout(SHORT, async |_| {
            std::future::poll_fn(|waker| {
                if std::mem::replace(&mut first, false) {
                    waker.waker().wake_by_ref();
                    return Poll::Pending;
                }
                Poll::Ready(())
            })
            .await;
            Ok(())
        })
        .await
}

/// A future is handed the permit and dropped before it is polled: the next waiter must get it.
async fn abandoned_grant(region: &LocalRegion) -> Result<(), Error> {
    let lock = Arc::new(Semaphore::new(1));
    let held = lock.acquire(region, 1).await;
    let mut first = Box::pin(lock.acquire(region, 1));
    std::future::poll_fn(|waker| Poll::Ready(first.as_mut().poll(waker).is_pending())).await;
    let next = Arc::clone(&lock);
    let second = region.spawn(async move |cx: Cx| {
        let _held = next.acquire(&cx, 1).await;
        Ok(())
    })?;
    region.sleep(SHORT).await?;
    drop(held);
    drop(first);
    second.join(region).await
}

async fn never_looks(_: &LocalRegion) -> Result<(), Error> {
    std::future::pending::<()>().await;
    Ok(())
}

async fn draws(region: &LocalRegion) -> Result<(), Error> {
    let drawn = region.random_u64()?;
    region.trace(1, drawn)?;
    Ok(())
}

/// One test, since the switch is the process's.
// proves: PO-OWN PO-CAN PO-REG PO-OBL WVT-004 WVT-006
#[test]
fn every_seeded_bug_is_named_by_its_oracle() {
    asupersync_sim::silence_panics();
    let mut wrong = Vec::new();
    for (mutant, oracle, program) in BUGS {
        for seed in 0..SEEDS {
            let report = program(&Lab::new(seed));
            let is_clean = report.is_clean() || *mutant == Mutant::NeverForced;
            if !is_clean {
                wrong.push(format!("{} without the bug: {report}", mutant.name()));
            }
        }
        arm(Some(*mutant));
        let found = (0..SEEDS).any(|seed| program(&Lab::new(seed)).violates(*oracle));
        arm(None);
        if !found {
            wrong.push(format!("{} is not named by {oracle}", mutant.name()));
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}
