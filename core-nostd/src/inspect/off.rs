//! The hooks of dumps where the feature `inspect` is off: nothing is kept, and nothing costs anything.

use alloc::sync::Arc;
use core::marker::PhantomData;

use crate::cx::CxBase;
use crate::kernel::Config;
use crate::object::ObjectId;
use crate::obligation::{Entry, ObligationKind};
use crate::path::PathId;
use crate::region::RegionCore;
use crate::task::TaskRef;
use crate::time::Time;
use crate::wait::WaitKind;

/// Where a task was spawned.
#[derive(Clone, Copy)]
pub(crate) struct Site;

impl Site {
    pub(crate) const NOWHERE: Self = Self;

    #[inline]
    pub(crate) fn caller() -> Self {
        Self
    }
}

pub(crate) struct Registry;

impl Registry {
    pub(crate) fn new(_config: &Config) -> Self {
        Self
    }
    #[inline]
    pub(crate) fn is_live(&self) -> bool {
        false
    }
    #[inline]
    pub(crate) fn spawned(&self, _task: &TaskRef, _site: Site) {}
    #[inline]
    pub(crate) fn ended(&self, _task: PathId) {}
    #[inline]
    pub(crate) fn opened(&self, _region: &Arc<RegionCore>) {}
    #[inline]
    pub(crate) fn closed(&self, _region: PathId) {}
    #[inline]
    pub(crate) fn says(&self, _task: &TaskRef, _message: &'static str) {}
    #[inline]
    pub(crate) fn waits(&self, _task: &TaskRef, _kind: WaitKind, _object: &ObjectId) {}
    #[inline]
    pub(crate) fn waited(&self, _task: &TaskRef, _object: &ObjectId) {}
    #[inline]
    pub(crate) fn holds(&self, _task: &TaskRef, _kind: ObligationKind, _object: &ObjectId) {}
    #[inline]
    pub(crate) fn held(&self, _task: &TaskRef, _kind: ObligationKind, _object: &ObjectId) {}
    #[inline]
    pub(crate) fn owns(&self, _task: &TaskRef, _entry: PathId) {}
    #[inline]
    pub(crate) fn owned(&self, _entry: PathId) {}
    #[inline]
    pub(crate) fn leaked_token(&self, _region: &RegionCore, _entry: &Entry) {}
    #[inline]
    pub(crate) fn leaked_permits(&self, _region: &RegionCore, _task: PathId, _count: u32) {}
}

/// Which task each driver polls: nobody watches.
pub(crate) struct Polls;

impl Polls {
    pub(crate) fn new(_config: &Config, _drivers: usize) -> Self {
        Self
    }
    #[inline]
    pub(crate) fn say(&self, _driver: usize, _task: &TaskRef, _message: &'static str) {}
}

/// The place of one wait of a task.
pub(crate) struct WaitSlot<'a>(PhantomData<&'a ()>);

impl<'a> WaitSlot<'a> {
    #[inline]
    pub(crate) fn of(_cx: &'a CxBase) -> Self {
        Self(PhantomData)
    }
    #[inline]
    pub(crate) fn sleeps(&mut self, _until: Time) {}
    #[inline]
    pub(crate) fn joins(&mut self, _task: PathId) {}
    #[inline]
    pub(crate) fn closes(&mut self, _region: PathId) {}
}
