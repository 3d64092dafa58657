//! The spans of tasks and regions, as a subscriber of `tracing` sees them.
#![cfg(feature = "tracing")]

use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard};

use asupersync_core::{LocalRegion, TaskOptions};
use asupersync_std::{Runtime, TracingSpans};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::{Event, Metadata, Subscriber, info};

#[derive(Default)]
struct Seen {
    spans: HashMap<u64, Spanned>,
    /// What user code told, and in which span.
    told: Vec<(String, Option<u64>)>,
}

struct Spanned {
    kind: &'static str,
    fields: HashMap<&'static str, String>,
    parent: Option<u64>,
    references: usize,
    entered: usize,
}

/// Keeps every span for good, and what user code told inside them.
#[derive(Clone, Default)]
struct Keeps(Arc<Mutex<Seen>>);

thread_local! {
    static INSIDE: RefCell<Vec<u64>> = const { RefCell::new(Vec::new()) };
}

struct Fields<'a>(&'a mut HashMap<&'static str, String>);

impl Visit for Fields<'_> {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), String::from(value));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn std::fmt::Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl Keeps {
    fn seen(&self) -> MutexGuard<'_, Seen> {
        self.0.lock().expect("no test panics with it")
    }
}

impl Seen {
    fn span_of(&self, message: &str) -> &Spanned {
        let is_it = |told: &&(String, Option<u64>)| told.0 == message;
        let told = self.told.iter().find(is_it).expect("it was told");
        &self.spans[&told.1.expect("told inside a span")]
    }
}

impl Subscriber for Keeps {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.is_span() || metadata.target() == "user"
    }

    fn new_span(&self, attributes: &Attributes<'_>) -> Id {
        let mut fields = HashMap::new();
        attributes.record(&mut Fields(&mut fields));
        assert!(!attributes.is_contextual(), "a parent is named, or none");
        let mut seen = self.seen();
        let id = seen.spans.len() as u64 + 1;
        let span = Spanned {
            kind: attributes.metadata().name(),
            fields,
            parent: attributes.parent().map(Id::into_u64),
            references: 1,
            entered: 0,
        };
        seen.spans.insert(id, span);
        Id::from_u64(id)
    }

    fn record(&self, _span: &Id, _values: &Record<'_>) {}

    fn record_follows_from(&self, _span: &Id, _follows: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut fields = HashMap::new();
        event.record(&mut Fields(&mut fields));
        let inside = INSIDE.with(|inside| inside.borrow().last().copied());
        let message = fields.remove("message").expect("it has one");
        self.seen().told.push((message, inside));
    }

    fn enter(&self, span: &Id) {
        INSIDE.with(|inside| inside.borrow_mut().push(span.into_u64()));
        let mut seen = self.seen();
        let span = seen.spans.get_mut(&span.into_u64()).expect("it exists");
        assert!(span.references > 0, "entered after its end");
        span.entered += 1;
    }

    fn exit(&self, span: &Id) {
        let left = INSIDE.with(|inside| inside.borrow_mut().pop());
        assert_eq!(left, Some(span.into_u64()));
    }

    fn clone_span(&self, span: &Id) -> Id {
        let mut seen = self.seen();
        let kept = seen.spans.get_mut(&span.into_u64()).expect("it exists");
        kept.references += 1;
        span.clone()
    }

    fn try_close(&self, span: Id) -> bool {
        let mut seen = self.seen();
        let kept = seen.spans.get_mut(&span.into_u64()).expect("it exists");
        kept.references -= 1;
        kept.references == 0
    }
}

/// A named task with a region inside, whose child tells something: everywhere in its own span.
fn tell(mut runtime: Runtime, keeps: &Keeps) {
    let spawner = runtime.spawner();
    let paths = runtime.block_on(async |region: &LocalRegion| {
        let options = TaskOptions::new().name("outer");
        let outer = spawner.spawn_with(options, async |cx| {
            info!(target: "user", "before");
            let inner = cx.region(async |r| {
                let child = r.spawn(async |cx| {
                    cx.yield_now().await?;
                    info!(target: "user", "inside");
                    Ok(cx.path())
                })?;
                let child = child.join(r).await?;
                Ok((r.region_path(), child))
            });
            let inner = inner.await?;
            info!(target: "user", "after");
            Ok((cx.path(), inner))
        })?;
        let quiet = region.spawn_local(async |cx| Ok(cx.yield_now().await?))?;
        quiet.join(region).await?;
        outer.join(region).await
    });
    let (outer, (region, child)) = paths.expect("ran");
    let _ = runtime.shut_down();
    let seen = keeps.seen();
    let before = seen.span_of("before");
    assert_eq!((before.kind, before.parent), ("task", None));
    assert_eq!(before.fields["task"], outer.to_string());
    assert_eq!(before.fields["name"], "outer");
    assert_eq!(seen.span_of("after").fields, before.fields);
    let inside = seen.span_of("inside");
    assert_eq!(inside.fields["task"], child.to_string());
    assert_eq!(inside.fields["region"], region.to_string());
    assert!(!inside.fields.contains_key("name"));
    assert_eq!(inside.entered, 2, "once a poll");
    let around = &seen.spans[&inside.parent.expect("the region's")];
    assert_eq!(around.kind, "region");
    assert_eq!(around.fields["region"], region.to_string());
    let host = &seen.spans[&around.parent.expect("the task's it was opened in")];
    assert_eq!(host.fields["task"], outer.to_string());
    for span in seen.spans.values() {
        assert_eq!(span.references, 0, "not closed: {:?}", span.fields);
    }
}

#[test]
fn on_one_thread() {
    let keeps = Keeps::default();
    tracing::subscriber::with_default(keeps.clone(), || {
        let builder = Runtime::builder().trace(Arc::new(TracingSpans::new()));
        tell(builder.on_one_thread(), &keeps);
    });
}

#[test]
fn on_workers() {
    let keeps = Keeps::default();
    tracing::subscriber::set_global_default(keeps.clone()).expect("the only one");
    let builder = Runtime::builder().trace(Arc::new(TracingSpans::new()));
    tell(builder.workers(2).build().expect("there is room"), &keeps);
}
