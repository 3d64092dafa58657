//! Scopes: the parts of one task that can be cancelled, or shielded, on their own.
//!
//! Owns the tree of fibers, timeouts, masks and inline regions that a task has open. It belongs to the
//! task: only the poll that runs the task walks it. Requests from other tasks reach it by way
//! of the task (`NEWS`) and are pulled in at the next dispatch, so a checkpoint is one load of
//! the scope's own word, never a walk.

use alloc::sync::Arc;

use crate::cancel::{CancelKind, CancelReason};
use crate::cancel_word::CancelWord;
use crate::cx::CxBase;
use crate::error::SpawnError;
use crate::kernel::Config;
use crate::mutants::mutant;
use crate::path::PathId;
use crate::region::RegionCore;
use crate::sync::atomic::AtomicU32;
use crate::task::TaskRef;
use crate::time::Time;
use crate::trace::EventKind;

/// How deep inline regions, timeouts, races, joins and masks may nest within one task.
///
/// Nesting through tasks has no bound: each task starts at zero.
pub const INLINE_DEPTH_MAX: u16 = 64;

/// What a scope is for.
#[derive(Debug)]
pub(crate) enum ScopeKind {
    /// An arm of a race or a join, or the body of a timeout.
    Fiber,
    /// Defers observation: nothing is pulled into it or below it.
    Mask,
    /// The body of a region that runs inside the task; its word is the region's.
    Region,
}

#[derive(Debug)]
pub(crate) struct Scope {
    pub(crate) path: PathId,
    parent: Option<Arc<Scope>>,
    depth: u16,
    kind: ScopeKind,
    /// The innermost region the scope lies in; `None`: the task's own.
    pub(crate) home: Option<Arc<RegionCore>>,
    word: CancelWord,
    pub(crate) ordinal: AtomicU32,
}

impl Scope {
    pub(crate) fn word(&self) -> &CancelWord {
        match (&self.kind, &self.home) {
            (ScopeKind::Region, Some(region)) => &region.word,
            _ => &self.word,
        }
    }

    /// Whether a mask lies between this scope, included, and the task.
    pub(crate) fn is_masked(&self) -> bool {
        if mutant!(MaskLeaky) {
            return false;
        }
        matches!(self.kind, ScopeKind::Mask) || self.parent.as_ref().is_some_and(|p| p.is_masked())
    }

    /// Whether the outermost scope is a finalizer's: nothing waits to be delivered to those.
    fn is_in_finalizer(&self) -> bool {
        match &self.parent {
            Some(parent) => parent.is_in_finalizer(),
            None => self.depth == 0,
        }
    }

    /// A scope for the finalizers of a task or region: masked, with no parent to hear from.
    pub(crate) fn finalizer(path: PathId, home: Option<Arc<RegionCore>>) -> Arc<Self> {
        Arc::new(Self {
            path,
            parent: None,
            depth: 0,
            kind: ScopeKind::Mask,
            home,
            word: CancelWord::default(),
            ordinal: AtomicU32::new(0),
        })
    }

    /// Asks this scope alone to stop; scopes below it hear of it when the task pulls.
    pub(crate) fn request(
        &self,
        task: &TaskRef,
        reason: CancelReason,
        limit: Time,
    ) -> Option<Time> {
        let kernel = &task.region.kernel;
        if let (ScopeKind::Region, Some(region)) = (&self.kind, &self.home) {
            region.request_cancel(reason, limit);
            return None;
        }
        let kind = reason.kind();
        let force_at = self.word.request(reason, limit, &kernel.config)?;
        kernel.emit(
            EventKind::CancelRequested,
            self.path,
            self.path.as_u64(),
            || kind as u64,
        );
        Some(force_at)
    }

    /// Takes over what is asked of the scope's surroundings: of its parent scope, or, at the top,
    /// of the task (`own`). Masks, and what lies below them, take over nothing.
    pub(crate) fn pull(&self, own: Option<&CancelReason>, own_limit: Time, config: &Config) {
        if matches!(self.kind, ScopeKind::Mask) && !mutant!(MaskLeaky) {
            return;
        }
        let (reason, limit) = match &self.parent {
            Some(parent) => (parent.word().reason(), parent.word().force_at()),
            None => (own.cloned(), own_limit),
        };
        let Some(reason) = reason else { return };
        let inherited = reason.inherit();
        match (&self.kind, &self.home) {
            (ScopeKind::Region, Some(region)) => {
                if !mutant!(CancelMissesChild) {
                    region.request_cancel(inherited, limit);
                }
            }
            _ => {
                if self.word.request(inherited, limit, config).is_none() {
                    let _ = self.word.hasten(limit);
                }
            }
        }
    }
}

