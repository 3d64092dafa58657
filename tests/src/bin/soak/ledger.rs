//! The ledger: what was begun, and what became of it, line by line. Every line must balance at the end.
//!
//! Owns the counts and the guard that makes each thing end once: whoever forgets to say how it ended is counted where
//! the line says, by the guard's drop.

use std::fmt;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

/// One number.
#[derive(Debug, Default)]
pub struct Count(AtomicU64);

impl Count {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// How many so far.
    pub fn value(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// What a line says: the whole, and its parts.
#[derive(Debug)]
pub struct Line {
    /// What it is about.
    pub name: &'static str,
    whole: (&'static str, u64),
    parts: Vec<(&'static str, u64)>,
}

impl Line {
    /// Whether the parts make the whole.
    pub fn is_balanced(&self) -> bool {
        self.whole.1 == self.parts.iter().map(|(_, value)| value).sum::<u64>()
    }

    /// How many there were in all.
    pub fn whole(&self) -> u64 {
        self.whole.1
    }
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (name, value) = self.whole;
        let relation = if self.is_balanced() { "=" } else { "is not" };
        write!(f, "{value} {name} {relation} ")?;
        for (number, (name, value)) in self.parts.iter().enumerate() {
            let plus = if number == 0 { "" } else { " + " };
            write!(f, "{plus}{value} {name}")?;
        }
        Ok(())
    }
}

macro_rules! ledger {
    ($($(#[$doc:meta])* $line:ident: $whole:ident = $($part:ident)+;)*) => {
        /// All the lines.
        #[derive(Debug, Default)]
        pub struct Ledger {
            $($(#[$doc])* pub $line: lines::$line,)*
            /// What may not happen at all.
            pub faults: Faults,
        }

        /// The counts of each line.
        #[allow(non_camel_case_types)] // a type is named like its field
        mod lines {
            use super::Count;
            $(
                #[derive(Debug, Default)]
                pub struct $line { pub $whole: Count, $(pub $part: Count,)+ }
            )*
        }

        impl Ledger {
            /// The lines, in their order.
            pub fn lines(&self) -> Vec<Line> {
                vec![$(Line {
                    name: stringify!($line),
                    whole: (stringify!($whole), self.$line.$whole.value()),
                    parts: vec![$((stringify!($part), self.$line.$part.value()),)+],
                },)*]
            }
        }
    };
}

ledger! {
    /// Runtimes: stopped when their work was done, or cut off in the middle of it.
    runtimes: started = stopped cut;
    /// Tasks of the storms. Dropped: refused, never polled, or forced.
    tasks: spawned = returned cancelled dropped;
    /// Finalizers of tasks, and of regions. Forced: the runtime had spent its budget.
    finalizers: deferred = ran forced;
    /// Tasks that panic, in a poll or in a drop, as their joiners saw them. Unseen: the joiner was stopped.
    panics: spawned = panicked cancelled refused unseen;
    /// Regions with deadlines.
    regions: opened = closed timed_out cancelled dropped;
    /// Sleeps.
    timers: set = over cancelled dropped;
    /// Permits of channels.
    permits: reserved = committed aborted;
    /// What was sent with them. Dropped: in a channel whose receiver was gone.
    messages: sent = received returned dropped;
    /// Races.
    races: begun = decided cancelled dropped;
    /// Their branches: who was first, or just as fast, and who had to clean up. Dropped: its budget was spent.
    branches: entered = finished drained dropped;
    /// Connections as the server saw them.
    connections: accepted = finished reset stalled cancelled dropped;
    /// Connections as the clients saw them.
    clients: begun = finished reset stalled flooded refused cancelled dropped;
    /// What clients had echoed, to the byte. Cut: the connection was gone before the answer.
    echoes: asked = answered cut;
    /// Calls of the blocking pool. Dropped: taken back, refused, or the runtime was stopped.
    blocking: submitted = ran panicked dropped;
}

/// What may not happen at all.
#[derive(Debug, Default)]
pub struct Faults {
    /// A panic that nobody meant.
    pub panics: Count,
    /// A part of the load that failed.
    pub errors: Count,
    /// An echo with other bytes than were asked for.
    pub wrong_bytes: Count,
    /// A race that returned while a branch was still there.
    pub undrained: Count,
    /// Obligations that a runtime reported as leaked.
    pub leaked: Count,
    /// Tasks, timers or I/O registrations that a runtime left behind.
    pub left: Count,
}

impl Faults {
    /// The counts by name; all of them are to be zero.
    pub fn all(&self) -> [(&'static str, u64); 6] {
        [
            ("panics that nobody meant", self.panics.value()),
            ("parts that failed", self.errors.value()),
            ("echoes with wrong bytes", self.wrong_bytes.value()),
            ("races that left a branch", self.undrained.value()),
            ("leaked obligations", self.leaked.value()),
            ("tasks, timers or sockets left behind", self.left.value()),
        ]
    }
}

/// Picks a count.
type Pick = fn(&Ledger) -> &Count;

/// Something that was begun and will end once: as said by [`end`](Self::end), or where its drop is counted.
#[derive(Debug)]
pub struct Open {
    ledger: Arc<Ledger>,
    ends: Pick,
}

impl Open {
    /// Counts a beginning; dropped, it counts in `dropped`.
    pub fn new(ledger: &Arc<Ledger>, begun: Pick, dropped: Pick) -> Self {
        begun(ledger).add();
        Self {
            ledger: Arc::clone(ledger),
            ends: dropped,
        }
    }

    /// Counts the end.
    pub fn end(mut self, how: Pick) {
        self.ends = how;
    }
}

impl Drop for Open {
    fn drop(&mut self) {
        (self.ends)(&self.ledger).add();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_ends_once_balances_and_what_does_not_is_named() {
        let ledger = Arc::new(Ledger::default());
        let begin = || Open::new(&ledger, |l| &l.timers.set, |l| &l.timers.dropped);
        begin().end(|l| &l.timers.over);
        begin().end(|l| &l.timers.cancelled);
        drop(begin());
        assert!(ledger.lines().iter().all(Line::is_balanced));
        let open = begin();
        let unbalanced: Vec<_> = ledger
            .lines()
            .into_iter()
            .filter(|l| !l.is_balanced())
            .collect();
        assert_eq!(unbalanced.len(), 1);
        let text = unbalanced[0].to_string();
        assert_eq!(text, "4 set is not 1 over + 1 cancelled + 1 dropped");
        assert_eq!(unbalanced[0].name, "timers");
        drop(open);
        ledger.timers.over.add();
        assert!(!ledger.lines().iter().all(Line::is_balanced), "ended twice");
    }
}
