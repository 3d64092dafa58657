//! Several drivers of one runtime: what is pushed, stolen, injected and woken is polled once, by one of them.

use std::sync::Arc;

use asupersync_core::queue::{Injector, Ring, Sleepers, Stealer};
use asupersync_core::{Runnable, Spawner};
use asupersync_loom_tests::explore::model;
use asupersync_loom_tests::rig::Rig;
use loom::sync::Notify;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

/// Runnable tasks without a queue, of a runtime that outlives the threads of the model.
fn tasks(rig: &mut Rig, count: usize) -> Vec<Runnable> {
    let spawner: Spawner = rig.spawner();
    for _ in 0..count {
        drop(spawner.spawn(|_cx| async { Ok(()) }).unwrap());
    }
    rig.take_queued()
}

/// Steals once, and gives back everything that came.
fn steal(from: &Stealer) -> Vec<Runnable> {
    let mut own = Ring::new();
    let mut stolen: Vec<_> = from.steal_into(&mut own).into_iter().collect();
    stolen.extend(std::iter::from_fn(|| own.pop()));
    stolen
}

/// Polls every task, which fails if one is there twice, and says how many there were.
fn poll_all(rig: &mut Rig, tasks: impl IntoIterator<Item = Runnable>) -> usize {
    tasks.into_iter().map(|task| rig.poll(task)).count()
}

/// The owner pops while a thief steals: together they have each task once.
// proves: R-SCH-2
#[test]
fn pop_vs_steal() {
    model("pop_vs_steal", || {
        let mut rig = Rig::new();
        let mut ring = Ring::new();
        for task in tasks(&mut rig, 3) {
            ring.push(task).unwrap();
        }
        let stealer = ring.stealer();
        let thief = thread::spawn(move || steal(&stealer));
        let mut popped: Vec<_> = ring.pop().into_iter().collect();
        popped.extend(ring.pop());
        let stolen = thief.join().unwrap();
        popped.extend(std::iter::from_fn(|| ring.pop()));
        let sum = poll_all(&mut rig, popped) + poll_all(&mut rig, stolen);
        assert_eq!(sum, 3, "a task was lost or doubled");
    });
}

/// The first task of a ring, and a thief: it sees nothing, or all of it.
// proves: R-SCH-2
#[test]
fn first_push_vs_steal() {
    model("first_push_vs_steal", || {
        let mut rig = Rig::new();
        let mut ring = Ring::new();
        let stealer = ring.stealer();
        let thief = thread::spawn(move || stealer.steal_into(&mut Ring::new()));
        for task in tasks(&mut rig, 1) {
            ring.push(task).unwrap();
        }
        let stolen = thief.join().unwrap();
        let sum = poll_all(&mut rig, stolen) + poll_all(&mut rig, ring.pop());
        assert_eq!(sum, 1, "a task was lost or doubled");
    });
}

/// The owner fills the slots that a thief empties: what the thief copied is what was there when its swap succeeded.
// proves: R-SCH-2
#[test]
fn push_vs_steal() {
    model("push_vs_steal", || {
        let mut rig = Rig::new();
        let mut ring = Ring::new();
        let mut fresh = tasks(&mut rig, Ring::CAPACITY + 2).into_iter();
        for task in fresh.by_ref().take(Ring::CAPACITY) {
            ring.push(task).unwrap();
        }
        let stealer = ring.stealer();
        let thief = thread::spawn(move || steal(&stealer));
        // A full ring gives the task back, and nothing is lost.
        let mut all: Vec<_> = ring.pop().into_iter().collect();
        for task in fresh {
            all.extend(ring.push(task).err());
        }
        let stolen = thief.join().unwrap();
        all.extend(std::iter::from_fn(|| ring.pop()));
        let sum = poll_all(&mut rig, all) + poll_all(&mut rig, stolen);
        assert_eq!(sum, Ring::CAPACITY + 2, "a task was lost or doubled");
    });
}

/// Two thieves at one ring: each task goes to one of them.
// proves: R-SCH-2
#[test]
fn two_thieves() {
    model("two_thieves", || {
        let mut rig = Rig::new();
        let mut ring = Ring::new();
        for task in tasks(&mut rig, 3) {
            ring.push(task).unwrap();
        }
        let thieves: Vec<_> = (0..2)
            .map(|_| {
                let stealer = ring.stealer();
                thread::spawn(move || steal(&stealer))
            })
            .collect();
        let mut sum = 0;
        for thief in thieves {
            sum += poll_all(&mut rig, thief.join().unwrap());
        }
        sum += poll_all(&mut rig, std::iter::from_fn(|| ring.pop()));
        assert_eq!(sum, 3, "a task was lost or doubled");
    });
}

