//! Storms of tasks, tasks that panic, regions with deadlines, and calls of the blocking pool.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use asupersync_core::{
    Budget, ChildEnded, Cx, Error, Outcome, Policy, Region, RegionOptions, SpawnError,
};
use asupersync_std::{BlockingError, BlockingOptions, spawn_blocking_with};

use crate::ledger::Open;
use crate::world::{Dice, ON_PURPOSE, World};

/// How many tasks a storm spawns at once.
const BURST: u64 = 200;
const LONG: Duration = Duration::from_secs(3_600);

/// Spawns bursts of tasks into a region and cancels some, then the region.
pub async fn storm(cx: Cx, world: Arc<World>, mut dice: Dice) -> Result<(), Error> {
    while !world.is_over() {
        // It ends as cancelled, which is what is wanted.
        let ended = cx.region(async |region| burst(region, &world, &mut dice).await);
        if let Err(error) = ended.await {
            cx.checkpoint()?;
            if let Some(refused) = error.downcast_ref::<SpawnError>() {
                assert!(refused.is_at_capacity(), "{refused}");
            }
        }
        cx.yield_now().await?;
    }
    Ok(())
}

async fn burst(region: &Region, world: &Arc<World>, dice: &mut Dice) -> Result<(), Error> {
    for _ in 0..BURST {
        let kind = dice.below(8_192);
        let world = Arc::clone(world);
        let open = world.open(|l| &l.tasks.spawned, |l| &l.tasks.dropped);
        let task = region.spawn(async move |cx: Cx| one(&cx, &world, open, kind).await)?;
        match dice.below(4) {
            0 => task.cancel("the storm"),
            1 => drop(task),
            2 if kind % 4 < 2 => drop(task.outcome(region).await?),
            _ => {}
        }
    }
    if dice.once_in(2) {
        region.cancel("the storm");
    }
    // The rest waits for an hour.
    region.cancel("the burst is over");
    Ok(())
}

/// The body of one task of a storm.
async fn one(cx: &Cx, world: &Arc<World>, open: Open, kind: u64) -> Result<(), Error> {
    let ended = match kind {
        8_191 => return never_looks().await,
        _ if kind % 4 == 0 => Ok(()),
        _ if kind % 4 == 1 => cx.yield_now().await.map_err(Error::from),
        _ if kind % 4 == 2 => with_finalizer(cx, world).await,
        _ => cx.sleep(LONG).await.map_err(Error::from),
    };
    open.end(match ended {
        Ok(()) => |l| &l.tasks.returned,
        Err(_) => |l| &l.tasks.cancelled,
    });
    ended
}

/// Is forced when its budget is spent.
async fn never_looks() -> Result<(), Error> {
    std::future::pending().await
}

async fn with_finalizer(cx: &Cx, world: &Arc<World>) -> Result<(), Error> {
    let open = world.open(|l| &l.finalizers.deferred, |l| &l.finalizers.forced);
    cx.defer(async move |cx: Cx| {
        // Masked: it does not see the cancel.
        if cx.yield_now().await.is_ok() {
            open.end(|l| &l.finalizers.ran);
        }
    })?;
    Ok(cx.sleep(LONG).await?)
}

/// Panics when it is dropped, once it is armed.
struct DropsBadly(Arc<AtomicBool>);

impl Drop for DropsBadly {
    fn drop(&mut self) {
        if self.0.load(Ordering::Relaxed) && !std::thread::panicking() {
            std::panic::panic_any(ON_PURPOSE);
        }
    }
}

/// Spawns tasks that panic, in a poll and in a drop, and sees that each is told as panicked.
pub async fn panics(cx: Cx, world: Arc<World>, mut dice: Dice) -> Result<(), Error> {
    while !world.is_over() {
        let options = RegionOptions::new().policy(Policy::CollectAll);
        // Its children panicked, and so it ends.
        let ended = cx.region_with(options, async |region| {
            for _ in 0..8 {
                one_panic(region, &world, dice.below(3)).await?;
            }
            Ok(())
        });
        let _ = ended.await;
        cx.sleep(Duration::from_millis(dice.below(3))).await?;
    }
    Ok(())
}

