//! A driver that is dropped without shutdown while tasks are woken or cancelled from elsewhere.

use std::sync::Arc;

use asupersync_core::Spawner;
use asupersync_loom_tests::explore::model;
use asupersync_loom_tests::rig::{Door, Drops, Rig, Value};
use loom::thread;

/// A task of `rig` that waits at the door, and counts the drop of its future.
fn waiting(rig: &mut Rig, drops: &Arc<Drops>) -> (Spawner, Arc<Door>) {
    let door = Door::new();
    let (spawner, inside, value) = (rig.spawner(), Arc::clone(&door), Value::new(drops));
    let task = spawner.spawn(|_cx| async move {
        let _value = value;
        inside.pass().await;
        Ok(())
    });
    drop(task.unwrap());
    rig.run();
    (spawner, door)
}

// Whoever has the queue slot at that moment: the future is dropped once, by the sweep, and the cell
// is freed by its last user.
// proves: R-OWN-1
#[test]
fn wake_vs_driver_drop() {
    model("wake_vs_driver_drop", || {
        let drops = Arc::new(Drops::default());
        let mut rig = Rig::new();
        let (spawner, door) = waiting(&mut rig, &drops);
        let remains = rig.remains();
        let remote = thread::spawn(move || door.open());
        drop(rig);
        remote.join().unwrap();
        assert_eq!(drops.count(), 1, "a future is not dropped exactly once");
        assert!(drops.were_here(), "a future is dropped on another thread");
        drop(spawner);
        assert!(remains.are_all(), "the cell of a swept task is never freed");
    });
}

// As above. A task that a canceller is about to queue is out of the sweep's reach, so its future may be left.
// proves: R-OWN-1
#[test]
fn cancel_vs_driver_drop() {
    model("cancel_vs_driver_drop", || {
        let drops = Arc::new(Drops::default());
        let mut rig = Rig::new();
        let (spawner, door) = waiting(&mut rig, &drops);
        let remote = thread::spawn(move || spawner.cancel("stop"));
        drop(rig);
        remote.join().unwrap();
        assert!(drops.count() <= 1, "a future is dropped twice");
        drop(door);
    });
}
