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
use crate::obligation::{Patience, VERY_LONG, Waited};
use crate::task::TaskRef;
use crate::timer::TimerClass;

pub(super) struct Closing {
    step: Step,
    patience: Option<Waited>,
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

    /// Waits until no token is open. Revokes what outlasts its time (R-OBL-2), and abandons operations of
    /// the host that may be (R-IO-2).
    fn settle_obligations(&mut self, region: &Arc<RegionCore>, waker: &Context<'_>) -> Poll<()> {
        match region.settle() {
            Some(settle) if !mutant!(LeakIgnored) => {
                let waited = &mut self.patience;
                settle(region, Some(Patience { waited, waker }))
            }
            _ => Poll::Ready(()),
        }
    }
}

/// The [`Settle`](crate::obligation::Settle) of every ledger.
pub(crate) fn settle_obligations(
    region: &Arc<RegionCore>,
    patience: Option<Patience<'_, '_>>,
) -> Poll<()> {
    if region.open_obligations() == 0 {
        return Poll::Ready(());
    }
    let Some(Patience { waited, waker }) = patience else {
        region.revoke_obligations();
        let _ = region.abandon_obligations(VERY_LONG);
        return Poll::Pending;
    };
    let kernel = &region.kernel;
    let now = kernel.now();
    let since = waited.as_ref().map_or(now, |(since, _)| *since);
    // What the cleanup budget leaves, or the configured wait if nothing was cancelled.
    let own = since.saturating_add(kernel.config.obligation_budget);
    let until = own.min(region.word.force_at());
    if now >= until {
        region.revoke_obligations();
    }
    let abandon = region.abandon_obligations(now.saturating_since(since));
    if region.open_obligations() == 0 {
        *waited = None;
        return Poll::Ready(());
    }
    // Of what is under way the last one to end wakes us.
    let revoke = Some(until).filter(|until| now < *until);
    let abandon = abandon.map(|after| since.saturating_add(after));
    let next = match (revoke, abandon) {
        (Some(a), Some(b)) => Some(a.min(b)),
        (a, b) => a.or(b),
    };
    let waker = waker.waker();
    let timer = next
        .map(|at| TimerGuard::wake_at(Arc::clone(kernel), at, TimerClass::Cancel, waker.clone()));
    *waited = Some((since, timer));
    Poll::Pending
}
