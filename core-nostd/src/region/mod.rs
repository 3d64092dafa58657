//! Regions: every task has one, and a region ends only when everything inside it has ended.
//!
//! Owns the tree of ownership and its life: `core` (shared state), `gate` (who is inside, and who was the last to
//! leave), `admission` (how a task gets its place), `inline` (the body that runs inside a task), `closing` (the order in
//! which a region ends), `report` (policy and outcome), `capability` (what code inside may do). Here are the handles
//! that users hold.

mod admission;
mod capability;
mod closing;
mod core;
pub(crate) mod gate;
mod inline;
mod report;

use ::core::fmt;
use ::core::future::Future;
use ::core::marker::PhantomData;
use ::core::ops::Deref;
use alloc::borrow::Cow;
use alloc::sync::Arc;

use crate::budget::Budget;
use crate::cancel::{CancelKind, CancelReason};
use crate::cx::{Cx, LocalCx};
use crate::error::{Error, SpawnError, TaskError};
use crate::inspect::Site;
use crate::kernel::{Kernel, LeakResponse};
use crate::mutants::mutant;
use crate::path::{Parent, PathId};
use crate::request::CancelRequest;
use crate::sync::atomic::AtomicU32;
use crate::task::{BACKGROUND, LocalTask, Task, TaskRef};
use crate::trace::EventKind;

pub(crate) use self::core::RegionCore;
pub use self::core::RegionState;
pub(crate) use admission::spawn_local_in;
use admission::{FOREGROUND, Home, Limit, Order, inherit, limit, spawn_local_at, spawn_pinned_in};
pub(crate) use capability::{Capabilities, Own, hash_name};
pub use capability::{Capability, Entropy, Io, Spawn, Timing, Tracing};
pub(crate) use closing::settle_obligations;
pub use gate::CHILDREN_MAX;
pub(crate) use inline::run_inline;
pub(crate) use report::ChildEnd;
pub use report::{ChildRecord, Policy, RegionReport};

/// How a region is opened. Everything not said is taken from the region around it.
///
/// ```
/// use asupersync_core::{Policy, RegionOptions, Timing};
///
/// let options = RegionOptions::new().policy(Policy::CollectAll).deny::<Timing>();
/// ```
#[derive(Clone, Default)]
#[must_use = "options do nothing until a region is opened with them"]
pub struct RegionOptions {
    policy: Policy,
    budget: Budget,
    leak_response: Option<LeakResponse>,
    edits: Option<Arc<dyn EditCapabilities>>,
}

/// A change of the set of capabilities, and those before it. Behind a pointer that the first change makes:
/// programs without any leave the code that copies and changes sets out.
trait EditCapabilities: Send + Sync {
    /// Changes the set, and tells the trace of `region` what was granted or denied, in the order of the
    /// builder's calls.
    fn edit(&self, set: &mut Capabilities, region: PathId, kernel: &Kernel);

    fn edited(&self, set: &Capabilities, region: PathId, kernel: &Kernel) -> Arc<Capabilities> {
        let mut set = set.edited();
        self.edit(&mut set, region, kernel);
        Arc::new(set)
    }
}

struct Edit<F> {
    before: Option<Arc<dyn EditCapabilities>>,
    name: &'static str,
    is_granted: bool,
    apply: F,
}

impl<F: Fn(&mut Capabilities) + Send + Sync> EditCapabilities for Edit<F> {
    fn edit(&self, set: &mut Capabilities, region: PathId, kernel: &Kernel) {
        if let Some(before) = &self.before {
            before.edit(set, region, kernel);
        }
        (self.apply)(set);
        // The region is the actor: this is what it may do, not what somebody did.
        let kind = if self.is_granted {
            EventKind::CapabilityUsed
        } else {
            EventKind::CapabilityDenied
        };
        kernel.emit(kind, region, hash_name(self.name), || 0);
    }
}

impl RegionOptions {
    /// The defaults: fail fast, the surrounding budget and capabilities.
    pub fn new() -> Self {
        Self::default()
    }

    /// How the ends of children are met.
    pub fn policy(mut self, policy: Policy) -> Self {
        self.policy = policy;
        self
    }

