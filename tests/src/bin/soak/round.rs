//! One round: a runtime, the whole load, and its end.
//!
//! Every other round is cut: the runtime is shut down while all of it is at work. What a runtime has left behind counts
//! as a fault.

use std::sync::Arc;
use std::sync::mpsc;
use std::time::Duration;

use anyhow::{Result, anyhow};
use asupersync_core::{CleanupBudgets, Config, Cx, Error, LocalRegion, Spawner, Stats};
use asupersync_std::Runtime;

use crate::ledger::Ledger;
use crate::world::{Dice, World, judge};
use crate::{net, tasks, waits};

const WORKERS_MAX: u64 = 4;
/// A poll that lasts this long is told: none should.
const STALL: Duration = Duration::from_secs(10);

/// Runs the load for `length`.
pub fn run(ledger: &Arc<Ledger>, number: u64, seed: u64, length: Duration) -> Result<()> {
    let mut dice = Dice(seed);
    let mut config = Config::default();
    config.cleanup = CleanupBudgets::default().scaled(1, 10);
    // Dumps cost a record per task, in every fourth round.
    config.inspect = number % 4 == 3;
    let workers = 1 + dice.below(WORKERS_MAX) as usize;
    let builder = Runtime::builder().workers(workers).stall_after(STALL);
    let mut runtime = builder.config(config).build()?;
    ledger.runtimes.started.add();
    let world = World::new(ledger, dice.below(u64::MAX));
    let stats = if number % 2 == 0 {
        let ended = runtime.block_on(async |region: &LocalRegion| {
            start(&region.spawner(), &world)?;
            region.sleep(length).await?;
            world.end();
            Ok::<_, Error>(())
        });
        ended.map_err(|error| anyhow!("round {number} failed: {error}"))?;
        left_behind(ledger, &runtime);
        ledger.runtimes.stopped.add();
        runtime.shut_down()
    } else {
        start(&runtime.spawner(), &world)?;
        // Nobody sends: this is how a thread waits.
        let (_nobody, time) = mpsc::channel::<()>();
        let _ = time.recv_timeout(length);
        ledger.runtimes.cut.add();
        runtime.shut_down()
    };
    judge_stats(ledger, &stats);
    Ok(())
}

/// Starts every part of the load, and the server.
fn start(spawner: &Spawner<Error>, world: &Arc<World>) -> Result<(), asupersync_core::SpawnError> {
    let serve = Arc::clone(world);
    spawner.spawn_background(async move |cx: Cx| {
        let ended = net::server(cx, Arc::clone(&serve)).await;
        judge(&serve, "server", ended);
        Ok(())
    })?;
    macro_rules! parts {
        ($($count:literal of $part:path),* $(,)?) => {$(
            for _ in 0..$count {
                let (world, dice) = (Arc::clone(world), world.dice());
                drop(spawner.spawn(async move |cx: Cx| {
                    let ended = $part(cx, Arc::clone(&world), dice).await;
                    judge(&world, stringify!($part), ended);
                    Ok(())
                })?);
            }
        )*};
    }
    parts!(
        2 of tasks::storm,
        1 of tasks::panics,
        4 of tasks::deadlines,
        4 of tasks::blocking,
        3 of waits::channels,
        8 of waits::races,
        16 of net::clients,
    );
    Ok(())
}

/// The load is over and its runtime still there: nothing of the load may be.
fn left_behind(ledger: &Ledger, runtime: &Runtime) {
    let snapshot = runtime.snapshot();
    if snapshot.kernel.live > 0 || snapshot.io.sources > 0 {
        let (live, sources) = (snapshot.kernel.live, snapshot.io.sources);
        eprintln!("soak: {live} tasks and {sources} sockets outlived their region");
        ledger.faults.left.add();
    }
}

fn judge_stats(ledger: &Ledger, stats: &Stats) {
    for _ in 0..stats.leaked {
        ledger.faults.leaked.add();
    }
    for _ in 0..stats.live + stats.timers {
        ledger.faults.left.add();
    }
}