/// A push while two drivers take: nothing is lost between inbox and backlog.
// proves: R-SCH-2 R-SCH-5
#[test]
fn inject_vs_take() {
    model("inject_vs_take", || {
        let mut rig = Rig::new();
        let mut fresh = tasks(&mut rig, 3).into_iter();
        let injector = Arc::new(Injector::new());
        injector.push(fresh.next().unwrap());
        injector.push(fresh.next().unwrap());
        let shared = Arc::clone(&injector);
        let taker = thread::spawn(move || {
            let mut ring = Ring::new();
            let first = shared.pop_into(&mut ring, 1);
            first
                .into_iter()
                .chain(std::iter::from_fn(|| ring.pop()))
                .collect::<Vec<_>>()
        });
        injector.push(fresh.next().unwrap());
        let mut all: Vec<_> = injector.pop().into_iter().collect();
        let taken = taker.join().unwrap();
        all.extend(std::iter::from_fn(|| injector.pop()));
        assert!(injector.is_empty());
        let sum = poll_all(&mut rig, all) + poll_all(&mut rig, taken);
        assert_eq!(sum, 3, "a task was lost or doubled");
    });
}

/// Drivers that are nothing but the protocol: a queue is a counter, to poll is to take one off.
struct Team {
    sleepers: Sleepers,
    waiting: AtomicUsize,
    taken: AtomicUsize,
    bells: [Notify; 2],
}

impl Team {
    fn new() -> Arc<Self> {
        Arc::new(Self {
            sleepers: Sleepers::new(2),
            waiting: AtomicUsize::new(0),
            taken: AtomicUsize::new(0),
            bells: [Notify::new(), Notify::new()],
        })
    }

    fn push(&self) {
        self.waiting.fetch_add(1, Ordering::Release);
        if let Some(driver) = self.sleepers.to_wake() {
            self.bells[driver].notify();
        }
    }

    fn take(&self) -> bool {
        let mut waiting = self.waiting.load(Ordering::Relaxed);
        while waiting > 0 {
            let next = (Ordering::AcqRel, Ordering::Relaxed);
            match self
                .waiting
                .compare_exchange(waiting, waiting - 1, next.0, next.1)
            {
                Ok(_) => return true,
                Err(now) => waiting = now,
            }
        }
        false
    }

    /// Takes one, waiting for it; `searching` is what the driver was before, and `false` comes back.
    fn take_one(&self, driver: usize) {
        let mut searching = false;
        loop {
            if !searching {
                searching = self.sleepers.start_searching();
            }
            if self.take() {
                if searching {
                    if let Some(next) = self.sleepers.stop_searching() {
                        self.bells[next].notify();
                    }
                }
                self.taken.fetch_add(1, Ordering::Release);
                return;
            }
            self.sleepers.fall_asleep(driver, searching);
            if self.waiting.load(Ordering::Relaxed) == 0 {
                self.bells[driver].wait();
            }
            searching = self.sleepers.stay_awake(driver);
        }
    }
}

/// A push while a driver falls asleep: the driver sees it, or is woken.
// proves: R-SCH-2
#[test]
fn push_vs_searcher() {
    model("push_vs_searcher", || {
        let team = Team::new();
        let shared = Arc::clone(&team);
        let driver = thread::spawn(move || shared.take_one(0));
        team.push();
        driver.join().unwrap();
        assert_eq!(team.taken.load(Ordering::Acquire), 1);
    });
}

/// Two pushes, of which the second finds a searcher and wakes nobody: the searcher takes one, and has the other
/// driver woken for the other.
// proves: R-SCH-2 R-SCH-5
#[test]
fn two_pushes_two_drivers() {
    model("two_pushes_two_drivers", || {
        let team = Team::new();
        let drivers: Vec<_> = (0..2)
            .map(|driver| {
                let shared = Arc::clone(&team);
                thread::spawn(move || shared.take_one(driver))
            })
            .collect();
        team.push();
        team.push();
        for driver in drivers {
            driver.join().unwrap();
        }
        assert_eq!(team.taken.load(Ordering::Acquire), 2);
    });
}

/// Work for one driver alone, while that driver falls asleep.
// proves: R-SCH-2
#[test]
fn pinned_push_vs_sleep() {
    model("pinned_push_vs_sleep", || {
        let team = Team::new();
        let shared = Arc::clone(&team);
        let driver = thread::spawn(move || shared.take_one(1));
        team.waiting.fetch_add(1, Ordering::Release);
        if team.sleepers.wake(1) {
            team.bells[1].notify();
        }
        driver.join().unwrap();
    });
}