    /// Limits of the region, met with those around it. A deadline that passes cancels the region
    /// with [`CancelKind::Timeout`]; quotas and priority are what its tasks start with.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }

    /// What happens to obligations that are never resolved.
    pub fn leak_response(mut self, response: LeakResponse) -> Self {
        self.leak_response = Some(response);
        self
    }

    /// Takes a capability away, for the region and everything below it.
    pub fn deny<C: Capability>(self) -> Self {
        self.edit(C::NAME, false, Capabilities::deny::<C>)
    }

    /// Gives the region a capability of yours.
    pub fn grant<C: Capability + Clone>(self, authority: C) -> Self {
        self.edit(C::NAME, true, move |set: &mut Capabilities| {
            set.grant(authority.clone());
        })
    }

    fn edit<F>(mut self, name: &'static str, is_granted: bool, apply: F) -> Self
    where
        F: Fn(&mut Capabilities) + Send + Sync + 'static,
    {
        let before = self.edits.take();
        self.edits = Some(Arc::new(Edit {
            before,
            name,
            is_granted,
            apply,
        }));
        self
    }

    /// The settings of the region `path` inside `parent`.
    pub(crate) fn resolve(self, parent: &RegionCore, path: PathId) -> Settings {
        let capabilities = match self.edits {
            None => Arc::clone(&parent.capabilities),
            Some(edits) => edits.edited(&parent.capabilities, path, &parent.kernel),
        };
        Settings {
            policy: self.policy,
            keeps_records: self.policy == Policy::CollectAll,
            budget: parent.budget.meet(self.budget),
            leak_response: self.leak_response.unwrap_or(parent.leak_response),
            capabilities,
        }
    }
}

impl fmt::Debug for RegionOptions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RegionOptions")
            .field("policy", &self.policy)
            .field("budget", &self.budget)
            .finish_non_exhaustive()
    }
}

/// What a region is made with, once its surroundings are known.
pub(crate) struct Settings {
    pub(crate) policy: Policy,
    /// Whether `CollectAll` keeps a record of each child; the root, which lives long, does not.
    pub(crate) keeps_records: bool,
    pub(crate) budget: Budget,
    pub(crate) leak_response: LeakResponse,
    pub(crate) capabilities: Arc<Capabilities>,
}

/// How a task is spawned: a name for people, and limits of its own.
#[derive(Debug, Clone, Copy, Default)]
#[must_use = "options do nothing until a task is spawned with them"]
pub struct TaskOptions {
    name: Option<&'static str>,
    budget: Budget,
}

impl TaskOptions {
    const DEFAULT: Self = Self {
        name: None,
        budget: Budget::INFINITE,
    };

    /// The defaults: no name, the region's limits.
    pub fn new() -> Self {
        Self::DEFAULT
    }

    /// A name for dumps and reports; it has no meaning to the kernel.
    pub fn name(mut self, name: &'static str) -> Self {
        self.name = Some(name);
        self
    }

    /// Limits of the task, met with those of its region.
    pub fn budget(mut self, budget: Budget) -> Self {
        self.budget = budget;
        self
    }
}

/// A region as its body sees it: spawns children, and derefs to the body's [`Cx`].
///
/// Typed by its error, so that `?` infers in bodies and failing fast needs no conversion. It
/// borrows its body's frame and cannot leave it; [`Spawner`] can.
pub struct Region<E: TaskError = Error> {
    cx: Cx<E>,
    core: Arc<RegionCore>,
}

impl<E: TaskError> Deref for Region<E> {
    type Target = Cx<E>;
    fn deref(&self) -> &Cx<E> {
        &self.cx
    }
}

impl<E: TaskError> fmt::Debug for Region<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.core.fmt(f)
    }
}

impl<E: TaskError> Region<E> {
    pub(crate) fn new(cx: Cx<E>, core: Arc<RegionCore>) -> Self {
        Self { cx, core }
    }

