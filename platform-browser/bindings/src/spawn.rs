//! Spawning: slots become tasks of the kernel, and the collector that tells how they ended.
//!
//! Owns the order: number first, task second, so that a task that ends at once has a slot. The collector lives in a runtime
//! of its own, since it outlives the shutdown of the one it watches.

use alloc::sync::Arc;
use alloc::task::Wake;
use core::future::{Future, poll_fn};
use core::pin::pin;
use core::task::{Context, Poll, Waker};
use core::time::Duration;

use asupersync_core::{Budget, CxBase, Outcome, SpawnError, Spawner, Task, TaskOptions};

use crate::host::{self, How};
use crate::panics::of_slot;
use crate::registry::{Kind, registry, with_slot};
use crate::stop::Stop;
use crate::tasks::{self, Body, End};

/// How many ends the collector tells at a time.
const BATCH: usize = 64;

/// Why there is no new slot, in the numbers of `kernel.ts`.
#[derive(Clone, Copy)]
pub enum Refusal {
    /// The number that was passed is of no slot.
    NoSuchSlot = -1,
    /// The region no longer admits.
    Closed = -2,
    /// The runtime is full.
    AtCapacity = -3,
    /// The slot is no scope.
    NoScope = -4,
    /// The runtime is shutting down, or was never begun.
    Ended = -5,
}

impl From<SpawnError> for Refusal {
    fn from(error: SpawnError) -> Self {
        match error {
            SpawnError::AtCapacity => Self::AtCapacity,
            _ => Self::Closed,
        }
    }
}

/// Opens a scope in the region of a slot, or, for 0, of the runtime; after `limit`, if any, it is cancelled with
/// `Timeout`.
pub fn open(parent: f64, limit: Option<Duration>) -> Result<f64, Refusal> {
    let id = registry(|registry| {
        if parent == 0.0 {
            registry.root.as_ref().ok_or(Refusal::Ended)?;
        } else {
            let slot = registry.slot(parent).ok_or(Refusal::NoSuchSlot)?;
            // A finalizer may open regions (R-REG-3).
            if slot.is_over && !slot.is_finalizing {
                return Err(Refusal::Closed);
            }
        }
        let deadline = match (&registry.clock, limit) {
            (Some(clock), Some(limit)) => Some(clock.now().saturating_add(limit)),
            _ => None,
        };
        let id = registry.add(Kind::Scope).ok_or(Refusal::AtCapacity)?;
        if let Some(slot) = registry.slot(id) {
            slot.deadline = deadline;
        }
        Ok(id)
    })?;
    let waits = parent != 0.0
        && with_slot(parent, |slot| {
            let waits = slot.spawner.is_none();
            if waits {
                slot.openings.push(id);
            }
            waits
        }) == Some(true);
    if waits {
        // The task opens a region, and takes it in.
        wake(parent);
        return Ok(id);
    }
    admitted(parent, id)
}

/// Spawns a new slot's function into a region that is there.
fn admitted(parent: f64, id: f64) -> Result<f64, Refusal> {
    let spawner = spawner(parent).ok_or(Refusal::Closed);
    let spawned = spawner.and_then(|spawner| spawn_into(&spawner, id).map_err(Refusal::from));
    spawned.map(|()| id).inspect_err(|_| {
        drop(registry(|registry| registry.remove(id)));
    })
}

/// Spawns the function of a slot.
pub fn spawn_into(spawner: &Spawner<Stop>, id: f64) -> Result<(), SpawnError> {
    let found = with_slot(id, |slot| (slot.kind, slot.deadline));
    let (kind, deadline) = found.unwrap_or_default();
    let body = Body::new(id, kind);
    match kind {
        Kind::Scope => {
            let budget = match deadline {
                Some(deadline) => Budget::INFINITE.with_deadline(deadline),
                None => Budget::INFINITE,
            };
            let options = TaskOptions::new().budget(budget);
            watch(
                id,
                spawner.spawn_with(options, move |cx| of_slot(id, tasks::scope(cx, body)))?,
            );
        }
        Kind::Background => {
            return spawner.spawn_background(move |cx| {
                of_slot(id, async move { tasks::task(cx, body).await.map(drop) })
            });
        }
        Kind::Task | Kind::Contained => watch(
            id,
            spawner.spawn(move |cx| of_slot(id, tasks::task(cx, body)))?,
        ),
    }
    Ok(())
}

