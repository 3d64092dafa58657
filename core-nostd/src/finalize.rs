//! Finalizers: async clean-up that runs after a body is gone, last in first out, masked and budgeted.
//!
//! Owns the list and the machine that runs it, one finalizer at a time. A finalizer that panics, or
//! does not end within its budget, is recorded, and the rest still run (R-REG-3, R-PAN-1). Tasks
//! and regions both use this; neither knows how.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::cx::{Cx, CxBase};
use crate::error::Error;
use crate::kernel::TimerGuard;
use crate::mutants::mutant;
use crate::path::PathId;
use crate::region::RegionCore;
use crate::scope::Scope;
use crate::sync::atomic::Ordering;
use crate::task::{Header, TaskRef};
use crate::time::Time;
use crate::timer::TimerClass;
use crate::trace::EventKind;

type FinalizerFuture = Pin<Box<dyn Future<Output = ()> + Send>>;
type Finalizer = Box<dyn FnOnce(Cx<Error>) -> FinalizerFuture + Send>;

/// Finalizers in the order they were added.
///
/// Empty until the first one. That brings the machine that runs them along, behind a pointer, so programs
/// without finalizers leave it out.
#[derive(Default)]
pub(crate) struct Finalizers(Option<Box<dyn Deferred>>);

impl Finalizers {
    /// Adds one and says which number it has.
    pub(crate) fn push<F, Fut>(&mut self, finalizer: F) -> u64
    where
        F: FnOnce(Cx<Error>) -> Fut + Send + 'static,
        Fut: Future<Output = ()> + Send + 'static,
    {
        let list = self.0.get_or_insert_with(|| Box::new(List::default()));
        list.push(Box::new(move |cx| -> FinalizerFuture {
            Box::pin(finalizer(cx))
        }))
    }

    pub(crate) fn take(&mut self) -> Self {
        core::mem::take(self)
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.0.is_none()
    }

    /// What runs them inside `task`; `None` if there are none. `home`: the region whose finalizers they are; what
    /// they open lies in it, with its capabilities. Without one they are the task's.
    pub(crate) fn start(
        self,
        task: &Header,
        home: Option<&Arc<RegionCore>>,
    ) -> Option<Box<dyn Run>> {
        Some(self.0?.start(task, home))
    }
}

/// The list behind [`Finalizers`].
trait Deferred: Send {
    fn push(&mut self, finalizer: Finalizer) -> u64;
    fn start(self: Box<Self>, task: &Header, home: Option<&Arc<RegionCore>>) -> Box<dyn Run>;
}

/// Finalizers under way.
pub(crate) trait Run: Send {
    /// Polls the finalizer under way, then the next ones, until one waits or none is left; the region has been
    /// told how they ended then.
    fn poll(&mut self, waker: &mut Context<'_>) -> Poll<()>;
}

#[derive(Default)]
struct List(Vec<Finalizer>);

impl Deferred for List {
    fn push(&mut self, finalizer: Finalizer) -> u64 {
        self.0.push(finalizer);
        self.0.len() as u64 - 1
    }

