//! The blocking pool: jobs submitted while threads retire, fail to start or are sent away.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering::SeqCst};
use std::time::Duration;

use asupersync_loom_tests::explore::model;
use loom::thread;

// The protocol as it ships: platform-std's own file, over loom's lock.
#[allow(dead_code)] // what only its statistics use
#[path = "../../../platform-std/src/blocking/queue.rs"]
mod queue;
#[path = "blocking/sync.rs"]
mod sync;

use queue::{JobQueue, Limits, Refused};

/// A pool whose jobs only count.
struct Pool {
    queue: JobQueue<()>,
    ran: AtomicUsize,
}

impl Pool {
    fn new(threads_max: usize, idle_max: Option<Duration>) -> Arc<Self> {
        let limits = Limits {
            threads_max,
            waiting_max: 8,
            idle_max,
        };
        Arc::new(Self {
            queue: JobQueue::new(limits),
            ran: AtomicUsize::new(0),
        })
    }

    /// The loop of a thread.
    fn work(&self) {
        self.queue.arrived();
        while self.queue.next().is_some() {
            self.ran.fetch_add(1, SeqCst);
            self.queue.finished(false);
        }
    }

    /// Submits a job and is its new thread, if it is to have one. `false`: it was refused.
    fn submit_and_work(&self) -> bool {
        match self.queue.submit(()) {
            Ok(submitted) => {
                if submitted.start {
                    self.work();
                }
                true
            }
            Err(Refused::Stopped(())) => false,
            Err(Refused::Full(())) => panic!("there is room"),
        }
    }

    fn ran(&self) -> usize {
        self.ran.load(SeqCst)
    }
}

// A thread whose idle time is over has been counted on by who submits meanwhile.
// proves: R-IO-1
#[test]
fn submit_vs_retire() {
    for threads_max in [1, 2] {
        model("blocking::submit_vs_retire", move || {
            let pool = Pool::new(threads_max, Some(Duration::ZERO));
            assert!(pool.queue.submit(()).unwrap().start);
            let (first, other) = (Arc::clone(&pool), Arc::clone(&pool));
            let remotes = [
                thread::spawn(move || first.work()),
                thread::spawn(move || assert!(other.submit_and_work())),
            ];
            assert!(pool.submit_and_work());
            for remote in remotes {
                remote.join().unwrap();
            }
            assert_eq!(pool.ran(), 3, "a job is stranded");
            let end = pool.queue.counts();
            assert_eq!((end.threads, end.waiting), (0, 0));
            assert!(end.threads_peak <= threads_max, "more threads than may");
        });
    }
}

// A job goes in before the stop, and is run or given back, or comes after it, and is refused.
// proves: R-IO-2
#[test]
fn submit_vs_stop() {
    model("blocking::submit_vs_stop", || {
        let pool = Pool::new(2, None);
        let other = Arc::clone(&pool);
        let remote = thread::spawn(move || other.submit_and_work());
        let given_back = pool.queue.stop().len();
        let then = pool.queue.counts();
        let begun = then.running + then.finished as usize;
        pool.queue.wait_until_left();
        let refused = usize::from(!remote.join().unwrap());
        let end = pool.queue.counts();
        assert!(
            end.finished as usize <= begun,
            "a job was begun after the stop"
        );
        assert_eq!(pool.ran() + given_back + refused, 1, "a job is lost");
        assert_eq!((end.threads, end.waiting), (0, 0));
    });
}

// Whoever waits for the threads hears of the last one.
// proves: R-CAN-7
#[test]
fn stop_vs_idle_thread() {
    model("blocking::stop_vs_idle_thread", || {
        let pool = Pool::new(1, None);
        assert!(pool.queue.submit(()).unwrap().start);
        let other = Arc::clone(&pool);
        let remote = thread::spawn(move || other.work());
        let given_back = pool.queue.stop().len();
        pool.queue.wait_until_left();
        remote.join().unwrap();
        assert_eq!(pool.ran() + given_back, 1);
        assert_eq!(pool.queue.counts().threads, 0);
    });
}

// A job is taken back or run, never both and never neither.
// proves: R-IO-2
#[test]
fn withdraw_vs_next() {
    model("blocking::withdraw_vs_next", || {
        let pool = Pool::new(1, Some(Duration::ZERO));
        let submitted = pool.queue.submit(()).unwrap();
        let other = Arc::clone(&pool);
        let remote = thread::spawn(move || other.work());
        let withdrawn = usize::from(pool.queue.withdraw(submitted.ticket).is_some());
        remote.join().unwrap();
        assert_eq!(pool.ran() + withdrawn, 1);
    });
}

// A thread that does not come leaves no job behind that counted on it.
// proves: R-IO-1
#[test]
fn failed_start_vs_submit() {
    model("blocking::failed_start_vs_submit", || {
        let pool = Pool::new(1, Some(Duration::ZERO));
        assert!(pool.queue.submit(()).unwrap().start);
        let other = Arc::clone(&pool);
        let remote = thread::spawn(move || assert!(other.submit_and_work()));
        let given_back = pool.queue.start_failed().len();
        remote.join().unwrap();
        assert_eq!(pool.ran() + given_back, 2, "a job is stranded");
        assert_eq!(pool.queue.counts().waiting, 0);
    });
}