    /// Spawns a child that this region owns.
    ///
    /// # Errors
    /// [`SpawnError::RegionClosed`] if the region no longer admits (it was cancelled, or its body
    /// has returned); [`SpawnError::AtCapacity`] if the runtime holds as many tasks as it may, or there is
    /// no memory for one more; [`SpawnError::Denied`] without the capability [`Spawn`]. In each case `f` is dropped uncalled.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn spawn<T, F, Fut>(&self, f: F) -> Result<Task<T, E>, SpawnError>
    where
        F: FnOnce(Cx<E>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_as(FOREGROUND, &TaskOptions::DEFAULT, inherit, f)
    }

    /// [`spawn`](Self::spawn) with a name or limits.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn spawn_with<T, F, Fut>(
        &self,
        options: TaskOptions,
        f: F,
    ) -> Result<Task<T, E>, SpawnError>
    where
        F: FnOnce(Cx<E>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_as(FOREGROUND, &options, limit, f)
    }

    #[cfg_attr(feature = "inspect", track_caller)]
    fn spawn_as<T, F, Fut>(
        &self,
        place: u16,
        options: &TaskOptions,
        limit: Limit,
        f: F,
    ) -> Result<Task<T, E>, SpawnError>
    where
        F: FnOnce(Cx<E>) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        self.cx.assert_own();
        let order = Order {
            core: &self.core,
            parent: self.cx.as_parent(),
            place,
            home: Home::Driver,
            options,
            limit,
            site: Site::caller(),
        };
        order.spawn(f)
    }

    /// Spawns a child that stays on one worker's thread: `f` is called there, and the future that it gives, which need
    /// not be `Send`, is polled and dropped there and nowhere else. The region of its [`LocalCx`] takes more such
    /// children ([`LocalRegion::spawn_local`]).
    ///
    /// The worker is the one with the fewest of these; where one thread drives all, it is that. Work that blocks its
    /// worker keeps such tasks waiting: nobody can take them over.
    ///
    /// ```
    /// # use asupersync_core::{Cx, Error, Region};
    /// # async fn counted(region: &Region) -> Result<u32, Error> {
    /// let counted = region.spawn_pinned(async |cx| {
    ///     let sum = std::rc::Rc::new(std::cell::Cell::new(20));
    ///     cx.yield_now().await?;
    ///     sum.set(sum.get() + 22);
    ///     Ok(sum.get())
    /// })?;
    /// counted.join(region).await
    /// # }
    /// ```
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn); `AtCapacity` also when the workers have left.
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn spawn_pinned<T, F, Fut>(&self, f: F) -> Result<Task<T, E>, SpawnError>
    where
        F: FnOnce(LocalCx<E>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + 'static,
        T: Send + 'static,
    {
        self.cx.assert_own();
        spawn_pinned_in(&self.core, self.cx.as_parent(), f)
    }

    /// Spawns a child that is cancelled with [`CancelKind::ScopeDone`] once the body has returned and
    /// the other children are done.
    ///
    /// # Errors
    /// As [`spawn`](Self::spawn).
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn spawn_background<F, Fut>(&self, f: F) -> Result<(), SpawnError>
    where
        F: FnOnce(Cx<E>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.spawn_as(BACKGROUND, &TaskOptions::DEFAULT, inherit, f)
            .map(drop)
    }

    /// Asks the whole region to stop, body included (kind [`CancelKind::User`]).
    pub fn cancel(&self, why: impl Into<Cow<'static, str>>) {
        self.core.cancel_itself(CancelKind::User, why);
    }

    /// A handle through which tasks can spawn siblings into this region.
    pub fn spawner(&self) -> Spawner<E> {
        Spawner::new(Arc::clone(&self.core), self.cx.next_path())
    }

    /// Leaves async clean-up to the region: it runs when every child is gone, last in first out,
    /// masked, within a budget.
    ///
    /// # Errors
    /// [`SpawnError::RegionClosed`] if the region is past running finalizers.
    pub fn defer<F, Fut>(&self, f: F) -> Result<(), SpawnError>
    where
        F: FnOnce(Cx<Error>) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        if self.core.state() >= RegionState::Finalizing {
            return Err(SpawnError::RegionClosed);
        }
        let index = self.core.with_finalizers(|list| list.push(f));
        let adder = self.cx.path();
        self.core.kernel.emit(
            EventKind::FinalizerAdded,
            adder,
            self.core.path.as_u64(),
            || index,
        );
        Ok(())
    }

    /// Where the region is on its way to closed.
    pub fn state(&self) -> RegionState {
        self.core.state()
    }

    /// What happened to the children so far.
    pub fn report(&self) -> RegionReport {
        self.core.report()
    }

    /// The region's schedule-independent id.
    pub fn region_path(&self) -> PathId {
        self.core.path
    }
}

