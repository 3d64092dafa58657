//! asupersync's side of every workload: one function per workload, so that what the peers are held against is in
//! one place.
//!
//! A function returns all our variants; the bar judges the first. Every program here is a user's program: public
//! API only, children in regions, waits with a `Cx`, results through `?`.

use crate::harness::{Contestant, Role, Unit, Workload, ns_each, scaled, sum_below, timed, us};
use crate::heap;
use crate::workload::Build;
use crate::workload::cancel_tree::{DEPTH, FANOUT, Gauge, TASKS};
use crate::workload::mpsc::shares;
use crate::workload::scale;
use crate::workload::threads::Landing;
use crate::workload::timers;
use asupersync_core::channel::{mpsc, oneshot};
use asupersync_core::{
    Cancelled, Cx, CxBase, Error, LocalRegion, Outcome, Region, SpawnError, Spawner, Task,
};
use asupersync_std::Runtime;
use std::future::poll_fn;
use std::hint::black_box;
use std::num::NonZeroUsize;
use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::task::Poll;
use std::time::{Duration, Instant};

/// How many threads poll: the one that blocks on the workload, and workers beside it.
#[derive(Clone, Copy)]
pub enum On {
    One,
    Two,
}

/// A runtime on the host with room for the largest workload.
fn runtime(on: On) -> Runtime {
    match on {
        On::One => Runtime::current_thread(),
        On::Two => with_workers(1),
    }
}

fn with_workers(workers: usize) -> Runtime {
    let runtime = Runtime::builder().workers(workers).build();
    runtime.expect("the host has threads")
}

/// Runs `work` in the root region and takes its result.
fn in_region<T>(
    runtime: &mut Runtime,
    work: impl AsyncFnOnce(&LocalRegion) -> Result<T, Error>,
) -> T {
    runtime.block_on(work).expect("the workload fails nowhere")
}

pub fn spawn_join(on: On, tasks: u64) -> Vec<Contestant> {
    let mut runtime = runtime(on);
    vec![Contestant::new("asupersync", Role::Ours, move || {
        let (spent, sum) = timed(|| {
            in_region(&mut runtime, async |region| {
                let handles: Vec<_> = (0..tasks)
                    .map(|number| {
                        region
                            .spawn(async move |_cx| Ok(number))
                            .expect("the region is open")
                    })
                    .collect();
                let mut sum = 0;
                for handle in handles {
                    sum += handle.join(region).await?;
                }
                Ok(sum)
            })
        });
        assert_eq!(sum, sum_below(tasks));
        ns_each(spent, tasks)
    })]
}

pub fn spawn_outside(tasks: u64) -> Vec<Contestant> {
    // The thread that spawns does not block on a body, so it does not poll.
    let runtime = with_workers(2);
    vec![Contestant::new("asupersync", Role::Ours, move || {
        let spawner = runtime.spawner();
        let all = Landing::of(tasks);
        let (spent, ()) = timed(|| {
            for _ in 0..tasks {
                let all = Arc::clone(&all);
                let task = spawner.spawn(async move |_cx| {
                    all.land();
                    Ok(())
                });
                drop(task.expect("the runtime is open"));
            }
            all.wait();
        });
        ns_each(spent, tasks)
    })]
}

pub fn yield_many(on: On, tasks: u64, yields: u64) -> Vec<Contestant> {
    let mut runtime = runtime(on);
    vec![Contestant::new("asupersync", Role::Ours, move || {
        let (spent, done) = timed(|| {
            in_region(&mut runtime, async |region| {
                let task = move |cx: Cx| async move {
                    let mut done = 0;
                    for _ in 0..yields {
                        cx.yield_now().await?;
                        done += 1;
                    }
                    Ok(done)
                };
                let handles: Vec<_> = (0..tasks)
                    .map(|_| region.spawn(task).expect("the region is open"))
                    .collect();
                let mut done = 0;
                for handle in handles {
                    done += handle.join(region).await?;
                }
                Ok(done)
            })
        });
        assert_eq!(done, tasks * yields);
        ns_each(spent, tasks * yields)
    })]
}

async fn partner(
    cx: Cx,
    mut ping: oneshot::Receiver<u64>,
    pong: oneshot::Sender<u64>,
) -> Result<(), Error> {
    let number = ping.recv(&cx).await?;
    assert!(pong.send(number + 1).is_delivered());
    Ok(())
}

