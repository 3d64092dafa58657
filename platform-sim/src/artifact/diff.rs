//! The first difference of two runs, and a report of it for people.

use alloc::vec::Vec;
use core::fmt;

use asupersync_core::trace::Event;

use super::Trace;

/// How many events before a difference a report shows.
const CONTEXT: usize = 5;

/// Where two runs part.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Divergence {
    /// Index of the first event that differs.
    pub index: usize,
    /// The event that the expected run has there, if it is not over.
    pub expected: Option<Event>,
    /// The event that the other run has there, if it is not over.
    pub found: Option<Event>,
    /// Up to five events before it, which both runs share.
    pub context: Vec<Event>,
    /// Whether the fingerprints agree: then only independent events changed places or times.
    pub is_equivalent: bool,
}

/// The first difference of two runs in their deterministic sections; `None` if there is none.
///
/// Headers are provenance and not compared.
pub fn diff(expected: &Trace, actual: &Trace) -> Option<Divergence> {
    let (left, right) = (expected.events(), actual.events());
    let shared = left.iter().zip(right).take_while(|(a, b)| a == b).count();
    if shared == left.len() && shared == right.len() {
        return None;
    }
    let context = left.get(shared.saturating_sub(CONTEXT)..shared);
    Some(Divergence {
        index: shared,
        expected: left.get(shared).copied(),
        found: right.get(shared).copied(),
        context: context.unwrap_or_default().to_vec(),
        is_equivalent: expected.trailer().fingerprint == actual.trailer().fingerprint,
    })
}

impl Divergence {
    /// The names of the fields that differ; none where one run is over.
    pub fn fields(&self) -> Vec<&'static str> {
        let (Some(a), Some(b)) = (self.expected, self.found) else {
            return Vec::new();
        };
        [
            ("time", a.at != b.at),
            ("kind", a.kind != b.kind),
            ("actor", a.actor != b.actor),
            ("object", a.object != b.object),
            ("arg", a.arg != b.arg),
        ]
        .into_iter()
        .filter_map(|(name, differs)| differs.then_some(name))
        .collect()
    }
}

impl fmt::Display for Divergence {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let index = self.index;
        match (self.expected, self.found) {
            (Some(_), None) => writeln!(f, "the run is over before event {index}")?,
            (None, _) => writeln!(
                f,
                "the run goes on after its expected end, with event {index}"
            )?,
            _ => writeln!(
                f,
                "the runs differ from event {index} on: {}",
                self.fields().join(", ")
            )?,
        }
        for (at, event) in (index - self.context.len()..).zip(&self.context) {
            writeln!(f, "          {at:>8}  {event}")?;
        }
        for (name, event) in [("expected", self.expected), ("found", self.found)] {
            match event {
                Some(event) => writeln!(f, "{name:>8}  {index:>8}  {event}")?,
                None => writeln!(f, "{name:>8}  {index:>8}  nothing")?,
            }
        }
        f.write_str(if self.is_equivalent {
            "the fingerprints agree: only independent events changed places or times"
        } else {
            "the fingerprints differ: the runs are not equivalent"
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::Header;
    use super::*;
    use alloc::string::ToString;
    use alloc::vec;
    use asupersync_core::trace::EventKind;
    use asupersync_core::{PathId, Time};

    fn trace(values: &[(u64, u64)]) -> Trace {
        let events = values.iter().map(|(actor, arg)| Event {
            at: Time::from_nanos(1_500_000),
            actor: PathId::from_u64(*actor),
            kind: EventKind::User,
            object: 0,
            arg: *arg,
        });
        Trace::new(Header::default(), events.collect())
    }

    #[test]
    fn equal_runs_do_not_diverge() {
        assert_eq!(diff(&trace(&[(1, 1)]), &trace(&[(1, 1)])), None);
        assert_eq!(diff(&trace(&[]), &trace(&[])), None);
    }

    #[test]
    fn the_first_difference_is_reported_with_what_led_to_it() {
        let expected = trace(&[
            (1, 0),
            (1, 1),
            (1, 2),
            (1, 3),
            (1, 4),
            (1, 5),
            (2, 6),
            (9, 9),
        ]);
        let found = trace(&[
            (1, 0),
            (1, 1),
            (1, 2),
            (1, 3),
            (1, 4),
            (1, 5),
            (2, 7),
            (8, 8),
        ]);
        let divergence = diff(&expected, &found).unwrap();
        assert_eq!((divergence.index, divergence.context.len()), (6, 5));
        assert_eq!(divergence.fields(), ["arg"]);
        assert_eq!(
            divergence.to_string(),
            "\
the runs differ from event 6 on: arg
                 1  User at 1.500ms by 0000000000000001, object 0000000000000000, arg 1
                 2  User at 1.500ms by 0000000000000001, object 0000000000000000, arg 2
                 3  User at 1.500ms by 0000000000000001, object 0000000000000000, arg 3
                 4  User at 1.500ms by 0000000000000001, object 0000000000000000, arg 4
                 5  User at 1.500ms by 0000000000000001, object 0000000000000000, arg 5
expected         6  User at 1.500ms by 0000000000000002, object 0000000000000000, arg 6
   found         6  User at 1.500ms by 0000000000000002, object 0000000000000000, arg 7
the fingerprints differ: the runs are not equivalent"
        );
    }

    #[test]
    fn a_run_that_ends_early_or_late_diverges_there() {
        let (short, long) = (trace(&[(1, 1)]), trace(&[(1, 1), (1, 2)]));
        let early = diff(&long, &short).unwrap();
        assert_eq!((early.index, early.found), (1, None));
        assert!(
            early
                .to_string()
                .starts_with("the run is over before event 1\n")
        );
        let late = diff(&short, &long).unwrap();
        assert_eq!((late.index, late.expected), (1, None));
        assert!(late.fields() == vec![""; 0]);
        assert!(
            late.to_string()
                .starts_with("the run goes on after its expected end")
        );
    }

    #[test]
    fn equivalent_orders_are_told_from_different_runs() {
        let divergence = diff(&trace(&[(1, 1), (2, 2)]), &trace(&[(2, 2), (1, 1)])).unwrap();
        assert!(divergence.is_equivalent);
    }
}
