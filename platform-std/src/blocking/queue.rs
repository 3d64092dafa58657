//! `JobQueue`: what those who submit jobs and the threads that run them agree on.
//!
//! Owns the waiting jobs and the counts of threads, and decides when a thread is started and when one leaves.
//! It starts no thread and runs no job: the pool does, outside the lock. It knows nothing of
//! regions. One lock; `work` is what idle threads wait at, `left` what [`wait_until_left`] waits at.
//!
//! # The life of a thread
//! ```text
//! submit ── start ──> starting ── next ──┬─ a job ──> running ── finished ── next ──┐
//!                        │               ├─ none ───> idle ── rung, or time over ───┤
//!              start_failed: gone        └─ stopped ─> gone              <──────────┘
//! ```
//!
//! # Invariant
//! A waiting job has somebody who will look: `waiting <= idle + starting`, or else every thread that may
//! exist does, and looks when its job ends. So a thread whose idle time is over looks once more
//! before it leaves: until then it was counted on.
//!
//! [`wait_until_left`]: JobQueue::wait_until_left

use std::collections::BTreeMap;
use std::time::Duration;

#[cfg(asupersync_mutants)]
use asupersync_core::mutants::{Mutant, armed};

use super::sync::{Bell, Guard, Lock};

/// Names a waiting job; never used twice.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Ticket(u64);

/// The bounds of a pool.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// How many threads may exist; at least one.
    pub(crate) threads_max: usize,
    /// How many jobs may wait for one of them.
    pub(crate) waiting_max: usize,
    /// How long a thread waits for a job before it leaves; `None`: for ever.
    pub(crate) idle_max: Option<Duration>,
}

/// The counts of a pool, as they are now and since it began.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct Counts {
    pub(crate) threads: usize,
    pub(crate) threads_peak: usize,
    pub(crate) starting: usize,
    pub(crate) idle: usize,
    pub(crate) waiting: usize,
    pub(crate) running: usize,
    pub(crate) finished: u64,
    pub(crate) panicked: u64,
    pub(crate) late: u64,
    pub(crate) withdrawn: u64,
    pub(crate) retired: u64,
    pub(crate) refused: u64,
    pub(crate) start_failures: u64,
}

/// A job was taken in.
#[must_use = "a thread may have to be started"]
#[derive(Debug, Clone, Copy)]
pub(crate) struct Submitted {
    pub(crate) ticket: Ticket,
    /// A thread is to be started; it is counted already.
    pub(crate) start: bool,
}

/// A job was not taken in; here it is.
#[derive(Debug)]
pub(crate) enum Refused<J> {
    /// As many jobs wait as may.
    Full(J),
    /// The pool is stopped.
    Stopped(J),
}

#[derive(Debug)]
struct State<J> {
    waiting: BTreeMap<Ticket, J>,
    next: u64,
    stopped: bool,
    counts: Counts,
}

impl<J> State<J> {
    /// Threads that are about to look for a job.
    fn coming(&self) -> usize {
        self.counts.idle + self.counts.starting
    }
}

/// The waiting jobs of a pool, and its threads in numbers.
#[derive(Debug)]
pub(crate) struct JobQueue<J> {
    limits: Limits,
    state: Lock<State<J>>,
    work: Bell,
    left: Bell,
}

impl<J> JobQueue<J> {
    pub(crate) fn new(limits: Limits) -> Self {
        let state = State {
            waiting: BTreeMap::new(),
            next: 0,
            stopped: false,
            counts: Counts::default(),
        };
        Self {
            limits,
            state: Lock::new(state),
            work: Bell::new(),
            left: Bell::new(),
        }
    }

    pub(crate) fn counts(&self) -> Counts {
        let state = self.state.lock();
        Counts {
            waiting: state.waiting.len(),
            ..state.counts
        }
    }

    // ------------------------------------------------------------ those who submit

