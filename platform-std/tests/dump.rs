//! Dumps that are taken while several threads run tasks.

use std::sync::atomic::{AtomicBool, Ordering};

use asupersync_core::channel::mpsc;
use asupersync_core::{Activity, Config, LocalRegion, TaskOptions};
use asupersync_std::Runtime;

fn config() -> Config {
    let mut config = Config::default();
    config.inspect = true;
    config
}

/// Threads run tasks that come, wait and go, while another takes dumps: nobody hangs, and what waits is told.
#[test]
fn dumps_are_taken_while_tasks_run() {
    let runtime = Runtime::builder().config(config()).workers(2).build();
    let mut runtime = runtime.expect("the host has threads");
    let inspector = runtime.inspector();
    let is_over = AtomicBool::new(false);
    let (dumps, result) = std::thread::scope(|threads| {
        let dumps = threads.spawn(|| {
            let mut dumps = 0;
            loop {
                let is_last = is_over.load(Ordering::Acquire);
                let dump = inspector.dump().expect("it is switched on");
                assert!(dump.to_string().starts_with("at "));
                for task in &dump.tasks {
                    assert!(dump.why_blocked(task.path).is_some());
                }
                dumps += 1;
                if is_last {
                    return dumps;
                }
            }
        });
        let result = runtime.block_on(async |region: &LocalRegion| {
            for _ in 0..200 {
                let (sender, mut receiver) = mpsc::channel(std::num::NonZeroUsize::MIN);
                let named = TaskOptions::new().name("sends");
                let sends = region.spawn_with(named, async move |cx| {
                    for n in 0..10 {
                        sender.send(&cx, n).await?;
                    }
                    Ok(())
                })?;
                let mut sum = 0;
                while let Ok(n) = receiver.recv(region).await {
                    sum += n;
                }
                assert_eq!(sum, 45);
                sends.join(region).await?;
            }
            Ok(())
        });
        is_over.store(true, Ordering::Release);
        (dumps.join(), result)
    });
    assert!(result.is_ok());
    assert!(dumps.is_ok_and(|dumps| dumps > 0));
    let dump = runtime.dump().expect("it is switched on");
    assert!(dump.tasks.is_empty(), "{dump}");
}

/// A dump does not poll: what waits outside of the runtime waits on, and is told as that.
#[test]
fn a_dump_polls_nothing() {
    let mut runtime = Runtime::builder().config(config()).on_one_thread();
    let polls = std::sync::Arc::new(std::sync::atomic::AtomicU32::new(0));
    let counted = std::sync::Arc::clone(&polls);
    let task = runtime.spawner().spawn(async move |_cx| {
        std::future::poll_fn(|_| {
            counted.fetch_add(1, Ordering::Relaxed);
            std::task::Poll::<()>::Pending
        })
        .await;
        Ok(())
    });
    let path = task.expect("there is room").path();
    let _ = runtime.turn(16);
    for _ in 0..3 {
        let dump = runtime.dump().expect("it is switched on");
        let told = dump.task(path).expect("it lives");
        assert_eq!((told.activity, told.waits.len()), (Activity::Waits, 0));
        let blocked = dump.why_blocked(path).expect("it lives").to_string();
        assert!(
            blocked.ends_with("waits for something outside the runtime"),
            "{blocked}"
        );
    }
    assert_eq!(polls.load(Ordering::Relaxed), 1);
}