/// Spawns into a region from anywhere, as long as the region admits: what an accept loop holds.
///
/// It does not keep the region open. Each clone numbers its own children, so that ids
/// do not depend on which clone spawned first.
pub struct Spawner<E: TaskError = Error> {
    core: Arc<RegionCore>,
    path: PathId,
    ordinal: AtomicU32,
    _error: PhantomData<fn(E) -> E>,
}

impl<E: TaskError> Spawner<E> {
    pub(crate) fn new(core: Arc<RegionCore>, path: PathId) -> Self {
        Self {
            core,
            path,
            ordinal: AtomicU32::new(0),
            _error: PhantomData,
        }
    }

    fn as_parent(&self) -> Parent<'_> {
        Parent::new(self.path, &self.ordinal)
    }

    /// Spawns a child of the region; see [`Region::spawn`].
    ///
    /// # Errors
    /// As [`Region::spawn`].
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn spawn<T, F, Fut>(&self, f: F) -> Result<Task<T, E>, SpawnError>
    where
        F: FnOnce(Cx<E>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_as(FOREGROUND, &TaskOptions::DEFAULT, inherit, f)
    }

    /// [`spawn`](Self::spawn) with a name or limits.
    ///
    /// # Errors
    /// As [`Region::spawn`].
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn spawn_with<T, F, Fut>(
        &self,
        options: TaskOptions,
        f: F,
    ) -> Result<Task<T, E>, SpawnError>
    where
        F: FnOnce(Cx<E>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + Send + 'static,
        T: Send + 'static,
    {
        self.spawn_as(FOREGROUND, &options, limit, f)
    }

    #[cfg_attr(feature = "inspect", track_caller)]
    fn spawn_as<T, F, Fut>(
        &self,
        place: u16,
        options: &TaskOptions,
        limit: Limit,
        f: F,
    ) -> Result<Task<T, E>, SpawnError>
    where
        F: FnOnce(Cx<E>) -> Fut,
        Fut: Future<Output = Result<T, E>>,
    {
        let order = Order {
            core: &self.core,
            parent: self.as_parent(),
            place,
            home: Home::Driver,
            options,
            limit,
            site: Site::caller(),
        };
        order.spawn(f)
    }

    /// Spawns a child that stays on one worker's thread; see [`Region::spawn_pinned`].
    ///
    /// # Errors
    /// As [`Region::spawn_pinned`].
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn spawn_pinned<T, F, Fut>(&self, f: F) -> Result<Task<T, E>, SpawnError>
    where
        F: FnOnce(LocalCx<E>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<T, E>> + 'static,
        T: Send + 'static,
    {
        spawn_pinned_in(&self.core, self.as_parent(), f)
    }

    /// Spawns a background child; see [`Region::spawn_background`].
    ///
    /// # Errors
    /// As [`Region::spawn`].
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn spawn_background<F, Fut>(&self, f: F) -> Result<(), SpawnError>
    where
        F: FnOnce(Cx<E>) -> Fut + Send + 'static,
        Fut: Future<Output = Result<(), E>> + Send + 'static,
    {
        self.spawn_as(BACKGROUND, &TaskOptions::DEFAULT, inherit, f)
            .map(drop)
    }

    /// Asks the whole region to stop (kind [`CancelKind::User`]).
    pub fn cancel(&self, why: impl Into<Cow<'static, str>>) {
        self.core.cancel_itself(CancelKind::User, why);
    }

    /// Whether a spawn would find the region closed.
    pub fn is_closed(&self) -> bool {
        self.core.state() != RegionState::Open
    }
}

impl<E: TaskError> Clone for Spawner<E> {
    fn clone(&self) -> Self {
        Self::new(Arc::clone(&self.core), self.as_parent().next_path())
    }
}

impl<E: TaskError> fmt::Debug for Spawner<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "spawner of {:?}", self.core)
    }
}

