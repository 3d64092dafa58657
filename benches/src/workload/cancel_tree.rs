//! A tree of 1 + 10 + 100 + 1,000 + 10,000 tasks, each waiting for ever, is cancelled at its root. The time runs from
//! the request until the last of the 11,111 futures has been dropped and the canceller has been woken to know it:
//! request, drain and join. Building the tree is outside the time.
//!
//! How far the word "join" reaches differs, and the table says so:
//! - **token + tracker** is the structured one: a parent waits for its children before it ends, as our regions do.
//! - **AbortOnDropHandle**, **JoinSet**, smol's and futures' handles cascade by drop: a parent is gone before its
//!   children are, none can clean up with an await, and only the shared count ([`Gauge`]) tells when all have ended.
//! - **JoinSet, flat** has no tree at all: 11,111 siblings, aborted and joined one by one.
//!
//! Dominated by: one trip through the run queue per task, freeing it, and (token + tracker) a lock per tree node.

use crate::harness::{Contestant, Role, Unit, Workload, us};
use crate::host::{self, raw};
use crate::ours;
use async_executor::LocalExecutor;
use futures::executor::{LocalPool, LocalSpawner};
use futures::future::RemoteHandle;
use futures::task::{AtomicWaker, LocalSpawnExt};
use std::future::{pending, poll_fn};
use std::rc::Rc;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::Poll;
use std::time::Instant;
use tokio::runtime::Runtime;
use tokio::task::{JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;
use tokio_util::task::{AbortOnDropHandle, TaskTracker};

/// Children of every task that is not a leaf.
pub const FANOUT: u64 = 10;
/// Levels below the root.
pub const DEPTH: u32 = 4;
/// Tasks in the tree.
pub const TASKS: u64 = 11_111;

pub fn workload(name: &'static str) -> Workload {
    let mut contestants = ours::cancel_tree(ours::On::One);
    contestants.extend([
        tokio_abort_on_drop(host::tokio()),
        tokio_join_set(host::tokio()),
        tokio_token_and_tracker(host::tokio()),
        tokio_flat_join_set(host::tokio()),
        smol(),
        futures(),
        raw(),
    ]);
    of(name, contestants)
}

/// The same on two threads. Here the bar names the structured peer.
pub fn on_threads(name: &'static str) -> Workload {
    let mut contestants = ours::cancel_tree(ours::On::Two);
    let mut others = [
        tokio_abort_on_drop(host::tokio_threads()),
        tokio_join_set(host::tokio_threads()),
        tokio_flat_join_set(host::tokio_threads()),
    ];
    others.iter_mut().for_each(|other| other.role = Role::Other);
    contestants.push(tokio_token_and_tracker(host::tokio_threads()));
    contestants.extend(others);
    of(name, contestants)
}

fn of(name: &'static str, contestants: Vec<Contestant>) -> Workload {
    Workload {
        name,
        per: "tree",
        unit: Unit::Us,
        bar: Some(1.0),
        contestants,
    }
}

/// Counts the tree's live tasks and wakes one waiter when there are none left.
#[derive(Default)]
pub struct Gauge {
    live: AtomicU64,
    waiter: AtomicWaker,
}

/// Held by each task of the tree for as long as its future exists.
pub struct Alive(Arc<Gauge>);

impl Gauge {
    /// The calling task is alive until the guard is dropped.
    pub fn enter(self: &Arc<Self>) -> Alive {
        self.live.fetch_add(1, Ordering::Relaxed);
        Alive(self.clone())
    }

    /// Tasks that have been polled and not dropped.
    pub fn live(&self) -> u64 {
        self.live.load(Ordering::Acquire)
    }

    /// Waits for the last task's end.
    async fn quiescent(&self) {
        poll_fn(|context| {
            self.waiter.register(context.waker());
            if self.live() == 0 {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
        .await;
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        if self.0.live.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.0.waiter.wake();
        }
    }
}

/// Builds a tree on tokio, cancels it with `cancel`, and returns the time from there to quiescence.
fn on_tokio<T>(
    runtime: Runtime,
    name: &'static str,
    role: Role,
    plant: impl Fn(&Arc<Gauge>) -> T + 'static,
    cancel: impl AsyncFn(T, &Gauge) + 'static,
) -> Contestant {
    Contestant::new(name, role, move || {
        let gauge = Arc::new(Gauge::default());
        let spent = runtime.block_on(async {
            let root = plant(&gauge);
            while gauge.live() < TASKS {
                tokio::task::yield_now().await;
            }
            let started = Instant::now();
            cancel(root, &gauge).await;
            us(started.elapsed())
        });
        assert_eq!(gauge.live(), 0);
        // A worker counts a task off after it has dropped its future.
        while runtime.metrics().num_alive_tasks() > 0 {
            std::thread::yield_now();
        }
        spent
    })
}

fn tokio_abort_on_drop(runtime: Runtime) -> Contestant {
    fn plant(gauge: Arc<Gauge>, depth: u32) -> AbortOnDropHandle<()> {
        AbortOnDropHandle::new(tokio::spawn(async move {
            let _alive = gauge.enter();
            let fanout = if depth == 0 { 0 } else { FANOUT };
            let _children: Vec<_> = (0..fanout)
                .map(|_| plant(gauge.clone(), depth - 1))
                .collect();
            pending().await
        }))
    }
    on_tokio(
        runtime,
        "tokio AbortOnDropHandle",
        Role::Named,
        |gauge| plant(gauge.clone(), DEPTH),
        async |root, gauge| {
            root.abort();
            assert!(root.await.is_err_and(|error| error.is_cancelled()));
            gauge.quiescent().await;
        },
    )
}

fn tokio_join_set(runtime: Runtime) -> Contestant {
    fn plant(gauge: Arc<Gauge>, depth: u32) -> JoinHandle<()> {
        tokio::spawn(node(gauge, depth))
    }
    // `JoinSet::spawn` makes the handle itself, so the recursion is through a boxed future on this one contestant.
    fn node(gauge: Arc<Gauge>, depth: u32) -> std::pin::Pin<Box<dyn Future<Output = ()> + Send>> {
        Box::pin(async move {
            let _alive = gauge.enter();
            let mut children = JoinSet::new();
            let fanout = if depth == 0 { 0 } else { FANOUT };
            for _ in 0..fanout {
                children.spawn(node(gauge.clone(), depth - 1));
            }
            pending().await
        })
    }
    on_tokio(
        runtime,
        "tokio JoinSet",
        Role::Named,
        |gauge| plant(gauge.clone(), DEPTH),
        async |root, gauge| {
            root.abort();
            assert!(root.await.is_err_and(|error| error.is_cancelled()));
            gauge.quiescent().await;
        },
    )
}

fn tokio_token_and_tracker(runtime: Runtime) -> Contestant {
    fn plant(
        gauge: Arc<Gauge>,
        token: CancellationToken,
        siblings: &TaskTracker,
        depth: u32,
    ) -> JoinHandle<()> {
        siblings.spawn(async move {
            let _alive = gauge.enter();
            if depth == 0 {
                return token.cancelled().await;
            }
            let children = TaskTracker::new();
            for _ in 0..FANOUT {
                plant(gauge.clone(), token.child_token(), &children, depth - 1);
            }
            token.cancelled().await;
            children.close();
            children.wait().await;
        })
    }
    on_tokio(
        runtime,
        "tokio token + tracker",
        Role::Named,
        |gauge| {
            let token = CancellationToken::new();
            let root = plant(gauge.clone(), token.clone(), &TaskTracker::new(), DEPTH);
            (token, root)
        },
        async |(token, root), gauge| {
            token.cancel();
            root.await.expect("the root returns after its children");
            gauge.quiescent().await;
        },
    )
}

fn tokio_flat_join_set(runtime: Runtime) -> Contestant {
    on_tokio(
        runtime,
        "tokio JoinSet, flat",
        Role::Other,
        |gauge| {
            let mut set = JoinSet::new();
            for _ in 0..TASKS {
                let gauge = gauge.clone();
                set.spawn(async move {
                    let _alive = gauge.enter();
                    pending::<()>().await
                });
            }
            set
        },
        async |mut set, gauge| {
            set.shutdown().await;
            gauge.quiescent().await;
        },
    )
}

fn smol() -> Contestant {
    fn plant(
        executor: &Rc<LocalExecutor<'static>>,
        gauge: Arc<Gauge>,
        depth: u32,
    ) -> async_executor::Task<()> {
        let host = executor.clone();
        executor.spawn(async move {
            let _alive = gauge.enter();
            let fanout = if depth == 0 { 0 } else { FANOUT };
            let _children: Vec<_> = (0..fanout)
                .map(|_| plant(&host, gauge.clone(), depth - 1))
                .collect();
            pending().await
        })
    }
    let executor = Rc::new(LocalExecutor::new());
    Contestant::new("smol LocalExecutor", Role::Other, move || {
        let gauge = Arc::new(Gauge::default());
        let root = plant(&executor, gauge.clone(), DEPTH);
        while executor.try_tick() {}
        assert_eq!(gauge.live(), TASKS);
        let started = Instant::now();
        futures_lite::future::block_on(executor.run(async {
            assert!(root.cancel().await.is_none());
            gauge.quiescent().await;
        }));
        let spent = us(started.elapsed());
        assert_eq!(gauge.live(), 0);
        spent
    })
}

fn futures() -> Contestant {
    fn plant(spawner: &LocalSpawner, gauge: Arc<Gauge>, depth: u32) -> RemoteHandle<()> {
        let host = spawner.clone();
        let spawned = spawner.spawn_local_with_handle(async move {
            let _alive = gauge.enter();
            let fanout = if depth == 0 { 0 } else { FANOUT };
            let _children: Vec<_> = (0..fanout)
                .map(|_| plant(&host, gauge.clone(), depth - 1))
                .collect();
            pending().await
        });
        spawned.expect("the pool is alive")
    }
    let mut pool = LocalPool::new();
    Contestant::new("futures LocalPool", Role::Other, move || {
        let gauge = Arc::new(Gauge::default());
        let root = plant(&pool.spawner(), gauge.clone(), DEPTH);
        pool.run_until_stalled();
        assert_eq!(gauge.live(), TASKS);
        let started = Instant::now();
        drop(root);
        pool.run_until(gauge.quiescent());
        let spent = us(started.elapsed());
        assert_eq!(gauge.live(), 0);
        spent
    })
}

fn raw() -> Contestant {
    fn plant(gauge: Arc<Gauge>, depth: u32) -> async_task::Task<()> {
        raw::spawn(async move {
            let _alive = gauge.enter();
            let fanout = if depth == 0 { 0 } else { FANOUT };
            let _children: Vec<_> = (0..fanout)
                .map(|_| plant(gauge.clone(), depth - 1))
                .collect();
            pending().await
        })
    }
    Contestant::new("raw async-task loop", Role::Limit, || {
        let gauge = Arc::new(Gauge::default());
        let root = plant(gauge.clone(), DEPTH);
        raw::run_until_idle();
        assert_eq!(gauge.live(), TASKS);
        let started = Instant::now();
        drop(root);
        raw::run_until_idle();
        let spent = us(started.elapsed());
        assert_eq!(gauge.live(), 0);
        spent
    })
}
