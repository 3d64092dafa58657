//! The runtime on several threads: who polls what, where work goes, and how it all ends.

use std::collections::HashSet;
use std::pin::{Pin, pin};
use std::rc::Rc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Barrier, Mutex};
use std::task::{Context, Wake, Waker};
use std::thread;
use std::time::Duration;

use asupersync_core::channel::{mpsc, oneshot};
use asupersync_core::{CancelKind, ChildEnded, Config, Error, LocalRegion, SpawnError, TaskError};
use asupersync_std::{Runtime, StartError};

fn with_workers(workers: usize) -> Runtime {
    Runtime::builder()
        .workers(workers)
        .thread_name("team")
        .build()
        .expect("the host has threads")
}

/// Three tasks that block until all three are being polled: each is on a thread of its own.
// proves: R-SCH-5
#[test]
fn tasks_are_polled_by_all_threads_at_once() {
    let met = Arc::new(Barrier::new(3));
    let threads = Arc::new(Mutex::new(HashSet::new()));
    with_workers(2)
        .block_on(async |r: &LocalRegion| {
            for _ in 0..3 {
                let (met, threads) = (Arc::clone(&met), Arc::clone(&threads));
                r.spawn(async move |_cx| {
                    met.wait();
                    let name = thread::current().name().map(String::from);
                    threads.lock().expect("not poisoned").insert(name);
                    Ok(())
                })?;
            }
            Ok::<_, Error>(())
        })
        .expect("ran");
    let threads = threads.lock().expect("not poisoned");
    assert_eq!(threads.len(), 3);
    let own = |name: &Option<String>| name.as_deref().is_some_and(|n| n.starts_with("team-"));
    assert_eq!(threads.iter().filter(|name| own(name)).count(), 2);
}

/// What may not move is polled and dropped where it was made, also when others wake it.
// proves: R-SCH-5
#[test]
fn local_tasks_stay_on_their_thread() {
    let home = thread::current().id();
    with_workers(2)
        .block_on(async |r: &LocalRegion| {
            let (to_local, mut from_far) = mpsc::channel::<usize>(1.try_into().expect("not zero"));
            let here = r.spawn_local(async move |cx| {
                let kept = Rc::new(());
                let mut sum = 0;
                while let Ok(number) = from_far.recv(&cx).await {
                    assert_eq!(thread::current().id(), home);
                    sum += number;
                }
                drop(kept);
                Ok(sum)
            })?;
            for number in 0..100 {
                let sender = to_local.clone();
                r.spawn(async move |cx| {
                    sender.send(&cx, number).await?;
                    Ok(())
                })?;
            }
            drop(to_local);
            assert_eq!(here.join(r).await?, 4_950);
            Ok::<_, Error>(())
        })
        .expect("ran");
}

/// A task that does not come back keeps its thread, not what is queued behind it.
// proves: R-SCH-5
#[test]
fn what_is_queued_behind_a_busy_task_is_stolen() {
    with_workers(1)
        .block_on(async |r: &LocalRegion| {
            let done = Arc::new(AtomicUsize::new(0));
            let (seen, spawner) = (Arc::clone(&done), r.spawner());
            let busy = r.spawn(async move |_cx| {
                for _ in 0..100 {
                    let done = Arc::clone(&seen);
                    spawner.spawn(async move |_cx| {
                        done.fetch_add(1, Ordering::SeqCst);
                        Ok(())
                    })?;
                }
                // The last of them is in this thread's own slot, which nobody else reaches.
                while seen.load(Ordering::SeqCst) < 99 {
                    thread::yield_now();
                }
                Ok(())
            })?;
            busy.join(r).await?;
            Ok::<_, Error>(())
        })
        .expect("ran");
}

/// Workers run what is spawned from outside while nobody is in `block_on`.
// proves: R-SCH-5 R-OWN-2
#[test]
fn spawns_from_other_threads_need_no_body() {
    let runtime = with_workers(2);
    let (done, landed) = std::sync::mpsc::channel();
    thread::scope(|scope| {
        for _ in 0..4 {
            let (spawner, done) = (runtime.spawner(), done.clone());
            scope.spawn(move || {
                for number in 0..1_000 {
                    let done = done.clone();
                    drop(
                        spawner
                            .spawn(async move |cx| {
                                cx.yield_now().await?;
                                done.send(number).expect("somebody listens");
                                Ok(())
                            })
                            .expect("admitted"),
                    );
                }
            });
        }
    });
    drop(done);
    assert_eq!(landed.iter().sum::<u64>(), 4 * 499_500);
    let stats = runtime.shut_down();
    assert_eq!((stats.live, stats.forced), (0, 0));
}

