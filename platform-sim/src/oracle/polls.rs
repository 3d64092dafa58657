//! Polls: a task that is done is never polled again, and is done once.

use alloc::format;

use asupersync_core::trace::{Event, EventKind};

use super::census::Census;
use super::{Findings, Oracle};

#[derive(Debug, Default)]
pub(super) struct Polls;

impl Polls {
    pub(super) fn see(&mut self, census: &Census, event: &Event, out: &mut Findings) {
        let what = match event.kind {
            EventKind::TaskPolled => "polled",
            EventKind::TaskDone => "completed",
            _ => return,
        };
        if census
            .task(event.actor.as_u64())
            .is_some_and(|task| task.is_done)
        {
            out.add(
                Oracle::PollAfterCompletion,
                format!(
                    "task {} is {what} after it has ended; a queue holds it twice, or a wake came too late",
                    event.actor
                ),
            );
        }
    }
}
