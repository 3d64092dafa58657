//! `Registry`: what a runtime remembers for its dumps while they are switched on.
//!
//! Owns a record of each live task and region, in shards by id, and the last leaks. Its hooks are called by spawns,
//! waits and permits, each of which locks one shard for a moment; no lock is held while another is taken.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::sync::{Arc, Weak};
use alloc::vec::Vec;
use core::panic::Location;

use super::{Held, Leak, Wait};
use crate::cx::CxBase;
use crate::kernel::Config;
use crate::object::ObjectId;
use crate::obligation::{Entry, ObligationKind};
use crate::path::PathId;
use crate::region::RegionCore;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicUsize, Ordering};
use crate::task::TaskRef;
use crate::time::Time;
use crate::wait::WaitKind;

/// How many shards the tasks are kept in.
const SHARDS: usize = 16;
/// How many leaks are remembered: the last ones.
pub(super) const LEAKS_MAX: usize = 64;
/// How many channels are remembered that a task was the receiver of: the last ones.
const RECEIVES_MAX: usize = 8;

/// Where a task was spawned.
#[derive(Clone, Copy)]
pub(crate) struct Site(pub(super) Option<&'static Location<'static>>);

impl Site {
    /// The kernel spawned it.
    pub(crate) const NOWHERE: Self = Self(None);

    #[track_caller]
    #[inline]
    pub(crate) fn caller() -> Self {
        Self(Some(Location::caller()))
    }
}

/// A live task.
#[derive(Clone)]
pub(super) struct TaskRecord {
    /// The order of spawns.
    pub(super) number: usize,
    pub(super) task: TaskRef,
    pub(super) site: Site,
    pub(super) since: Time,
    waits: Vec<(u32, Wait)>,
    next_wait: u32,
    pub(super) held: Vec<Held>,
    /// What it said last.
    pub(super) message: Option<&'static str>,
    /// The channels that it was the last to wait at as their receiver.
    pub(super) receives: Vec<PathId>,
}

impl TaskRecord {
    pub(super) fn waits(&self) -> Vec<Wait> {
        self.waits.iter().map(|(_, wait)| wait.clone()).collect()
    }
}

struct RegionRecord {
    number: usize,
    region: Weak<RegionCore>,
}

/// Who reserved an obligation that is owned: its task may be gone when it leaks.
#[derive(Clone, Copy)]
struct Owner {
    name: Option<&'static str>,
    site: Site,
}

/// `None`: dumps are switched off.
pub(crate) struct Registry(Option<Box<Live>>);

pub(super) struct Live {
    next: AtomicUsize,
    tasks: [Mutex<BTreeMap<PathId, TaskRecord>>; SHARDS],
    regions: Mutex<BTreeMap<PathId, RegionRecord>>,
    owners: Mutex<BTreeMap<PathId, Owner>>,
    leaks: Mutex<VecDeque<Leak>>,
}

impl Registry {
    pub(crate) fn new(config: &Config) -> Self {
        Self(config.inspect.then(|| {
            Box::new(Live {
                next: AtomicUsize::new(0),
                tasks: core::array::from_fn(|_| Mutex::new(BTreeMap::new())),
                regions: Mutex::new(BTreeMap::new()),
                owners: Mutex::new(BTreeMap::new()),
                leaks: Mutex::new(VecDeque::new()),
            })
        }))
    }

    /// Whether dumps are switched on.
    pub(crate) fn is_live(&self) -> bool {
        self.0.is_some()
    }

    pub(super) fn live(&self) -> Option<&Live> {
        self.0.as_deref()
    }

    #[inline]
    pub(crate) fn spawned(&self, task: &TaskRef, site: Site) {
        if let Some(live) = &self.0 {
            let record = TaskRecord {
                number: live.next.fetch_add(1, Ordering::Relaxed),
                task: task.clone(),
                site,
                since: task.region.kernel.now(),
                waits: Vec::new(),
                next_wait: 0,
                held: Vec::new(),
                message: None,
                receives: Vec::new(),
            };
            let before = live.shard(task.path).lock().insert(task.path, record);
            drop(before);
        }
    }

