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
use crate::path::PathId;
use crate::task::run;
use crate::task::{BACKGROUND, Construction, LOCAL, TIMED, Task, TaskRef};
use crate::trace::EventKind;

/// A place in a region and in the runtime, to be filled by a task at once.
pub(super) struct Admission<'a> {
    core: &'a Arc<RegionCore>,
    /// [`BACKGROUND`], [`LOCAL`], or neither.
    place: u16,
}

/// A foreground child that may be polled on any thread.
pub(super) const FOREGROUND: u16 = 0;

impl<'a> Admission<'a> {
    #[inline]
    pub(super) fn ask(core: &'a Arc<RegionCore>, place: u16) -> Result<Self, SpawnError> {
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
        Ok(Self { core, place })
    }

    pub(super) fn spawn<T, E, Fut>(
        self,
        path: PathId,
        options: &TaskOptions,
        limit: Limit,
        site: Site,
        make: impl FnOnce(Cx<E>) -> Fut,
    ) -> Result<Task<T, E>, SpawnError>
    where
        Fut: Future<Output = Result<T, E>>,
        E: TaskError,
    {
        let Some((with, birth)) = self.begin(path, options, limit) else {
            drop(make);
            return Err(SpawnError::AtCapacity);
        };
        let make = |task| make(Cx::new(CxBase::new(task, None)));
        run::spawn(with, Some(&birth), site, make).map_err(|make| {
            self.give_back(birth.is_timed());
            // Last: what the closure holds may panic in its drop.
            drop(make);
            SpawnError::AtCapacity
        })
    }

    /// Makes room where tasks with a deadline are queued. `None`: there is no memory for it.
    fn begin<'o>(
        &self,
        path: PathId,
        options: &'o TaskOptions,
        limit: Limit,
    ) -> Option<(Construction, Birth<'o>)> {
        let budget = self.core.budget.meet(options.budget);
        let birth = Birth {
            options,
            budget,
            limit,
        };
        let is_timed = birth.is_timed();
        if is_timed && !self.core.kernel.admit_timed(self.is_pinned()) {
            self.give_back(false);
            return None;
        }
        let with = Construction {
            region: Arc::clone(self.core),
            path,
            flags: self.place | if is_timed { TIMED } else { 0 },
            priority: budget.priority,
        };
        Some((with, birth))
    }

    fn is_pinned(&self) -> bool {
        self.place & LOCAL != 0
    }

    /// The place stays empty.
    #[cold]
    fn give_back(&self, is_timed: bool) {
        if is_timed {
            self.core.kernel.release_timed(self.is_pinned());
        }
        self.core.kernel.release_admission();
        self.core.exit(self.place & BACKGROUND != 0);
    }
}

/// What a new task gets of its own.
pub(crate) struct Birth<'o> {
    options: &'o TaskOptions,
    /// Its limits, met with those of its region.
    budget: Budget,
    limit: Limit,
}

/// Notes what is the task's own. `false`: there is no memory for it.
///
/// A function of the spawn's choice: programs whose tasks have no limits of their own leave the code for them out.
pub(super) type Limit = fn(&TaskRef, &TaskOptions, &Budget) -> bool;

impl Birth<'_> {
    fn is_timed(&self) -> bool {
        self.budget.deadline.is_some()
    }

    /// The task has its cell, and its closure is called next. `false`: there is no memory for what is the task's own,
    /// and nothing happened.
    pub(crate) fn take_place(&self, task: &TaskRef) -> bool {
        (self.limit)(task, self.options, &self.budget)
    }
}

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
