//! Every id that a test can prove, with its risk tier and whether it is due. The source of truth of the matrix.
//!
//! `R-*` are the rules of the contract, `PO-*` its invariants, `WVT-*` the work items that need a verified
//! trace of tests, `RP-*` the scenarios that must stay replayable. The texts are reminders, not the contract.

use std::fmt;

/// What breaks when the rule breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Tier {
    /// Cancellation, quiescence, obligations, authority.
    R0,
    /// Fairness, timers, capsules, trace integrity.
    R1,
    /// Framework bindings, packaging.
    R2,
}

impl fmt::Display for Tier {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Tier::R0 => "R0",
            Tier::R1 => "R1",
            Tier::R2 => "R2",
        })
    }
}

/// Whether the id must be proven today.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Due {
    Now,
    /// Why not yet.
    Later(&'static str),
}

/// One id.
pub struct Id {
    pub name: &'static str,
    pub tier: Tier,
    pub text: &'static str,
    pub due: Due,
}

/// The families differ in what proves them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Family {
    Rule,
    Invariant,
    Item,
    Scenario,
}

impl Id {
    pub fn family(&self) -> Family {
        match self.name.split_once('-') {
            Some(("PO", _)) => Family::Invariant,
            Some(("WVT", _)) => Family::Item,
            Some(("RP", _)) => Family::Scenario,
            _ => Family::Rule,
        }
    }
}

const fn due(name: &'static str, tier: Tier, text: &'static str) -> Id {
    let due = Due::Now;
    Id {
        name,
        tier,
        text,
        due,
    }
}

const fn later(name: &'static str, tier: Tier, text: &'static str, why: &'static str) -> Id {
    let due = Due::Later(why);
    Id {
        name,
        tier,
        text,
        due,
    }
}

const BROWSER: &str = "comes with the browser edition";

use Tier::{R0, R1, R2};

