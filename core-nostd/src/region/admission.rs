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
use crate::executor::THREADS;
use crate::inspect::Site;
use crate::path::PathId;
use crate::task::run;
use crate::task::{BACKGROUND, Construction, HOMED, LOCAL, TIMED, Task, TaskRef};
use crate::trace::EventKind;

/// A place in a region and in the runtime, to be filled by a task at once.
pub(super) struct Admission<'a> {
    core: &'a Arc<RegionCore>,
    /// [`BACKGROUND`], [`LOCAL`], or neither.
    place: u16,
    residence: Home,
}

/// Where a task lives that is [`LOCAL`].
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Home {
    /// On the driver's own thread, or nowhere in particular.
    Driver,
    /// On that worker's thread, where it is being spawned.
    Worker(usize),
    /// On that worker's thread, where its first poll will make its future.
    Arriving(usize),
}

impl Home {
    /// That of a child that may not leave the thread of `parent`.
    pub(super) fn with(parent: &TaskRef) -> Self {
        parent.worker().map_or(Self::Driver, Self::Worker)
    }

    fn worker(self) -> Option<usize> {
        match self {
            _ if !THREADS => None,
            Self::Driver => None,
            Self::Worker(number) | Self::Arriving(number) => Some(number),
        }
    }
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
        Ok(Self {
            core,
            place,
            residence: Home::Driver,
        })
    }

    /// For a task that is [`LOCAL`].
    pub(super) fn living(mut self, residence: Home) -> Self {
        self.residence = residence;
        if residence.worker().is_some() {
            self.place |= HOMED;
        }
        self
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
            residence: self.residence,
        };
        let is_timed = birth.is_timed();
        if is_timed && !self.core.kernel.admit_timed(self.home()) {
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

    fn home(&self) -> Option<usize> {
        let own = || self.core.kernel.drivers() - 1;
        (self.place & LOCAL != 0).then(|| self.residence.worker().unwrap_or_else(own))
    }

    /// The place stays empty.
    #[cold]
    fn give_back(&self, is_timed: bool) {
        if is_timed {
            self.core.kernel.release_timed(self.home());
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
    residence: Home,
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
        if !self.move_in(task) {
            return false;
        }
        let limited = (self.limit)(task, self.options, &self.budget);
        if !limited && self.residence.worker().is_some() {
            task.region.kernel.homes.leave(task.residence());
        }
        limited
    }

    /// Lists the task with its worker. `false`: that has left, or there is no memory for it.
    fn move_in(&self, task: &TaskRef) -> bool {
        let Some(worker) = self.residence.worker() else {
            return true;
        };
        let Some(cold) = task.try_cold() else {
            return false;
        };
        let is_lazy = matches!(self.residence, Home::Arriving(_));
        cold.residence.settle(worker, is_lazy);
        task.region.kernel.homes.enter(task, &cold.residence)
    }
}

fn born(task: &TaskRef, options: &TaskOptions) {
    let region = &task.region;
    region.kernel.emit(
        EventKind::TaskSpawned,
        region.kernel.polling(),
        task.path.as_u64(),
        || region.path.as_u64(),
    );
    region
        .kernel
        .task_spawned(task.path, region.path, options.name);
}

/// The limits of a task without any of its own: the quotas of its region.
pub(super) fn inherit(task: &TaskRef, options: &TaskOptions, budget: &Budget) -> bool {
    if !note_quotas(task, budget) {
        return false;
    }
    born(task, options);
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
    born(task, options);
    let timer = deadline.zip(claimed.flatten());
    let timer = timer.map(|(at, claimed)| kernel.fill_task_deadline(claimed, at, task.clone()));
    let mut limits = cold.limits.lock();
    limits.name = options.name;
    limits.deadline = deadline;
    limits.deadline_timer = timer;
    true
}
