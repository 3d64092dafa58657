//! The event loop under a scripted host: every hop and every setting of the timer is looked at.

use std::cell::RefCell;
use std::rc::Rc;
use std::string::String;
use std::sync::Arc;
use std::time::Duration;
use std::vec;
use std::vec::Vec;

use asupersync_core::internal::Mutex;
use asupersync_core::{Error, LocalRegion, Stats};

use crate::host::script;
use crate::pace::Hop;
use crate::{Entry, Runtime, enter, report_panic, yield_to_host};
#[cfg(feature = "lifecycle")]
use crate::{PageEvent, PageEvents, host::with_loop};

const MILLISECOND: u64 = 1_000_000;

/// What the host was asked for since the last look.
fn asked() -> (Vec<Hop>, Vec<Option<i32>>) {
    script(|host| (host.hops.split_off(0), host.alarms.split_off(0)))
}

fn hops() -> Vec<Hop> {
    asked().0
}

fn at(nanoseconds: u64) {
    script(|host| host.now = nanoseconds);
}

fn come(entry: Entry) {
    enter(entry, || ());
}

/// Does what the host was asked for, in the order of a page, until it is asked for nothing but the timer.
fn settle() {
    for _ in 0..1_000 {
        let hops = hops();
        if hops.is_empty() {
            return;
        }
        for hop in hops {
            come(match hop {
                Hop::Microtask => Entry::Microtask,
                Hop::Macrotask => Entry::Macrotask,
            });
        }
    }
    panic!("no end after 1,000 rounds");
}

#[derive(Clone, Default)]
struct Notes(Arc<Mutex<Vec<String>>>);

impl Notes {
    fn add(&self, what: &str) {
        self.0.lock().push(what.into());
    }

    fn take(&self) -> Vec<String> {
        core::mem::take(&mut *self.0.lock())
    }
}

fn started<F>(body: F) -> (Runtime, Notes)
where
    F: AsyncFnOnce(&LocalRegion, &Notes) -> Result<(), Error> + 'static,
{
    let runtime = Runtime::new(16);
    let notes = Notes::default();
    start(&runtime, &notes, body);
    (runtime, notes)
}

fn start<F>(runtime: &Runtime, notes: &Notes, body: F)
where
    F: AsyncFnOnce(&LocalRegion, &Notes) -> Result<(), Error> + 'static,
{
    let (inside, after) = (notes.clone(), notes.clone());
    runtime.start(
        async move |region: &LocalRegion| body(region, &inside).await,
        move |ended: Result<(), Error>| {
            after.add(if ended.is_ok() { "ended" } else { "failed" });
        },
    );
}

#[test]
fn what_is_spawned_from_outside_runs_after_one_microtask() {
    let runtime = Runtime::new(4);
    settle();
    let notes = Notes::default();
    for name in ["a", "b", "c"] {
        let inside = notes.clone();
        let task = runtime.spawner().spawn(async move |_cx| {
            inside.add(name);
            Ok(())
        });
        drop(task.expect("there is room"));
    }
    assert_eq!(notes.take(), [""; 0], "nothing runs inline");
    assert_eq!(hops(), [Hop::Microtask], "one for all three");
    come(Entry::Microtask);
    assert_eq!(notes.take(), ["a", "b", "c"]);
    assert_eq!(hops(), []);
}

// proves: R-SCH-3
#[test]
fn a_task_without_end_leaves_the_host_its_turn() {
    let polls = Rc::new(RefCell::new(0));
    let counted = Rc::clone(&polls);
    let (_runtime, _notes) = started(async move |region, _notes| {
        loop {
            *counted.borrow_mut() += 1;
            region.yield_now().await?;
        }
    });
    come(Entry::Microtask);
    assert_eq!(hops().last(), Some(&Hop::Microtask));
    *polls.borrow_mut() = 0;
    come(Entry::Microtask);
    assert_eq!((*polls.borrow(), hops()), (64, vec![Hop::Microtask]));
    at(5 * MILLISECOND);
    come(Entry::Microtask);
    let (hops, alarms) = asked();
    assert_eq!(hops, [Hop::Macrotask], "the slice is over");
    assert_eq!(alarms, [Some(20)], "a watchdog behind it");
    *polls.borrow_mut() = 0;
    come(Entry::Settled);
    assert_eq!(*polls.borrow(), 0, "a promise does not make it longer");
    come(Entry::Macrotask);
    assert_eq!(
        (*polls.borrow(), asked()),
        (64, (vec![Hop::Microtask], vec![]))
    );
}

