//! The reactor without a runtime: tokens, notifications, one waiter at a time, stale events.

use std::net::{TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::task::{Wake, Waker};
use std::thread;

use asupersync_io::{Interest, Place, Ready};

use super::Reactor;

/// Counts its wakes.
#[derive(Default)]
struct Count(AtomicUsize);

impl Wake for Count {
    fn wake(self: Arc<Self>) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }
}

impl Count {
    fn get(&self) -> usize {
        self.0.load(Ordering::Relaxed)
    }
}

fn reactor() -> Arc<Reactor> {
    Reactor::new().expect("the host has handles")
}

fn listener() -> TcpListener {
    TcpListener::bind("127.0.0.1:0").expect("a port is free")
}

// An event of a source that is gone, still on its way when another source takes the slot.
// proves: R-IO-3
#[test]
fn a_late_event_does_not_wake_the_next_owner_of_the_slot() {
    let reactor = reactor();
    let (first, second) = (listener(), listener());
    let old = reactor
        .register(&first, Ready::default())
        .expect("it can be watched");
    old.end(&first);
    let new = reactor
        .register(&second, Ready::default())
        .expect("it can be watched");
    assert_ne!(old.key, new.key);

    let count = Arc::new(Count::default());
    let waker = Waker::from(Arc::clone(&count));
    let (mut place, readiness) = (Place::new(), &new.entry.readiness);
    assert!(
        readiness
            .poll_ready(Interest::Read, &mut place, &waker)
            .is_pending()
    );
    let mut news = Vec::new();
    reactor.look_up([(old.key, Ready::BOTH)].into_iter(), &mut news);
    assert!(news.is_empty());
    assert_eq!((count.get(), reactor.stats().stale), (0, 1));
    assert_eq!(readiness.look(Interest::Read), None);

    reactor.look_up([(new.key, Ready::BOTH)].into_iter(), &mut news);
    assert_eq!(news.len(), 1);
    new.end(&second);
    assert_eq!(reactor.stats().sources, 0);
}

#[test]
fn a_notification_before_the_wait_ends_it() {
    let reactor = reactor();
    reactor.notify();
    reactor.notify();
    assert!(reactor.wait(None).expect("the host waits"));
    let stats = reactor.stats();
    assert_eq!(
        (stats.waits, stats.interrupts),
        (0, 0),
        "no system call was needed"
    );
}

#[test]
fn a_notification_ends_the_wait_under_way_each_time() {
    let reactor = reactor();
    let (told, hears) = mpsc::channel();
    let waiting = Arc::clone(&reactor);
    let thread = thread::spawn(move || {
        for _ in 0..100 {
            assert!(waiting.wait(None).expect("the host waits"));
            told.send(()).expect("the test listens");
        }
    });
    for _ in 0..100 {
        reactor.notify();
        hears.recv().expect("the wait ended");
    }
    thread.join().expect("the thread fails nowhere");
}

#[test]
fn only_one_thread_waits() {
    let reactor = reactor();
    let other = reactor.try_waiter().expect("nobody waits yet");
    assert!(!reactor.wait(None).expect("the host is not asked"));
    reactor.poll().expect("the host is not asked");
    assert_eq!(reactor.stats().waits, 0);
    drop(other);
    reactor.notify();
    assert!(reactor.wait(None).expect("the host waits"));
}

#[test]
fn a_deadline_that_has_passed_ends_the_wait() {
    let reactor = reactor();
    let now = crate::clock::Clock::start();
    let passed = now.instant(asupersync_core::Time::ZERO);
    for _ in 0..2 {
        assert!(reactor.wait(passed).expect("the host waits"));
    }
}

// proves: R-IO-3
#[test]
fn what_the_host_tells_wakes_who_waits_once() {
    let reactor = reactor();
    let source = listener();
    let registered = reactor
        .register(&source, Ready::default())
        .expect("it can be watched");
    let readiness = &registered.entry.readiness;
    let counts = [Arc::new(Count::default()), Arc::new(Count::default())];
    let [stays, leaves] = counts
        .each_ref()
        .map(|count| Waker::from(Arc::clone(count)));
    let mut places = [Place::new(), Place::new()];
    for (place, waker) in places.iter_mut().zip([&stays, &leaves]) {
        assert!(
            readiness
                .poll_ready(Interest::Read, place, waker)
                .is_pending()
        );
    }
    registered
        .entry
        .arming
        .arm(&reactor.poller, &source, registered.key, Interest::Read)
        .expect("it can be asked for");
    readiness.leave(Interest::Read, &places[1]);
    assert_eq!(
        Arc::strong_count(&counts[1]),
        2,
        "the one that left is held nowhere"
    );
    let _client = TcpStream::connect(source.local_addr().expect("it is bound"));
    while readiness.look(Interest::Read).is_none() {
        assert!(reactor.wait(None).expect("the host waits"));
    }
    assert_eq!(counts.map(|count| count.get()), [1, 0]);
    registered.end(&source);
}
