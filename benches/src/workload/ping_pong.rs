//! Ten waves of 1,000 players at once: each spawns a partner, sends it a ping over a oneshot and awaits the pong on another. The
//! root joins the players. Two spawns, two oneshots, one join and four polls per pair. (tokio's own benchmark of this
//! name, with a join in place of its shared count.)
//!
//! Dominated by: four allocations per pair (two tasks, two oneshots) and two cross-task wakes.

use crate::harness::{Contestant, Role, Unit, Workload, ns_each, scaled, timed};
use crate::host::{self, raw};
use crate::ours;
use async_executor::LocalExecutor;
use futures::channel::oneshot;
use futures::executor::LocalPool;
use futures::task::LocalSpawnExt;
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

const PAIRS: u64 = 1_000;
const WAVES: u64 = scaled(10);

pub fn workload(name: &'static str) -> Workload {
    let mut contestants = ours::ping_pong(ours::On::One, PAIRS, WAVES);
    contestants.extend([tokio(), smol(), futures(), embassy(), raw()]);
    Workload {
        name,
        per: "pair",
        unit: Unit::Ns,
        bar: Some(1.0),
        contestants,
    }
}

/// The answering side, the same for everybody but tokio, which has its own oneshot.
async fn partner(ping: oneshot::Receiver<u64>, pong: oneshot::Sender<u64>) {
    let number = ping.await.expect("the player sends");
    pong.send(number + 1).expect("the player waits");
}

/// The asking side; `spawn_partner` is the runtime's part.
async fn player(spawn_partner: impl FnOnce(oneshot::Receiver<u64>, oneshot::Sender<u64>)) -> u64 {
    let (ping, ping_receiver) = oneshot::channel();
    let (pong, pong_receiver) = oneshot::channel();
    spawn_partner(ping_receiver, pong);
    ping.send(0).expect("the partner waits");
    pong_receiver.await.expect("the partner answers")
}

fn tokio() -> Contestant {
    async fn tokio_player() -> u64 {
        let (ping, ping_receiver) = tokio::sync::oneshot::channel();
        let (pong, pong_receiver) = tokio::sync::oneshot::channel();
        tokio::spawn(async move {
            let number: u64 = ping_receiver.await.expect("the player sends");
            pong.send(number + 1).expect("the player waits");
        });
        ping.send(0).expect("the partner waits");
        pong_receiver.await.expect("the partner answers")
    }
    let runtime = host::tokio();
    Contestant::new("tokio current_thread", Role::Named, move || {
        let (spent, answers) = timed(|| {
            runtime.block_on(async {
                let mut answers = 0;
                for _ in 0..WAVES {
                    let handles: Vec<_> =
                        (0..PAIRS).map(|_| tokio::spawn(tokio_player())).collect();
                    for handle in handles {
                        answers += handle.await.expect("the player returns");
                    }
                }
                answers
            })
        });
        assert_eq!(answers, PAIRS * WAVES);
        ns_each(spent, PAIRS * WAVES)
    })
}

fn smol() -> Contestant {
    let executor = Rc::new(LocalExecutor::new());
    Contestant::new("smol LocalExecutor", Role::Named, move || {
        let (spent, answers) = timed(|| {
            futures_lite::future::block_on(executor.run(async {
                let mut answers = 0;
                for _ in 0..WAVES {
                    let handles: Vec<_> = (0..PAIRS)
                        .map(|_| {
                            let host = executor.clone();
                            executor.spawn(player(move |ping, pong| {
                                host.spawn(partner(ping, pong)).detach()
                            }))
                        })
                        .collect();
                    for handle in handles {
                        answers += handle.await;
                    }
                }
                answers
            }))
        });
        assert_eq!(answers, PAIRS * WAVES);
        ns_each(spent, PAIRS * WAVES)
    })
}

fn futures() -> Contestant {
    let mut pool = LocalPool::new();
    Contestant::new("futures LocalPool", Role::Named, move || {
        let spawner = pool.spawner();
        let (spent, answers) = timed(|| {
            pool.run_until(async {
                let mut answers = 0;
                for _ in 0..WAVES {
                    let handles: Vec<_> = (0..PAIRS)
                        .map(|_| {
                            let host = spawner.clone();
                            let player = player(move |ping, pong| {
                                host.spawn_local(partner(ping, pong))
                                    .expect("the pool is alive");
                            });
                            spawner
                                .spawn_local_with_handle(player)
                                .expect("the pool is alive")
                        })
                        .collect();
                    for handle in handles {
                        answers += handle.await;
                    }
                }
                answers
            })
        });
        assert_eq!(answers, PAIRS * WAVES);
        ns_each(spent, PAIRS * WAVES)
    })
}

/// Tasks in static slots, a shared count instead of joins: two allocations per pair fewer than the others.
fn embassy() -> Contestant {
    let players = host::embassy_storage(PAIRS);
    let partners = host::embassy_storage(PAIRS);
    Contestant::new("embassy (std), no join", Role::Other, move || {
        let answers = Arc::new(AtomicU64::new(0));
        let mut wave = |wave: u64| {
            host::embassy_run(
                |spawner| {
                    for (player_slot, partner_slot) in players.iter().zip(partners) {
                        let answers = answers.clone();
                        host::embassy_spawn(spawner, player_slot, || async move {
                            let answer = player(|ping, pong| {
                                host::embassy_spawn(spawner, partner_slot, || partner(ping, pong));
                            });
                            answers.fetch_add(answer.await, Relaxed);
                        });
                    }
                },
                || answers.load(Relaxed) == PAIRS * wave,
            )
        };
        let (spent, ()) = timed(|| (1..=WAVES).for_each(&mut wave));
        ns_each(spent, PAIRS * WAVES)
    })
}

fn raw() -> Contestant {
    Contestant::new("raw async-task loop", Role::Limit, move || {
        let (spent, answers) = timed(|| {
            raw::block_on(async {
                let mut answers = 0;
                for _ in 0..WAVES {
                    let handles: Vec<_> = (0..PAIRS)
                        .map(|_| {
                            raw::spawn(player(|ping, pong| {
                                raw::spawn(partner(ping, pong)).detach()
                            }))
                        })
                        .collect();
                    for handle in handles {
                        answers += handle.await;
                    }
                }
                answers
            })
        });
        assert_eq!(answers, PAIRS * WAVES);
        ns_each(spent, PAIRS * WAVES)
    })
}
