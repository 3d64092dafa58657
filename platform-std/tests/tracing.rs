//! What a subscriber of `tracing` is told about a runtime.
#![cfg(feature = "tracing")]

use std::sync::{Arc, Mutex};

use asupersync_core::trace::{EventKind, TraceSink};
use asupersync_core::{Config, LeakResponse, PathId, Time, trace};
use asupersync_std::{Runtime, TracingSink};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Level, Metadata, Subscriber};

/// Keeps the level and the message of every event of the runtime.
#[derive(Clone, Default)]
struct Told(Arc<Mutex<Vec<(Level, String)>>>);

struct Message(String);

impl Visit for Message {
    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        if field.name() == "message" {
            self.0 = format!("{value:?}");
        }
    }
}

impl Subscriber for Told {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "asupersync"
    }

    fn event(&self, event: &Event<'_>) {
        let mut message = Message(String::new());
        event.record(&mut message);
        let told = (*event.metadata().level(), message.0);
        self.0.lock().expect("no test panics with it").push(told);
    }

    fn new_span(&self, _span: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}
    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}
    fn enter(&self, _span: &Id) {}
    fn exit(&self, _span: &Id) {}
}

#[test]
fn spawns_cancels_panics_and_leaks_are_told() {
    let told = Told::default();
    tracing::subscriber::with_default(told.clone(), || {
        let mut config = Config::default();
        config.leak_response = LeakResponse::Silent;
        config.obligation_budget = std::time::Duration::ZERO;
        let builder = Runtime::builder().config(config);
        let mut runtime = builder.trace(Arc::new(TracingSink)).on_one_thread();
        let spawner = runtime.spawner();
        let panics = spawner.spawn(async |_cx| -> Result<(), asupersync_core::Error> {
            panic!("as the test wants")
        });
        let leaks = spawner.spawn(async |cx| {
            cx.region(async |region| {
                std::mem::forget(region.io_op()?);
                Ok(())
            })
            .await
        });
        let waits =
            spawner.spawn(async |cx| Ok(cx.until_cancelled(std::future::pending::<()>()).await?));
        for _ in 0..8 {
            let _ = runtime.turn(8);
        }
        waits.expect("there is room").cancel("enough");
        drop((panics, leaks));
        let _ = runtime.shut_down();
    });
    let told = told.0.lock().expect("no test panics with it");
    for (level, message) in [
        (Level::TRACE, "task spawned"),
        (Level::ERROR, "task panicked"),
        (Level::TRACE, "region opened"),
        (Level::DEBUG, "asked to stop"),
        (Level::ERROR, "an obligation was never resolved"),
        (Level::TRACE, "task ended"),
    ] {
        let is_it = |(l, m): &(Level, String)| *l == level && m == message;
        assert!(told.iter().any(is_it), "{message}: {told:?}");
    }
}

/// Whoever watches over polls tells the sink, from a thread of its own.
#[test]
fn tasks_that_do_not_yield_are_told() {
    let told = Told::default();
    tracing::subscriber::with_default(told.clone(), || {
        for kind in [EventKind::Stalled, EventKind::StallEnded] {
            TracingSink.record(&trace::Event {
                at: Time::from_nanos(7),
                actor: PathId::from_u64(1),
                kind,
                object: PathId::ROOT.as_u64(),
                arg: 100,
            });
        }
    });
    let told = told.0.lock().expect("no test panics with it");
    let expected = [
        (Level::WARN, "does not yield"),
        (Level::DEBUG, "yields again"),
    ];
    let told: Vec<_> = told.iter().map(|(l, m)| (*l, m.as_str())).collect();
    assert_eq!(told, expected);
}