pub fn ping_pong(on: On, pairs: u64, waves: u64) -> Vec<Contestant> {
    /// The partner is a sibling, as with the peers.
    async fn player(cx: Cx, spawner: Spawner) -> Result<u64, Error> {
        let (ping, ping_receiver) = oneshot::channel();
        let (pong, mut pong_receiver) = oneshot::channel();
        drop(spawner.spawn(|cx| partner(cx, ping_receiver, pong))?);
        assert!(ping.send(0).is_delivered());
        Ok(pong_receiver.recv(&cx).await?)
    }
    /// The partner is a child: it ends before the player does, whatever happens.
    async fn structured_player(cx: Cx) -> Result<u64, Error> {
        cx.region(async |region| {
            let (ping, ping_receiver) = oneshot::channel();
            let (pong, mut pong_receiver) = oneshot::channel();
            drop(region.spawn(|cx| partner(cx, ping_receiver, pong))?);
            assert!(ping.send(0).is_delivered());
            Ok(pong_receiver.recv(region).await?)
        })
        .await
    }
    let contestant = |name, role, start: fn(&LocalRegion) -> Task<u64, Error>| {
        let mut runtime = runtime(on);
        Contestant::new(name, role, move || {
            let (spent, answers) = timed(|| {
                in_region(&mut runtime, async |region| {
                    let mut answers = 0;
                    for _ in 0..waves {
                        let handles: Vec<_> = (0..pairs).map(|_| start(region)).collect();
                        for handle in handles {
                            answers += handle.join(region).await?;
                        }
                    }
                    Ok(answers)
                })
            });
            assert_eq!(answers, pairs * waves);
            ns_each(spent, pairs * waves)
        })
    };
    vec![
        contestant("asupersync", Role::Ours, |region| {
            let spawner = region.spawner();
            region
                .spawn(|cx| player(cx, spawner))
                .expect("the region is open")
        }),
        contestant("asupersync, a region per pair", Role::Other, |region| {
            region.spawn(structured_player).expect("the region is open")
        }),
    ]
}

pub fn chained_spawn(on: On, links: u64) -> Vec<Contestant> {
    fn link(
        spawner: Spawner,
        number: u64,
        links: u64,
        done: oneshot::Sender<u64>,
    ) -> Result<(), Error> {
        let next = spawner.clone();
        let task = spawner.spawn(async move |_cx| {
            if number == links {
                assert!(done.send(number).is_delivered());
                Ok(())
            } else {
                link(next, number + 1, links, done)
            }
        })?;
        drop(task);
        Ok(())
    }
    let mut runtime = runtime(on);
    vec![Contestant::new("asupersync", Role::Ours, move || {
        let (spent, length) = timed(|| {
            in_region(&mut runtime, async |region| {
                let (done, mut length) = oneshot::channel();
                link(region.spawner(), 1, links, done)?;
                Ok(length.recv(region).await?)
            })
        });
        assert_eq!(length, links);
        ns_each(spent, links)
    })]
}

