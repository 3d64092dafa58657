//! Tasks that do not yield, on real threads: a poll that blocks until it was told of.

use std::sync::mpsc::{self, Receiver, Sender};
use std::sync::{Arc, Mutex};
use std::time::Duration;

use asupersync_core::trace::{Event, EventKind, TraceSink};
use asupersync_core::{LocalRegion, PathId, TaskOptions};
use asupersync_std::Runtime;

/// Hands on what it is told of stalls.
struct Told(Mutex<Sender<(EventKind, PathId)>>);

impl TraceSink for Told {
    fn record(&self, event: &Event) {
        if matches!(event.kind, EventKind::Stalled | EventKind::StallEnded) {
            let sender = self.0.lock().expect("no test panics with it");
            // The test that listened may be over.
            let _ = sender.send((event.kind, event.actor));
        }
    }
}

/// A runtime that tells of polls that last `limit`, and where it tells it.
fn watched(workers: usize, limit: Duration) -> (Runtime, Receiver<(EventKind, PathId)>) {
    let (sender, told) = mpsc::channel();
    let builder = Runtime::builder().workers(workers).stall_after(limit);
    let builder = builder.trace(Arc::new(Told(Mutex::new(sender))));
    (builder.build().expect("the host has threads"), told)
}

/// Blocks a task's poll until it was told of, and says what was told of that task.
fn stall(workers: usize) -> Vec<EventKind> {
    let (mut runtime, told) = watched(workers, Duration::from_millis(4));
    let blocked = runtime.block_on(async |region: &LocalRegion| {
        let options = TaskOptions::new().name("blocks");
        let task = region.spawn_with(options, async move |cx| {
            cx.checkpoint_with("waits for the report")?;
            // Others may be told of too, where the host is busy.
            while told.recv().expect("the runtime tells") != (EventKind::Stalled, cx.task_path()) {}
            Ok((told, cx.task_path()))
        })?;
        task.join(region).await
    });
    let (told, task) = blocked.expect("it was told");
    let stats = runtime.shut_down();
    assert!(stats.stalls >= 1);
    // The runtime is gone and so is what told: this ends.
    let of_it = |(kind, other): (EventKind, PathId)| (other == task).then_some(kind);
    told.iter().filter_map(of_it).collect()
}

#[test]
fn a_task_that_blocks_a_worker_is_told_and_so_is_its_end() {
    assert_eq!(stall(2), [EventKind::StallEnded]);
}

#[test]
fn a_task_that_blocks_the_only_thread_is_told_too() {
    assert_eq!(stall(0), [EventKind::StallEnded]);
}

/// The control: a task blocks for as long, in a runtime that allows an hour.
#[test]
fn a_task_that_keeps_to_the_limit_is_not_told() {
    let (mut runtime, told) = watched(1, Duration::from_secs(3_600));
    let blocked = runtime.block_on(async |region: &LocalRegion| {
        let task = region.spawn(async |_cx| Ok(stall(1)))?;
        task.join(region).await
    });
    assert!(blocked.is_ok());
    assert_eq!(runtime.shut_down().stalls, 0);
    assert_eq!(told.iter().count(), 0);
}

/// A runtime that goes in a panic waits for the thread that looks, and does not hang on it.
#[test]
fn a_runtime_that_panics_takes_its_monitor_with_it() {
    let told = std::thread::spawn(|| {
        let (_runtime, told) = watched(1, Duration::from_millis(1));
        let holds = std::panic::AssertUnwindSafe(told);
        std::panic::resume_unwind(Box::new(holds.0));
    });
    let told = told.join().expect_err("it panics");
    let told = told.downcast::<Receiver<(EventKind, PathId)>>();
    assert_eq!(told.expect("the receiver").iter().count(), 0);
}
