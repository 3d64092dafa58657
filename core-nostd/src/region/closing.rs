//! `Closing`: from the body's end to `Closed`, step by step, inside the task that hosts the region.
//!
//! Owns the order of R-REG-1..4: foreground children, then background ones (asked with `ScopeDone`),
//! then open obligations, then finalizers. Closing is not a cancellation point: a cancel of the
//! host speeds up the children, never the order.

use alloc::boxed::Box;
use alloc::sync::Arc;
use core::task::{Context, Poll};

use super::core::{RegionCore, RegionState};
use crate::cancel::CancelKind;
use crate::finalize::{FinalizerRun, Finalizers};
use crate::kernel::TimerGuard;
use crate::mutants::mutant;
use crate::task::TaskRef;
use crate::time::Time;
use crate::timer::TimerClass;

pub(super) struct Closing {
    step: Step,
    /// Since when nothing but tokens is waited for, and what wakes the closing to give up on the next.
    patience: Option<(Time, Option<TimerGuard>)>,
}

enum Step {
    Foreground,
    Background,
    Obligations,
    Finalizers(Box<FinalizerRun>),
    /// What finalizers left: a region that one had open when it was forced, a token given away.
    Leftovers,
    Done,
}

impl Closing {
    pub(super) fn new() -> Self {
        Self {
            step: Step::Foreground,
            patience: None,
        }
    }

    /// Goes as far as it can; `Ready` when the region is `Closed`.
    pub(super) fn poll(
        &mut self,
        region: &Arc<RegionCore>,
        task: &TaskRef,
        waker: &mut Context<'_>,
    ) -> Poll<()> {
        // Registered before each look at the gate, so that the last one out finds it.
        region.set_closer(waker.waker());
        loop {
            self.step = match &mut self.step {
                Step::Foreground => {
                    let inside = region.gate.inside();
                    if inside.foreground > 0 && !mutant!(CloseEarly) && !mutant!(FinalizersEarly) {
                        return Poll::Pending;
                    }
                    if inside.background > 0 && !mutant!(BackgroundOrphaned) {
                        region.cancel_itself(CancelKind::ScopeDone, "the scope's work is done");
                    }
                    Step::Background
                }
                Step::Background => {
                    let empty = region.gate.inside().is_empty();
                    if !empty
                        && !mutant!(CloseEarly)
                        && !mutant!(FinalizersEarly)
                        && !mutant!(BackgroundOrphaned)
                    {
                        return Poll::Pending;
                    }
                    Step::Obligations
                }
                Step::Obligations => {
                    core::task::ready!(self.settle_obligations(region, waker));
                    region.advance(RegionState::Finalizing);
                    let finalizers = region.with_finalizers(Finalizers::take);
                    if finalizers.is_empty() {
                        region.closed();
                        self.step = Step::Done;
                        continue;
                    }
                    let run = FinalizerRun::new(task.clone(), region.path, finalizers);
                    Step::Finalizers(Box::new(run.of_region(Arc::clone(region))))
                }
                Step::Finalizers(run) => {
                    let tally = core::task::ready!(run.poll(waker));
                    region.finalizers_done(tally);
                    Step::Leftovers
                }
                Step::Leftovers => {
                    let empty = region.gate.inside().is_empty();
                    if !empty && !mutant!(CloseEarly) && !mutant!(BackgroundOrphaned) {
                        return Poll::Pending;
                    }
                    core::task::ready!(self.settle_obligations(region, waker));
                    region.closed();
                    Step::Done
                }
                Step::Done => return Poll::Ready(()),
            };
        }
    }

    /// Waits until no token is open. Revokes what outlasts its time (R-OBL-2), and abandons operations of
    /// the host that may be (R-IO-2).
    fn settle_obligations(&mut self, region: &Arc<RegionCore>, waker: &Context<'_>) -> Poll<()> {
        if region.open_obligations() == 0 || mutant!(LeakIgnored) {
            self.patience = None;
            return Poll::Ready(());
        }
        let kernel = &region.kernel;
        let now = kernel.now();
        let since = self.patience.as_ref().map_or(now, |(since, _)| *since);
        // What the cleanup budget leaves, or the configured wait if nothing was cancelled.
        let own = since.saturating_add(kernel.config.obligation_budget);
        let until = region.word.force_at().map_or(own, |at| at.min(own));
        if now >= until {
            region.revoke_obligations();
        }
        let abandon = region.abandon_obligations(now.saturating_since(since));
        if region.open_obligations() == 0 {
            self.patience = None;
            return Poll::Ready(());
        }
        // Of what is under way the last one to end wakes us.
        let revoke = Some(until).filter(|until| now < *until);
        let abandon = abandon.map(|after| since.saturating_add(after));
        let wake_at = match (revoke, abandon) {
            (Some(a), Some(b)) => Some(a.min(b)),
            (a, b) => a.or(b),
        };
        let timer = wake_at
            .map(|at| TimerGuard::wake_at(kernel, at, TimerClass::Cancel, waker.waker().clone()));
        self.patience = Some((since, timer));
        Poll::Pending
    }
}
