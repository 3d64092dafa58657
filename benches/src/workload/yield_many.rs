//! 200 tasks yield 1,000 times each, then return how often they did; the root joins them and adds up.
//!
//! Dominated by: one wake, one trip through the run queue and one poll per yield. Spawn and join are in the time but
//! are 1 in 1,000.

use crate::harness::{Contestant, Role, Unit, Workload, ns_each, scaled, timed};
use crate::host::{self, raw};
use crate::ours;
use async_executor::LocalExecutor;
use futures::executor::LocalPool;
use futures::task::LocalSpawnExt;
use futures_lite::future::yield_now;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const TASKS: u64 = 200;
const YIELDS: u64 = scaled(1_000);

pub fn workload(name: &'static str) -> Workload {
    let mut contestants = ours::yield_many(ours::On::One, TASKS, YIELDS);
    contestants.extend([tokio(), smol(), futures(), embassy(), raw()]);
    Workload {
        name,
        per: "yield",
        unit: Unit::Ns,
        bar: Some(1.0),
        contestants,
    }
}

/// What smol, futures, embassy and the raw loop run: wake yourself, return pending once.
async fn yields() -> u64 {
    let mut done = 0;
    for _ in 0..YIELDS {
        yield_now().await;
        done += 1;
    }
    done
}

/// tokio's own yield defers the wake until its queue is empty and its driver was polled.
async fn tokio_yields() -> u64 {
    let mut done = 0;
    for _ in 0..YIELDS {
        tokio::task::yield_now().await;
        done += 1;
    }
    done
}

fn tokio() -> Contestant {
    let runtime = host::tokio();
    Contestant::new("tokio current_thread", Role::Named, move || {
        let (spent, done) = timed(|| {
            runtime.block_on(async {
                let handles: Vec<_> = (0..TASKS).map(|_| tokio::spawn(tokio_yields())).collect();
                let mut done = 0;
                for handle in handles {
                    done += handle.await.expect("the task returns");
                }
                done
            })
        });
        assert_eq!(done, TASKS * YIELDS);
        ns_each(spent, TASKS * YIELDS)
    })
}

fn smol() -> Contestant {
    let executor = LocalExecutor::new();
    Contestant::new("smol LocalExecutor", Role::Named, move || {
        let (spent, done) = timed(|| {
            futures_lite::future::block_on(executor.run(async {
                let handles: Vec<_> = (0..TASKS).map(|_| executor.spawn(yields())).collect();
                let mut done = 0;
                for handle in handles {
                    done += handle.await;
                }
                done
            }))
        });
        assert_eq!(done, TASKS * YIELDS);
        ns_each(spent, TASKS * YIELDS)
    })
}

fn futures() -> Contestant {
    let mut pool = LocalPool::new();
    Contestant::new("futures LocalPool", Role::Named, move || {
        let spawner = pool.spawner();
        let (spent, done) = timed(|| {
            pool.run_until(async {
                let handles: Vec<_> = (0..TASKS)
                    .map(|_| {
                        spawner
                            .spawn_local_with_handle(yields())
                            .expect("the pool is alive")
                    })
                    .collect();
                let mut done = 0;
                for handle in handles {
                    done += handle.await;
                }
                done
            })
        });
        assert_eq!(done, TASKS * YIELDS);
        ns_each(spent, TASKS * YIELDS)
    })
}

/// embassy has no join: a shared count, one addition per task, stands in for it.
fn embassy() -> Contestant {
    async fn counted(done: Arc<AtomicU64>) {
        let count = yields().await;
        done.fetch_add(count, Relaxed);
    }
    let slots = host::embassy_storage(TASKS);
    Contestant::new("embassy (std), no join", Role::Other, move || {
        let done = Arc::new(AtomicU64::new(0));
        let (spent, ()) = timed(|| {
            host::embassy_run(
                |spawner| {
                    slots.iter().for_each(|slot| {
                        host::embassy_spawn(spawner, slot, || counted(done.clone()))
                    })
                },
                || done.load(Relaxed) == TASKS * YIELDS,
            )
        });
        ns_each(spent, TASKS * YIELDS)
    })
}

fn raw() -> Contestant {
    Contestant::new("raw async-task loop", Role::Limit, move || {
        let (spent, done) = timed(|| {
            raw::block_on(async {
                let handles: Vec<_> = (0..TASKS).map(|_| raw::spawn(yields())).collect();
                let mut done = 0;
                for handle in handles {
                    done += handle.await;
                }
                done
            })
        });
        assert_eq!(done, TASKS * YIELDS);
        ns_each(spent, TASKS * YIELDS)
    })
}