#[test]
fn a_message_that_is_lost_stops_nobody() {
    // The page is older than a slice.
    at(1_000 * MILLISECOND);
    let (_runtime, notes) = started(async |_region, _notes| Ok(()));
    assert_eq!(asked(), (vec![Hop::Macrotask], vec![Some(20)]));
    come(Entry::Timer);
    settle();
    assert_eq!(notes.take(), ["ended"]);
}

#[test]
fn a_call_from_within_a_poll_only_enqueues() {
    let (_runtime, notes) = started(async |region, notes| {
        let woken = notes.clone();
        let child = region.spawn_local(async move |_cx| {
            woken.add("child");
            Ok(())
        })?;
        // As an abort listener, or a host that runs events within a call.
        enter(Entry::Event, || notes.add("event"));
        notes.add("body");
        child.join(region).await
    });
    settle();
    assert_eq!(notes.take(), ["event", "body", "child", "ended"]);
}

#[test]
fn one_timer_is_set_only_when_it_becomes_earlier() {
    // A runtime's time begins when it is made.
    const BEGAN: u64 = 3_600_000 * MILLISECOND;
    at(BEGAN);
    come(Entry::Event);
    let (runtime, notes) = started(async |region, notes| {
        region.sleep(Duration::from_micros(7_100)).await?;
        notes.add("slept");
        Ok(())
    });
    come(Entry::Event);
    assert_eq!(asked().1, [Some(8)], "rounded up");
    start(&runtime, &notes, async |region, _notes| {
        Ok(region.sleep(Duration::from_millis(9)).await?)
    });
    settle();
    assert_eq!(asked().1, [], "later than the one that is set");
    start(&runtime, &notes, async |region, _notes| {
        Ok(region.sleep(Duration::from_millis(2)).await?)
    });
    come(Entry::Microtask);
    come(Entry::Microtask);
    assert_eq!(asked().1, [Some(2)], "earlier");

    at(BEGAN + MILLISECOND + 1);
    come(Entry::Timer);
    assert_eq!(notes.take(), [""; 0], "it fired early");
    assert_eq!(asked().1, [Some(1)], "and is set again");
    at(BEGAN + 2 * MILLISECOND);
    come(Entry::Timer);
    assert_eq!(notes.take(), ["ended"]);
    at(BEGAN + 8 * MILLISECOND);
    come(Entry::Timer);
    settle();
    assert_eq!(notes.take(), ["slept", "ended"]);
}

#[test]
fn what_the_host_cannot_count_to_is_waited_for_in_parts() {
    let (_runtime, notes) =
        started(async |region, _notes| Ok(region.sleep(Duration::from_secs(40 * 86_400)).await?));
    come(Entry::Microtask);
    come(Entry::Microtask);
    assert_eq!(asked().1, [Some(i32::MAX)]);
    at(i32::MAX as u64 * MILLISECOND);
    come(Entry::Timer);
    let rest = 40 * 86_400_000 - i64::from(i32::MAX);
    assert_eq!(asked().1, [i32::try_from(rest).ok()]);
    at(40 * 86_400_000 * MILLISECOND);
    come(Entry::Timer);
    settle();
    assert_eq!(notes.take(), ["ended"]);
}

