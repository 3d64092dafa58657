//! How a dump is written: the tree of ownership, one thing a line, in a form that stays as it is.

use alloc::vec::Vec;
use core::fmt;

use super::{Activity, Dump, Held, Owned, RegionDump, TaskDump, Wait};
use crate::path::PathId;
use crate::region::RegionState;
use crate::task::Phase;

/// A place in the tree.
#[derive(Clone, Copy)]
enum Node<'a> {
    Region(&'a RegionDump),
    Task(&'a TaskDump),
}

impl fmt::Display for Dump {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (regions, tasks) = (self.regions.len(), self.tasks.len());
        write!(f, "at {}: ", self.at)?;
        write!(f, "{regions} region{}, ", plural(regions))?;
        write!(f, "{tasks} task{}", plural(tasks))?;
        // With a stack of its own: a deep tree must not be drawn by recursion.
        let mut open: Vec<(Vec<bool>, Node<'_>)> = Vec::new();
        let roots = self.regions.iter().map(Node::Region);
        let tasks = self.tasks.iter().map(Node::Task);
        let tops: Vec<_> = roots
            .chain(tasks)
            .filter(|node| self.above(*node).is_none())
            .collect();
        open.extend(tops.into_iter().rev().map(|node| (Vec::new(), node)));
        while let Some((more, node)) = open.pop() {
            write!(
                f,
                "\n{}",
                Indent {
                    more: &more,
                    is_head: true
                }
            )?;
            let below = Indent {
                more: &more,
                is_head: false,
            };
            match node {
                Node::Region(region) => draw_region(f, region, &below)?,
                Node::Task(task) => draw_task(f, task, &below)?,
            }
            let inside = self.inside(node);
            let last = inside.len().saturating_sub(1);
            for (number, child) in inside.into_iter().enumerate().rev() {
                let mut more = more.clone();
                more.push(number != last);
                open.push((more, child));
            }
        }
        Ok(())
    }
}

fn plural(count: usize) -> &'static str {
    if count == 1 { "" } else { "s" }
}

impl Dump {
    /// Where it hangs: a task in its region; a region in the task that hosts it, if that is a task of the region around
    /// it, else in that region.
    fn above(&self, node: Node<'_>) -> Option<PathId> {
        match node {
            Node::Task(task) => self.region(task.region).map(|region| region.path),
            Node::Region(region) => {
                let parent = region.parent?;
                let host = region.host.and_then(|host| self.task(host));
                match host.filter(|host| host.region == parent) {
                    Some(host) => Some(host.path),
                    None => self.region(parent).map(|parent| parent.path),
                }
            }
        }
    }

    fn inside(&self, node: Node<'_>) -> Vec<Node<'_>> {
        let path = match node {
            Node::Region(region) => region.path,
            Node::Task(task) => task.path,
        };
        let tasks = self.tasks.iter().map(Node::Task);
        let all = tasks.chain(self.regions.iter().map(Node::Region));
        all.filter(|child| self.above(*child) == Some(path))
            .collect()
    }
}

/// The lines of the tree left of a node's head, or of what belongs to it.
struct Indent<'a> {
    /// For each level, whether more siblings follow.
    more: &'a [bool],
    is_head: bool,
}

impl fmt::Display for Indent<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let last = self.more.len().saturating_sub(1);
        for (level, more) in self.more.iter().enumerate() {
            f.write_str(match (*more, self.is_head && level == last) {
                (true, true) => "├─ ",
                (false, true) => "└─ ",
                (true, false) => "│  ",
                (false, false) => "   ",
            })?;
        }
        if self.is_head {
            Ok(())
        } else {
            f.write_str("  ")
        }
    }
}

fn draw_region(f: &mut fmt::Formatter<'_>, region: &RegionDump, below: &Indent<'_>) -> fmt::Result {
    let state = match region.state {
        RegionState::Open => "open",
        RegionState::Closing => "closing",
        RegionState::Draining => "draining",
        RegionState::Finalizing => "finalizing",
        RegionState::Closed => "closed",
    };
    write!(f, "region {}, {state}", region.path)?;
    if let Some(at) = region.deadline {
        write!(f, ", until {at}")?;
    }
    if let Some(reason) = &region.cancel {
        write!(f, "\n{below}asked to stop: {reason}")?;
    }
    for owned in &region.owned {
        write!(f, "\n{below}{owned}")?;
    }
    Ok(())
}

fn draw_task(f: &mut fmt::Formatter<'_>, task: &TaskDump, below: &Indent<'_>) -> fmt::Result {
    let phase = match task.phase {
        Phase::Running => "running",
        Phase::CancelRequested => "asked to stop",
        Phase::Draining => "draining",
        Phase::Finalizing => "finalizing",
        Phase::Done => "done",
    };
    let activity = match task.activity {
        Activity::Polled => "polled",
        Activity::Runnable => "runnable",
        Activity::Waits => "waits",
    };
    write!(f, "{task}, {phase}, {activity}")?;
    if task.is_background {
        f.write_str(", in the background")?;
    }
    if let Some(at) = task.deadline {
        write!(f, ", until {at}")?;
    }
    if let Some(left) = task.polls_left {
        write!(f, ", {left} polls left")?;
    }
    if let Some(message) = task.message {
        write!(f, "\n{below}said {message:?}")?;
    }
    for wait in &task.waits {
        write!(f, "\n{below}{wait}")?;
    }
    for held in &task.held {
        write!(f, "\n{below}{held}")?;
    }
    if let Some(reason) = &task.cancel {
        write!(f, "\n{below}asked to stop: {reason}")?;
    }
    Ok(())
}

impl fmt::Display for TaskDump {
    /// Which task it is: its id, its name, and where it was spawned.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "task {}", self.path)?;
        if let Some(name) = self.name {
            write!(f, " {name:?}")?;
        }
        if let Some(site) = self.site {
            write!(f, " at {site}")?;
        }
        Ok(())
    }
}

impl fmt::Display for Wait {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Sleep { until } => write!(f, "sleeps until {until}"),
            Self::Join { task } => write!(f, "waits for the end of task {task}"),
            Self::RegionClose { region } => {
                write!(f, "waits for what is left in region {region}")
            }
            Self::For { kind, object } => write!(f, "waits for {kind} {object}"),
        }
    }
}

impl fmt::Display for Held {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "holds {} of {} since {}",
            self.kind, self.object, self.since
        )
    }
}

impl fmt::Display for Owned {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "owes {} of task {} since {}",
            self.kind, self.task, self.since
        )
    }
}