/// What waited for a region is not let in: it ends as if it was cancelled before it began.
pub fn refuse(id: f64) {
    if let Some(slot) = registry(|registry| registry.remove(id)) {
        drop(slot);
        host::ended(id, How::Cancelled, None);
    }
}

/// Spawns a task into the region of a scope.
pub fn task(scope: f64, kind: Kind) -> Result<f64, Refusal> {
    let (is_over, has_region) = with_slot(scope, |slot| match slot.kind {
        Kind::Scope => Ok((slot.is_over, slot.spawner.is_some())),
        _ => Err(Refusal::NoScope),
    })
    .ok_or(Refusal::NoSuchSlot)??;
    if is_over {
        return Err(Refusal::Closed);
    }
    let id = registry(|registry| registry.add(kind)).ok_or(Refusal::AtCapacity)?;
    if has_region {
        return admitted(scope, id);
    }
    with_slot(scope, |slot| slot.openings.push(id));
    Ok(id)
}

/// Milliseconds; what is no number or negative is none.
pub fn duration(ms: f64) -> Duration {
    Duration::from_nanos((ms * 1e6) as u64)
}

fn spawner(slot: f64) -> Option<Spawner<Stop>> {
    registry(|registry| match slot {
        0.0 => registry.root.clone(),
        slot => registry.slot(slot)?.spawner.clone(),
    })
}

/// Wakes the task of a slot, which looks what is new.
pub fn wake(slot: f64) {
    if let Some(waker) = with_slot(slot, |slot| slot.waker.take()).flatten() {
        waker.wake();
    }
}

// ------------------------------------------------------------ the collector

/// Has the end of a task told.
fn watch(id: f64, task: Task<End, Stop>) {
    let asked = with_slot(id, |slot| core::mem::take(&mut slot.asked));
    for request in asked.unwrap_or_default() {
        task.cancel_with(request);
    }
    let unwatched = with_slot(id, |slot| slot.handle.replace(task)).flatten();
    drop(unwatched);
    look_at(id);
}

fn look_at(id: f64) {
    let collector = registry(|registry| {
        registry.ends.push_back(id);
        registry.collector.take()
    });
    if let Some(collector) = collector {
        collector.wake();
    }
}

/// Wakes the collector for one slot.
struct Look(f64);

impl Wake for Look {
    fn wake(self: Arc<Self>) {
        look_at(self.0);
    }
}

/// Tells how each task ended, for ever.
pub async fn collect(cx: &CxBase) {
    poll_fn(|task| -> Poll<()> {
        for _ in 0..BATCH {
            let waker = task.waker().clone();
            let next = registry(|registry| match registry.ends.pop_front() {
                Some(id) => Ok(id),
                None => Err(registry.collector.replace(waker)),
            });
            match next {
                Ok(id) => collect_one(cx, id),
                Err(_before) => return Poll::Pending,
            }
        }
        task.waker().wake_by_ref();
        Poll::Pending
    })
    .await;
}

/// Tells the end of one task, if it has come; else its end comes back here.
fn collect_one(cx: &CxBase, id: f64) {
    let Some(mut handle) = with_slot(id, |slot| slot.handle.take()).flatten() else {
        return;
    };
    let waker = Waker::from(Arc::new(Look(id)));
    let polled = {
        let wait = pin!(handle.wait(cx));
        wait.poll(&mut Context::from_waker(&waker))
    };
    let outcome = match polled {
        Poll::Ready(Ok(outcome)) => outcome,
        // Nobody cancels the collector.
        Poll::Pending | Poll::Ready(Err(_)) => {
            with_slot(id, |slot| slot.handle = Some(handle));
            return;
        }
    };
    drop(registry(|registry| registry.remove(id)));
    let (how, reason) = match &outcome {
        Outcome::Ok(End::Ok) => (How::Ok, None),
        Outcome::Ok(End::Failed) | Outcome::Err(_) => (How::Failed, None),
        Outcome::Ok(End::Cancelled(reason)) | Outcome::Cancelled(reason) => {
            (How::Cancelled, Some(reason))
        }
        Outcome::Ok(End::Panicked) | Outcome::Panicked(_) => (How::Panicked, None),
    };
    host::ended(id, how, reason);
}
