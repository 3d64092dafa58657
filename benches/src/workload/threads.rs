//! The same work on several threads: two poll in every runtime, as many as the smallest machines have cores.
//!
//! tokio and smol have two workers, and a third thread that waits for the workload. asupersync has one worker, and the
//! thread that waits for the workload works.
//!
//! Dominated by: what it takes to hand a task to another thread, and to wake one.

use super::{Build, cancel_tree, mpsc};
use crate::harness::{Contestant, Role, Unit, Workload, ns_each, scaled, sum_below, timed};
use crate::host;
use crate::ours::{self, On};
use async_executor::Executor;
use std::future::{Future, pending};
use std::pin::Pin;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;

const THREADS: usize = 2;

/// Every workload of this file.
pub fn all() -> Vec<(&'static str, Build)> {
    vec![
        (
            "threads_spawn_10k",
            Box::new(|| spawn_join("threads_spawn_10k", 10_000)),
        ),
        (
            "threads_spawn_100k",
            Box::new(|| spawn_join("threads_spawn_100k", scaled(100_000))),
        ),
        (
            "threads_spawn_outside",
            Box::new(|| spawn_outside("threads_spawn_outside", 10_000)),
        ),
        (
            "threads_yield_many",
            Box::new(|| yield_many("threads_yield_many", 200, scaled(1_000))),
        ),
        (
            "threads_ping_pong",
            Box::new(|| ping_pong("threads_ping_pong", 1_000, scaled(20))),
        ),
        (
            "threads_chained_spawn",
            Box::new(|| chained_spawn("threads_chained_spawn", 1_000)),
        ),
        (
            "threads_mpsc_1",
            Box::new(|| mpsc::on_threads("threads_mpsc_1", 1, 1, scaled(50_000))),
        ),
        (
            "threads_mpsc_64",
            Box::new(|| mpsc::on_threads("threads_mpsc_64", 1, 64, scaled(200_000))),
        ),
        (
            "threads_mpsc_1024",
            Box::new(|| mpsc::on_threads("threads_mpsc_1024", 1, 1024, scaled(200_000))),
        ),
        (
            "threads_mpsc_4to1_1",
            Box::new(|| mpsc::on_threads("threads_mpsc_4to1_1", 4, 1, scaled(50_000))),
        ),
        (
            "threads_mpsc_4to1_64",
            Box::new(|| mpsc::on_threads("threads_mpsc_4to1_64", 4, 64, scaled(200_000))),
        ),
        (
            "threads_mpsc_4to1_1024",
            Box::new(|| mpsc::on_threads("threads_mpsc_4to1_1024", 4, 1024, scaled(200_000))),
        ),
        (
            "threads_cancel_tree",
            Box::new(|| cancel_tree::on_threads("threads_cancel_tree")),
        ),
    ]
}

fn workload(name: &'static str, per: &'static str, contestants: Vec<Contestant>) -> Workload {
    Workload {
        name,
        per,
        unit: Unit::Ns,
        bar: Some(1.0),
        contestants,
    }
}

// ---------------------------------------------------------------- peers

/// A value on its way to whoever waits for it.
pub type Later<T> = Pin<Box<dyn Future<Output = T> + Send>>;

/// A runtime whose tasks run on [`THREADS`] threads.
pub trait Peer: Clone + Send + Sync + 'static {
    const NAME: &'static str;

    fn start() -> Self;
    /// Has the calling thread wait for `program`.
    fn wait<T>(&self, program: impl Future<Output = T>) -> T;
    fn spawn<F>(&self, task: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future<Output: Send> + Send + 'static;
    fn detach(&self, task: impl Future<Output: Send> + Send + 'static);
    fn yield_now() -> impl Future<Output = ()> + Send;
    /// The runtime's own oneshot, or that of the `futures` crates.
    fn oneshot<T: Send + 'static>() -> (
        impl FnOnce(T) + Send + 'static,
        impl Future<Output = T> + Send + 'static,
    );
}