/// All ids, in the order of the contract.
pub const IDS: &[Id] = &[
    due(
        "R-OWN-1",
        R0,
        "everything has exactly one owning region; background children end with their scope",
    ),
    due(
        "R-OWN-2",
        R0,
        "a region that is not open, or is full, refuses before the first poll; what is admitted stays",
    ),
    due(
        "R-OWN-3",
        R0,
        "a dropped region future hands its closing to the parent; nothing is orphaned",
    ),
    due("R-OWN-4", R0, "dropping a task handle cancels nothing"),
    due(
        "R-OWN-5",
        R0,
        "a Cx works only while its own task is polled",
    ),
    due("R-REG-1", R0, "Closing: no new spawns, children run on"),
    due(
        "R-REG-2",
        R0,
        "Draining: every descendant is asked, and polled until it ends or its budget is spent",
    ),
    due(
        "R-REG-3",
        R0,
        "finalizers start when the children are gone, last in first out; one that panics stops none",
    ),
    due(
        "R-REG-4",
        R0,
        "Closed means quiescent, and only then is the value returned",
    ),
    due(
        "R-REG-5",
        R0,
        "the policy decides; consequences of a failure are listed, never deciding",
    ),
    due(
        "R-CAN-1",
        R0,
        "a request is idempotent and monotone, and reaches every descendant",
    ),
    due(
        "R-CAN-2",
        R0,
        "cancellation is observed at checkpoints and waits, never imposed",
    ),
    due(
        "R-CAN-3",
        R0,
        "a mask defers observation, within its budget, and delivers at its end",
    ),
    due(
        "R-CAN-4",
        R0,
        "past its cleanup budget a task is forced: dropped where it waits, its tokens abort",
    ),
    due("R-CAN-5", R0, "a value wins over a late cancel"),
    due(
        "R-CAN-6",
        R0,
        "a race returns after its losers have drained; a timeout is a race with the clock",
    ),
    due(
        "R-CAN-7",
        R0,
        "shutdown is a cancel of the root, and returns when the root is closed",
    ),
    due(
        "R-CAN-8",
        R0,
        "never polled: dropped unpolled; nothing interrupted: no cancel reported",
    ),
    due("R-CAN-9", R0, "delivery is level-triggered"),
    due(
        "R-PAN-1",
        R0,
        "a panic is an outcome; dependents and finalizers still run, the worker lives on",
    ),
    due(
        "R-OBL-1",
        R0,
        "reserve, then commit or abort, exactly once; commit never waits and never fails",
    ),
    due(
        "R-OBL-2",
        R0,
        "only a forgotten token leaks; it is revoked, reported and answered",
    ),
    due(
        "R-OBL-3",
        R0,
        "a borrowed permit stays in its task; an owned one is in the region's ledger",
    ),
    due(
        "R-IO-1",
        R1,
        "a capsule holds an obligation from start to end",
    ),
    due(
        "R-IO-2",
        R1,
        "a cancelled capsule waits for the host's last word",
    ),
    due("R-IO-3", R1, "a late completion is discarded and counted"),
    due(
        "R-IO-4",
        R0,
        "no ambient authority: without the capability a typed denial, before any effect",
    ),
    later(
        "R-IO-5",
        R1,
        "a missing surface fails as unsupported, before any effect",
        "no platform has an optional surface yet",
    ),
    due("R-SCH-1", R1, "cancel work cannot starve the other lanes"),
    due(
        "R-SCH-2",
        R1,
        "a wake while polling is remembered once; a task is in one queue slot at most",
    ),
    due("R-SCH-3", R1, "a turn is bounded"),
    due(
        "R-SCH-4",
        R1,
        "poll and cost quotas are charged; a spent one cancels with a timeout",
    ),
    due("R-SCH-5", R1, "any driver drains every queue and lane"),
    due(
        "R-DET-1",
        R1,
        "program, seed and configuration fix the trace, byte for byte",
    ),
    due(
        "R-DET-2",
        R1,
        "equal deadlines fire in registration order, cancels before timers",
    ),
    due(
        "R-DET-3",
        R1,
        "the fingerprint ignores the order of independent events",
    ),
    due("PO-OWN", R0, "no orphan task"),
    due(
        "PO-CAN",
        R0,
        "cancel phases move along the listed edges only",
    ),
    due("PO-REG", R0, "a closed region is quiescent"),
    due("PO-OBL", R0, "obligations are resolved once, none leaks"),
    due("WVT-001", R0, "ownership tree of regions"),
    due("WVT-002", R0, "close means quiescence"),
    due("WVT-003", R0, "cancel protocol: request, drain, finalize"),
    due("WVT-004", R0, "losers of a race drain"),
    due("WVT-005", R0, "obligation ledger"),
    due("WVT-006", R1, "deterministic runs"),
    due("WVT-007", R1, "three lanes and their fairness"),
    due("WVT-008", R1, "timers and deadlines"),
    later("WVT-009", R1, "fetch capsule", BROWSER),
    later("WVT-010", R1, "WebSocket capsule", BROWSER),
    later(
        "WVT-011",
        R0,
        "region heap and handle registry",
        "the region heap is a later wave",
    ),
    due("WVT-012", R1, "trace events, sinks, fingerprint"),
    later("WVT-013", R2, "React binding", BROWSER),
    later("WVT-014", R2, "Next binding", BROWSER),
    due("RP-REGION-001", R0, "ownership tree, teardown from outside"),
    due(
        "RP-QUIESCE-001",
        R0,
        "region close under concurrent finalizers of siblings",
    ),
    due(
        "RP-CANCEL-001",
        R0,
        "cancel between reserve and commit: no loss, no leak",
    ),
    due(
        "RP-CANCEL-002",
        R0,
        "cancel over children in mixed phases: all drained and finalized",
    ),
    due(
        "RP-RACE-001",
        R0,
        "the winner commits, the losers drain first",
    ),
    due(
        "RP-OBL-001",
        R0,
        "obligations closed under timeout and under explicit cancel",
    ),
    due("RP-DET-001", R1, "same seed and profile, same fingerprint"),
    due(
        "RP-TRACE-001",
        R1,
        "export and import keep the replay exact",
    ),
    due("RP-SCHED-001", R1, "fairness under a flood of cancels"),
    due("RP-TIME-001", R1, "timeouts propagate, ties are ordered"),
    later(
        "RP-FETCH-001",
        R1,
        "fetch abort keeps its reason and cleans up",
        BROWSER,
    ),
    later("RP-WS-001", R1, "socket close and drain", BROWSER),
    later(
        "RP-HANDLE-001",
        R0,
        "stale and forged handles are refused",
        BROWSER,
    ),
    later("RP-REACT-001", R2, "React life cycle", BROWSER),
    later("RP-NEXT-001", R2, "Next life cycle", BROWSER),
];

/// The row of this id.
pub fn find(name: &str) -> Option<&'static Id> {
    IDS.iter().find(|id| id.name == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ids_are_unique() {
        for (index, id) in IDS.iter().enumerate() {
            assert!(
                IDS[..index].iter().all(|other| other.name != id.name),
                "{}",
                id.name
            );
        }
    }

    #[test]
    fn families_follow_from_the_name() {
        assert_eq!(find("R-CAN-1").unwrap().family(), Family::Rule);
        assert_eq!(find("RP-RACE-001").unwrap().family(), Family::Scenario);
        assert_eq!(find("PO-OWN").unwrap().family(), Family::Invariant);
        assert_eq!(find("WVT-001").unwrap().family(), Family::Item);
    }
}