/// An open scope, registered with its task; dropping it closes it.
#[derive(Debug)]
pub(crate) struct OpenScope {
    pub(crate) scope: Arc<Scope>,
    task: TaskRef,
}

impl OpenScope {
    /// Opens a scope under the one that `cx` stands for. It is born cancelled if its surroundings
    /// are, unless it is a mask.
    pub(crate) fn open(
        cx: &CxBase,
        path: PathId,
        kind: ScopeKind,
        region: Option<Arc<RegionCore>>,
    ) -> Result<Self, SpawnError> {
        let parent = cx.scope();
        if parent.as_ref().is_some_and(|p| p.depth >= INLINE_DEPTH_MAX) {
            return Err(SpawnError::TooDeep);
        }
        Ok(Self::register(cx, path, kind, region))
    }

    /// Opens a mask. `None`: a mask is around already, and scopes nest as deep as they may.
    pub(crate) fn open_mask(cx: &CxBase, path: PathId) -> Option<Self> {
        let too_deep = |p: &Arc<Scope>| p.depth >= INLINE_DEPTH_MAX && p.is_masked();
        if cx.scope().is_some_and(too_deep) {
            return None;
        }
        Some(Self::register(cx, path, ScopeKind::Mask, None))
    }

    fn register(
        cx: &CxBase,
        path: PathId,
        kind: ScopeKind,
        region: Option<Arc<RegionCore>>,
    ) -> Self {
        let parent = cx.scope().cloned();
        let depth = parent.as_ref().map_or(0, |p| p.depth).saturating_add(1);
        let task = cx.task().clone();
        let home = region.or_else(|| parent.as_ref()?.home.clone());
        let scope = Arc::new(Scope {
            path,
            parent,
            depth,
            kind,
            home,
            word: CancelWord::default(),
            ordinal: AtomicU32::new(0),
        });
        task.cold().scopes.lock().push(Arc::clone(&scope));
        // Registered first, then asked: a request that comes after the look finds the scope.
        let own = match scope.parent {
            None => task.cancel_reason(),
            Some(_) => None,
        };
        let config = &task.region.kernel.config;
        scope.pull(own.as_ref(), task.force_limit(), config);
        Self { scope, task }
    }

    /// The scope outside every mask around this one; `None`: that is the task itself.
    fn outside(&self) -> Option<&Arc<Scope>> {
        let mut at = Some(&self.scope);
        let mut outside = None;
        while let Some(scope) = at {
            if matches!(scope.kind, ScopeKind::Mask) {
                outside = scope.parent.as_ref();
            }
            at = scope.parent.as_ref();
        }
        outside
    }

    /// Whether a request waits for the masks around this scope to end.
    pub(crate) fn is_deferring(&self) -> bool {
        if self.scope.is_in_finalizer() {
            return false;
        }
        match self.outside() {
            Some(scope) => scope.word().is_cancelled(),
            None => self.task.is_cancelled() || self.task.region.word.is_cancelled(),
        }
    }

    /// The mask's time is up while a request waits: what was asked is dropped where it is.
    pub(crate) fn force_deferred(&self) {
        match self.outside() {
            Some(scope) => {
                scope.word().mark_forced();
            }
            None => self.task.force(),
        }
    }

    pub(crate) fn task(&self) -> &TaskRef {
        &self.task
    }

    /// Asks the scope to stop and passes that on to the scopes inside it.
    pub(crate) fn cancel(&self, kind: CancelKind, message: &'static str) -> Option<Time> {
        let reason = CancelReason::new(
            kind,
            self.scope.path,
            self.task.region.kernel.now(),
            message,
        );
        let force_at = self.scope.request(&self.task, reason, Time::MAX);
        self.push_down();
        force_at
    }

    /// Passes this scope's state on to the scopes below it. Parents come before children in the
    /// task's list, so one pass reaches the bottom.
    pub(crate) fn push_down(&self) {
        let scopes = self.task.cold().scopes.lock().clone();
        for scope in scopes {
            if scope.parent.is_some() {
                scope.pull(None, Time::MAX, &self.task.region.kernel.config);
            }
        }
    }
}

impl Drop for OpenScope {
    fn drop(&mut self) {
        if let Some(cold) = self.task.cold_if_any() {
            let mut scopes = cold.scopes.lock();
            if let Some(index) = scopes.iter().rposition(|s| Arc::ptr_eq(s, &self.scope)) {
                // Keeps the order: parents before children.
                scopes.remove(index);
            }
        }
    }
}