/// A region opened on a thread that it does not leave, the driving one or a worker's: its children need not be `Send`.
pub struct LocalRegion<E: TaskError = Error> {
    region: Region<E>,
    _not_send: PhantomData<*const ()>,
}

impl<E: TaskError> Deref for LocalRegion<E> {
    type Target = Region<E>;
    fn deref(&self) -> &Region<E> {
        &self.region
    }
}

impl<E: TaskError> fmt::Debug for LocalRegion<E> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.region.fmt(f)
    }
}

impl<E: TaskError> inline::Handle<E> for LocalRegion<E> {
    fn of(region: Region<E>) -> Self {
        Self {
            region,
            _not_send: PhantomData,
        }
    }
}

impl<E: TaskError> LocalRegion<E> {
    /// Spawns a child that stays on this thread; neither it nor its value need be `Send`.
    ///
    /// # Errors
    /// As [`Region::spawn`].
    #[cfg_attr(feature = "inspect", track_caller)]
    pub fn spawn_local<T, F, Fut>(&self, f: F) -> Result<LocalTask<T, E>, SpawnError>
    where
        F: FnOnce(LocalCx<E>) -> Fut + 'static,
        Fut: Future<Output = Result<T, E>> + 'static,
        T: 'static,
    {
        self.region.cx.assert_own();
        let cx = &self.region.cx;
        spawn_local_at(&self.region.core, cx.as_parent(), Home::with(cx.task()), f)
    }

    /// Opens a region inside this one, on the same thread; see [`Cx::region`].
    ///
    /// # Errors
    /// As [`Cx::region`].
    pub fn region<T, F>(&self, f: F) -> impl Future<Output = Result<T, E>>
    where
        F: AsyncFnOnce(&LocalRegion<E>) -> Result<T, E>,
    {
        let options = RegionOptions::new();
        run_inline::<_, _, LocalRegion<E>, _, _, _>(&self.region.cx, options, f, |result, _| result)
    }
}

/// Asks one task to stop (R-CAN-1); the rest of its region runs on.
pub(crate) fn cancel_task(task: &TaskRef, origin: PathId, request: CancelRequest) {
    let kernel = &task.region.kernel;
    let (kind, until) = (request.kind(), request.until(kernel.now()));
    let reason = CancelReason::new(kind, origin, kernel.now(), request.into_message());
    let limit = task.region.word.force_at().min(until);
    let cold = task.cold();
    if mutant!(ToldBeforeReason) {
        task.cancel();
    }
    let asked = cold.cancel.request(reason, limit, &kernel.config);
    let Some(force_at) = asked.or_else(|| cold.cancel.hasten(until)) else {
        return;
    };
    if asked.is_some() {
        kernel.emit(
            EventKind::CancelRequested,
            task.path,
            task.path.as_u64(),
            || kind as u64,
        );
    }
    if !mutant!(ToldBeforeReason) {
        task.cancel();
    }
    if task.is_done() {
        // It ended meanwhile: a timer would only keep its cell.
        return;
    }
    let timer = kernel.insert_task_force(force_at, task.clone());
    let mut limits = cold.limits.lock();
    // Looked at under the lock: `complete` takes the timers out under it, after the task is done.
    // Requests may come here in another order than to the word, which knows whose time counts.
    let ended = task.is_done() && !mutant!(ForceTimerKept);
    let is_late = cold.cancel.force_at() != force_at;
    let unwanted = if ended || (is_late && !mutant!(LaterForceTimerWins)) {
        Some(timer)
    } else {
        limits.force_timer.replace(timer)
    };
    drop(limits);
    kernel.cancel_timer(unwanted);
}

/// A quota is spent: the task is asked to stop with `Timeout` (R-SCH-4).
pub(crate) fn quota_spent(task: &TaskRef, message: &'static str) {
    cancel_task(task, task.path, CancelRequest::timeout(message));
}
