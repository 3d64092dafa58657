//! Small programs that the tests of the lab run: a pipeline, a race, a tree that is cancelled.
#![allow(dead_code)] // each test file uses some of them

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::time::Duration;

use asupersync_core::channel::mpsc;
use asupersync_core::lock::Semaphore;
use asupersync_core::{Budget, Policy};
use asupersync_core::{Cx, Either, Error, LocalRegion, RegionOptions, TaskOptions};

/// Two producers, a bounded channel, one consumer: gives the sum of what arrived.
pub async fn pipeline(region: &LocalRegion) -> Result<u64, Error> {
    let (sender, mut receiver) = mpsc::channel(NonZeroUsize::new(2).expect("not zero"));
    for first in [0_u64, 100] {
        let sender = sender.clone();
        region.spawn(async move |cx: Cx| {
            for value in first..first + 5 {
                cx.sleep(Duration::from_millis(value % 3)).await?;
                if sender.send(&cx, value).await.is_err() {
                    break;
                }
            }
            Ok(())
        })?;
    }
    drop(sender);
    let mut sum = 0;
    while let Ok(value) = receiver.recv(region).await {
        sum += value;
    }
    Ok(sum)
}

/// A race of a short and a long sleep, under a timeout, inside a region with a finalizer.
pub async fn race(region: &LocalRegion) -> Result<u64, Error> {
    let winner = region
        .region(async |inner| {
            inner.defer(async |cx: Cx| {
                let _ = cx.sleep(Duration::from_millis(1)).await;
            })?;
            inner
                .timeout(Duration::from_secs(1), async |cx| {
                    cx.race(
                        async |cx| {
                            cx.sleep(Duration::from_millis(5)).await?;
                            Ok(1)
                        },
                        async |cx| {
                            cx.sleep(Duration::from_secs(60)).await?;
                            Ok(2)
                        },
                    )
                    .await
                })
                .await
        })
        .await?;
    Ok(match winner {
        Either::A(value) | Either::B(value) => value,
    })
}

/// Regions in regions, tasks with deadlines, quotas and a contended semaphore; the outermost one is
/// cancelled half-way.
pub async fn tree(region: &LocalRegion) -> Result<u64, Error> {
    let gate = Arc::new(Semaphore::new(2));
    let cancelled = region
        .region_with(
            RegionOptions::new().policy(Policy::CollectAll),
            async |outer| {
                for index in 0..6_u64 {
                    let gate = Arc::clone(&gate);
                    let deadline = outer
                        .now()?
                        .saturating_add(Duration::from_millis(20 + index));
                    let options = match index % 3 {
                        0 => TaskOptions::new(),
                        1 => TaskOptions::new().budget(Budget::INFINITE.with_deadline(deadline)),
                        _ => TaskOptions::new().budget(Budget::INFINITE.with_priority(index as u8)),
                    };
                    outer.spawn_with(options, async move |cx: Cx| {
                        cx.region(async |inner| {
                            for _ in 0..3 {
                                let gate = Arc::clone(&gate);
                                inner.spawn(async move |cx: Cx| {
                                    let held = gate.acquire(&cx, 1).await;
                                    cx.yield_now().await?;
                                    cx.sleep(Duration::from_millis(7)).await?;
                                    drop(held);
                                    Ok(())
                                })?;
                            }
                            inner.sleep(Duration::from_millis(3 * index)).await?;
                            Ok(())
                        })
                        .await
                    })?;
                }
                outer.sleep(Duration::from_millis(15)).await?;
                outer.cancel("enough");
                Ok(())
            },
        )
        .await;
    Ok(u64::from(cancelled.is_err()))
}

/// More tasks than a turn polls, in all three lanes, with timers that are due at once.
pub async fn crowd(region: &LocalRegion) -> Result<u64, Error> {
    let past = region.now()?;
    let result = region
        .region_with(
            RegionOptions::new().policy(Policy::CollectAll),
            async |inner| {
                let mut tasks = Vec::new();
                for index in 0..300_u64 {
                    let deadline = match index % 5 {
                        0 => past,
                        1 => past.saturating_add(Duration::from_millis(index)),
                        _ => asupersync_core::Time::MAX,
                    };
                    let options = match index % 5 {
                        0 | 1 => {
                            TaskOptions::new().budget(Budget::INFINITE.with_deadline(deadline))
                        }
                        _ => TaskOptions::new(),
                    };
                    tasks.push(inner.spawn_with(options, async move |cx: Cx| {
                        for _ in 0..index % 7 {
                            cx.yield_now().await?;
                        }
                        Ok(())
                    })?);
                }
                for task in tasks.iter().skip(7).step_by(11) {
                    task.cancel("by index");
                }
                Ok(())
            },
        )
        .await;
    Ok(u64::from(result.is_ok()))
}
