//! The futures around functions of JavaScript: a task, a scope, a finalizer.
//!
//! Owns how a promise keeps the kernel's protocol: a cancel aborts the signal once, the drain waits for the promise, the
//! kernel forces what does not end. What is spawned where, and what follows from an end, the kernel decides.

use core::future::{Future, poll_fn};
use core::pin::Pin;
use core::task::{Context, Poll};

use alloc::vec::Vec;
use asupersync_core::{Alarm, CancelReason, ChildEnded, Cx, CxBase, Error, Region, RegionOptions};

use crate::host::{self, How};
use crate::panics::of_slot;
use crate::registry::{Kind, Settled, registry, with_slot};
use crate::spawn;
use crate::stop::Stop;

/// How a scope or a task ended that its region need not hear of.
pub enum End {
    Ok,
    Failed,
    Cancelled(CancelReason),
    Panicked,
}

/// The function of a slot is on its way; dropped when it is gone.
pub struct Body {
    slot: f64,
    kind: Kind,
    has_begun: bool,
}

impl Body {
    pub fn new(slot: f64, kind: Kind) -> Self {
        Self {
            slot,
            kind,
            has_begun: false,
        }
    }

    /// Starts the function.
    fn begin(&mut self, cx: &CxBase) {
        self.has_begun = true;
        let slot = self.slot;
        if self.kind == Kind::Background {
            // Deferred first, so it runs last, and nothing of the slot comes after it.
            let _ = cx.defer(move |_cx| async move { forget(slot) });
        }
        host::start(slot);
    }
}

impl Drop for Body {
    fn drop(&mut self) {
        let found = with_slot(self.slot, |slot| {
            slot.is_over = true;
            slot.spawner = None;
            let openings = core::mem::take(&mut slot.openings);
            (
                core::mem::take(&mut slot.sleeps),
                slot.waker.take(),
                openings,
            )
        });
        if let Some((_sleeps, _waker, openings)) = found {
            // They came too late to be opened.
            openings.into_iter().for_each(spawn::refuse);
        }
        if self.kind == Kind::Background && !self.has_begun {
            forget(self.slot);
        }
    }
}

/// A background task is gone.
fn forget(slot: f64) {
    if let Some(slot_gone) = registry(|registry| registry.remove(slot)) {
        drop(slot_gone);
        host::ended(slot, How::Gone, None);
    }
}

/// What a waiting task finds.
enum News {
    Settled(Settled),
    /// A scope is to be opened, so the task needs a region.
    Opening,
}

/// A task: one function. It has a region only if the function opens scopes.
pub async fn task(cx: Cx<Stop>, mut body: Body) -> Result<End, Stop> {
    let slot = body.slot;
    body.begin(&cx);
    let ended = match run(&cx, slot, false).await {
        Ok(News::Settled(settled)) => outcome(settled),
        Ok(News::Opening) => {
            let inside = async |region: &Region<Stop>| {
                admit(region, slot);
                run(region, slot, true).await.map(|_| End::Ok)
            };
            cx.region_of(RegionOptions::new(), inside).await
        }
        Err(stop) => Err(stop),
    };
    match ended {
        Err(Stop::Failed) if body.kind == Kind::Contained => Ok(End::Failed),
        ended => ended,
    }
}

/// A scope: a region whose body is the function. It ends well for the region around it, however it ended: its error is
/// for who waits.
pub async fn scope(cx: Cx<Stop>, mut body: Body) -> Result<End, Stop> {
    let slot = body.slot;
    let inside = async |region: &Region<Stop>| {
        admit(region, slot);
        body.begin(region);
        run(region, slot, true).await.map(|_| ())
    };
    let (result, report) = cx.region_report(RegionOptions::new(), inside).await;
    drop(body);
    host::report(slot, &report);
    Ok(match result {
        Ok(()) => End::Ok,
        Err(Stop::Asked(token)) => End::Cancelled(token.reason().clone()),
        Err(Stop::Ended(ChildEnded::Cancelled(reason))) => End::Cancelled(reason),
        Err(Stop::Ended(ChildEnded::Panicked(_))) => End::Panicked,
        Err(_) => End::Failed,
    })
}

/// Lets spawns into the region of a slot, those first that wait for it.
fn admit(region: &Region<Stop>, slot: f64) {
    let spawner = region.spawner();
    let waiting = with_slot(slot, |slot| {
        slot.spawner = Some(spawner.clone());
        core::mem::take(&mut slot.openings)
    });
    for opening in waiting.unwrap_or_default() {
        if spawn::spawn_into(&spawner, opening).is_err() {
            // The region is closing, or the runtime full: it ends like one that was never begun.
            spawn::refuse(opening);
        }
    }
}

