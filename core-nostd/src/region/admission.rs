//! Admission: how a task gets its place in a region and in the runtime, its memory, and the limits that are its own.
//!
//! Owns what a spawn asks for and gives back when it is refused: everything that may fail is done before the closure is
//! called.

use alloc::sync::Arc;
use core::future::Future;

use super::capability::Own;
use super::{RegionCore, TaskOptions};
use crate::budget::Budget;
use crate::cx::{Cx, CxBase};
use crate::error::{SpawnError, TaskError};
use crate::inspect::Site;
use crate::path::Parent;
use crate::task::run::{self, Newborn};
use crate::task::{BACKGROUND, Kind, LOCAL, TIMED, Task, TaskRef};
use crate::trace::EventKind;

/// What is asked for: a task in a region, and in its runtime.
pub(super) struct Order<'a> {
    pub(super) core: &'a Arc<RegionCore>,
    pub(super) parent: Parent<'a>,
    /// [`BACKGROUND`], [`LOCAL`], or neither.
    pub(super) place: u16,
    pub(super) options: &'a TaskOptions,
    pub(super) limit: Limit,
    pub(super) site: Site,
}

/// A foreground child that may be polled on any thread.
pub(super) const FOREGROUND: u16 = 0;

impl Order<'_> {
    /// Spawns the task.
    ///
    /// # Errors
    /// [`SpawnError`]; `make` is dropped uncalled.
    #[inline]
    pub(super) fn spawn<T, E, Fut>(
        &self,
        make: impl FnOnce(Cx<E>) -> Fut,
    ) -> Result<Task<T, E>, SpawnError>
    where
        Fut: Future<Output = Result<T, E>>,
        E: TaskError,
    {
        let make = |task| make(Cx::new(CxBase::new(task, None)));
        run::spawn(|kind| self.fill(kind), make)
    }

    /// Takes a place in the region and in the runtime, and fills it.
    fn fill(&self, kind: Kind) -> Result<Newborn, SpawnError> {
        let Self { core, place, .. } = *self;
        let may = core.capabilities.check(Own::Spawn);
        may.map_err(SpawnError::Denied)?;
        let background = place & BACKGROUND != 0;
        if !core.gate.enter(background, || core.kernel.driver()) {
            return Err(SpawnError::RegionClosed);
        }
        if !core.kernel.admit() {
            core.exit(background);
            return Err(SpawnError::AtCapacity);
        }
        let budget = core.budget.meet(self.options.budget);
        let is_timed = budget.deadline.is_some();
        let is_pinned = place & LOCAL != 0;
        if is_timed && !core.kernel.admit_timed(is_pinned) {
            self.give_back();
            return Err(SpawnError::AtCapacity);
        }
        let path = self.parent.next_path();
        let flags = place | if is_timed { TIMED } else { 0 };
        let own = |task: &TaskRef| (self.limit)(task, self.options, &budget);
        let newborn = Newborn::new(kind, core, path, (flags, budget.priority), self.site, own);
        newborn.ok_or_else(|| {
            if is_timed {
                core.kernel.release_timed(is_pinned);
            }
            self.give_back();
            SpawnError::AtCapacity
        })
    }

    /// The place stays empty.
    #[cold]
    fn give_back(&self) {
        self.core.kernel.release_admission();
        self.core.exit(self.place & BACKGROUND != 0);
    }
}

/// Notes what is the task's own. `false`: there is no memory for it.
///
/// A function of the spawn's choice: programs whose tasks have no limits of their own leave the code for them out.
pub(super) type Limit = fn(&TaskRef, &TaskOptions, &Budget) -> bool;

fn born(task: &TaskRef) {
    let region = &task.region;
    region.kernel.emit(
        EventKind::TaskSpawned,
        region.kernel.polling(),
        task.path.as_u64(),
        || region.path.as_u64(),
    );
}

/// The limits of a task without any of its own: the quotas of its region.
pub(super) fn inherit(task: &TaskRef, _options: &TaskOptions, budget: &Budget) -> bool {
    if !note_quotas(task, budget) {
        return false;
    }
    born(task);
    true
}

/// `false`: there is no memory for it.
fn note_quotas(task: &TaskRef, budget: &Budget) -> bool {
    if budget.poll_quota == u32::MAX && budget.cost_quota.is_none() {
        return true;
    }
    let Some(cold) = task.try_cold() else {
        return false;
    };
    if budget.poll_quota != u32::MAX {
        task.limit_polls(budget.poll_quota);
    }
    cold.limits.lock().cost_left = budget.cost_quota;
    true
}

/// The limits of a task with options: also a name, and a deadline nearer than the region's.
pub(super) fn limit(task: &TaskRef, options: &TaskOptions, budget: &Budget) -> bool {
    let kernel = &task.region.kernel;
    let deadline = budget
        .deadline
        .filter(|at| options.budget.deadline.is_some() && Some(*at) != task.region.budget.deadline);
    if options.name.is_none() && deadline.is_none() {
        return inherit(task, options, budget);
    }
    let Some(cold) = task.try_cold() else {
        return false;
    };
    if !note_quotas(task, budget) {
        return false;
    }
    // Last: a place in the wheel that is not filled is lost.
    let claimed = deadline.map(|at| kernel.claim_timer(at));
    if matches!(claimed, Some(None)) {
        return false;
    }
    born(task);
    let timer = deadline.zip(claimed.flatten());
    let timer = timer.map(|(at, claimed)| kernel.fill_task_deadline(claimed, at, task.clone()));
    let mut limits = cold.limits.lock();
    limits.name = options.name;
    limits.deadline = deadline;
    limits.deadline_timer = timer;
    true
}
