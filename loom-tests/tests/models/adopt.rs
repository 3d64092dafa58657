//! A region's future is dropped half-way while another thread spawns into it: the parent adopts what is left.

use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::sync::{Arc, Mutex};
use std::task::Poll;

use asupersync_core::Spawner;
use asupersync_loom_tests::explore::model;
use asupersync_loom_tests::rig::{Door, Rig, until_cancelled};
use loom::thread;

/// Counts a child in, from its admission to the drop of its future.
struct Alive(Arc<AtomicUsize>);

impl Alive {
    fn new(count: Arc<AtomicUsize>) -> Self {
        count.fetch_add(1, SeqCst);
        Self(count)
    }
}

impl Drop for Alive {
    fn drop(&mut self) {
        self.0.fetch_sub(1, SeqCst);
    }
}

// proves: R-OWN-3, R-OWN-1, R-REG-4
#[test]
fn dropped_region_vs_spawn() {
    model("dropped_region_vs_spawn", || {
        let mut rig = Rig::new();
        let door = Door::new();
        let inside = Arc::clone(&door);
        let spawner = Arc::new(Mutex::new(None::<Spawner>));
        let given = Arc::clone(&spawner);
        let alive = Arc::new(AtomicUsize::new(0));
        let left_inside = Arc::clone(&alive);
        let task = rig
            .spawner()
            .spawn(|cx| async move {
                cx.region(async |outer| {
                    let mut region = Box::pin(outer.region(async |inner| {
                        *given.lock().unwrap() = Some(inner.spawner());
                        std::future::pending().await
                    }));
                    poll_fn(|task| {
                        let polled: Poll<Result<(), _>> = region.as_mut().poll(task);
                        assert!(polled.is_pending());
                        Poll::Ready(())
                    })
                    .await;
                    inside.pass().await;
                    drop(region);
                    Ok(())
                })
                .await?;
                assert_eq!(
                    left_inside.load(SeqCst),
                    0,
                    "the region around a dropped one closed before what was left in it"
                );
                Ok(())
            })
            .unwrap();
        rig.run();
        let spawner = spawner.lock().unwrap().take().unwrap();
        let counter = Arc::clone(&alive);
        let remote = thread::spawn(move || {
            spawner
                .spawn(|cx| {
                    let child = Alive::new(counter);
                    async move {
                        let _child = child;
                        until_cancelled(&cx).await;
                        Ok(())
                    }
                })
                .map_err(|error| assert!(error.is_closed(), "{error}"))
                .is_ok()
        });
        door.open();
        rig.run_until(|| task.is_finished());
        let admitted = remote.join().unwrap();
        rig.run();
        assert_eq!(
            alive.load(SeqCst),
            0,
            "a child is orphaned (admitted: {admitted})"
        );
        assert_eq!(rig.driver.stats().live, 0, "a task is left");
    });
}