/// Waits for the promise of the slot's function; a cancel aborts its signal, and then the promise is waited for still.
async fn run(cx: &CxBase, slot: f64, has_region: bool) -> Result<News, Stop> {
    // Open for as long as the host works for the task; aborted where it is forced.
    let operation = match cx.io_op() {
        Ok(operation) => operation,
        Err(_) => return Err(Stop::Failed),
    };
    let token = match cx.until_cancelled(news(cx, slot, has_region)).await {
        Ok(News::Settled(settled)) => {
            let _ = operation.commit();
            return outcome(settled).map(|_| News::Settled(settled));
        }
        Ok(news) => {
            let _ = operation.commit();
            return Ok(news);
        }
        Err(token) => token,
    };
    // What is deferred so late that no poll comes any more before the task is forced: run all the same.
    let _ = cx.defer(move |cx| async move {
        let late = with_slot(slot, |slot| core::mem::take(&mut slot.deferred));
        for _ in 0..late.unwrap_or(0) {
            of_slot(slot, finalizer(&cx, slot)).await;
        }
    });
    host::abort(slot, token.reason());
    // Asked already: no region is opened any more.
    let last = news(cx, slot, true).await;
    let _ = operation.commit();
    match last {
        News::Settled(Settled::Cancelled) => Err(Stop::Asked(token)),
        News::Settled(settled) => outcome(settled).map(|_| News::Settled(settled)),
        News::Opening => Err(Stop::Asked(token)),
    }
}

fn outcome(settled: Settled) -> Result<End, Stop> {
    match settled {
        Settled::Ok => Ok(End::Ok),
        // Whoever fails with an abort that nobody asked for has failed.
        Settled::Failed | Settled::Cancelled => Err(Stop::Failed),
    }
}

/// Waits for what JavaScript says of a slot, hands its finalizers to the kernel and its sleeps their end.
async fn news(cx: &CxBase, slot: f64, has_region: bool) -> News {
    poll_fn(|task| {
        let found = with_slot(slot, |slot| {
            let is_opening = !has_region && !slot.openings.is_empty();
            (
                core::mem::take(&mut slot.deferred),
                slot.settled,
                is_opening,
            )
        });
        let (deferred, settled, is_opening) = found.unwrap_or((0, Some(Settled::Failed), false));
        for _ in 0..deferred {
            let _ = cx.defer(move |cx| async move { of_slot(slot, finalizer(&cx, slot)).await });
        }
        if let Some(settled) = settled {
            return Poll::Ready(News::Settled(settled));
        }
        if is_opening {
            return Poll::Ready(News::Opening);
        }
        ring(slot, task);
        Poll::Pending
    })
    .await
}

/// Calls the newest deferred function of a slot and waits for its promise. What it opens lies in a region of its own.
async fn finalizer(cx: &Cx<Error>, slot: f64) {
    with_slot(slot, |slot| {
        slot.is_finalized = false;
        slot.is_finalizing = true;
    });
    let _under_way = UnderWay(slot);
    host::finalize(slot);
    if finalized(slot, false).await {
        return;
    }
    let inside = async |region: &Region<Stop>| {
        admit(region, slot);
        finalized(slot, true).await;
        Ok(())
    };
    // What failed inside was for who awaited it there.
    let _: Result<(), Stop> = cx.region_of(RegionOptions::new(), inside).await;
}

/// A deferred function is being waited for, or is given up when this is dropped.
struct UnderWay(f64);

impl Drop for UnderWay {
    fn drop(&mut self) {
        let left = with_slot(self.0, |slot| {
            slot.is_finalizing = false;
            slot.spawner = None;
            (
                core::mem::take(&mut slot.sleeps),
                core::mem::take(&mut slot.openings),
            )
        });
        let (_sleeps, openings) = left.unwrap_or_default();
        openings.into_iter().for_each(spawn::refuse);
    }
}

/// Waits for the deferred function under way. `false`: it opens a scope first.
async fn finalized(slot: f64, has_region: bool) -> bool {
    poll_fn(|task| {
        let found = with_slot(slot, |slot| (slot.is_finalized, slot.openings.is_empty()));
        let (is_finalized, opens_none) = found.unwrap_or((true, true));
        if is_finalized {
            return Poll::Ready(true);
        }
        if !has_region && !opens_none {
            return Poll::Ready(false);
        }
        ring(slot, task);
        Poll::Pending
    })
    .await
}

/// Ends the sleeps of a slot that are over, and leaves the waker for the next.
fn ring(slot: f64, task: &mut Context<'_>) {
    let waker = task.waker().clone();
    let taken = with_slot(slot, |slot| {
        let before = slot.waker.replace(waker);
        (core::mem::take(&mut slot.sleeps), before)
    });
    let Some((mut sleeps, before)) = taken else {
        return;
    };
    drop(before);
    if sleeps.is_empty() {
        return;
    }
    let over = end_sleeps(&mut sleeps, task);
    let lost = with_slot(slot, |slot| {
        sleeps.append(&mut slot.sleeps);
        slot.sleeps = core::mem::take(&mut sleeps);
    });
    // Without a slot they were not put back, and end here.
    let _ = lost;
    for sleep in over {
        host::slept(slot, sleep);
    }
}

/// Takes out the sleeps that are over; the others wake `task`.
fn end_sleeps(sleeps: &mut Vec<(u32, Alarm)>, task: &mut Context<'_>) -> Vec<u32> {
    let mut over = Vec::new();
    sleeps.retain_mut(|(sleep, alarm)| {
        let is_over = Pin::new(alarm).poll(task).is_ready();
        if is_over {
            over.push(*sleep);
        }
        !is_over
    });
    over
}