/// Shutdown asks every task, on whatever thread, and waits until each has cleaned up.
// proves: R-CAN-7 WVT-003
#[test]
fn shutdown_drains_tasks_on_all_threads() {
    let runtime = with_workers(4);
    let spawner = runtime.spawner();
    let (began, drained) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    for _ in 0..500 {
        let (began, drained) = (Arc::clone(&began), Arc::clone(&drained));
        drop(
            spawner
                .spawn(async move |cx| {
                    began.fetch_add(1, Ordering::SeqCst);
                    let end = cx.sleep(Duration::from_secs(3_600)).await;
                    let end = end.map_err(Error::from).expect_err("cancelled");
                    let kind = end.cancelled().map(|token| token.reason().kind());
                    assert_eq!(kind, Some(CancelKind::Shutdown));
                    drained.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                })
                .expect("admitted"),
        );
    }
    while began.load(Ordering::SeqCst) < 100 {
        thread::yield_now();
    }
    let stats = runtime.shut_down();
    // Those that were never polled before the request came are dropped unpolled (R-CAN-8).
    let began = began.load(Ordering::SeqCst);
    assert_eq!(drained.load(Ordering::SeqCst), began);
    assert_eq!((stats.live, stats.timers, stats.leaked), (0, 0, 0));
    let late = spawner.spawn(async |_cx| Ok(()));
    assert!(matches!(late, Err(SpawnError::RegionClosed)));
}

/// A storm of a million: four threads spawn and cancel while two workers poll, and the runtime is shut down in the middle.
/// Every task that was admitted is dropped once, whatever became of it.
// proves: R-OWN-1 R-OWN-2 R-CAN-1
#[test]
fn a_storm_of_spawns_and_cancels_loses_no_task() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    let runtime = with_workers(2);
    let (admitted, dropped) = (Arc::new(AtomicUsize::new(0)), Arc::new(AtomicUsize::new(0)));
    let spawners: Vec<_> = (0..4)
        .map(|thread| {
            let spawner = runtime.spawner();
            let (admitted, dropped) = (Arc::clone(&admitted), Arc::clone(&dropped));
            thread::spawn(move || {
                for number in 0..250_000_u32 {
                    let counted = Counted(Arc::clone(&dropped));
                    let task = spawner.spawn(async move |cx| {
                        let _counted = counted;
                        match (number + thread) % 3 {
                            0 => Ok(()),
                            1 => Ok(cx.yield_now().await?),
                            _ => Ok(cx.sleep(Duration::from_secs(3_600)).await?),
                        }
                    });
                    match task {
                        Ok(task) if number % 2 == 0 => task.cancel("the storm"),
                        Ok(_) => {}
                        // The drop of the closure that was given back counts too.
                        Err(error) => assert!(error.is_closed() || error.is_at_capacity()),
                    }
                    admitted.fetch_add(1, Ordering::SeqCst);
                }
            })
        })
        .collect();
    while admitted.load(Ordering::SeqCst) < 500_000 {
        thread::yield_now();
    }
    let stats = runtime.shut_down();
    assert_eq!((stats.live, stats.timers, stats.leaked), (0, 0, 0));
    for spawner in spawners {
        spawner.join().expect("spawning fails nowhere");
    }
    assert_eq!(dropped.load(Ordering::SeqCst), 1_000_000);
}

/// A runtime that goes without a shutdown drops every future, queued or waiting, and its threads end.
// proves: R-OWN-1
#[test]
fn a_runtime_that_is_dropped_in_a_panic_drops_its_tasks() {
    struct Counted(Arc<AtomicUsize>);
    impl Drop for Counted {
        fn drop(&mut self) {
            self.0.fetch_add(1, Ordering::SeqCst);
        }
    }
    /// Lets the worker go once the unwinding has begun, when the queues are full.
    struct LetGo(Arc<AtomicBool>);
    impl Drop for LetGo {
        fn drop(&mut self) {
            self.0.store(true, Ordering::SeqCst);
        }
    }
    let dropped = Arc::new(AtomicUsize::new(0));
    let seen = Arc::clone(&dropped);
    let unwound = thread::spawn(move || {
        let runtime = with_workers(1);
        let spawner = runtime.spawner();
        let (held, free) = (Arc::new(Barrier::new(2)), Arc::new(AtomicBool::new(false)));
        let (holds, wait) = (Arc::clone(&held), Arc::clone(&free));
        let holder = spawner.spawn(async move |_cx| {
            holds.wait();
            while !wait.load(Ordering::SeqCst) {
                thread::yield_now();
            }
            Ok(())
        });
        drop(holder.expect("admitted"));
        held.wait();
        let _let_go = LetGo(free);
        for number in 0..600 {
            let counted = Counted(Arc::clone(&seen));
            drop(
                spawner
                    .spawn(async move |cx| {
                        let _counted = counted;
                        if number % 2 == 0 {
                            loop {
                                cx.yield_now().await?;
                            }
                        }
                        std::future::pending::<()>().await;
                        Ok(())
                    })
                    .expect("admitted"),
            );
        }
        panic!("on purpose");
    });
    assert!(unwound.join().is_err());
    assert_eq!(dropped.load(Ordering::SeqCst), 600);
}

