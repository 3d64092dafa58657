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
use crate::finalize::{Finalizers, Run};
use crate::kernel::TimerGuard;
use crate::mutants::mutant;
use crate::task::TaskRef;
use crate::timer::TimerClass;

pub(super) struct Closing {
    step: Step,
    patience: Option<TimerGuard>,
}

enum Step {
    Foreground,
    Background,
    Obligations,
    Finalizers(Box<dyn Run>),
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
                    match finalizers.start(task, Some(region)) {
                        Some(run) => Step::Finalizers(run),
                        None => {
                            region.closed();
                            Step::Done
                        }
                    }
                }
                Step::Finalizers(run) => {
                    core::task::ready!(run.poll(waker));
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

    /// Waits until no token is open, and revokes what outlasts its time (R-OBL-2).
    fn settle_obligations(&mut self, region: &Arc<RegionCore>, waker: &Context<'_>) -> Poll<()> {
        if region.open_obligations() > 0 && !mutant!(LeakIgnored) {
            if !self.patience_is_spent(region, waker) {
                return Poll::Pending;
            }
            region.revoke_obligations();
            if region.open_obligations() > 0 {
                // Commits under way end by themselves, and the last one wakes us.
                return Poll::Pending;
            }
        }
        self.patience = None;
        Poll::Ready(())
    }

    /// Whether tokens that outlived the children have had their time: what the cleanup budget
    /// leaves, or the configured wait if nothing was cancelled.
    fn patience_is_spent(&mut self, region: &Arc<RegionCore>, waker: &Context<'_>) -> bool {
        let kernel = &region.kernel;
        let now = kernel.now();
        let force_at = region.word.force_at();
        if now >= force_at {
            return true;
        }
        match &self.patience {
            None => {
                let own = now.saturating_add(kernel.config.obligation_budget);
                let until = force_at.min(own);
                self.patience = Some(TimerGuard::wake_at(
                    kernel,
                    until,
                    TimerClass::Cancel,
                    waker.waker().clone(),
                ));
                false
            }
            Some(timer) => timer.is_due(now),
        }
    }
}