pub fn mpsc(on: On, producers: u64, capacity: usize, messages: u64) -> Vec<Contestant> {
    type Producer =
        fn(&Region, mpsc::Sender<u64>, Range<u64>) -> Result<Task<(), Error>, SpawnError>;
    type Consumer = fn(&Region, mpsc::Receiver<u64>) -> Result<Task<u64, Error>, SpawnError>;
    const PERMITS: Producer = |region, sender, numbers| {
        region.spawn(async move |cx| {
            for number in numbers {
                let _ = sender.reserve(&cx).await?.send(number);
            }
            Ok(())
        })
    };
    const SENDS: Producer = |region, sender, numbers| {
        region.spawn(async move |cx| {
            for number in numbers {
                sender.send(&cx, number).await?;
            }
            Ok(())
        })
    };
    const SINGLE: Consumer = |region, mut receiver| {
        region.spawn(async move |cx| {
            let mut sum = 0;
            while let Ok(number) = receiver.recv(&cx).await {
                sum += number;
            }
            Ok(sum)
        })
    };
    const BATCH: Consumer = |region, mut receiver| {
        region.spawn(async move |cx| {
            let mut sum = 0;
            let mut batch = Vec::with_capacity(64);
            while receiver.recv_many(&cx, &mut batch, 64).await.is_ok() {
                sum += batch.drain(..).sum::<u64>();
            }
            Ok(sum)
        })
    };
    let contestant = |name, role, produce: Producer, consume: Consumer| {
        let mut runtime = runtime(on);
        Contestant::new(name, role, move || {
            let (sender, receiver) =
                mpsc::channel(NonZeroUsize::new(capacity).expect("room for a message"));
            let (spent, sum) = timed(|| {
                in_region(&mut runtime, async |region| {
                    let producers = shares(messages, producers)
                        .map(|share| produce(region, sender.clone(), share))
                        .collect::<Result<Vec<_>, _>>()?;
                    drop(sender);
                    // A task of its own, as on the raw loop.
                    let sum = consume(region, receiver)?.join(region).await?;
                    for producer in producers {
                        producer.join(region).await?;
                    }
                    Ok(sum)
                })
            });
            assert_eq!(sum, sum_below(messages));
            ns_each(spent, messages)
        })
    };
    vec![
        contestant("asupersync, permits", Role::Ours, PERMITS, SINGLE),
        contestant(
            "asupersync, permits, batch receive",
            Role::Other,
            PERMITS,
            BATCH,
        ),
        contestant("asupersync, one-step send", Role::Other, SENDS, SINGLE),
        kanal_here(on, producers, capacity, messages),
    ]
}

/// The fastest peer's channel on our runtime: what of the difference is the runtime's switch, not the channel's work.
fn kanal_here(on: On, producers: u64, capacity: usize, messages: u64) -> Contestant {
    let mut runtime = runtime(on);
    Contestant::new("kanal on asupersync", Role::Other, move || {
        let (sender, receiver) = kanal::bounded_async(capacity);
        let (spent, sum) = timed(|| {
            in_region(&mut runtime, async |region| {
                let produce = |numbers: Range<u64>| {
                    let sender = sender.clone();
                    region.spawn(async move |_cx| {
                        for number in numbers {
                            sender.send(number).await?;
                        }
                        Ok(())
                    })
                };
                let producers = shares(messages, producers)
                    .map(produce)
                    .collect::<Result<Vec<_>, _>>()?;
                drop(sender);
                let consumer = region.spawn(async move |_cx| {
                    let mut sum = 0;
                    while let Ok(number) = receiver.recv().await {
                        sum += number;
                    }
                    Ok(sum)
                })?;
                let sum = consumer.join(region).await?;
                for producer in producers {
                    producer.join(region).await?;
                }
                Ok(sum)
            })
        });
        assert_eq!(sum, sum_below(messages));
        ns_each(spent, messages)
    })
}

pub fn oneshot(times: u64) -> Vec<Contestant> {
    let mut runtime = runtime(On::One);
    vec![Contestant::new("asupersync", Role::Ours, move || {
        let (spent, sum) = timed(|| {
            in_region(&mut runtime, async |region| {
                let task = region.spawn(async move |cx| {
                    let mut sum = 0;
                    for number in 0..times {
                        let (sender, mut receiver) = black_box(oneshot::channel());
                        let _ = sender.send(number);
                        sum += receiver.recv(&cx).await?;
                    }
                    Ok(sum)
                })?;
                task.join(region).await
            })
        });
        assert_eq!(sum, sum_below(times));
        ns_each(spent, times)
    })]
}

pub fn timer_cancel(sleeps: u64) -> Vec<Contestant> {
    let mut runtime = runtime(On::Two);
    vec![Contestant::new("asupersync", Role::Ours, move || {
        in_region(&mut runtime, async |region| {
            let task = region.spawn(async move |cx| {
                let now = cx.now()?;
                let timers = (0..sleeps)
                    .map(|number| {
                        let deadline = now.saturating_add(timers::delay(number));
                        Box::pin(Some(cx.sleep_until(deadline)))
                    })
                    .collect();
                let mut timers = Some(timers);
                let figure = poll_fn(|waker| match timers.take() {
                    Some(timers) => Poll::Ready(timers::set_and_drop(timers, waker)),
                    None => Poll::Pending,
                });
                Ok(figure.await)
            })?;
            task.join(region).await
        })
    })]
}

