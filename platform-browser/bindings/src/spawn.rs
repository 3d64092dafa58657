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

use asupersync_core::{Budget, CxBase, Outcome, SpawnError, Task, TaskOptions};

use crate::host::{self, How};
use crate::panics::of_slot;
use crate::registry::{registry, with_slot};
use crate::stop::Stop;
use crate::tasks::{self, Body, End, end_sleeps};

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
            if slot.is_over {
                return Err(Refusal::Closed);
            }
        }
        let deadline = match (&registry.clock, limit) {
            (Some(clock), Some(limit)) => Some(clock.now().saturating_add(limit)),
            _ => None,
        };
        let id = registry.add().ok_or(Refusal::AtCapacity)?;
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
    } else if !scope_into(parent, id) {
        drop(registry(|registry| registry.remove(id)));
        return Err(Refusal::Closed);
    }
    Ok(id)
}

/// Spawns the scope of a slot. `false`: the region does not admit it.
pub fn scope_into(parent: f64, id: f64) -> bool {
    let Some(spawner) = spawner(parent) else {
        return false;
    };
    let body = Body::new(id, false);
    let budget = match with_slot(id, |slot| slot.deadline).flatten() {
        Some(deadline) => Budget::INFINITE.with_deadline(deadline),
        None => Budget::INFINITE,
    };
    let options = TaskOptions::new().budget(budget);
    match spawner.spawn_with(options, move |cx| of_slot(id, tasks::scope(cx, body))) {
        Ok(task) => watch(id, task),
        Err(_) => false,
    }
}

/// A scope that waited for a region is not opened: it ends as one that was cancelled before it began.
pub fn refuse(id: f64) {
    if let Some(slot) = registry(|registry| registry.remove(id)) {
        drop(slot);
        host::ended(id, How::Cancelled, None);
    }
}

/// Spawns a task into the region of a scope.
pub fn task(scope: f64, is_background: bool) -> Result<f64, Refusal> {
    with_slot(scope, |_| ()).ok_or(Refusal::NoSuchSlot)?;
    let spawner = spawner(scope).ok_or(Refusal::NoScope)?;
    let id = registry(|registry| registry.add()).ok_or(Refusal::AtCapacity)?;
    let body = Body::new(id, is_background);
    let spawned = if is_background {
        spawner.spawn_background(move |cx| {
            of_slot(id, async move { tasks::task(cx, body).await.map(drop) })
        })
    } else {
        spawner
            .spawn(move |cx| of_slot(id, tasks::task(cx, body)))
            .map(|task| _ = watch(id, task))
    };
    if let Err(refused) = spawned {
        drop(registry(|registry| registry.remove(id)));
        return Err(refused.into());
    }
    Ok(id)
}

/// Milliseconds; what is no number or negative is none.
pub fn duration(ms: f64) -> Duration {
    Duration::from_nanos((ms * 1e6) as u64)
}

fn spawner(slot: f64) -> Option<asupersync_core::Spawner<Stop>> {
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
fn watch(id: f64, task: Task<End, Stop>) -> bool {
    if let Some(why) = with_slot(id, |slot| slot.asked.take()).flatten() {
        task.cancel(why);
    }
    let unwatched = with_slot(id, |slot| slot.handle.replace(task)).flatten();
    drop(unwatched);
    look_at(id);
    true
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

/// Has the collector look at the sleeps of no slot.
pub fn wake_collector() {
    if let Some(collector) = registry(|registry| registry.collector.take()) {
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
        ring(task);
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

/// Ends the sleeps of no slot that are over.
fn ring(task: &mut Context<'_>) {
    let mut sleeps = registry(|registry| core::mem::take(&mut registry.sleeps));
    let over = end_sleeps(&mut sleeps, task);
    registry(|registry| {
        sleeps.append(&mut registry.sleeps);
        registry.sleeps = sleeps;
    });
    for sleep in over {
        host::slept(0.0, sleep);
    }
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