    #[inline]
    pub(crate) fn ended(&self, task: PathId) {
        if let Some(live) = &self.0 {
            let record = live.shard(task).lock().remove(&task);
            drop(record);
        }
    }

    pub(crate) fn opened(&self, region: &Arc<RegionCore>) {
        if let Some(live) = &self.0 {
            let record = RegionRecord {
                number: live.next.fetch_add(1, Ordering::Relaxed),
                region: Arc::downgrade(region),
            };
            live.regions.lock().insert(region.path, record);
        }
    }

    pub(crate) fn closed(&self, region: PathId) {
        if let Some(live) = &self.0 {
            live.regions.lock().remove(&region);
        }
    }

    /// The task says where it is.
    #[inline]
    pub(crate) fn says(&self, task: &TaskRef, message: &'static str) {
        if let Some(live) = &self.0 {
            live.note(task.path, |record| record.message = Some(message));
        }
    }

    /// Where a live task was spawned.
    pub(super) fn site(&self, task: PathId) -> Option<&'static Location<'static>> {
        self.live()?.owner(task).site.0
    }

    /// The task waits at an object that tasks share.
    #[inline]
    pub(crate) fn waits(&self, task: &TaskRef, kind: WaitKind, object: &ObjectId) {
        if let Some(live) = &self.0 {
            let object = name(task, object);
            live.note(task.path, |record| {
                if kind == WaitKind::Receive && !record.receives.contains(&object) {
                    if record.receives.len() == RECEIVES_MAX {
                        record.receives.remove(0);
                    }
                    record.receives.push(object);
                }
                record.begin(Wait::For { kind, object });
            });
        }
    }

    /// The wait at an object is over.
    #[inline]
    pub(crate) fn waited(&self, task: &TaskRef, object: &ObjectId) {
        if let Some(live) = &self.0 {
            let over = name(task, object);
            live.note(task.path, |record| {
                let mut waits = record.waits.iter();
                let is_it =
                    |wait: &Wait| matches!(wait, Wait::For { object, .. } if *object == over);
                if let Some(index) = waits.position(|(_, wait)| is_it(wait)) {
                    record.waits.remove(index);
                }
            });
        }
    }

    /// The task reserved a borrowed permit.
    #[inline]
    pub(crate) fn holds(&self, task: &TaskRef, kind: ObligationKind, object: &ObjectId) {
        if let Some(live) = &self.0 {
            let held = Held {
                kind,
                object: name(task, object),
                since: task.region.kernel.now(),
            };
            live.note(task.path, |record| record.held.push(held));
        }
    }

    /// The task committed or aborted a borrowed permit.
    #[inline]
    pub(crate) fn held(&self, task: &TaskRef, kind: ObligationKind, object: &ObjectId) {
        if let Some(live) = &self.0 {
            let object = name(task, object);
            live.note(task.path, |record| {
                let mut held = record.held.iter();
                if let Some(index) = held.rposition(|h| h.kind == kind && h.object == object) {
                    record.held.remove(index);
                }
            });
        }
    }

    /// The task reserved an obligation that is owned.
    pub(crate) fn owns(&self, task: &TaskRef, entry: PathId) {
        if let Some(live) = &self.0 {
            let owner = live.owner(task.path);
            live.owners.lock().insert(entry, owner);
        }
    }

    /// An obligation that was owned is resolved.
    pub(crate) fn owned(&self, entry: PathId) {
        if let Some(live) = &self.0 {
            live.owners.lock().remove(&entry);
        }
    }

    pub(crate) fn leaked_token(&self, region: &RegionCore, entry: &Entry) {
        if let Some(live) = &self.0 {
            let owner = live.owners.lock().remove(&entry.path);
            let now = region.kernel.now();
            live.leaked(Leak {
                region: region.path,
                task: entry.task,
                name: owner.and_then(|owner| owner.name),
                site: owner.and_then(|owner| owner.site.0),
                kind: entry.kind,
                count: 1,
                at: now,
                age: Some(now.saturating_since(entry.since)),
            });
        }
    }

