//! What a region knows about its children when it closes: the tally, and the report made of it.

use alloc::boxed::Box;
use alloc::vec::Vec;
use core::any::Any;

use crate::cancel::{CancelKind, CancelReason};
use crate::error::TaskError;
use crate::finalize::FinalizerTally;
use crate::mutants::mutant;
use crate::outcome::{ChildEnded, PanicPayload, Severity};
use crate::path::PathId;
use crate::task::Summary;

/// How a region meets the ends of its children.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
#[non_exhaustive]
pub enum Policy {
    /// The first child that fails or panics cancels the others with
    /// [`CancelKind::FailFast`]; so does a body that returns an error of its own.
    #[default]
    FailFast,
    /// Nobody is cancelled, and the children of a body that failed run on; every child's end is listed in the report, in O(children).
    CollectAll,
}

/// How one child ended; listed under [`Policy::CollectAll`].
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct ChildRecord {
    /// The child's id.
    pub path: PathId,
    /// How it ended.
    pub severity: Severity,
    /// Why it was cancelled, if it was.
    pub reason: Option<CancelReason>,
    /// Its cleanup budget was spent and its future dropped.
    pub forced: bool,
}

/// What happened inside a region, in numbers.
#[derive(Debug, Clone, Default)]
#[non_exhaustive]
pub struct RegionReport {
    /// Children that ended with a value.
    pub ok: u64,
    /// Children that ended with an error.
    pub failed: u64,
    /// Children that ended cancelled.
    pub cancelled: u64,
    /// Children that panicked.
    pub panicked: u64,
    /// Children whose future was dropped because their cleanup budget was spent.
    pub forced: u64,
    /// Children that were cancelled before their first poll.
    pub unpolled: u64,
    /// Obligations that were never resolved.
    pub leaked: u64,
    /// Operations that the host was still running when the region closed, as their callers had allowed:
    /// if there are any, the region was not quiescent (R-IO-2).
    pub abandoned: u64,
    /// Finalizers that ran to their end.
    pub finalized: u64,
    /// Finalizers that panicked.
    pub finalizers_panicked: u64,
    /// Finalizers that were dropped because their budget was spent.
    pub finalizers_forced: u64,
    /// Regions whose future was dropped and whose closing fell to this one.
    pub adopted: u64,
    /// Each child's end, under [`Policy::CollectAll`].
    pub children: Vec<ChildRecord>,
}

/// One child's end, as `task::run` reports it.
pub(crate) struct ChildEnd {
    pub(crate) path: PathId,
    pub(crate) summary: Summary,
    pub(crate) forced: bool,
    pub(crate) unpolled: bool,
    pub(crate) background: bool,
    /// It closed an adopted region: the kernel's own work, not a child of the program.
    pub(crate) closer: bool,
}

impl ChildEnd {
    /// A value and nothing else to tell.
    pub(crate) fn is_plain(&self) -> bool {
        matches!(self.summary, Summary::Ok) && !self.forced && !self.unpolled
    }
}

/// The running count behind a region's lock.
#[derive(Default)]
pub(crate) struct Tally {
    pub(crate) report: RegionReport,
    /// The first error that no handle took.
    pub(crate) first_error: Option<Box<dyn Any + Send>>,
    pub(crate) first_panic: Option<PanicPayload>,
    /// The first cancel of a child that came from outside the region.
    pub(crate) cancelled_from_outside: Option<CancelReason>,
}

/// What a closed region leaves: small, since it passes through every future around the region.
pub(crate) struct Ending {
    pub(crate) ok: u64,
    /// `None`: nothing but good ends.
    pub(crate) tally: Option<Box<Tally>>,
}

impl Ending {
    pub(crate) fn into_report(self) -> RegionReport {
        let mut report = self.tally.map_or_else(Default::default, |t| t.report);
        report.ok += self.ok;
        report
    }

    pub(crate) fn take_panic(&mut self) -> Option<PanicPayload> {
        self.tally.as_mut()?.first_panic.take()
    }

    pub(crate) fn take_cancelled(&mut self) -> Option<CancelReason> {
        self.tally.as_mut()?.cancelled_from_outside.take()
    }

    /// The error of the first child that failed, where no handle took it.
    pub(crate) fn take_error<E: TaskError>(&mut self) -> Option<E> {
        let tally = self.tally.as_mut().filter(|t| t.report.failed > 0)?;
        let error = tally.first_error.take();
        let error = error.and_then(|error| error.downcast::<E>().ok());
        Some(error.map_or_else(|| E::from(ChildEnded::Failed), |error| *error))
    }
}

impl Tally {
    /// Counts a child's end. `true`: the policy cancels the siblings. What is not kept stays in
    /// `end`: a panic payload runs foreign code when it is dropped, and a lock is held here.
    pub(crate) fn count(&mut self, end: &ChildEnd, policy: Policy, keeps_records: bool) -> bool {
        let report = &mut self.report;
        match end.summary.severity() {
            Severity::Ok => report.ok += 1,
            Severity::Err => report.failed += 1,
            Severity::Cancelled => report.cancelled += 1,
            Severity::Panicked => report.panicked += 1,
        }
        report.forced += u64::from(end.forced);
        report.unpolled += u64::from(end.unpolled);
        if keeps_records {
            report.children.push(ChildRecord {
                path: end.path,
                severity: end.summary.severity(),
                reason: end.summary.reason().cloned(),
                forced: end.forced,
            });
        }
        let failed = match &end.summary {
            Summary::Ok => false,
            Summary::Err => true,
            Summary::Cancelled(reason) => {
                if !end.background && comes_from_outside(reason) {
                    self.cancelled_from_outside.get_or_insert(reason.clone());
                }
                false
            }
            Summary::Panicked(payload) => {
                self.first_panic.get_or_insert(payload.clone());
                true
            }
        };
        failed && policy == Policy::FailFast && !mutant!(FailFastForgets)
    }

    pub(crate) fn count_finalizers(&mut self, tally: FinalizerTally) {
        self.report.finalized += tally.finished;
        self.report.finalizers_panicked += tally.panicked;
        self.report.finalizers_forced += tally.forced;
    }
}

/// Whether a child cancelled for this reason was cancelled from outside its region: then the cancel
/// decides the region's outcome; otherwise it is a consequence (R-REG-5).
pub(crate) fn comes_from_outside(reason: &CancelReason) -> bool {
    mutant!(ConsequenceDecides)
        || matches!(
            reason.kind(),
            CancelKind::ParentCancelled | CancelKind::Shutdown | CancelKind::Poisoned
        )
}
