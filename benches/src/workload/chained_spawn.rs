//! A chain of 50,000 tasks: each spawns the next without keeping its handle and ends; the last sends the length on a
//! oneshot that the root awaits. At most two tasks are alive.
//!
//! Dominated by: one allocation and one free per link, which a warm allocator serves from its hottest line, and one
//! trip through the run queue.

use crate::harness::{Contestant, Role, Unit, Workload, ns_each, scaled, timed};
use crate::host::{self, raw};
use crate::ours;
use async_executor::LocalExecutor;
use embassy_executor::Spawner;
use futures::channel::oneshot;
use futures::executor::{LocalPool, LocalSpawner};
use futures::task::LocalSpawnExt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const LINKS: u64 = scaled(50_000);

pub fn workload(name: &'static str) -> Workload {
    let mut contestants = ours::chained_spawn(ours::On::One, LINKS);
    contestants.extend([tokio(), smol(), futures(), embassy(), raw()]);
    Workload {
        name,
        per: "link",
        unit: Unit::Ns,
        bar: Some(1.0),
        contestants,
    }
}

fn tokio() -> Contestant {
    fn link(number: u64, done: tokio::sync::oneshot::Sender<u64>) {
        tokio::spawn(async move {
            if number == LINKS {
                done.send(number).expect("the root waits");
            } else {
                link(number + 1, done);
            }
        });
    }
    let runtime = host::tokio();
    Contestant::new("tokio current_thread", Role::Named, move || {
        let (spent, length) = timed(|| {
            runtime.block_on(async {
                let (done, length) = tokio::sync::oneshot::channel();
                link(1, done);
                length.await.expect("the last link sends")
            })
        });
        assert_eq!(length, LINKS);
        ns_each(spent, LINKS)
    })
}

fn smol() -> Contestant {
    fn link(executor: Rc<LocalExecutor<'static>>, number: u64, done: oneshot::Sender<u64>) {
        let next = executor.clone();
        let task = executor.spawn(async move {
            if number == LINKS {
                done.send(number).expect("the root waits");
            } else {
                link(next, number + 1, done);
            }
        });
        task.detach();
    }
    let executor = Rc::new(LocalExecutor::new());
    Contestant::new("smol LocalExecutor", Role::Named, move || {
        let (spent, length) = timed(|| {
            futures_lite::future::block_on(executor.run(async {
                let (done, length) = oneshot::channel();
                link(executor.clone(), 1, done);
                length.await.expect("the last link sends")
            }))
        });
        assert_eq!(length, LINKS);
        ns_each(spent, LINKS)
    })
}

fn futures() -> Contestant {
    fn link(spawner: &LocalSpawner, number: u64, done: oneshot::Sender<u64>) {
        let next = spawner.clone();
        let spawned = spawner.spawn_local(async move {
            if number == LINKS {
                done.send(number).expect("the root waits");
            } else {
                link(&next, number + 1, done);
            }
        });
        spawned.expect("the pool is alive");
    }
    let mut pool = LocalPool::new();
    Contestant::new("futures LocalPool", Role::Named, move || {
        let spawner = pool.spawner();
        let (spent, length) = timed(|| {
            pool.run_until(async {
                let (done, length) = oneshot::channel();
                link(&spawner, 1, done);
                length.await.expect("the last link sends")
            })
        });
        assert_eq!(length, LINKS);
        ns_each(spent, LINKS)
    })
}

/// The macro's pool of two slots is the whole chain's storage: link n ends before link n + 1 needs its slot.
#[embassy_executor::task(pool_size = 2)]
async fn embassy_link(spawner: Spawner, number: u64, length: Arc<AtomicU64>) {
    if number == LINKS {
        length.store(number, Relaxed);
    } else {
        spawner.spawn(
            embassy_link(spawner, number + 1, length).expect("the slot before last is free"),
        );
    }
}

fn embassy() -> Contestant {
    Contestant::new("embassy (std)", Role::Other, move || {
        let length = Arc::new(AtomicU64::new(0));
        let (spent, ()) = timed(|| {
            host::embassy_run(
                |spawner| {
                    spawner
                        .spawn(embassy_link(spawner, 1, length.clone()).expect("the pool is free"))
                },
                || length.load(Relaxed) == LINKS,
            )
        });
        ns_each(spent, LINKS)
    })
}

fn raw() -> Contestant {
    fn link(number: u64, done: oneshot::Sender<u64>) {
        let task = raw::spawn(async move {
            if number == LINKS {
                done.send(number).expect("the root waits");
            } else {
                link(number + 1, done);
            }
        });
        task.detach();
    }
    Contestant::new("raw async-task loop", Role::Limit, move || {
        let (spent, length) = timed(|| {
            raw::block_on(async {
                let (done, length) = oneshot::channel();
                link(1, done);
                length.await.expect("the last link sends")
            })
        });
        assert_eq!(length, LINKS);
        ns_each(spent, LINKS)
    })
}
