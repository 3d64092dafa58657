//! A driver's news against those who wait for a socket: the cell and the table as they ship.

use std::sync::Arc;
use std::task::{Poll, Wake, Waker};

use asupersync_core::internal::Mutex;
use asupersync_io::driver::Table;
use asupersync_io::{Interest, Place, Readiness, Ready, Seen};
use asupersync_loom_tests::explore::model;
use loom::sync::Notify;
use loom::sync::atomic::{AtomicUsize, Ordering};
use loom::thread;

const READABLE: Ready = Ready {
    readable: true,
    writable: false,
    read_closed: false,
    write_closed: false,
};

/// A task that sleeps until it is woken.
struct Bell(Notify);

impl Wake for Bell {
    fn wake(self: Arc<Self>) {
        self.0.notify();
    }
}

impl Bell {
    fn new() -> (Arc<Self>, Waker) {
        let bell = Arc::new(Self(Notify::new()));
        let waker = Waker::from(Arc::clone(&bell));
        (bell, waker)
    }
}

/// Waits as a task does: looks, sleeps until it is woken, looks again.
fn ready(cell: &Readiness, place: &mut Place, bell: &Bell, waker: &Waker) -> Seen {
    loop {
        match cell.poll_ready(Interest::Read, place, waker) {
            Poll::Ready(seen) => return seen,
            Poll::Pending => bell.0.wait(),
        }
    }
}

// proves: R-SCH-2
#[test]
fn news_vs_wait() {
    model("reactor::news_vs_wait", || {
        let cell = Arc::new(Readiness::new(Ready::default()));
        let driver = Arc::clone(&cell);
        let driver = thread::spawn(move || driver.set(READABLE));
        let (bell, waker) = Bell::new();
        ready(&cell, &mut Place::new(), &bell, &waker);
        driver.join().unwrap();
    });
}

// The socket is presumed ready. Data come while the first attempt finds nothing: the news must survive the attempt.
// proves: R-SCH-2, R-IO-2
#[test]
fn news_vs_attempt() {
    model("reactor::news_vs_attempt", || {
        let cell = Arc::new(Readiness::new(READABLE));
        let data = Arc::new(AtomicUsize::new(0));
        let host = (Arc::clone(&cell), Arc::clone(&data));
        let driver = thread::spawn(move || {
            host.1.store(1, Ordering::Relaxed);
            host.0.set(READABLE);
        });
        let (bell, waker) = Bell::new();
        let mut place = Place::new();
        loop {
            let seen = ready(&cell, &mut place, &bell, &waker);
            if data.load(Ordering::Relaxed) == 1 {
                break;
            }
            cell.clear(Interest::Read, seen);
        }
        driver.join().unwrap();
    });
}

// One of two waiters is cancelled as the news come: the other one is woken, and nothing of the first is kept.
// proves: R-SCH-2, R-IO-2
#[test]
fn leave_vs_news() {
    model("reactor::leave_vs_news", || {
        let cell = Arc::new(Readiness::new(Ready::default()));
        let (stays, leaves) = (Bell::new(), Bell::new());
        let (mut place, mut other) = (Place::new(), Place::new());
        let waiting = cell.poll_ready(Interest::Read, &mut other, &leaves.1);
        assert!(waiting.is_pending());
        let waiting = cell.poll_ready(Interest::Read, &mut place, &stays.1);
        assert!(waiting.is_pending());
        let driver = Arc::clone(&cell);
        let driver = thread::spawn(move || driver.set(READABLE));
        cell.leave(Interest::Read, &other);
        stays.0.0.wait();
        ready(&cell, &mut place, &stays.0, &stays.1);
        driver.join().unwrap();
        assert_eq!(Arc::strong_count(&leaves.0), 2, "a waker is kept");
    });
}

// The host still tells of a socket whose slot another one takes meanwhile.
// proves: R-IO-3
#[test]
fn late_event_vs_next_owner() {
    model("reactor::late_event_vs_next_owner", || {
        let table = Arc::new(Mutex::new(Table::new()));
        let enter = |table: &Mutex<Table<Arc<Readiness>>>| {
            let cell = Arc::new(Readiness::new(Ready::default()));
            let key = table.lock().insert(Arc::clone(&cell));
            (key.unwrap(), cell)
        };
        let (key, _first) = enter(&table);
        let told = Arc::clone(&table);
        let driver = thread::spawn(move || {
            let cell = told.lock().get(key).cloned();
            if let Some(cell) = cell {
                cell.set(READABLE);
            }
        });
        assert!(table.lock().remove(key).is_some());
        let (_, next) = enter(&table);
        let (_, waker) = Bell::new();
        let waiting = next.poll_ready(Interest::Read, &mut Place::new(), &waker);
        assert!(waiting.is_pending(), "news of another socket");
        driver.join().unwrap();
        let seen = next.look(Interest::Read);
        assert!(seen.is_none(), "news of another socket");
    });
}