/// A body may run another runtime to its end: its own goes on on the other threads.
#[test]
fn runtimes_nest() {
    let inner_done = Arc::new(AtomicBool::new(false));
    let done = Arc::clone(&inner_done);
    let sum = with_workers(1)
        .block_on(async |outer: &LocalRegion| {
            let (told, mut tell) = oneshot::channel();
            let inner = with_workers(1).block_on(async |r: &LocalRegion| {
                let task = r.spawn(async |_cx| Ok(20))?;
                let value = task.join(r).await?;
                assert!(told.send(value).is_delivered());
                Ok::<_, Error>(value)
            })?;
            done.store(true, Ordering::SeqCst);
            let task = outer.spawn(async move |cx| Ok(tell.recv(&cx).await?))?;
            Ok::<_, Error>(inner + task.join(outer).await?)
        })
        .expect("ran");
    assert_eq!(sum, 40);
    assert!(inner_done.load(Ordering::SeqCst));
}

/// Wrong settings, and a host that has no more threads, are said; nothing is left running.
#[test]
fn a_pool_that_cannot_start_says_why() {
    let many = Runtime::builder().workers(1 << 20).build();
    assert!(matches!(many, Err(StartError::TooManyWorkers { workers }) if workers == 1 << 20));
    let name = Runtime::builder().workers(1).thread_name("a\0b").build();
    assert!(matches!(name, Err(StartError::BadThreadName)));
    // More than any host's address space.
    let stack = Runtime::builder()
        .workers(2)
        .stack_size(usize::MAX / 4)
        .build();
    let Err(error @ StartError::Thread { worker: 0, .. }) = stack else {
        panic!("{stack:?}");
    };
    assert!(error.to_string().contains("smaller stack"), "{error}");
}

/// A waker of the program's own that panics in the kernel's hands takes neither a thread nor a task with it.
// proves: R-PAN-1
#[test]
fn a_waker_that_panics_ends_nobody() {
    struct Grenade(AtomicUsize);
    impl Wake for Grenade {
        fn wake(self: Arc<Self>) {
            self.0.fetch_add(1, Ordering::SeqCst);
            panic!("a waker of the program's own");
        }
    }
    let grenade = Arc::new(Grenade(AtomicUsize::new(0)));
    let thrown = Arc::clone(&grenade);
    let mut runtime = with_workers(1);
    let waited = runtime.block_on(async |r: &LocalRegion| {
        let (seen, waker) = (Arc::clone(&thrown), Waker::from(thrown));
        let (go, mut wait) = oneshot::channel::<()>();
        let mut task = r.spawn(async move |cx| Ok(wait.recv(&cx).await?))?;
        {
            // The task's completer calls one waker, the timers call the other.
            let join = pin!(task.wait(r));
            let sleep = pin!(r.sleep(Duration::from_millis(1)));
            let mut context = Context::from_waker(&waker);
            assert!(join.poll(&mut context).is_pending());
            assert!(sleep.poll(&mut context).is_pending());
            assert!(go.send(()).is_delivered());
            while seen.0.load(Ordering::SeqCst) < 2 {
                r.yield_now().await?;
            }
        }
        task.join(r).await
    });
    assert!(waited.is_ok(), "{waited:?}");
    assert_eq!(grenade.0.load(Ordering::SeqCst), 2);
    assert_eq!(runtime.shut_down().live, 0);
}

/// A region that was begun in one task is refused in another, also while the first is still being polled.
// proves: R-OWN-5
#[test]
fn a_cx_is_foreign_while_its_own_task_is_polled() {
    struct Tell(std::sync::mpsc::Sender<()>);
    impl Drop for Tell {
        fn drop(&mut self) {
            let _ = self.0.send(());
        }
    }
    let mut config = Config::default();
    config.check_foreign_cx = true;
    let runtime = Runtime::builder().workers(2).config(config).build();
    let ended = runtime
        .expect("the host has threads")
        .block_on(async |r: &LocalRegion| {
            // They block: a task that was woken by one of the two could wait behind it.
            let (to_other, from_owner) = std::sync::mpsc::channel::<Begun>();
            let (told, over) = std::sync::mpsc::channel();
            r.spawn(async move |cx| {
                let begun = async move { cx.region(async |_| std::future::pending().await).await };
                let mut begun: Begun = Box::pin(begun);
                let polled = begun.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                assert!(polled.is_pending());
                to_other.send(begun).expect("the other task waits");
                // Polled until the other task has ended.
                let _ = over.recv();
                Ok(())
            })?;
            let other = r.spawn(async move |_cx| {
                let _told = Tell(told);
                let mut begun = from_owner.recv().expect("the owner sends");
                // Once: unless it is refused it waits for ever.
                let polled = begun.as_mut().poll(&mut Context::from_waker(Waker::noop()));
                assert!(polled.is_pending());
                Ok(())
            })?;
            other.join(r).await
        });
    let error = ended.expect_err("the other task panics");
    let ended = error.downcast_ref::<ChildEnded>();
    assert!(
        matches!(ended, Some(ChildEnded::Panicked(payload)) if payload.message().contains("ForeignCx")),
        "{error}"
    );
}

type Begun = Pin<Box<dyn Future<Output = Result<(), Error>> + Send>>;
