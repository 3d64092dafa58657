//! The slot in which a driver says what it polls: a reader on another thread has the facts of one poll, or none.

use std::sync::Arc;

use asupersync_core::internal::{PollSlot, Polled};
use asupersync_core::{PathId, Time};
use asupersync_loom_tests::explore::model;
use loom::thread;

fn polled(number: u64) -> Polled {
    Polled {
        task: PathId::from_u64(number),
        region: PathId::from_u64(number),
        deadline: Time::from_nanos(number),
        name: (number == 1).then_some("first"),
        message: None,
    }
}

/// A driver polls one task after the other, and the first one says something, while somebody reads.
#[test]
fn a_reader_sees_one_poll_or_none() {
    model("polls", || {
        let slot = Arc::new(PollSlot::new());
        let seen = Arc::clone(&slot);
        let reader = thread::spawn(move || {
            for (number, poll) in [(1, 1), (3, 2)] {
                let Some(found) = seen.read(number) else {
                    continue;
                };
                let message = found.message;
                assert!(message.is_none() || (poll, message) == (1, Some("here")));
                assert_eq!(
                    found,
                    Polled {
                        message,
                        ..polled(poll)
                    }
                );
            }
        });
        slot.begin(polled(1));
        slot.say("here");
        slot.end();
        slot.begin(polled(2));
        slot.end();
        reader.join().expect("it reads to the end");
        assert_eq!(slot.number(), None);
    });
}