    fn start(self: Box<Self>, task: &Header, home: Option<&Arc<RegionCore>>) -> Box<dyn Run> {
        Box::new(FinalizerRun {
            owner: home.map_or(task.path, |region| region.path),
            task: task.counted(),
            home: home.cloned(),
            waiting: *self,
            current: None,
            tally: FinalizerTally::default(),
        })
    }
}

/// How the finalizers of one owner ended.
#[derive(Debug, Clone, Copy, Default)]
pub(crate) struct FinalizerTally {
    pub(crate) finished: u64,
    pub(crate) panicked: u64,
    pub(crate) forced: u64,
}

/// Runs a list of finalizers inside the task that polls it.
struct FinalizerRun {
    task: TaskRef,
    /// The task or region they belong to.
    owner: PathId,
    home: Option<Arc<RegionCore>>,
    waiting: List,
    current: Option<Current>,
    tally: FinalizerTally,
}

struct Current {
    index: u64,
    future: FinalizerFuture,
    until: Time,
    _timer: TimerGuard,
}

impl Run for FinalizerRun {
    fn poll(&mut self, waker: &mut Context<'_>) -> Poll<()> {
        let kernel = Arc::clone(&self.task.region.kernel);
        loop {
            let mut current = match self.current.take() {
                Some(current) => current,
                None => match self.begin_next(waker) {
                    Some(current) => current,
                    None => {
                        let region = self.home.as_ref().unwrap_or(&self.task.region);
                        region.finalizers_done(self.tally);
                        return Poll::Ready(());
                    }
                },
            };
            let mut polled = Poll::Pending;
            let caught = kernel.guarded(|| {
                polled = current.future.as_mut().poll(waker);
            });
            let status = match (caught, polled) {
                (Ok(()), Poll::Ready(())) => Status::Finished,
                (Err(_), _) => Status::Panicked,
                (Ok(()), Poll::Pending) if kernel.now() >= current.until => Status::Forced,
                (Ok(()), Poll::Pending) => {
                    self.current = Some(current);
                    return Poll::Pending;
                }
            };
            self.end(current, status);
        }
    }
}

impl FinalizerRun {
    /// Calls the newest closure that waits; its panic counts as the finalizer's.
    fn begin_next(&mut self, waker: &Context<'_>) -> Option<Current> {
        let kernel = Arc::clone(&self.task.region.kernel);
        loop {
            let index = self.waiting.0.len().checked_sub(1)? as u64;
            let position = if mutant!(FinalizersFifo) {
                0
            } else {
                index as usize
            };
            let make = self.waiting.0.remove(position);
            if mutant!(FinalizerSkipped) && index == 0 {
                return None;
            }
            kernel.emit(
                EventKind::FinalizerStarted,
                self.owner,
                self.owner.as_u64(),
                || index,
            );
            // Numbered from the end: the owner's other children count from 0, and a region's are counted
            // by its body, not by the task that runs this. The last number is the closer's.
            let ordinal = (u32::MAX - 1).wrapping_sub(index as u32);
            let scope = Scope::finalizer(self.owner.child(ordinal), self.home.clone());
            let cx = Cx::new(CxBase::new(self.task.clone(), Some(scope)));
            let mut made = None;
            let mut call = Some((make, cx));
            let caught = kernel.guarded(|| {
                if let Some((make, cx)) = call.take() {
                    made = Some(make(cx));
                }
            });
            if let (Ok(()), Some(future)) = (caught, made) {
                let until = kernel.now().saturating_add(kernel.config.finalizer_budget);
                let timer = TimerGuard::wake_at(
                    Arc::clone(&kernel),
                    until,
                    TimerClass::Cancel,
                    waker.waker().clone(),
                );
                return Some(Current {
                    index,
                    future,
                    until,
                    _timer: timer,
                });
            }
            self.record(index, Status::Panicked);
        }
    }

    fn end(&mut self, current: Current, status: Status) {
        let Current { index, future, .. } = current;
        let kernel = Arc::clone(&self.task.region.kernel);
        let mut future = Some(future);
        let dropped = kernel.guarded(|| drop(future.take()));
        self.record(
            index,
            if dropped.is_ok() {
                status
            } else {
                Status::Panicked
            },
        );
    }

    fn record(&mut self, index: u64, status: Status) {
        match status {
            Status::Finished => self.tally.finished += 1,
            Status::Panicked => self.tally.panicked += 1,
            Status::Forced => {
                self.tally.forced += 1;
                self.task
                    .region
                    .kernel
                    .stats
                    .forced
                    .fetch_add(1, Ordering::Relaxed);
            }
        }
        self.task.region.kernel.emit(
            EventKind::FinalizerDone,
            self.owner,
            self.owner.as_u64(),
            || index | (status as u64) << 32,
        );
    }
}

impl Drop for FinalizerRun {
    /// The future that closed a region was dropped half-way. The finalizer under way goes with it:
    /// its context is of the task that lost it. The others wait for the region's closer (R-OWN-3).
    fn drop(&mut self) {
        let Some(region) = self.home.clone() else {
            return;
        };
        let interrupted = self.current.take();
        if interrupted.is_none() && self.waiting.0.is_empty() {
            return;
        }
        if let Some(current) = interrupted {
            self.end(current, Status::Forced);
        }
        let waiting = core::mem::take(&mut self.waiting);
        if !waiting.0.is_empty() {
            region.with_finalizers(|list| list.0 = Some(Box::new(waiting)));
        }
        region.finalizers_done(self.tally);
    }
}

/// How one finalizer ended; the numbers are those of the trace.
#[derive(Clone, Copy)]
enum Status {
    Finished = 0,
    Panicked = 1,
    Forced = 2,
}
