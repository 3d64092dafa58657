//! What blocks, on several workers and in crowds: nothing is lost, nothing is counted twice, nothing is left.

mod support;

use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use asupersync_core::{Error, LocalRegion};
use asupersync_std::{BlockingBuilder, Runtime, fs, spawn_blocking};
use support::{Folder, stats, until};

fn two_workers(pool: BlockingBuilder) -> Runtime {
    let builder = Runtime::builder().workers(2).blocking(pool);
    builder.build().expect("the host has threads")
}

fn few_threads() -> BlockingBuilder {
    BlockingBuilder::new().threads_max(NonZeroUsize::new(3).expect("not zero"))
}

/// How calls ended, as their tasks saw it.
#[derive(Default)]
struct Ledger {
    ran: AtomicU64,
    received: AtomicU64,
    full: AtomicU64,
    cancelled: AtomicU64,
}

impl Ledger {
    fn read(count: &AtomicU64) -> u64 {
        count.load(Ordering::SeqCst)
    }
}

// proves: R-IO-1 R-IO-3 R-CAN-5
#[test]
fn a_storm_of_calls_and_cancels_adds_up() {
    let mut runtime = two_workers(few_threads().waiting_max(64));
    let ledger = Arc::new(Ledger::default());
    runtime
        .block_on(async |r: &LocalRegion| {
            for n in 0..3_000 {
                let ledger = Arc::clone(&ledger);
                let task = r.spawn(async move |cx| {
                    let ran = Arc::clone(&ledger);
                    let call = spawn_blocking(&cx, move || ran.ran.fetch_add(1, Ordering::SeqCst));
                    let end = match call.await {
                        Ok(_) => &ledger.received,
                        Err(error) if error.is_at_capacity() => &ledger.full,
                        Err(error) if error.is_cancelled() => &ledger.cancelled,
                        Err(error) => return Err(error.into()),
                    };
                    end.fetch_add(1, Ordering::SeqCst);
                    Ok(())
                })?;
                // A third is cancelled: unpolled, waiting, running or done.
                if n % 3 == 0 {
                    r.yield_now().await?;
                    task.cancel("not needed");
                }
            }
            Ok::<_, Error>(())
        })
        .expect("ran");
    let pool = runtime.blocking_stats().expect("a pool");
    let [ran, received, full, cancelled] = [
        &ledger.ran,
        &ledger.received,
        &ledger.full,
        &ledger.cancelled,
    ]
    .map(Ledger::read);
    assert_eq!(ran, pool.finished, "what was begun was run");
    assert_eq!(
        received + pool.late,
        pool.finished,
        "each value went one way"
    );
    assert_eq!(full, pool.refused);
    assert!(pool.late + pool.withdrawn <= cancelled);
    assert!(received > 0 && pool.threads_peak <= 3);
    assert_eq!((pool.waiting, pool.running), (0, 0));
    let stats = runtime.shut_down();
    assert_eq!((stats.leaked, stats.forced, stats.live), (0, 0, 0));
}

// proves: R-IO-2 R-REG-4
#[test]
fn a_cancelled_write_is_whole_or_absent_when_its_region_is_closed() {
    let folder = Folder::new("storm");
    let content = "whole".repeat(10_000);
    let mut runtime = two_workers(few_threads());
    let (mut whole, mut absent) = (0, 0);
    runtime
        .block_on(async |r: &LocalRegion| {
            for round in 0..10 {
                let path = |n: u32| folder.at(&format!("file-{round}-{n}"));
                r.region(async |r| {
                    let before = stats(r).finished;
                    for n in 0..20 {
                        let (path, content) = (path(n), content.clone());
                        r.spawn(async move |cx| Ok(fs::write(&cx, path, content).await?))?;
                    }
                    until(r, || stats(r).finished > before + round).await?;
                    // A region that cancels itself: what it interrupts is its own affair.
                    Err::<(), Error>(std::io::Error::other("enough").into())
                })
                .await
                .expect_err("it says so");
                for n in 0..20 {
                    match std::fs::read_to_string(path(n)) {
                        Ok(text) if text == content => whole += 1,
                        Ok(text) => panic!("{} of {} bytes", text.len(), content.len()),
                        Err(_) => absent += 1,
                    }
                }
            }
            Ok::<_, Error>(())
        })
        .expect("ran");
    assert_eq!(whole + absent, 200);
    assert!(whole >= 55, "those that were waited for: {whole}");
    assert_eq!(runtime.shut_down().leaked, 0);
}

#[cfg(unix)]
#[test]
fn many_processes_at_once() {
    use asupersync_std::process::Command;

    let mut runtime = two_workers(BlockingBuilder::new());
    let sum = runtime.block_on(async |r: &LocalRegion| {
        let mut tasks = Vec::new();
        for code in 0..24 {
            tasks.push(r.spawn(async move |cx| {
                let script = format!("echo {code}; exit {code}");
                let output = Command::new("sh").args(["-c", &script]).output(&cx).await?;
                assert_eq!(output.stdout, format!("{code}\n").into_bytes());
                Ok(output.status.code().unwrap_or(-1))
            })?);
        }
        let mut sum = 0;
        for task in tasks {
            sum += task.join(r).await?;
        }
        Ok::<_, Error>(sum)
    });
    assert_eq!(sum.expect("ran"), 276);
    let stats = runtime.shut_down();
    assert_eq!((stats.leaked, stats.forced), (0, 0));
}

// proves: R-IO-5
#[cfg(unix)]
#[test]
fn a_signal_reaches_listeners_on_every_worker() {
    use asupersync_std::signal::{Signal, signals};

    two_workers(BlockingBuilder::new())
        .block_on(async |r: &LocalRegion| {
            let listening = Arc::new(AtomicU64::new(0));
            let mut tasks = Vec::new();
            for _ in 0..8 {
                let listening = Arc::clone(&listening);
                tasks.push(r.spawn(async move |cx| {
                    let mut listener = signals(&cx, &[Signal::WindowChange])?;
                    listening.fetch_add(1, Ordering::SeqCst);
                    Ok(listener.recv(&cx).await?)
                })?);
            }
            until(r, || listening.load(Ordering::SeqCst) == 8).await?;
            signal_hook::low_level::raise(signal_hook::consts::SIGWINCH)?;
            for task in tasks {
                assert_eq!(task.join(r).await?, Signal::WindowChange);
            }
            Ok::<_, Error>(())
        })
        .expect("ran");
}
