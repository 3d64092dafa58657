//! `Outcome`: what a run leaves behind of that which a schedule may decide, free of what only tells hosts apart.
//!
//! Owns the definition and the sink that collects it. An outcome is three things:
//!
//! - the marks of the probe, each as often as it was written. What a program observes in an order it says in one mark;
//!   the order of marks of different tasks is no part, since threads interleave within polls too;
//! - the runtime's counters after shutdown that are not times: forced, leaked, abandoned, late values;
//! - the facts of the trace, by whom they are about: which regions were opened and handed on, what was asked to stop and
//!   with which kind, how each task and each finalizer ended, what became of each obligation, what was said.
//!
//! Of a crowd, where chance decides among thousands of ways, it is only what happened, neither to whom nor how often;
//! and each of these things is compared by itself.
//!
//! Not in it: threads, times, timers, polls, wakes, waits, phases, and the order of what different tasks did. Paths
//! ([`PathId`]) name who spawned whom as how-manieth, so the same task has the same name on every host.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;
use core::fmt;

use asupersync_core::internal::Mutex;
use asupersync_core::trace::{Event, EventKind, TraceSink};
use asupersync_core::{CancelKind, PathId, Stats};

use crate::{Probe, Record, Scenario};

/// What a run left behind: see the module's docs.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct Outcome {
    marks: BTreeMap<String, usize>,
    counters: [u64; 4],
    facts: BTreeMap<Fact, usize>,
}

impl Outcome {
    /// The outcome of a run that `witness` was the sink of.
    pub fn of(scenario: &Scenario, record: &Record, probe: &Probe, witness: &Witness) -> Self {
        let Stats {
            forced,
            leaked,
            abandoned,
            late_values,
            ..
        } = record.stats;
        let mut outcome = Self {
            marks: counted(probe.marks()),
            counters: [forced, leaked, abandoned, late_values],
            facts: counted(core::mem::take(&mut *witness.0.lock())),
        };
        // Of two equal requests the one that was made first stays. On threads it may come second, and is then told too.
        let requests = outcome.facts.iter_mut();
        let requests = requests.filter(|(fact, _)| fact.what == EventKind::CancelRequested);
        requests.for_each(|(_, times)| *times = 1);
        if scenario.is_crowd {
            outcome.of_a_crowd()
        } else {
            outcome
        }
    }

    /// Without names and numbers.
    fn of_a_crowd(self) -> Self {
        let nameless = |fact: Fact| Fact {
            who: PathId::NOBODY,
            arg: match fact.what {
                EventKind::RegionOpened | EventKind::RegionAdopted => 0,
                _ => fact.arg,
            },
            ..fact
        };
        Self {
            marks: self.marks.into_keys().map(|mark| (mark, 1)).collect(),
            counters: self.counters.map(|count| count.min(1)),
            facts: self
                .facts
                .into_keys()
                .map(|fact| (nameless(fact), 1))
                .collect(),
        }
    }

    /// Whether something was dropped, revoked or left behind because its time was up.
    pub(crate) fn is_out_of_time(&self) -> bool {
        let [forced, leaked, abandoned, _] = self.counters;
        forced + leaked + abandoned > 0
    }

    /// Each thing in it as an outcome of its own.
    pub(crate) fn parts(self) -> Vec<Self> {
        let nothing = Self {
            marks: BTreeMap::new(),
            counters: [0; 4],
            facts: BTreeMap::new(),
        };
        let marks = self.marks.into_iter().map(|mark| Self {
            marks: BTreeMap::from([mark]),
            ..nothing.clone()
        });
        let counters = (0..4).filter(|index| self.counters[*index] > 0);
        let counters = counters.map(|index| {
            let mut part = nothing.clone();
            part.counters[index] = self.counters[index];
            part
        });
        let facts = self.facts.into_iter().map(|fact| Self {
            facts: BTreeMap::from([fact]),
            ..nothing.clone()
        });
        marks.chain(counters).chain(facts).collect()
    }

    /// How many lines two outcomes differ in.
    pub fn distance(&self, other: &Self) -> usize {
        let (mine, theirs) = (self.lines(), other.lines());
        let missing = |from: &Vec<String>, of: &Vec<String>| {
            of.iter().filter(|line| !from.contains(line)).count()
        };
        missing(&mine, &theirs) + missing(&theirs, &mine)
    }

