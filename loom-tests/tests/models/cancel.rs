//! Requests to stop, from another thread, against everything the driver may be doing just then.

use std::sync::Arc;

use asupersync_loom_tests::explore::model;
use asupersync_loom_tests::rig::{Door, Rig, until_cancelled};
use loom::thread;

// A task that is about to wait for the first time enrols, then looks again; the canceller stores
// the word, then looks at the list.
// proves: R-CAN-1, R-REG-2
#[test]
fn enrol_vs_cancel() {
    model("enrol_vs_cancel", || {
        let mut rig = Rig::new();
        let spawner = rig.spawner();
        let task = spawner
            .spawn(|cx| async move {
                until_cancelled(&cx).await;
                Ok(())
            })
            .unwrap();
        let canceller = thread::spawn(move || spawner.cancel("stop"));
        rig.run_until(|| task.is_finished());
        canceller.join().unwrap();
    });
}

// proves: R-CAN-1, R-OWN-2
#[test]
fn spawn_vs_cancel() {
    model("spawn_vs_cancel", || {
        let mut rig = Rig::new();
        let spawner = rig.spawner();
        let canceller = {
            let spawner = spawner.clone();
            thread::spawn(move || spawner.cancel("stop"))
        };
        let spawned = spawner.spawn(|cx| async move {
            until_cancelled(&cx).await;
            Ok(())
        });
        match spawned {
            Ok(task) => rig.run_until(|| task.is_finished()),
            Err(error) => assert!(error.is_closed(), "{error}"),
        }
        canceller.join().unwrap();
        assert_eq!(rig.driver.stats().live, 0, "a task is left");
    });
}

// proves: R-CAN-7, R-OWN-2, R-REG-4
#[test]
fn spawn_vs_shutdown() {
    model("spawn_vs_shutdown", || {
        let mut rig = Rig::new();
        let spawner = rig.spawner();
        let remote = thread::spawn(move || {
            spawner
                .spawn(|cx| async move {
                    until_cancelled(&cx).await;
                    Ok(())
                })
                .ok()
        });
        rig.driver.request_shutdown();
        let mut task = None;
        let mut remote = Some(remote);
        rig.run();
        if !rig.driver.is_shut_down() {
            // The gate counts the spawn, so there is a task to wait for.
            task = remote.take().and_then(|remote| remote.join().unwrap());
            assert!(task.is_some(), "the gate counts nobody");
        }
        rig.run();
        assert!(rig.driver.is_shut_down(), "the root does not close");
        if let Some(remote) = remote {
            task = remote.join().unwrap();
        }
        let late = task.is_some_and(|task| !task.is_finished());
        assert!(!late, "a task outlives the root region");
    });
}

// A task ends while a canceller walks the list it is in.
// proves: R-OWN-1, R-CAN-1
#[test]
fn end_vs_telling() {
    model("end_vs_telling", || {
        let mut rig = Rig::new();
        let spawner = rig.spawner();
        let door = Door::new();
        let inside = Arc::clone(&door);
        let task = spawner
            .spawn(|_cx| async move {
                inside.pass().await;
                Ok(())
            })
            .unwrap();
        rig.run();
        let canceller = thread::spawn(move || spawner.cancel("stop"));
        door.open();
        rig.run_until(|| task.is_finished());
        canceller.join().unwrap();
        // Freeing the cell asserts that it is in no list.
    });
}

// proves: R-CAN-1, R-OWN-2
#[test]
fn cancel_vs_region_opening() {
    model("cancel_vs_region_opening", || {
        let mut rig = Rig::new();
        let spawner = rig.spawner();
        let door = Door::new();
        let inside = Arc::clone(&door);
        let task = spawner
            .spawn(|cx| async move {
                inside.pass().await;
                cx.region(async |child| {
                    until_cancelled(child).await;
                    Ok(())
                })
                .await
            })
            .unwrap();
        rig.run();
        let canceller = thread::spawn(move || spawner.cancel("stop"));
        door.open();
        rig.run_until(|| task.is_finished());
        canceller.join().unwrap();
    });
}

// proves: R-CAN-1, R-CAN-2
#[test]
fn task_cancel_vs_poll() {
    model("task_cancel_vs_poll", || {
        let mut rig = Rig::new();
        let task = rig
            .spawner()
            .spawn(|cx| async move {
                until_cancelled(&cx).await;
                Ok(())
            })
            .unwrap();
        rig.run();
        let task = Arc::new(task);
        let canceller = {
            let task = Arc::clone(&task);
            thread::spawn(move || task.cancel("stop"))
        };
        rig.run_until(|| task.is_finished());
        canceller.join().unwrap();
    });
}