/// tokio's multi-threaded scheduler, without timers and I/O.
#[derive(Clone)]
pub struct Tokio(Arc<tokio::runtime::Runtime>);

impl Peer for Tokio {
    const NAME: &'static str = "tokio multi_thread";

    fn start() -> Self {
        Self(Arc::new(host::tokio_threads()))
    }

    fn wait<T>(&self, program: impl Future<Output = T>) -> T {
        self.0.block_on(program)
    }

    fn spawn<F>(&self, task: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future<Output: Send> + Send + 'static,
    {
        let handle = self.0.spawn(task);
        async { handle.await.expect("the task returns") }
    }

    fn detach(&self, task: impl Future<Output: Send> + Send + 'static) {
        self.0.spawn(task);
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        tokio::task::yield_now()
    }

    fn oneshot<T: Send + 'static>() -> (
        impl FnOnce(T) + Send + 'static,
        impl Future<Output = T> + Send + 'static,
    ) {
        let (sender, receiver) = tokio::sync::oneshot::channel();
        let send = |value| drop(sender.send(value));
        (send, async { receiver.await.expect("sent") })
    }
}

/// smol's executor, run by threads of its own.
#[derive(Clone)]
pub struct Smol(Arc<Executor<'static>>);

impl Peer for Smol {
    const NAME: &'static str = "smol Executor";

    fn start() -> Self {
        let executor = Arc::new(Executor::new());
        for _ in 0..THREADS {
            let executor = Arc::clone(&executor);
            // They run until the process ends.
            thread::spawn(move || {
                futures_lite::future::block_on(executor.run(pending::<()>()));
            });
        }
        Self(executor)
    }

    fn wait<T>(&self, program: impl Future<Output = T>) -> T {
        futures_lite::future::block_on(program)
    }

    fn spawn<F>(&self, task: F) -> impl Future<Output = F::Output> + Send + 'static
    where
        F: Future<Output: Send> + Send + 'static,
    {
        self.0.spawn(task)
    }

    fn detach(&self, task: impl Future<Output: Send> + Send + 'static) {
        self.0.spawn(task).detach();
    }

    fn yield_now() -> impl Future<Output = ()> + Send {
        futures_lite::future::yield_now()
    }

    fn oneshot<T: Send + 'static>() -> (
        impl FnOnce(T) + Send + 'static,
        impl Future<Output = T> + Send + 'static,
    ) {
        let (sender, receiver) = oneshot::async_channel();
        let send = |value| drop(sender.send(value));
        (send, async { receiver.await.expect("sent") })
    }
}

// ---------------------------------------------------------------- workloads

/// Where tasks report that they have run, and somebody outside waits for the last.
pub struct Landing {
    left: AtomicU64,
    done: Mutex<bool>,
    bell: Condvar,
}

impl Landing {
    /// For this many tasks.
    pub fn of(tasks: u64) -> Arc<Self> {
        Arc::new(Self {
            left: AtomicU64::new(tasks),
            done: Mutex::new(false),
            bell: Condvar::new(),
        })
    }

    /// One of them has run.
    pub fn land(&self) {
        if self.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            *self.done.lock().expect("nobody panics") = true;
            self.bell.notify_one();
        }
    }

    /// Blocks until all have.
    pub fn wait(&self) {
        let done = self.done.lock().expect("nobody panics");
        drop(
            self.bell
                .wait_while(done, |done| !*done)
                .expect("nobody panics"),
        );
    }
}