    /// What `other` has instead: lines that only it has with `+`, those that only this one has with `-`.
    pub fn difference(&self, other: &Self) -> Vec<String> {
        let (mine, theirs) = (self.lines(), other.lines());
        let gone = mine.iter().filter(|line| !theirs.contains(line));
        let come = theirs.iter().filter(|line| !mine.contains(line));
        gone.map(|line| format!("- {line}"))
            .chain(come.map(|line| format!("+ {line}")))
            .collect()
    }

    /// The outcome as text, a line for each thing in it.
    pub fn lines(&self) -> Vec<String> {
        let marks = self.marks.iter();
        let marks = marks.map(|(mark, times)| format!("mark {mark:?}{}", Times(*times)));
        let names = ["forced", "leaked", "abandoned", "late values"];
        let counters = names.iter().zip(self.counters);
        let counters = counters
            .filter(|(_, count)| *count > 0)
            .map(|(name, count)| format!("{name}: {count}"));
        let facts = self.facts.iter();
        let facts = facts.map(|(fact, times)| format!("{fact}{}", Times(*times)));
        marks.chain(counters).chain(facts).collect()
    }
}

fn counted<T: Ord>(things: Vec<T>) -> BTreeMap<T, usize> {
    let mut counts = BTreeMap::new();
    for thing in things {
        *counts.entry(thing).or_default() += 1;
    }
    counts
}

/// Says how often, if not once.
struct Times(usize);

impl fmt::Display for Times {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            1 => Ok(()),
            times => write!(f, ", {times} times"),
        }
    }
}

/// Something that happened to, or was done by, one task, scope or region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Fact {
    who: PathId,
    what: EventKind,
    object: u64,
    arg: u64,
}

impl Fact {
    /// The fact that an event tells, if it tells one.
    fn of(event: &Event) -> Option<Self> {
        use EventKind as Kind;

        let &Event {
            actor,
            kind: what,
            object,
            arg,
            ..
        } = event;
        let (who, object) = match what {
            Kind::RegionOpened | Kind::RegionAdopted => (PathId::from_u64(object), 0),
            Kind::TaskDone | Kind::User => (actor, object),
            Kind::CancelRequested | Kind::FinalizerDone | Kind::Forced => (actor, 0),
            // Ids of obligations count up, by whoever comes first.
            Kind::Committed | Kind::Aborted | Kind::Revoked | Kind::Leaked => (actor, 0),
            _ => return None,
        };
        Some(Self {
            who,
            what,
            object,
            arg,
        })
    }
}

impl fmt::Display for Fact {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self {
            who,
            what,
            object,
            arg,
        } = *self;
        if who != PathId::NOBODY {
            write!(f, "{who}: ")?;
        }
        write!(f, "{what}")?;
        match what {
            EventKind::RegionOpened | EventKind::RegionAdopted if arg == 0 => Ok(()),
            EventKind::RegionOpened => write!(f, " in {}", PathId::from_u64(arg)),
            EventKind::RegionAdopted => write!(f, " by {}", PathId::from_u64(arg)),
            EventKind::TaskDone => f.write_str(&ending(arg)),
            EventKind::CancelRequested => write!(f, " {}", kind_name(arg)),
            EventKind::FinalizerDone => {
                let how = ["well", "panicked", "forced"].get((arg >> 32) as usize);
                write!(f, " {} {}", arg & 0xffff_ffff, how.unwrap_or(&"?"))
            }
            EventKind::User => write!(f, " {object} {arg}"),
            EventKind::Forced => Ok(()),
            _ => write!(f, " kind {arg}"),
        }
    }
}

/// How a task ended, as its event says it.
fn ending(arg: u64) -> String {
    let severity = ["ok", "failed", "cancelled", "panicked"].get((arg & 0xff) as usize);
    let forced = if arg & 1 << 8 == 0 { "" } else { ", forced" };
    let unpolled = if arg & 1 << 9 == 0 {
        ""
    } else {
        ", never polled"
    };
    format!(" {}{forced}{unpolled}", severity.unwrap_or(&"?"))
}

fn kind_name(arg: u64) -> String {
    let kind = u8::try_from(arg).ok().and_then(CancelKind::from_u8);
    kind.map_or_else(|| arg.to_string(), |kind| kind.to_string())
}

/// The sink that collects the facts of one run.
#[derive(Default)]
pub struct Witness(Mutex<Vec<Fact>>);

impl Witness {
    /// A sink that has seen nothing.
    pub fn new() -> Self {
        Self::default()
    }
}

impl TraceSink for Witness {
    fn record(&self, event: &Event) {
        // Most events are of no interest: those must cost threads no lock, which would order them.
        if let Some(fact) = Fact::of(event) {
            self.0.lock().push(fact);
        }
    }
}
