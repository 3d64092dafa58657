//! `TracingSink`: the events of a runtime as events of the `tracing` facade.
//!
//! Owns the choice of what is worth telling, and at which level. It makes no spans, which are `TracingSpans`' matter: a
//! task's life is told by the id in the field `task`. Polls, wakes and waits are left out; dumps tell those.

use asupersync_core::trace::{Event, EventKind, TraceSink};
use asupersync_core::{CancelKind, PathId};
use tracing::{debug, error, trace, warn};

/// A sink of trace events for programs whose logs go through `tracing`; given to
/// [`Builder::trace`](crate::Builder::trace).
///
/// | what | level | fields |
/// |---|---|---|
/// | a task was spawned | trace | `task`, `region`, `by` |
/// | a task ended | trace; error if it panicked | `task`, `region`, `severity` |
/// | a region was opened, or moved on to closed | trace | `region` |
/// | something was asked to stop | debug | `of`, `kind` |
/// | something was forced: its cleanup budget was spent | warn | `of` |
/// | an operation of the host was abandoned | warn | `task` |
/// | an obligation was never resolved | error | `task` |
/// | a task does not yield ([`Builder::stall_after`](crate::Builder::stall_after)) | warn | `task`, `region`, `nanos` |
/// | a task that did not yield does so again | debug | `task`, `region`, `nanos` |
///
/// All of the target `asupersync`, with the runtime's time in `at`. A runtime may hold a lock while it tells: the
/// subscriber must not call back into it.
///
/// ```
/// use std::sync::Arc;
/// use asupersync_std::{Runtime, TracingSink};
///
/// let runtime = Runtime::builder().trace(Arc::new(TracingSink)).on_one_thread();
/// # drop(runtime);
/// ```
#[derive(Debug, Clone, Copy, Default)]
pub struct TracingSink;

impl TraceSink for TracingSink {
    fn record(&self, event: &Event) {
        let at = event.at.as_nanos();
        let (actor, object) = (event.actor, PathId::from_u64(event.object));
        match event.kind {
            EventKind::TaskSpawned => {
                let region = PathId::from_u64(event.arg);
                trace!(target: "asupersync", at, task = %object, %region, by = %actor, "task spawned");
            }
            EventKind::TaskDone => {
                let severity = event.arg as u8;
                if severity == PANICKED {
                    error!(target: "asupersync", at, task = %actor, region = %object, severity, "task panicked");
                } else {
                    trace!(target: "asupersync", at, task = %actor, region = %object, severity, "task ended");
                }
            }
            EventKind::RegionOpened => {
                trace!(target: "asupersync", at, region = %object, by = %actor, "region opened");
            }
            EventKind::RegionState => {
                trace!(target: "asupersync", at, region = %actor, state = event.arg, "region moved on");
            }
            EventKind::CancelRequested => {
                let kind = CancelKind::from_u8(event.arg as u8);
                let kind = kind.map(tracing::field::debug);
                debug!(target: "asupersync", at, of = %object, kind, "asked to stop");
            }
            EventKind::Forced => {
                warn!(target: "asupersync", at, of = %object, "forced: its cleanup budget was spent");
            }
            EventKind::Revoked => {
                warn!(target: "asupersync", at, task = %actor, "an operation of the host was abandoned");
            }
            EventKind::Leaked => {
                error!(target: "asupersync", at, task = %actor, "an obligation was never resolved");
            }
            EventKind::Stalled => {
                let region = PathId::from_u64(event.object);
                warn!(target: "asupersync", at, task = %actor, %region, nanos = event.arg, "does not yield");
            }
            EventKind::StallEnded => {
                let region = PathId::from_u64(event.object);
                debug!(target: "asupersync", at, task = %actor, %region, nanos = event.arg, "yields again");
            }
            _ => {}
        }
    }
}

const PANICKED: u8 = asupersync_core::Severity::Panicked as u8;
