//! Live heap bytes per task after 10,000 tasks were spawned, polled once and left waiting. The handles' vector is made
//! before the count starts, so it is nobody's cost; what run queues and task lists grew by is in the figure, as a
//! runtime cannot do without it.
//!
//! Everybody runs [`idle`]: an async block (an `async fn` would store its argument twice) that holds one number across
//! an await that never ends. asupersync is also shown with a task that keeps its `Cx`, as a task does that wants to
//! wait for something or hear of a cancel; what its runtime reserves per task of its capacity is counted too.
//!
//! Dominated by: the task header. malloc's own header (8 bytes, rounding to 16) is not counted; alignment above 16 is
//! not visible here either, though tokio's 128 costs it memory at the allocator.

use crate::harness::{Contestant, Role, Unit, Workload};
use crate::heap;
use crate::host::{self, raw};
use crate::ours;
use async_executor::LocalExecutor;
use futures::executor::LocalPool;
use futures::task::LocalSpawnExt;
use std::future::pending;

const TASKS: u64 = 10_000;

pub fn workload(name: &'static str) -> Workload {
    let mut contestants = ours::idle_bytes(TASKS);
    contestants.extend([tokio(), smol(), futures(), embassy(), raw()]);
    Workload {
        name,
        per: "idle task",
        unit: Unit::Bytes,
        bar: Some(1.3),
        contestants,
    }
}

#[expect(
    clippy::manual_async_fn,
    reason = "an async fn stores its argument twice"
)]
fn idle(number: u64) -> impl Future<Output = u64> + Send + 'static {
    async move {
        pending::<()>().await;
        number
    }
}

fn bytes_each(growth: isize) -> f64 {
    assert!(growth > 0, "waiting tasks take memory");
    growth as f64 / TASKS as f64
}

fn tokio() -> Contestant {
    Contestant::new("tokio current_thread", Role::Named, || {
        let runtime = host::tokio();
        let mut handles = Vec::with_capacity(TASKS as usize);
        let growth = heap::growth(|| {
            runtime.block_on(async {
                handles.extend((0..TASKS).map(|number| tokio::spawn(idle(number))));
                tokio::task::yield_now().await;
            });
            // The next entry polls whatever the first did not get to.
            while runtime.metrics().global_queue_depth() > 0 {
                runtime.block_on(tokio::task::yield_now());
            }
        });
        assert_eq!(runtime.metrics().num_alive_tasks() as u64, TASKS);
        bytes_each(growth)
    })
}

fn smol() -> Contestant {
    Contestant::new("smol LocalExecutor", Role::Named, || {
        let executor = LocalExecutor::new();
        let mut handles = Vec::with_capacity(TASKS as usize);
        let growth = heap::growth(|| {
            handles.extend((0..TASKS).map(|number| executor.spawn(idle(number))));
            while executor.try_tick() {}
        });
        bytes_each(growth)
    })
}

fn futures() -> Contestant {
    Contestant::new("futures LocalPool", Role::Other, || {
        let mut pool = LocalPool::new();
        let spawner = pool.spawner();
        let mut handles = Vec::with_capacity(TASKS as usize);
        let growth = heap::growth(|| {
            handles.extend((0..TASKS).map(|number| {
                spawner
                    .spawn_local_with_handle(idle(number))
                    .expect("the pool is alive")
            }));
            pool.run_until_stalled();
        });
        bytes_each(growth)
    })
}

/// Static storage, measured as the leaked slice that stands for it. Without a result and without a handle.
fn embassy() -> Contestant {
    Contestant::new("embassy (std), no join", Role::Other, || {
        let growth = heap::growth(|| {
            let slots = host::embassy_storage(TASKS);
            host::embassy_run(
                |spawner| {
                    for (slot, number) in slots.iter().zip(0..) {
                        host::embassy_spawn(spawner, slot, || async move {
                            idle(number).await;
                        });
                    }
                },
                || true,
            );
        });
        bytes_each(growth)
    })
}

fn raw() -> Contestant {
    Contestant::new("raw async-task loop", Role::Limit, || {
        let mut handles = Vec::with_capacity(TASKS as usize);
        let growth = heap::growth(|| {
            handles.extend((0..TASKS).map(|number| raw::spawn(idle(number))));
            raw::run_until_idle();
        });
        // Dropping the handles cancels the tasks; the queue then drops their futures, outside the count.
        drop(handles);
        raw::run_until_idle();
        bytes_each(growth)
    })
}