    pub(crate) fn leaked_permits(&self, region: &RegionCore, task: PathId, count: u32) {
        if let Some(live) = &self.0 {
            let owner = live.owner(task);
            let now = region.kernel.now();
            let first = live
                .shard(task)
                .lock()
                .get(&task)
                .and_then(|record| record.held.first().copied());
            live.leaked(Leak {
                region: region.path,
                task,
                name: owner.name,
                site: owner.site.0,
                kind: first.map_or(ObligationKind::SendPermit, |held| held.kind),
                count: u64::from(count),
                at: now,
                age: first.map(|held| now.saturating_since(held.since)),
            });
        }
    }
}

impl Live {
    fn shard(&self, task: PathId) -> &Mutex<BTreeMap<PathId, TaskRecord>> {
        // Ids are hashes: any bits are as good as others.
        &self.tasks[task.as_u64() as usize % SHARDS]
    }

    fn note(&self, task: PathId, note: impl FnOnce(&mut TaskRecord)) {
        if let Some(record) = self.shard(task).lock().get_mut(&task) {
            note(record);
        }
    }

    fn owner(&self, task: PathId) -> Owner {
        let record = self.shard(task).lock().get(&task).cloned();
        Owner {
            name: record.as_ref().and_then(|record| record.task.name()),
            site: record.map_or(Site::NOWHERE, |record| record.site),
        }
    }

    fn leaked(&self, leak: Leak) {
        let mut leaks = self.leaks.lock();
        if leaks.len() == LEAKS_MAX {
            leaks.pop_front();
        }
        leaks.push_back(leak);
    }

    /// The live tasks, in the order of their spawns. A task that moves on meanwhile is told as it was.
    pub(super) fn tasks(&self) -> Vec<TaskRecord> {
        let mut tasks = Vec::new();
        for shard in &self.tasks {
            tasks.extend(shard.lock().values().cloned());
        }
        tasks.sort_by_key(|record| record.number);
        tasks
    }

    /// The open regions, in the order in which they were opened.
    pub(super) fn regions(&self) -> Vec<Arc<RegionCore>> {
        let live = |record: &RegionRecord| Some((record.number, record.region.upgrade()?));
        let mut regions: Vec<_> = self.regions.lock().values().filter_map(live).collect();
        regions.sort_by_key(|(number, _)| *number);
        regions.into_iter().map(|(_, region)| region).collect()
    }

    pub(super) fn leaks(&self) -> Vec<Leak> {
        self.leaks.lock().iter().cloned().collect()
    }
}

impl TaskRecord {
    /// Notes a wait, and says by what number it ends.
    fn begin(&mut self, wait: Wait) -> u32 {
        let number = self.next_wait;
        self.next_wait = number.wrapping_add(1);
        self.waits.push((number, wait));
        number
    }
}

/// The name of an object, as traces have it.
fn name(task: &TaskRef, object: &ObjectId) -> PathId {
    PathId::from_u64(object.name(|| task.next_object()))
}

/// The place of one wait of a task; dropping it ends the wait.
pub(crate) struct WaitSlot<'a> {
    cx: &'a CxBase,
    number: Option<u32>,
}

impl<'a> WaitSlot<'a> {
    #[inline]
    pub(crate) fn of(cx: &'a CxBase) -> Self {
        Self { cx, number: None }
    }

    pub(crate) fn sleeps(&mut self, until: Time) {
        self.begin(Wait::Sleep { until });
    }

    pub(crate) fn joins(&mut self, task: PathId) {
        self.begin(Wait::Join { task });
    }

    pub(crate) fn closes(&mut self, region: PathId) {
        self.begin(Wait::RegionClose { region });
    }

    /// Notes the wait; a second call leaves the first one's.
    fn begin(&mut self, wait: Wait) {
        let task = self.cx.task();
        let Some(live) = task.region.kernel.inspect.live() else {
            return;
        };
        if self.number.is_none() {
            let number = &mut self.number;
            live.note(task.path, |record| *number = Some(record.begin(wait)));
        }
    }
}

impl Drop for WaitSlot<'_> {
    fn drop(&mut self) {
        let Some(number) = self.number else { return };
        let task = self.cx.task();
        if let Some(live) = task.region.kernel.inspect.live() {
            live.note(task.path, |record| {
                record.waits.retain(|(other, _)| *other != number);
            });
        }
    }
}