pub fn timer_expire(tasks: u64) -> Vec<Contestant> {
    let mut runtime = runtime(On::Two);
    vec![Contestant::new("asupersync", Role::Ours, move || {
        let wakes = timers::Wakes::new();
        in_region(&mut runtime, async |region| {
            let until = region.now()?.saturating_add(timers::AHEAD);
            let handles: Vec<_> = (0..tasks)
                .map(|number| {
                    let wakes = Arc::clone(&wakes);
                    let task = region.spawn(async move |cx| {
                        cx.sleep_until(until).await?;
                        wakes.woke(number);
                        Ok(())
                    });
                    task.expect("the region is open")
                })
                .collect();
            for handle in handles {
                handle.join(region).await?;
            }
            Ok(())
        });
        wakes.spread(tasks)
    })]
}

pub fn growth(name: &'static str, role: Role, tasks: u64) -> Contestant {
    let room = Runtime::builder().workers(1).capacity(tasks as usize + 1);
    let mut runtime = room.build().expect("the host has threads");
    Contestant::new(name, role, move || {
        let (spent, cancelled) = timed(|| {
            in_region(&mut runtime, async |region| {
                let handles = (0..tasks)
                    .map(|_| region.spawn(async |cx| Ok(until_cancelled(&cx).await?)))
                    .collect::<Result<Vec<_>, _>>()?;
                let mut cancelled = 0;
                for handle in &handles {
                    handle.cancel("the benchmark is over");
                }
                for handle in handles {
                    let outcome = handle.outcome(region).await?;
                    cancelled += u64::from(matches!(outcome, Outcome::Cancelled(_)));
                }
                Ok(cancelled)
            })
        });
        assert_eq!(cancelled, tasks);
        ns_each(spent, tasks)
    })
}

pub fn idle_cpu(sleepers: u64) -> Contestant {
    Contestant::new("asupersync", Role::Ours, move || {
        let mut runtime = with_workers(2);
        let mut spent = Duration::ZERO;
        // Cancelled at its end, so it returns the cancel.
        let _ = runtime.block_on(async |region| {
            for _ in 0..sleepers {
                drop(region.spawn(async |cx| Ok(cx.sleep(Duration::from_secs(3_600)).await?))?);
            }
            // Until all of them sleep.
            region.sleep(scale::WATCHED / 4).await?;
            let before = scale::process_time();
            region.sleep(scale::WATCHED).await?;
            spent = scale::process_time() - before;
            region.cancel("the benchmark is over");
            Ok::<(), Error>(())
        });
        scale::us_each_second(spent)
    })
}

/// Waits for nothing but a cancel.
async fn until_cancelled(cx: &CxBase) -> Result<(), Cancelled> {
    poll_fn(|_| match cx.checkpoint() {
        Ok(()) => Poll::Pending,
        Err(cancelled) => Poll::Ready(Err(cancelled)),
    })
    .await
}

pub fn cancel_tree(on: On) -> Vec<Contestant> {
    fn plant(region: &Region, gauge: Arc<Gauge>, depth: u32, timers: bool) -> Task<(), Error> {
        let spawned = region.spawn(async move |cx| {
            let _alive = gauge.enter();
            if depth == 0 {
                if timers {
                    cx.sleep(Duration::from_secs(3600)).await?;
                } else {
                    until_cancelled(&cx).await?;
                }
                return Ok(());
            }
            cx.region(async |region| {
                for _ in 0..FANOUT {
                    drop(plant(region, gauge.clone(), depth - 1, timers));
                }
                Ok(until_cancelled(region).await?)
            })
            .await
        });
        spawned.expect("the region is open")
    }
    let contestant = |name, role, timers| {
        let mut runtime = runtime(on);
        Contestant::new(name, role, move || {
            let gauge = Arc::new(Gauge::default());
            let spent = in_region(&mut runtime, async |region| {
                let root = plant(region, gauge.clone(), DEPTH, timers);
                while gauge.live() < TASKS {
                    region.yield_now().await?;
                }
                let started = Instant::now();
                root.cancel("the benchmark is over");
                let outcome = root.outcome(region).await?;
                let spent = us(started.elapsed());
                assert!(matches!(outcome, Outcome::Cancelled(_)));
                Ok(spent)
            });
            assert_eq!(gauge.live(), 0);
            spent
        })
    };
    vec![
        contestant("asupersync", Role::Ours, false),
        contestant("asupersync, leaves in sleep", Role::Other, true),
    ]
}

