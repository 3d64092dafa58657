//! Waits: no lost wakeup, no futurelock, no deadlock.
//!
//! Follows who waits for what and who was handed something. A *lost wakeup* is a task that was woken or
//! handed what it waits for, and is not polled although nothing else is runnable. A *futurelock* is a
//! task that was handed something and polled since, and does not take it: it waits for
//! something else first, perhaps for the very same thing. A *deadlock* is everything else that leaves
//! nobody runnable and no timer set.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::format;
use alloc::string::String;
use alloc::vec::Vec;

use asupersync_core::trace::{Event, EventKind};

use super::census::{Census, name};
use super::obligations::Obligations;
use super::{Findings, Oracle};

/// How many tasks a message names.
const NAMED_MAX: usize = 8;

/// Somebody in the queue of an object.
#[derive(Debug)]
struct Waiter {
    task: u64,
    grant: Option<Grant>,
}

/// What was known when a waiter was handed what it waits for.
#[derive(Debug)]
struct Grant {
    /// Polls of anybody.
    step: u64,
    /// Polls of the waiter.
    polls: u64,
    is_reported: bool,
}

#[derive(Debug)]
pub(super) struct Waits {
    /// Tasks that were spawned or woken and not polled since.
    due: BTreeSet<u64>,
    /// By object, in the order of their coming. Objects without waiters have no entry.
    queues: BTreeMap<u64, Vec<Waiter>>,
    /// How many waiters have a grant.
    granted: u64,
    futurelock_steps: u64,
    /// No grant is old enough before this step.
    check_at: u64,
}

impl Waits {
    pub(super) fn new(futurelock_steps: u64) -> Self {
        Self {
            due: BTreeSet::new(),
            queues: BTreeMap::new(),
            granted: 0,
            futurelock_steps,
            check_at: u64::MAX,
        }
    }

    pub(super) fn see(&mut self, census: &Census, event: &Event, out: &mut Findings) {
        let (actor, object) = (event.actor.as_u64(), event.object);
        match event.kind {
            EventKind::TaskSpawned | EventKind::TaskWoken => {
                self.due.insert(object);
            }
            EventKind::TaskPolled => {
                self.due.remove(&actor);
                if census.steps >= self.check_at {
                    self.look_for_futurelocks(census, out);
                }
            }
            EventKind::TaskDone => {
                self.due.remove(&actor);
            }
            EventKind::WaitStarted => {
                let waiter = Waiter {
                    task: actor,
                    grant: None,
                };
                self.queues.entry(object).or_default().push(waiter);
            }
            EventKind::WaitGranted => self.grant(census, object),
            EventKind::WaitEnded => self.leave(actor, object),
            _ => {}
        }
    }

    /// Queues are first in, first out.
    fn grant(&mut self, census: &Census, object: u64) {
        let queue = self.queues.get_mut(&object);
        let first = queue.and_then(|queue| queue.iter_mut().find(|waiter| waiter.grant.is_none()));
        if let Some(waiter) = first {
            waiter.grant = Some(Grant {
                step: census.steps,
                polls: census.task(waiter.task).map_or(0, |task| task.polls),
                is_reported: false,
            });
            self.granted += 1;
            let old_at = census.steps.saturating_add(self.futurelock_steps);
            self.check_at = self.check_at.min(old_at);
        }
    }

    fn leave(&mut self, task: u64, object: u64) {
        let Some(queue) = self.queues.get_mut(&object) else {
            return;
        };
        // Of two waits of one task, the one with the grant: to err that way reports less, not more.
        let of_task = |waiter: &Waiter| waiter.task == task;
        let index = queue
            .iter()
            .position(|waiter| of_task(waiter) && waiter.grant.is_some())
            .or_else(|| queue.iter().position(of_task));
        if let Some(index) = index {
            self.granted -= u64::from(queue.remove(index).grant.is_some());
        }
        if queue.is_empty() {
            self.queues.remove(&object);
        }
    }

    fn look_for_futurelocks(&mut self, census: &Census, out: &mut Findings) {
        self.check_at = u64::MAX;
        for (object, queue) in &mut self.queues {
            for waiter in queue {
                let task = waiter.task;
                let Some(grant) = waiter.grant.as_mut().filter(|grant| !grant.is_reported) else {
                    continue;
                };
                let polls = census.task(task).map_or(0, |task| task.polls);
                if polls == grant.polls {
                    // Runnable and not chosen: the strategy starves it, which is no fault of the program.
                    grant.step = census.steps;
                }
                let old_at = grant.step.saturating_add(self.futurelock_steps);
                if census.steps >= old_at {
                    grant.is_reported = true;
                    out.add(
                        Oracle::Futurelock,
                        futurelock(task, *object, polls - grant.polls),
                    );
                } else {
                    self.check_at = self.check_at.min(old_at);
                }
            }
        }
    }

