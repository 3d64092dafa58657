//! The part of a task that most tasks never need: made on first use, behind one word of the header.
//!
//! Owns the task's own cancel request, its open scopes, its finalizers, the timers on its account and where it lives.
//! A task that is only spawned, waits and ends has none of it.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::cancel_word::CancelWord;
use crate::finalize::{Finalizers, Run};
use crate::homes::Residence;
use crate::scope::Scope;
use crate::sync::Mutex;
use crate::sync::atomic::AtomicU32;
use crate::time::Time;
use crate::timer::TimerKey;

#[derive(Default)]
pub(crate) struct Cold {
    /// The request to stop this very task (handle, deadline, quota); not the region's.
    pub(crate) cancel: CancelWord,
    /// Open scopes in the order they were opened: fibers, timeouts, masks, inline regions.
    pub(crate) scopes: Mutex<Vec<Arc<Scope>>>,
    /// What `cx.defer` left to do when the body is gone.
    pub(crate) finalizers: Mutex<Finalizers>,
    /// The finalizers under way.
    pub(crate) finalizing: Mutex<Option<Box<dyn Run>>>,
    pub(crate) limits: Mutex<Limits>,
    /// Counts the channels and locks that the task named in a trace. Not the counter of its children:
    /// whether a run is traced may not change anybody's id.
    pub(crate) objects: AtomicU32,
    /// Whose thread it lives on, if that is a worker's.
    pub(crate) residence: Residence,
}

/// The task's own limits and the timers that watch them.
#[derive(Default)]
pub(crate) struct Limits {
    pub(crate) deadline: Option<Time>,
    pub(crate) cost_left: Option<u64>,
    /// Counts only for a task that has a quota.
    pub(crate) polls_left: u32,
    pub(crate) deadline_timer: Option<TimerKey>,
    pub(crate) force_timer: Option<TimerKey>,
    pub(crate) name: Option<&'static str>,
}

impl Cold {
    pub(crate) fn deadline(&self) -> Option<Time> {
        self.limits.lock().deadline
    }
}
