//! Admission: how a task gets its place in a region and in the runtime, its memory, and the limits that are its own.
//!
//! Owns what a spawn asks for and gives back when it is refused: everything that may fail is done before the closure is
//! called.

use alloc::sync::Arc;
use core::future::Future;

use super::capability::Own;
use super::{RegionCore, TaskOptions};
use crate::budget::Budget;
use crate::cx::{Cx, CxBase, LocalCx};
use crate::error::{SpawnError, TaskError};
use crate::executor::THREADS;
use crate::inspect::Site;
use crate::path::Parent;
use crate::task::run::{self, Newborn};
use crate::task::{BACKGROUND, HOMED, Kind, LOCAL, LocalTask, TIMED, Task, TaskRef};
use crate::trace::EventKind;

/// What is asked for: a task in a region, and in its runtime.
pub(super) struct Order<'a> {
    pub(super) core: &'a Arc<RegionCore>,
    pub(super) parent: Parent<'a>,
    /// [`BACKGROUND`], [`LOCAL`], or neither.
    pub(super) place: u16,
    /// Where it lives if it is [`LOCAL`].
    pub(super) home: Home,
    pub(super) options: &'a TaskOptions,
    pub(super) limit: Limit,
    pub(super) site: Site,
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
        let home = self.home();
        if is_timed && !core.kernel.admit_timed(home) {
            self.give_back();
            return Err(SpawnError::AtCapacity);
        }
        let path = self.parent.next_path();
        let homed = self.home.worker().map_or(0, |_| HOMED);
        let flags = place | homed | if is_timed { TIMED } else { 0 };
        let own = |task: &TaskRef| self.settle(task, &budget);
        let newborn = Newborn::new(kind, core, path, (flags, budget.priority), self.site, own);
        newborn.ok_or_else(|| {
            if is_timed {
                core.kernel.release_timed(home);
            }
            self.give_back();
            SpawnError::AtCapacity
        })
    }

    /// The driver that alone may poll it; `None`: any may.
    fn home(&self) -> Option<usize> {
        let own = || self.core.kernel.drivers() - 1;
        (self.place & LOCAL != 0).then(|| self.home.worker().unwrap_or_else(own))
    }

    /// Gives a new task what is its own. `false`: its worker has left, or there is no memory for it, and nothing happened.
    fn settle(&self, task: &TaskRef, budget: &Budget) -> bool {
        if !self.move_in(task) {
            return false;
        }
        let limited = (self.limit)(task, self.options, budget);
        if !limited && self.home.worker().is_some() {
            let left = task.region.kernel.homes.leave(task.residence());
            debug_assert!(left, "a task that is being spawned was evicted");
        }
        limited
    }

    /// Lists the task with its worker. `false`: that has left, or there is no memory for it.
    fn move_in(&self, task: &TaskRef) -> bool {
        let Some(worker) = self.home.worker() else {
            return true;
        };
        let Some(cold) = task.try_cold() else {
            return false;
        };
        let is_lazy = matches!(self.home, Home::Arriving(_));
        cold.residence.settle(worker, is_lazy);
        task.region.kernel.homes.enter(task, &cold.residence)
    }

    /// The place stays empty.
    #[cold]
    fn give_back(&self) {
        self.core.kernel.release_admission();
        self.core.exit(self.place & BACKGROUND != 0);
    }
}

/// Spawns a task that stays on the driving thread. The caller is on it.
#[cfg_attr(feature = "inspect", track_caller)]
pub(crate) fn spawn_local_in<T, E, F, Fut>(
    core: &Arc<RegionCore>,
    parent: Parent<'_>,
    f: F,
) -> Result<LocalTask<T, E>, SpawnError>
where
    E: TaskError,
    F: FnOnce(LocalCx<E>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    spawn_local_at(core, parent, Home::Driver, f)
}

/// Spawns a task that may not leave the thread of `home`. The caller is on it.
#[cfg_attr(feature = "inspect", track_caller)]
pub(super) fn spawn_local_at<T, E, F, Fut>(
    core: &Arc<RegionCore>,
    parent: Parent<'_>,
    home: Home,
    f: F,
) -> Result<LocalTask<T, E>, SpawnError>
where
    E: TaskError,
    F: FnOnce(LocalCx<E>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let order = Order {
        core,
        parent,
        place: LOCAL,
        home,
        options: &TaskOptions::DEFAULT,
        limit: inherit,
        site: Site::caller(),
    };
    order.spawn(|cx| f(LocalCx::new(cx))).map(run::local)
}

/// Spawns a task that lives on the thread of one worker, or on the driver's own where there are no workers. The future
/// is made there, by the first poll.
#[cfg_attr(feature = "inspect", track_caller)]
pub(super) fn spawn_pinned_in<T, E, F, Fut>(
    core: &Arc<RegionCore>,
    parent: Parent<'_>,
    f: F,
) -> Result<Task<T, E>, SpawnError>
where
    E: TaskError,
    F: FnOnce(LocalCx<E>) -> Fut,
    Fut: Future<Output = Result<T, E>>,
{
    let worker = core.kernel.homes.least_used();
    let order = Order {
        core,
        parent,
        place: LOCAL,
        home: worker.map_or(Home::Driver, Home::Arriving),
        options: &TaskOptions::DEFAULT,
        limit: inherit,
        site: Site::caller(),
    };
    // What it captures may move: `f` and the context may, and nothing else is there before the first poll.
    order.spawn(|cx| async move { f(LocalCx::new(cx)).await })
}

/// Notes what is the task's own. `false`: there is no memory for it.
///
/// A function of the spawn's choice: programs whose tasks have no limits of their own leave the code for them out.
pub(super) type Limit = fn(&TaskRef, &TaskOptions, &Budget) -> bool;

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
