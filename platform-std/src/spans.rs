//! `TracingSpans`: the tasks and regions of a runtime as spans of the `tracing` facade.
//!
//! Owns a span for each that lives, and which of them a thread is in. What is told as events is `TracingSink`'s matter,
//! which gets them all.

use std::cell::RefCell;
use std::collections::HashMap;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use asupersync_core::trace::{Event, EventKind, TraceSink};
use asupersync_core::{PathId, RegionState};
use tracing::span::EnteredSpan;
use tracing::{Span, info_span};

use crate::tracing::TracingSink;

/// The spans are kept apart by path, so that threads seldom meet at one lock.
const SHARDS: usize = 16;

/// A sink that gives each task and each region a span, and tells the events of [`TracingSink`] too; given to
/// [`Builder::trace`](crate::Builder::trace). Each runtime takes one of its own.
///
/// | span | fields | parent | from | to |
/// |---|---|---|---|---|
/// | `task` | `task`, `region`, `name` if it has one | its region's | its spawn | its end |
/// | `region` | `region` | that of the task it was opened in | its opening | `Closed` |
///
/// Both of the target `asupersync` and the level info. A task's span is entered while the task is polled, on whichever
/// thread, so that what its code tells is told inside. The root region has no span: tasks in it have no parent. A
/// subscriber gets spans from the threads that it is the default of: workers take the global default.
///
/// ```
/// use std::sync::Arc;
/// use asupersync_std::{Runtime, TracingSpans};
///
/// let runtime = Runtime::builder().trace(Arc::new(TracingSpans::new())).on_one_thread();
/// # drop(runtime);
/// ```
pub struct TracingSpans {
    shards: [Mutex<HashMap<PathId, Span>>; SHARDS],
}

thread_local! {
    /// The polls that this thread is in, the innermost last; `None` for a task without a span.
    static ENTERED: RefCell<Vec<Option<EnteredSpan>>> = const { RefCell::new(Vec::new()) };
}

impl TracingSpans {
    /// A sink for one runtime.
    pub fn new() -> Self {
        Self {
            shards: std::array::from_fn(|_| Mutex::new(HashMap::new())),
        }
    }

    fn with<R>(&self, path: PathId, f: impl FnOnce(&mut HashMap<PathId, Span>) -> R) -> R {
        let shard = &self.shards[(path.as_u64() % SHARDS as u64) as usize];
        f(&mut shard.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn find(&self, path: PathId) -> Option<Span> {
        self.with(path, |spans| spans.get(&path).cloned())
    }

    fn keep(&self, path: PathId, span: Span) {
        // Outside the lock: a span that goes is told to the subscriber.
        drop(self.with(path, |spans| spans.insert(path, span)));
    }

    fn close(&self, path: PathId) {
        drop(self.with(path, |spans| spans.remove(&path)));
    }
}

impl TraceSink for TracingSpans {
    fn record(&self, event: &Event) {
        if event.kind == EventKind::RegionOpened {
            let region = PathId::from_u64(event.object);
            let parent = self.find(event.actor).and_then(|span| span.id());
            self.keep(
                region,
                info_span!(target: "asupersync", parent: parent, "region", %region),
            );
        }
        TracingSink.record(event);
        let is_over = match event.kind {
            EventKind::TaskDone => true,
            EventKind::RegionState => event.arg == RegionState::Closed as u64,
            _ => false,
        };
        if is_over {
            self.close(event.actor);
        }
    }

    fn task_spawned(&self, task: PathId, region: PathId, name: Option<&'static str>) {
        let parent = self.find(region).and_then(|span| span.id());
        self.keep(
            task,
            info_span!(target: "asupersync", parent: parent, "task", %task, %region, name),
        );
    }

    fn poll_begins(&self, task: PathId) {
        let span = self.find(task).map(Span::entered);
        // A thread that is ending has no such thing any more.
        let _ = ENTERED.try_with(|entered| entered.borrow_mut().push(span));
    }

    fn poll_ends(&self, _task: PathId) {
        let span = ENTERED.try_with(|entered| entered.borrow_mut().pop());
        drop(span);
    }
}

impl Default for TracingSpans {
    fn default() -> Self {
        Self::new()
    }
}

impl fmt::Debug for TracingSpans {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("TracingSpans").finish_non_exhaustive()
    }
}