pub fn idle_bytes(tasks: u64) -> Vec<Contestant> {
    static RELEASED: AtomicBool = AtomicBool::new(false);
    /// As large as the peers' `pending()`. Ends after the measurement, at the poll that the cancel causes.
    fn released() -> impl Future<Output = ()> {
        poll_fn(|_| {
            if RELEASED.load(Relaxed) {
                Poll::Ready(())
            } else {
                Poll::Pending
            }
        })
    }
    let contestant = |name, role, start: fn(&LocalRegion, u64) -> Task<u64, Error>| {
        Contestant::new(name, role, move || {
            RELEASED.store(false, Relaxed);
            let mut handles = Vec::with_capacity(tasks as usize);
            let mut growth = 0;
            heap::start();
            // Room for the tasks and for the one that is the body: what is reserved for them is part of their price.
            let mut runtime = Runtime::builder()
                .capacity(tasks as usize + 1)
                .on_one_thread();
            // Cancelled at its end, so it returns the cancel; what counts is that every task has ended.
            let _ = runtime.block_on(async |region| {
                handles.extend((0..tasks).map(|number| start(region, number)));
                for _ in 0..2 {
                    region.yield_now().await?;
                }
                growth = heap::stop();
                RELEASED.store(true, Relaxed);
                region.cancel("the benchmark is over");
                Ok::<(), Error>(())
            });
            assert!(handles.iter().all(Task::is_finished));
            growth as f64 / tasks as f64
        })
    };
    vec![
        contestant("asupersync", Role::Ours, |region, number| {
            let spawned = region.spawn(move |_cx| async move {
                released().await;
                Ok(number)
            });
            spawned.expect("the region is open")
        }),
        contestant(
            "asupersync, holding its Cx",
            Role::Other,
            |region, number| {
                let spawned = region.spawn(move |cx| async move {
                    released().await;
                    cx.checkpoint()?;
                    Ok(number)
                });
                spawned.expect("the region is open")
            },
        ),
    ]
}

/// What has no counterpart elsewhere: the price of structure, in nanoseconds.
pub fn own_costs() -> Vec<(&'static str, Build)> {
    vec![
        (
            "own_region",
            Box::new(|| {
                own(
                    "own_region",
                    "region open + close",
                    scaled(100_000),
                    region_open_close,
                )
            }),
        ),
        (
            "own_checkpoint",
            Box::new(|| {
                own(
                    "own_checkpoint",
                    "checkpoint",
                    scaled(1_000_000),
                    checkpoint,
                )
            }),
        ),
        (
            "own_permit",
            Box::new(|| own("own_permit", "reserve + abort", scaled(1_000_000), permit)),
        ),
    ]
}

fn own<F>(name: &'static str, per: &'static str, times: u64, work: fn(Cx, u64) -> F) -> Workload
where
    F: Future<Output = Result<u64, Error>> + Send + 'static,
{
    let mut runtime = runtime(On::One);
    let contestant = Contestant::new("asupersync", Role::Ours, move || {
        let (spent, done) = timed(|| {
            in_region(&mut runtime, async |region| {
                region.spawn(move |cx| work(cx, times))?.join(region).await
            })
        });
        assert_eq!(done, times);
        ns_each(spent, times)
    });
    Workload {
        name,
        per,
        unit: Unit::Ns,
        bar: None,
        contestants: vec![contestant],
    }
}

async fn region_open_close(cx: Cx, times: u64) -> Result<u64, Error> {
    let mut done = 0;
    for _ in 0..times {
        done += cx.region(async |_region| Ok(black_box(1))).await?;
    }
    Ok(done)
}

async fn checkpoint(cx: Cx, times: u64) -> Result<u64, Error> {
    let mut done = 0;
    for _ in 0..times {
        black_box(&cx).checkpoint()?;
        done += 1;
    }
    Ok(done)
}

async fn permit(cx: Cx, times: u64) -> Result<u64, Error> {
    let (sender, _receiver) = mpsc::channel::<u64>(NonZeroUsize::MIN);
    let mut done = 0;
    for _ in 0..times {
        drop(black_box(sender.reserve(&cx).await?));
        done += 1;
    }
    Ok(done)
}
