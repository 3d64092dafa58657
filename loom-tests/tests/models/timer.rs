//! Timers that one thread sets or cancels while the driver fires them or ends what they are for.

use std::sync::Arc;
use std::time::Duration;

use asupersync_core::{Budget, CancelKind, CleanupBudgets, Error, Task, TaskOptions, Time};
use asupersync_loom_tests::explore::model;
use asupersync_loom_tests::rig::{Door, Rig, until_cancelled};
use loom::thread::{self, JoinHandle};

const DEADLINE: Time = Time::from_nanos(1_000);

fn with_deadline() -> TaskOptions {
    TaskOptions::new().budget(Budget::INFINITE.with_deadline(DEADLINE))
}

fn cleanup(kind: CancelKind) -> Duration {
    CleanupBudgets::default().of(kind)
}

/// Cancels the task from another thread, which sets a timer to force it.
fn cancel(task: &Arc<Task<(), Error>>) -> JoinHandle<()> {
    let task = Arc::clone(task);
    thread::spawn(move || task.cancel("stop"))
}

// The task ends by itself while another thread sets the timer that would force it.
// proves: R-REG-4, R-CAN-4
#[test]
fn set_vs_end() {
    model("set_vs_end", || {
        let mut rig = Rig::new();
        let door = Door::new();
        let inside = Arc::clone(&door);
        let task = rig
            .spawner()
            .spawn(|_cx| async move {
                inside.pass().await;
                Ok(())
            })
            .unwrap();
        rig.run();
        let task = Arc::new(task);
        let canceller = cancel(&task);
        door.open();
        rig.run_until(|| task.is_finished());
        canceller.join().unwrap();
        assert_eq!(rig.driver.stats().timers, 0, "a timer outlives its task");
    });
}

// The task's deadline fires while another thread sets, replaces or cancels the timer to force it.
// proves: R-CAN-1, R-CAN-4
#[test]
fn cancel_vs_fire() {
    model("cancel_vs_fire", || {
        let mut rig = Rig::new();
        let task = rig
            .spawner()
            .spawn_with(with_deadline(), |cx| async move {
                until_cancelled(&cx).await;
                Ok(())
            })
            .unwrap();
        rig.run();
        rig.world.set_now(DEADLINE);
        let task = Arc::new(task);
        let canceller = cancel(&task);
        rig.run();
        // From here on every timer is due, also one that is set only now.
        rig.world.set_now(Time::from_nanos(u64::MAX / 2));
        rig.run_until(|| task.is_finished());
        canceller.join().unwrap();
        assert_eq!(rig.driver.stats().timers, 0, "a timer outlives its task");
        assert_eq!(
            rig.driver.stats().live,
            0,
            "the task did not end exactly once"
        );
    });
}

// Two requests meet: the stronger one leaves less time to clean up, whoever is first at the timers.
// proves: R-CAN-1, R-CAN-4
#[test]
fn two_cancels_of_a_task() {
    model("two_cancels_of_a_task", || {
        let mut rig = Rig::new();
        let task = rig
            .spawner()
            .spawn_with(with_deadline(), |_cx| async move {
                std::future::pending::<()>().await;
                Ok::<(), Error>(())
            })
            .unwrap();
        rig.run();
        rig.world.set_now(DEADLINE);
        let task = Arc::new(task);
        let canceller = cancel(&task);
        rig.driver.fire_timers(1);
        canceller.join().unwrap();
        assert_eq!(
            rig.driver.stats().timers,
            1,
            "not exactly one timer to force"
        );
        assert_eq!(
            rig.driver.next_deadline(),
            Some(DEADLINE.saturating_add(cleanup(CancelKind::Timeout))),
            "the weaker request's time counts"
        );
    });
}

// proves: R-CAN-1, R-CAN-4
#[test]
fn two_cancels_of_a_region() {
    model("two_cancels_of_a_region", || {
        let rig = Rig::new();
        let spawner = rig.spawner();
        let canceller = thread::spawn(move || spawner.cancel("stop"));
        rig.driver.request_shutdown();
        canceller.join().unwrap();
        assert_eq!(
            rig.driver.stats().timers,
            1,
            "not exactly one timer to force"
        );
        assert_eq!(
            rig.driver.next_deadline(),
            Some(Time::ZERO.saturating_add(cleanup(CancelKind::Shutdown))),
            "the weaker request's time counts"
        );
    });
}

// A timer is filed while the driver looks for the nearest one: when its time comes, it fires.
// proves: R-SCH-2, R-CAN-4
#[test]
fn set_vs_rest() {
    model("set_vs_rest", || {
        let mut rig = Rig::new();
        let task = rig
            .spawner()
            .spawn(|_cx| std::future::pending::<Result<(), Error>>())
            .unwrap();
        rig.run();
        let task = Arc::new(task);
        let canceller = cancel(&task);
        let _ = rig.driver.next_deadline();
        canceller.join().unwrap();
        rig.world
            .set_now(Time::ZERO.saturating_add(cleanup(CancelKind::User)));
        rig.run();
        assert!(task.is_finished(), "a timer was forgotten");
    });
}