fn spawn_join(name: &'static str, tasks: u64) -> Workload {
    fn peer<P: Peer>(tasks: u64) -> Contestant {
        let peer = P::start();
        Contestant::new(P::NAME, Role::Named, move || {
            let (spent, sum) = timed(|| {
                peer.wait(async {
                    let handles: Vec<_> = (0..tasks)
                        .map(|number| peer.spawn(async move { number }))
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
    let mut contestants = ours::spawn_join(On::Two, tasks);
    contestants.extend([peer::<Tokio>(tasks), peer::<Smol>(tasks)]);
    workload(name, "task", contestants)
}

fn spawn_outside(name: &'static str, tasks: u64) -> Workload {
    fn peer<P: Peer>(tasks: u64) -> Contestant {
        let peer = P::start();
        Contestant::new(P::NAME, Role::Named, move || {
            let all = Landing::of(tasks);
            let (spent, ()) = timed(|| {
                for _ in 0..tasks {
                    let all = Arc::clone(&all);
                    peer.detach(async move { all.land() });
                }
                all.wait();
            });
            ns_each(spent, tasks)
        })
    }
    let mut contestants = ours::spawn_outside(tasks);
    contestants.extend([peer::<Tokio>(tasks), peer::<Smol>(tasks)]);
    workload(name, "task", contestants)
}

fn yield_many(name: &'static str, tasks: u64, yields: u64) -> Workload {
    fn peer<P: Peer>(tasks: u64, yields: u64) -> Contestant {
        let peer = P::start();
        Contestant::new(P::NAME, Role::Named, move || {
            let (spent, done) = timed(|| {
                peer.wait(async {
                    let task = || async move {
                        let mut done = 0;
                        for _ in 0..yields {
                            P::yield_now().await;
                            done += 1;
                        }
                        done
                    };
                    let handles: Vec<_> = (0..tasks).map(|_| peer.spawn(task())).collect();
                    let mut done = 0;
                    for handle in handles {
                        done += handle.await;
                    }
                    done
                })
            });
            assert_eq!(done, tasks * yields);
            ns_each(spent, tasks * yields)
        })
    }
    let mut contestants = ours::yield_many(On::Two, tasks, yields);
    contestants.extend([peer::<Tokio>(tasks, yields), peer::<Smol>(tasks, yields)]);
    workload(name, "yield", contestants)
}

fn ping_pong(name: &'static str, pairs: u64, waves: u64) -> Workload {
    async fn player<P: Peer>(peer: P) -> u64 {
        let (ping, pinged) = P::oneshot();
        let (pong, ponged) = P::oneshot();
        peer.detach(async move {
            let number: u64 = pinged.await;
            pong(number + 1);
        });
        ping(0);
        ponged.await
    }
    fn peer<P: Peer>(pairs: u64, waves: u64) -> Contestant {
        let peer = P::start();
        Contestant::new(P::NAME, Role::Named, move || {
            let (spent, answers) = timed(|| {
                peer.wait(async {
                    let mut answers = 0;
                    for _ in 0..waves {
                        let handles: Vec<_> = (0..pairs)
                            .map(|_| peer.spawn(player(peer.clone())))
                            .collect();
                        for handle in handles {
                            answers += handle.await;
                        }
                    }
                    answers
                })
            });
            assert_eq!(answers, pairs * waves);
            ns_each(spent, pairs * waves)
        })
    }
    let mut contestants = ours::ping_pong(On::Two, pairs, waves);
    contestants.extend([peer::<Tokio>(pairs, waves), peer::<Smol>(pairs, waves)]);
    workload(name, "pair", contestants)
}

fn chained_spawn(name: &'static str, links: u64) -> Workload {
    fn link<P: Peer>(peer: P, number: u64, links: u64, done: impl FnOnce(u64) + Send + 'static) {
        let next = peer.clone();
        let task: Later<()> = Box::pin(async move {
            if number == links {
                done(number);
            } else {
                link(next, number + 1, links, done);
            }
        });
        peer.detach(task);
    }
    fn peer<P: Peer>(links: u64) -> Contestant {
        let peer = P::start();
        Contestant::new(P::NAME, Role::Named, move || {
            let (spent, length) = timed(|| {
                peer.wait(async {
                    let (done, length) = P::oneshot();
                    link(peer.clone(), 1, links, done);
                    length.await
                })
            });
            assert_eq!(length, links);
            ns_each(spent, links)
        })
    }
    let mut contestants = ours::chained_spawn(On::Two, links);
    contestants.extend([peer::<Tokio>(links), peer::<Smol>(links)]);
    workload(name, "link", contestants)
}