async fn one_panic(region: &Region, world: &Arc<World>, kind: u64) -> Result<(), Error> {
    let open = world.open(|l| &l.panics.spawned, |l| &l.panics.unseen);
    let is_armed = Arc::new(AtomicBool::new(false));
    let badly = DropsBadly(Arc::clone(&is_armed));
    let spawned = region.spawn(async move |cx| {
        let _badly = badly;
        if kind == 1 {
            cx.yield_now().await?;
        }
        if kind < 2 {
            std::panic::panic_any(ON_PURPOSE);
        }
        Ok(cx.sleep(LONG).await?)
    });
    let task = match spawned {
        Ok(task) => task,
        Err(error) => {
            open.end(|l| &l.panics.refused);
            return Err(error.into());
        }
    };
    if kind == 2 {
        // Dropped by the kernel, unpolled, or at the end of its poll.
        is_armed.store(true, Ordering::Relaxed);
        task.cancel("its drop panics");
    }
    match task.outcome(region).await? {
        Outcome::Panicked(_) => open.end(|l| &l.panics.panicked),
        // It was never polled.
        Outcome::Cancelled(_) => open.end(|l| &l.panics.cancelled),
        Outcome::Ok(()) => world.ledger.faults.errors.add(),
        Outcome::Err(error) => return Err(error),
    }
    Ok(())
}

/// Opens regions whose children may or may not be done by the deadline.
pub async fn deadlines(cx: Cx, world: Arc<World>, mut dice: Dice) -> Result<(), Error> {
    while !world.is_over() {
        let open = world.open(|l| &l.regions.opened, |l| &l.regions.dropped);
        let limit = Duration::from_micros(dice.below(4_000));
        let budget = Budget {
            deadline: Some(cx.now()?.saturating_add(limit)),
            ..Budget::INFINITE
        };
        let options = RegionOptions::new().budget(budget);
        let times = [dice.below(4_000), dice.below(4_000)];
        let ended = cx.region_with(options, async |region| {
            let mut tasks = Vec::new();
            for micros in times {
                let world = Arc::clone(&world);
                let sleep = async move |cx: Cx| sleep(&cx, &world, micros).await;
                tasks.push(region.spawn(sleep)?);
            }
            for task in tasks {
                task.join(region).await?;
            }
            Ok(())
        });
        let ended = ended.await;
        let was_stopped = cx.is_cancel_requested();
        open.end(match &ended {
            Ok(()) => |l| &l.regions.closed,
            Err(_) if was_stopped => |l| &l.regions.cancelled,
            Err(_) => |l| &l.regions.timed_out,
        });
        cx.checkpoint()?;
    }
    Ok(())
}

/// Sleeps, and counts how that ended.
pub async fn sleep(cx: &Cx, world: &World, micros: u64) -> Result<(), Error> {
    let open = world.open(|l| &l.timers.set, |l| &l.timers.dropped);
    let ended = cx.sleep(Duration::from_micros(micros)).await;
    open.end(match ended {
        Ok(()) => |l| &l.timers.over,
        Err(_) => |l| &l.timers.cancelled,
    });
    Ok(ended?)
}

/// Calls the blocking pool; some calls panic, some are given up.
pub async fn blocking(cx: Cx, world: Arc<World>, mut dice: Dice) -> Result<(), Error> {
    while !world.is_over() {
        let open = world.open(|l| &l.blocking.submitted, |l| &l.blocking.dropped);
        let rounds = dice.below(20_000);
        let is_bad = dice.once_in(16);
        let limit = Duration::from_micros(dice.below(2_000));
        let call = cx.timeout(limit, async |cx| {
            let options = BlockingOptions::new();
            let ended = spawn_blocking_with(cx, options, move |flag| {
                let mut work = Dice(rounds);
                for _ in 0..rounds {
                    if flag.is_cancelled() {
                        break;
                    }
                    std::hint::black_box(work.below(7));
                }
                if is_bad {
                    open.end(|l| &l.blocking.panicked);
                    std::panic::panic_any(ON_PURPOSE);
                }
                open.end(|l| &l.blocking.ran);
            });
            match ended.await {
                // Meant to.
                Err(error) if error.is_panicked() && is_bad => Ok(()),
                ended => Ok(ended?),
            }
        });
        if let Err(error) = call.await {
            cx.checkpoint()?;
            let is_over = error.downcast_ref().is_some_and(ChildEnded::is_timeout);
            let is_full = error
                .downcast_ref()
                .is_some_and(BlockingError::is_at_capacity);
            if !is_over && !is_full {
                return Err(error);
            }
        }
    }
    Ok(())
}
