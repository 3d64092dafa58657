//! Spawn N tasks that return their number at once, keep the handles, then join them in order and add the numbers up.
//!
//! Dominated by: one allocation and one free per task, and the hand-over of the result through the handle.
//! embassy-executor is not here: it has neither handles nor results.

use crate::harness::{Contestant, Role, Unit, Workload, ns_each, sum_below, timed};
use crate::host::{self, raw};
use crate::ours;
use async_executor::LocalExecutor;
use futures::executor::LocalPool;
use futures::task::LocalSpawnExt;

pub fn workload(name: &'static str, tasks: u64) -> Workload {
    let mut contestants = ours::spawn_join(ours::On::One, tasks);
    contestants.extend([tokio(tasks), smol(tasks), futures(tasks), raw(tasks)]);
    Workload {
        name,
        per: "task",
        unit: Unit::Ns,
        bar: Some(1.0),
        contestants,
    }
}

fn tokio(tasks: u64) -> Contestant {
    let runtime = host::tokio();
    Contestant::new("tokio current_thread", Role::Named, move || {
        let (spent, sum) = timed(|| {
            runtime.block_on(async {
                let handles: Vec<_> = (0..tasks)
                    .map(|number| tokio::spawn(async move { number }))
                    .collect();
                let mut sum = 0;
                for handle in handles {
                    sum += handle.await.expect("the task returns");
                }
                sum
            })
        });
        assert_eq!(sum, sum_below(tasks));
        ns_each(spent, tasks)
    })
}

fn smol(tasks: u64) -> Contestant {
    let executor = LocalExecutor::new();
    Contestant::new("smol LocalExecutor", Role::Named, move || {
        let (spent, sum) = timed(|| {
            futures_lite::future::block_on(executor.run(async {
                let handles: Vec<_> = (0..tasks)
                    .map(|number| executor.spawn(async move { number }))
                    .collect();
                let mut sum = 0;
                for handle in handles {
                    sum += handle.await;
                }
                sum
            }))
        });
        assert_eq!(sum, sum_below(tasks));
        ns_each(spent, tasks)
    })
}

fn futures(tasks: u64) -> Contestant {
    let mut pool = LocalPool::new();
    Contestant::new("futures LocalPool", Role::Named, move || {
        let spawner = pool.spawner();
        let (spent, sum) = timed(|| {
            pool.run_until(async {
                let handles: Vec<_> = (0..tasks)
                    .map(|number| {
                        spawner
                            .spawn_local_with_handle(async move { number })
                            .expect("the pool is alive")
                    })
                    .collect();
                let mut sum = 0;
                for handle in handles {
                    sum += handle.await;
                }
                sum
            })
        });
        assert_eq!(sum, sum_below(tasks));
        ns_each(spent, tasks)
    })
}

fn raw(tasks: u64) -> Contestant {
    Contestant::new("raw async-task loop", Role::Limit, move || {
        let (spent, sum) = timed(|| {
            raw::block_on(async move {
                let handles: Vec<_> = (0..tasks)
                    .map(|number| raw::spawn(async move { number }))
                    .collect();
                let mut sum = 0;
                for handle in handles {
                    sum += handle.await;
                }
                sum
            })
        });
        assert_eq!(sum, sum_below(tasks));
        ns_each(spent, tasks)
    })
}
