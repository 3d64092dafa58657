//! A driver that falls asleep while somebody pushes: the reference executor as it ships.

use std::sync::Arc;

use asupersync_core::channel::oneshot;
use asupersync_core::queue::{Inbox, Sleep};
use asupersync_core::{Config, Driver, Executor, Platform, Ran, Runnable, Time};
use asupersync_local::{LocalDriver, Turn};
use asupersync_loom_tests::explore::model;
use asupersync_loom_tests::rig::{Door, World};
use loom::thread;

/// A runtime, and the world that it sleeps in.
fn runtime() -> (LocalDriver, Arc<World>) {
    let world = World::new();
    let platform: Arc<dyn Platform> = Arc::<World>::clone(&world);
    let driver = LocalDriver::with_config(platform, 4, Config::default(), None);
    (driver, world)
}

/// Turns and sleeps until `done`. Time passes in sleep: a sleeper with a timer wakes when it is due.
fn drive(driver: &mut LocalDriver, world: &World, mut done: impl FnMut() -> bool) {
    while !done() {
        match driver.turn(8) {
            Turn::More => {}
            Turn::Idle(_) if done() => {}
            Turn::Idle(Some(until)) => world.set_now(until),
            Turn::Idle(None) => world.wait(),
        }
    }
}

// proves: R-SCH-2, R-SCH-5
#[test]
fn push_vs_sleep() {
    model("push_vs_sleep", || {
        let (mut driver, world) = runtime();
        let (sender, mut receiver) = oneshot::channel();
        let task = driver
            .spawner()
            .spawn(|cx| async move { Ok(receiver.recv(&cx).await?) })
            .unwrap();
        while driver.turn(8) == Turn::More {}
        let remote = thread::spawn(move || assert!(sender.send(1).is_delivered()));
        drive(&mut driver, &world, || task.is_finished());
        remote.join().unwrap();
    });
}

/// An executor that is nothing but the protocol.
struct Bare {
    inbox: Inbox,
    sleep: Sleep,
    world: Arc<World>,
}

impl Executor for Bare {
    fn schedule(&self, task: Runnable) {
        self.inbox.push(task);
        self.interrupt();
    }

    fn interrupt(&self) {
        if self.sleep.ends_here() {
            self.world.pend();
        }
    }

    fn capacity(&self) -> usize {
        4
    }
}

// Two pushes, one sleeper: whoever finds the flag up wakes it, the other need not, and both tasks
// come out of the inbox.
// proves: R-SCH-2, R-OWN-2
#[test]
fn two_pushes_vs_sleep() {
    model("two_pushes_vs_sleep", || {
        let world = World::new();
        let bare = Arc::new(Bare {
            inbox: Inbox::new(),
            sleep: Sleep::new(),
            world: Arc::clone(&world),
        });
        let platform: Arc<dyn Platform> = Arc::<World>::clone(&world);
        let executor: Arc<dyn Executor> = Arc::<Bare>::clone(&bare);
        let mut driver = Driver::new(platform, executor, Config::default(), None);
        let doors = [Door::new(), Door::new()];
        for door in &doors {
            let door = Arc::clone(door);
            let spawned = driver.spawner().spawn(|_cx| async move {
                door.pass().await;
                Ok(())
            });
            drop(spawned.unwrap());
        }
        let mut runnable = Vec::new();
        bare.inbox.drain(|task| runnable.push(task));
        for task in runnable.drain(..) {
            assert!(matches!(driver.run(task), Ok(Ran::Idle)));
        }
        let remotes = doors.map(|door| thread::spawn(move || door.open()));
        loop {
            bare.inbox.drain(|task| runnable.push(task));
            if runnable.len() == 2 {
                break;
            }
            if bare.sleep.fall_asleep(&bare.inbox) {
                world.wait();
                bare.sleep.wake_up();
            }
        }
        for remote in remotes {
            remote.join().unwrap();
        }
        for task in runnable {
            assert!(matches!(driver.run(task), Ok(Ran::Done)));
        }
    });
}

// A timer that is set from elsewhere, nearer than what the sleeper waits for, ends the sleep.
// proves: R-CAN-4, R-SCH-5
#[test]
fn timer_vs_sleep() {
    model("timer_vs_sleep", || {
        let (mut driver, world) = runtime();
        let spawner = driver.spawner();
        let task = spawner
            .spawn(|_cx| async move {
                std::future::pending::<()>().await;
                Ok(())
            })
            .unwrap();
        while driver.turn(8) == Turn::More {}
        // The task ignores the request: only the timer behind it ends the task.
        let remote = thread::spawn(move || spawner.cancel("stop"));
        drive(&mut driver, &world, || task.is_finished());
        assert!(world.now() > Time::ZERO, "the task was not given its time");
        remote.join().unwrap();
    });
}
