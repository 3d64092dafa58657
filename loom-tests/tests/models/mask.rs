//! A request that meets a mask: out of sight inside, delivered when it ends.

use std::sync::Arc;
use std::time::Duration;

use asupersync_loom_tests::explore::model;
use asupersync_loom_tests::rig::{Door, Rig, until_cancelled};
use loom::thread;

const LONG: Duration = Duration::from_secs(1);

// proves: R-CAN-3, R-CAN-1
#[test]
fn mask_vs_cancel() {
    model("mask_vs_cancel", || {
        let mut rig = Rig::new();
        let door = Door::new();
        let inside = Arc::clone(&door);
        let task = rig
            .spawner()
            .spawn(|cx| async move {
                cx.masked(LONG, async |masked| {
                    assert!(masked.checkpoint().is_ok(), "a mask lets a request through");
                    inside.pass().await;
                    assert!(masked.checkpoint().is_ok(), "a mask lets a request through");
                })
                .await;
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
        door.open();
        rig.run_until(|| task.is_finished());
        canceller.join().unwrap();
    });
}
