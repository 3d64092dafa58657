//! Oracles: what must hold in every run, whatever the program (semantics section 9).
//!
//! Owns the names of the oracles, what a violation tells, and the hand-over of events to the checkers,
//! one file each. Checkers stream: they keep what is open, not what happened. They know the
//! events and a few facts of the engine, never the kernel, so that a bug of the kernel cannot hide in them.

mod capabilities;
mod census;
#[cfg(test)]
mod controls;
mod finalizers;
mod losers;
mod obligations;
mod ownership;
mod phases;
mod polls;
mod quiescence;
mod waits;

use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use asupersync_core::Time;
use asupersync_core::trace::Event;

use capabilities::CapabilityUse;
use census::Census;
use finalizers::FinalizerOrder;
use losers::Losers;
use obligations::Obligations;
use ownership::Ownership;
use phases::Phases;
use polls::Polls;
use quiescence::Quiescence;
use waits::Waits;

/// How many violations a run lists; one bug often trips an oracle once per task.
pub const VIOLATIONS_MAX: usize = 32;

/// What watches a run.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Oracle {
    /// Every task and region has one owner, which admits it while open, and none outlives its run.
    Ownership,
    /// Cancel phases go along the listed edges, and what was asked reaches everybody.
    CancelPhases,
    /// A closed region holds no task, child region, finalizer or obligation.
    Quiescence,
    /// Finalizers run once each, last in first out.
    Finalizers,
    /// An obligation is resolved exactly once.
    Obligations,
    /// No obligation is left unresolved by the program.
    Leaks,
    /// A race or timeout returns only when what it asked to stop has ended.
    LoserDrain,
    /// Nothing uses a capability that its region does not hold.
    Capabilities,
    /// A task whose wait is satisfied is runnable.
    LostWakeup,
    /// A task that is done is never polled.
    PollAfterCompletion,
    /// A grant is taken by the task it was made to.
    Futurelock,
    /// Somebody can go on.
    Deadlock,
    /// The program ends within its steps.
    Progress,
    /// The same decisions give the same run.
    Determinism,
    /// No panic leaves the runtime.
    Kernel,
}

impl Oracle {
    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Ownership => "ownership",
            Self::CancelPhases => "cancel phases",
            Self::Quiescence => "quiescence",
            Self::Finalizers => "finalizers",
            Self::Obligations => "obligations",
            Self::Leaks => "leaks",
            Self::LoserDrain => "loser drain",
            Self::Capabilities => "capabilities",
            Self::LostWakeup => "lost wakeup",
            Self::PollAfterCompletion => "poll after completion",
            Self::Futurelock => "futurelock",
            Self::Deadlock => "deadlock",
            Self::Progress => "progress",
            Self::Determinism => "determinism",
            Self::Kernel => "kernel",
        }
    }
}

impl fmt::Display for Oracle {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// Something that must not happen, and did.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct Violation {
    /// Who noticed.
    pub oracle: Oracle,
    /// The run's time at which it was noticed.
    pub at: Time,
    /// How many events had happened: the index of the offending event plus one, where it is one event.
    pub event: u64,
    /// The thing, the reason, and what to look at next.
    pub message: String,
}

impl fmt::Display for Violation {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            oracle,
            at,
            event,
            message,
        } = self;
        write!(f, "{oracle} (at {at}, event {event}): {message}")
    }
}

/// Where checkers put what they find.
#[derive(Debug, Default)]
pub(crate) struct Findings {
    at: Time,
    event: u64,
    list: Vec<Violation>,
    more: u64,
}

impl Findings {
    fn add(&mut self, oracle: Oracle, message: String) {
        if self.list.len() < VIOLATIONS_MAX {
            self.list.push(Violation {
                oracle,
                at: self.at,
                event: self.event,
                message,
            });
        } else {
            self.more += 1;
        }
    }
}

/// What the oracles are told to expect.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Expectations {
    pub(crate) leaks_allowed: bool,
    pub(crate) futurelock_steps: u64,
    /// How many tasks may be live at once.
    pub(crate) capacity: usize,
}

impl Default for Expectations {
    fn default() -> Self {
        Self {
            leaks_allowed: false,
            futurelock_steps: 1_000,
            capacity: usize::MAX,
        }
    }
}

/// All oracles of a run.
#[derive(Debug)]
pub(crate) struct Oracles {
    census: Census,
    ownership: Ownership,
    phases: Phases,
    quiescence: Quiescence,
    finalizers: FinalizerOrder,
    obligations: Obligations,
    losers: Losers,
    capabilities: CapabilityUse,
    waits: Waits,
    polls: Polls,
    findings: Findings,
}

impl Oracles {
    pub(crate) fn new(expect: Expectations) -> Self {
        Self {
            census: Census::default(),
            ownership: Ownership::new(expect.capacity),
            phases: Phases::default(),
            quiescence: Quiescence,
            finalizers: FinalizerOrder::default(),
            obligations: Obligations::new(expect.leaks_allowed),
            losers: Losers::default(),
            capabilities: CapabilityUse::default(),
            waits: Waits::new(expect.futurelock_steps),
            polls: Polls,
            findings: Findings::default(),
        }
    }

    /// The next event.
    pub(crate) fn event(&mut self, event: &Event) {
        let Self {
            census, findings, ..
        } = self;
        findings.at = event.at;
        findings.event += 1;
        self.ownership.see(census, event, findings);
        self.phases.see(census, event, findings);
        self.quiescence.see(census, event, findings);
        self.finalizers.see(event, findings);
        self.obligations.see(census, event, findings);
        self.losers.see(census, event, findings);
        self.capabilities.see(census, event, findings);
        self.waits.see(census, event, findings);
        self.polls.see(census, event, findings);
        census.update(event);
    }

    /// Nothing is runnable, and nobody is held back.
    pub(crate) fn idle(&mut self, at: Time) {
        self.findings.at = at;
        self.phases.idle(&self.census, &mut self.findings);
        self.waits.idle(&self.census, &mut self.findings);
    }

    /// After `idle`: no timer is set either, but the program has not ended.
    pub(crate) fn stuck(&mut self, at: Time) {
        self.findings.at = at;
        let Self {
            census,
            obligations,
            findings,
            ..
        } = self;
        self.waits.stuck(census, obligations, findings);
    }

    /// The engine itself noticed something.
    pub(crate) fn engine(&mut self, oracle: Oracle, at: Time, message: String) {
        self.findings.at = at;
        self.findings.add(oracle, message);
    }

    /// The run is over: nothing may be left. Gives what was found.
    pub(crate) fn finish(&mut self) -> Vec<Violation> {
        self.ownership.end(&self.census, &mut self.findings);
        self.obligations.end(&mut self.findings);
        let more = core::mem::take(&mut self.findings.more);
        let mut list = core::mem::take(&mut self.findings.list);
        if let Some(last) = list.last_mut().filter(|_| more > 0) {
            last.message
                .push_str(&format!(" (and {more} more violations)"));
        }
        list
    }
}

/// Watches the trace of a run that is over, from any platform: it must be whole, from the first event to
/// the closed root.
///
/// Sees what events alone show; lost wakeups and deadlocks need an engine that knows when
/// nothing is runnable.
pub fn check(events: &[Event]) -> Vec<Violation> {
    let mut oracles = Oracles::new(Expectations::default());
    for event in events {
        oracles.event(event);
    }
    oracles.finish()
}