    /// Takes a job in: for a thread that is idle, for a new one, or to wait.
    pub(crate) fn submit(&self, job: J) -> Result<Submitted, Refused<J>> {
        let mut state = self.state.lock();
        if state.stopped {
            state.counts.refused += 1;
            return Err(Refused::Stopped(job));
        }
        #[cfg(asupersync_mutants)]
        if armed(Mutant::SubmitLooksFirst) {
            drop(state);
            state = self.state.lock();
        }
        let backlog = state.waiting.len().checked_sub(state.coming());
        let start = backlog.is_some() && state.counts.threads < self.limits.threads_max;
        if !start && backlog.is_some_and(|jobs| jobs >= self.limits.waiting_max) {
            state.counts.refused += 1;
            return Err(Refused::Full(job));
        }
        let ticket = Ticket(state.next);
        state.next += 1;
        state.waiting.insert(ticket, job);
        if start {
            let counts = &mut state.counts;
            counts.threads += 1;
            counts.starting += 1;
            counts.threads_peak = counts.threads_peak.max(counts.threads);
        } else if backlog.is_none() {
            self.work.ring_one();
        }
        Ok(Submitted { ticket, start })
    }

    /// A thread could not be started. Gives back the jobs that nobody is left to run: none, if there is
    /// any other thread.
    pub(crate) fn start_failed(&self) -> Vec<J> {
        let mut state = self.state.lock();
        state.counts.starting -= 1;
        state.counts.start_failures += 1;
        self.uncount(&mut state);
        if state.counts.threads > 0 {
            return Vec::new();
        }
        let jobs = std::mem::take(&mut state.waiting);
        state.counts.refused += jobs.len() as u64;
        jobs.into_values().collect()
    }

    /// Takes a job out that still waits; `None`: a thread has it, or had it.
    pub(crate) fn withdraw(&self, ticket: Ticket) -> Option<J> {
        let mut state = self.state.lock();
        let job = state.waiting.remove(&ticket)?;
        state.counts.withdrawn += 1;
        Some(job)
    }

    /// A job has run, and nobody took what came of it.
    pub(crate) fn count_late(&self) {
        self.state.lock().counts.late += 1;
    }

    /// Takes nothing in any more and sends idle threads away. Gives back the jobs that wait.
    pub(crate) fn stop(&self) -> Vec<J> {
        let mut state = self.state.lock();
        state.stopped = true;
        let jobs = std::mem::take(&mut state.waiting);
        state.counts.withdrawn += jobs.len() as u64;
        self.work.ring_all();
        jobs.into_values().collect()
    }

    /// Waits, after [`stop`](Self::stop), for every thread that runs no job to be gone.
    pub(crate) fn wait_until_left(&self) {
        let mut state = self.state.lock();
        while state.counts.threads > state.counts.running {
            state = self.left.wait(state);
        }
    }

    // ------------------------------------------------------------ the threads

    /// A new thread is there.
    pub(crate) fn arrived(&self) {
        self.state.lock().counts.starting -= 1;
    }

    /// The next job; waits for it. `None`: the thread is to leave, and is not counted any more.
    pub(crate) fn next(&self) -> Option<J> {
        let mut state = self.state.lock();
        loop {
            if let Some((_, job)) = state.waiting.pop_first() {
                state.counts.running += 1;
                return Some(job);
            }
            if state.stopped {
                self.uncount(&mut state);
                return None;
            }
            let expired;
            (state, expired) = self.rest(state);
            if expired && self.may_leave(&state) {
                state.counts.retired += 1;
                self.uncount(&mut state);
                return None;
            }
        }
    }

    /// A thread's job has ended.
    pub(crate) fn finished(&self, panicked: bool) {
        let mut state = self.state.lock();
        let counts = &mut state.counts;
        counts.running -= 1;
        counts.finished += 1;
        counts.panicked += u64::from(panicked);
    }

    fn rest<'a>(&self, mut state: Guard<'a, State<J>>) -> (Guard<'a, State<J>>, bool) {
        state.counts.idle += 1;
        let (mut state, expired) = match self.limits.idle_max {
            Some(limit) => self.work.wait_at_most(state, limit),
            None => (self.work.wait(state), false),
        };
        state.counts.idle -= 1;
        (state, expired)
    }

    /// Whether a thread whose idle time is over is not counted on.
    fn may_leave(&self, state: &State<J>) -> bool {
        #[cfg(asupersync_mutants)]
        if armed(Mutant::RetireLooksAway) {
            return true;
        }
        state.waiting.is_empty()
    }

    fn uncount(&self, state: &mut State<J>) {
        state.counts.threads -= 1;
        if state.stopped {
            self.left.ring_all();
        }
    }
}
