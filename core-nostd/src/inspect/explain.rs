//! Answers: why a task is blocked, why something was asked to stop, who leaked.
//!
//! Owns the reasoning over a [`Dump`]; nothing here looks at the runtime.

use alloc::vec::Vec;
use core::fmt;

use super::{Activity, Dump, Leak, TaskDump, Wait};
use crate::cancel::CancelReason;
use crate::path::PathId;
use crate::wait::WaitKind;

/// Why a task does not go on: what it waits for, what that waits for, and so on.
///
/// Its `Display` is one sentence.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct Blocked {
    /// The task that was asked about, then each one that the one before waits for.
    pub chain: Vec<BlockedStep>,
    /// The last one waits for one of those before it: none of them will ever go on.
    pub is_deadlock: bool,
}

/// A task in a chain of waits.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct BlockedStep {
    /// The task.
    pub task: TaskDump,
    /// Its wait that the chain goes on with; `None`: it does not wait for anything that the runtime knows of.
    pub wait: Option<Wait>,
}

/// Why a task or a region was asked to stop.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct CancelStory {
    /// The task or region.
    pub path: PathId,
    /// The reason in force, what caused it, and so on to the first.
    pub reasons: Vec<CancelReason>,
    /// The tasks among the origins of those reasons that still live.
    pub origins: Vec<TaskDump>,
}

/// Obligations that were never resolved, by whom.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub struct LeakStory {
    /// The last leaks, the oldest first.
    pub leaks: Vec<Leak>,
}

impl Dump {
    /// Follows what `task` waits for. `None`: no such task lives.
    ///
    /// Of several things that a task waits for at once the first is followed that somebody here has to do with.
    pub fn why_blocked(&self, task: PathId) -> Option<Blocked> {
        let mut chain: Vec<BlockedStep> = Vec::new();
        let mut next = Some(self.task(task)?);
        while let Some(task) = next {
            if chain.iter().any(|step| step.task.path == task.path) {
                let (task, wait) = (task.clone(), None);
                chain.push(BlockedStep { task, wait });
                return Some(Blocked {
                    chain,
                    is_deadlock: true,
                });
            }
            let step = self.step(task);
            next = step.1;
            chain.push(step.0);
        }
        Some(Blocked {
            chain,
            is_deadlock: false,
        })
    }

    fn step(&self, task: &TaskDump) -> (BlockedStep, Option<&TaskDump>) {
        let waits = match task.activity {
            Activity::Waits => &task.waits[..],
            Activity::Polled | Activity::Runnable => &[],
        };
        let known = waits.iter().find_map(|wait| {
            let next = self.waits_for(task, wait)?;
            Some((wait, next))
        });
        let wait = known.map(|(wait, _)| wait).or(waits.first()).cloned();
        let step = BlockedStep {
            task: task.clone(),
            wait,
        };
        (step, known.map(|(_, next)| next))
    }

    /// The task whose next step `wait`, of `waiter`, is up to.
    fn waits_for(&self, waiter: &TaskDump, wait: &Wait) -> Option<&TaskDump> {
        let mut others = self.tasks.iter().filter(|task| task.path != waiter.path);
        match wait {
            Wait::Join { task } => self.task(*task),
            Wait::RegionClose { region } => others.find(|task| task.region == *region),
            Wait::For { kind, object } => {
                let holds = |task: &&TaskDump| task.held.iter().any(|held| held.object == *object);
                let receives = |task: &&TaskDump| task.receives.contains(object);
                match kind {
                    WaitKind::Reserve => others.find(holds).or_else(|| {
                        let mut others = self.tasks.iter();
                        others.find(|task| task.path != waiter.path && receives(task))
                    }),
                    WaitKind::Semaphore => others.find(holds),
                    _ => None,
                }
            }
            Wait::Sleep { .. } => None,
        }
    }

    /// Why the task or region `path` was asked to stop. `None`: it was not, or it does not live.
    pub fn why_cancelled(&self, path: PathId) -> Option<CancelStory> {
        let task = self.task(path).and_then(|task| task.cancel.as_ref());
        let reason = task.or_else(|| self.region(path)?.cancel.as_ref())?;
        let reasons: Vec<CancelReason> = reason.chain().cloned().collect();
        let origins = reasons
            .iter()
            .filter_map(|reason| self.task(reason.origin()));
        Some(CancelStory {
            path,
            origins: origins.cloned().collect(),
            reasons,
        })
    }

    /// Who never resolved what they had reserved.
    pub fn who_leaked(&self) -> LeakStory {
        LeakStory {
            leaks: self.leaks.clone(),
        }
    }
}

impl fmt::Display for Blocked {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.chain.len().saturating_sub(1);
        for (number, step) in self.chain.iter().enumerate() {
            if number == last && self.is_deadlock {
                return write!(f, "{}: a deadlock", step.task);
            }
            write!(f, "{}", step.task)?;
            match (&step.wait, step.task.activity) {
                (Some(wait), _) => write!(f, ", which {wait}")?,
                (None, Activity::Polled) => f.write_str(", which is being polled")?,
                (None, Activity::Runnable) => f.write_str(", which is runnable")?,
                (None, Activity::Waits) => {
                    f.write_str(", which waits for something outside the runtime")?;
                }
            }
            if number != last {
                f.write_str("; that is up to ")?;
            }
        }
        Ok(())
    }
}

impl fmt::Display for CancelStory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} was asked to stop", self.path)?;
        for (number, reason) in self.reasons.iter().enumerate() {
            f.write_str(if number == 0 { ": " } else { "\n  because of " })?;
            let (kind, origin, at) = (reason.kind(), reason.origin(), reason.at());
            write!(f, "{kind:?} of ")?;
            match self.origins.iter().find(|task| task.path == origin) {
                Some(task) => write!(f, "{task}")?,
                None => write!(f, "{origin}")?,
            }
            write!(f, " at {at}: {}", reason.message())?;
        }
        Ok(())
    }
}

impl fmt::Display for LeakStory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.leaks.is_empty() {
            return f.write_str("nothing leaked");
        }
        for (number, leak) in self.leaks.iter().enumerate() {
            if number > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{leak}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Leak {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.task)?;
        if let Some(name) = self.name {
            write!(f, " {name:?}")?;
        }
        if let Some(site) = self.site {
            write!(f, " at {site}")?;
        }
        write!(f, " never resolved {} {}", self.count, self.kind)?;
        if let Some(age) = self.age {
            write!(f, " in {age:?}")?;
        }
        write!(f, ", found in region {} at {}", self.region, self.at)
    }
}
