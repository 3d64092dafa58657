//! `Budget`: the limits a region or task runs under, and how they combine.
//!
//! Owns the algebra: a meet-semilattice with [`Budget::INFINITE`] as its neutral element. Who charges
//! and who enforces is the kernel's matter.

use crate::time::Time;

/// Limits. A child's are its parent's met with its own: it can only tighten them.
///
/// ```
/// use asupersync_core::{Budget, Time};
///
/// let outer = Budget::INFINITE.with_deadline(Time::from_nanos(50));
/// let inner = outer.meet(Budget::INFINITE.with_deadline(Time::from_nanos(90)).with_priority(3));
/// assert_eq!(inner.deadline, Some(Time::from_nanos(50)));
/// assert_eq!(inner.priority, 3);
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct Budget {
    /// When it must be done; `None`: no limit.
    pub deadline: Option<Time>,
    /// How many polls each task has; `u32::MAX`: no limit.
    pub poll_quota: u32,
    /// How many units each task may charge; `None`: no limit.
    pub cost_quota: Option<u64>,
    /// Larger is more urgent; breaks ties of equal deadlines.
    pub priority: u8,
}

impl Budget {
    /// No limits.
    pub const INFINITE: Self = Self {
        deadline: None,
        poll_quota: u32::MAX,
        cost_quota: None,
        priority: 0,
    };

    /// The tighter of both limits in each component, and the higher priority.
    #[must_use]
    pub fn meet(self, other: Self) -> Self {
        Self {
            deadline: tighter(self.deadline, other.deadline),
            poll_quota: self.poll_quota.min(other.poll_quota),
            cost_quota: tighter(self.cost_quota, other.cost_quota),
            priority: self.priority.max(other.priority),
        }
    }

    /// [`meet`](Self::meet) whose priority is at most `priority_cap`.
    #[must_use]
    pub fn meet_capped(self, other: Self, priority_cap: u8) -> Self {
        let met = self.meet(other);
        Self {
            priority: met.priority.min(priority_cap),
            ..met
        }
    }

    /// With this deadline.
    #[must_use]
    pub const fn with_deadline(mut self, deadline: Time) -> Self {
        self.deadline = Some(deadline);
        self
    }

    /// With this many polls.
    #[must_use]
    pub const fn with_poll_quota(mut self, polls: u32) -> Self {
        self.poll_quota = polls;
        self
    }

    /// With this much cost.
    #[must_use]
    pub const fn with_cost_quota(mut self, cost: u64) -> Self {
        self.cost_quota = Some(cost);
        self
    }

    /// With this priority.
    #[must_use]
    pub const fn with_priority(mut self, priority: u8) -> Self {
        self.priority = priority;
        self
    }
}

impl Default for Budget {
    fn default() -> Self {
        Self::INFINITE
    }
}

fn tighter<L: Ord>(a: Option<L>, b: Option<L>) -> Option<L> {
    match (&a, &b) {
        (Some(old), Some(new)) if new < old => b,
        (Some(_), _) => a,
        (None, _) => b,
    }
}
