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
use crate::obligation::Patience;
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
        match region.settle() {
            Some(settle) if !mutant!(LeakIgnored) => {
                let timer = &mut self.patience;
                settle(region, Some(Patience { timer, waker }))
            }
            _ => Poll::Ready(()),
        }
    }
}

/// The [`Settle`](crate::obligation::Settle) of every ledger.
pub(crate) fn settle_obligations(
    region: &Arc<RegionCore>,
    mut patience: Option<Patience<'_, '_>>,
) -> Poll<()> {
    if region.open_obligations() > 0 {
        if patience
            .as_mut()
            .is_some_and(|left| !is_spent(left, region))
        {
            return Poll::Pending;
        }
        region.revoke_obligations();
        if region.open_obligations() > 0 {
            // Commits under way end by themselves, and the last one wakes us.
            return Poll::Pending;
        }
    }
    if let Some(Patience { timer, .. }) = patience {
        *timer = None;
    }
    Poll::Ready(())
}

/// Whether tokens that outlived the children have had their time: what the cleanup budget leaves, or the
/// configured wait if nothing was cancelled.
fn is_spent(patience: &mut Patience<'_, '_>, region: &RegionCore) -> bool {
    let kernel = &region.kernel;
    let now = kernel.now();
    let force_at = region.word.force_at();
    if now >= force_at {
        return true;
    }
    if let Some(timer) = &patience.timer {
        return timer.is_due(now);
    }
    let until = force_at.min(now.saturating_add(kernel.config.obligation_budget));
    let waker = patience.waker.waker().clone();
    *patience.timer = Some(TimerGuard::wake_at(
        kernel,
        until,
        TimerClass::Cancel,
        waker,
    ));
    false
}