// proves: R-CAN-7
#[test]
fn shutting_down_waits_for_clean_up_and_takes_the_timer_back() {
    let (runtime, notes) = started(async |region, notes| {
        let cleaned = notes.clone();
        region.defer(async move |_cx| {
            cleaned.add("cleaned");
        })?;
        Ok(region.sleep(Duration::from_secs(60)).await?)
    });
    settle();
    let after = notes.clone();
    runtime.shut_down(move |stats: Stats| {
        assert_eq!((stats.live, stats.timers), (0, 0));
        after.add("closed");
    });
    assert_eq!(notes.take(), [""; 0]);
    asked();
    for _ in 0..4 {
        come(Entry::Microtask);
    }
    assert_eq!(notes.take(), ["cleaned", "failed", "closed"]);
    assert_eq!(asked().1.last(), Some(&None), "node would wait for it");
}

#[test]
fn dropped_from_within_a_task_it_ends_with_the_pump() {
    struct Bomb(Notes);
    impl Drop for Bomb {
        fn drop(&mut self) {
            self.0.add("dropped");
            // Whoever is dropped may still talk to the loop.
            enter(Entry::Event, || ());
        }
    }
    let runtime = Runtime::new(4);
    let notes = Notes::default();
    let own = Rc::new(RefCell::new(None::<Runtime>));
    let (inside, bomb) = (Rc::clone(&own), Bomb(notes.clone()));
    start(&runtime, &notes, async move |region, notes| {
        let _bomb = bomb;
        drop(inside.take());
        notes.add("goes on");
        Ok(region.sleep(Duration::from_secs(1)).await?)
    });
    *own.borrow_mut() = Some(runtime);
    settle();
    assert_eq!(notes.take(), ["goes on", "dropped"]);
}

#[test]
fn two_runtimes_share_the_loop() {
    let notes = Notes::default();
    let runtimes = [Runtime::new(4), Runtime::new(4)];
    for (number, runtime) in runtimes.iter().enumerate() {
        start(runtime, &notes, async move |region, notes| {
            for _ in 0..100 {
                region.yield_now().await?;
            }
            notes.add(if number == 0 { "first" } else { "second" });
            Ok(())
        });
    }
    settle();
    let mut ends = notes.take();
    ends.sort();
    assert_eq!(ends, ["ended", "ended", "first", "second"]);
}

#[test]
fn yielding_to_the_host_waits_for_a_macrotask() {
    let (_runtime, notes) = started(async |region, notes| {
        yield_to_host(region).await?;
        notes.add("after");
        Ok(())
    });
    come(Entry::Microtask);
    come(Entry::Microtask);
    assert!(hops().contains(&Hop::Macrotask));
    come(Entry::Settled);
    assert_eq!(notes.take(), [""; 0]);
    come(Entry::Macrotask);
    assert_eq!(notes.take(), ["after", "ended"]);
}

#[cfg(feature = "lifecycle")]
#[test]
fn the_page_tells_when_it_goes_and_comes() {
    let (_runtime, notes) = started(async |region, notes| {
        let mut events = PageEvents::new();
        for _ in 0..2 {
            notes.add(match events.next(region).await? {
                PageEvent::Suspended => "suspended",
                PageEvent::Resumed { gap } if gap == Duration::from_secs(9) => "resumed",
                PageEvent::Resumed { .. } => "resumed after another time",
            });
        }
        Ok(())
    });
    settle();
    let tell =
        |event| with_loop(|event_loop| enter(Entry::Event, || event_loop.lifecycle.tell(event)));
    tell(PageEvent::Suspended);
    assert_eq!(notes.take(), ["suspended"], "before the page is gone");
    tell(PageEvent::Resumed {
        gap: Duration::from_secs(9),
    });
    assert_eq!(notes.take(), ["resumed", "ended"]);
}

#[test]
fn a_panic_is_told_with_its_place() {
    report_panic(Some("on purpose"), Some(core::panic::Location::caller()));
    report_panic(None, None);
    let told = script(|host| core::mem::take(&mut host.panics));
    assert!(told[0].starts_with("on purpose at platform-browser/src/tests.rs:"));
    assert_eq!(told[1], " at :0");
}