    /// Nothing is runnable: whoever was woken, or handed something, has been polled.
    pub(super) fn idle(&mut self, census: &Census, out: &mut Findings) {
        for task in core::mem::take(&mut self.due) {
            out.add(
                Oracle::LostWakeup,
                format!(
                    "task {} was made runnable and nobody polls it; the executor, or a state transition, lost it",
                    name(task)
                ),
            );
        }
        if self.granted == 0 {
            return;
        }
        for (object, queue) in &mut self.queues {
            for waiter in queue {
                let polls = census.task(waiter.task).map_or(0, |task| task.polls);
                let Some(grant) = waiter.grant.as_mut() else {
                    continue;
                };
                if grant.polls == polls && !core::mem::replace(&mut grant.is_reported, true) {
                    out.add(
                        Oracle::LostWakeup,
                        format!(
                            "task {} was handed {}, which it waits for, and is not runnable; its wake was lost",
                            name(waiter.task),
                            name(*object)
                        ),
                    );
                }
            }
        }
    }

    /// Nothing is runnable and no timer is set, but tasks have not ended. `idle` was called.
    pub(super) fn stuck(&mut self, census: &Census, held: &Obligations, out: &mut Findings) {
        let mut is_explained = false;
        for (object, queue) in &mut self.queues {
            for waiter in queue {
                let polls = census.task(waiter.task).map_or(0, |task| task.polls);
                let Some(grant) = waiter.grant.as_mut() else {
                    continue;
                };
                is_explained = true;
                if !core::mem::replace(&mut grant.is_reported, true) {
                    let since = polls - grant.polls;
                    out.add(Oracle::Futurelock, futurelock(waiter.task, *object, since));
                }
            }
        }
        if is_explained {
            return;
        }
        let message = match self.cycle(held) {
            Some(cycle) => format!("nobody can go on: {cycle}"),
            None => format!(
                "nobody can go on: nothing is runnable, no timer is set, and {} task(s) have not ended: {}",
                census.live_tasks().count(),
                self.describe_waiting(census)
            ),
        };
        out.add(Oracle::Deadlock, message);
    }

    fn describe_waiting(&self, census: &Census) -> String {
        let mut named = Vec::new();
        for (path, _) in census.live_tasks().take(NAMED_MAX) {
            let of_task = |queue: &Vec<Waiter>| queue.iter().any(|waiter| waiter.task == path);
            let object = self.queues.iter().find(|(_, queue)| of_task(queue));
            named.push(match object {
                Some((object, _)) => format!("task {} waits for {}", name(path), name(*object)),
                None => format!(
                    "task {} waits for something untraced (a join, a closing region, a future of its own)",
                    name(path)
                ),
            });
        }
        named.join("; ")
    }

    /// A circle of tasks each of which waits for what the next one holds, in words.
    fn cycle(&self, held: &Obligations) -> Option<String> {
        let edges: Edges = self
            .queues
            .iter()
            .flat_map(|(object, queue)| queue.iter().map(move |waiter| (waiter.task, *object)))
            .filter_map(|(task, object)| {
                // Where others hold some of it too, they are the ones to wait for.
                let other = held.holders(object).find(|holder| *holder != task);
                let holder = other.or_else(|| held.holders(object).next())?;
                Some((task, (object, holder)))
            })
            .collect();
        for start in edges.keys() {
            let mut path = Vec::from([*start]);
            while let Some((_, holder)) = path.last().and_then(|at| edges.get(at)) {
                if let Some(begin) = path.iter().position(|task| task == holder) {
                    return Some(describe_cycle(&path[begin..], &edges));
                }
                path.push(*holder);
            }
        }
        None
    }
}

/// By task: what it waits for, and who holds that.
type Edges = BTreeMap<u64, (u64, u64)>;

fn describe_cycle(cycle: &[u64], edges: &Edges) -> String {
    let links = cycle.iter().filter_map(|task| {
        let (object, holder) = edges.get(task)?;
        Some(if holder == task {
            format!(
                "task {} waits for {}, of which it holds some itself; let go of that first",
                name(*task),
                name(*object)
            )
        } else {
            format!(
                "task {} waits for {}, which task {} holds",
                name(*task),
                name(*object),
                name(*holder)
            )
        })
    });
    let mut text = links.collect::<Vec<_>>().join("; ");
    if cycle.len() > 1 {
        text.push_str("; take locks in one order");
    }
    text
}

fn futurelock(task: u64, object: u64, polls: u64) -> String {
    format!(
        "task {} was handed {}, was polled {polls} time(s) since, and has not taken it; it keeps others \
         waiting while it waits for something else: poll that future, or drop it",
        name(task),
        name(object)
    )
}
