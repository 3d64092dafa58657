//! Why something was asked to stop: kinds, reasons with their causes, and the token of having seen it.
//!
//! Owns the values and how requests combine. How a request travels and what it costs is in
//! `cancel_word`, `region` and `scope`.

use alloc::borrow::Cow;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::time::Duration;

use crate::error::Recoverability;
use crate::path::PathId;
use crate::time::Time;

/// How many links a chain of causes keeps by default.
pub const CAUSE_DEPTH_MAX: usize = 16;

/// What kind of request it is. The strength is [`rank`](Self::rank), not the order of the variants.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
#[repr(u8)]
pub enum CancelKind {
    /// Somebody asked.
    User = 1,
    /// A deadline, poll quota or cost quota is spent.
    Timeout = 2,
    /// The scope of a background child is done.
    ScopeDone = 3,
    /// A sibling failed.
    FailFast = 4,
    /// The other arm of a race won.
    RaceLost = 5,
    /// What is around it was cancelled.
    ParentCancelled = 6,
    /// The runtime shuts down.
    Shutdown = 7,
    /// The instance is dead.
    Poisoned = 8,
}

impl CancelKind {
    /// How strong the request is; a stronger one replaces a weaker one.
    pub const fn rank(self) -> u8 {
        match self {
            Self::User => 1,
            Self::Timeout => 2,
            Self::ScopeDone => 3,
            Self::FailFast | Self::RaceLost => 4,
            Self::ParentCancelled => 5,
            Self::Shutdown => 6,
            Self::Poisoned => 7,
        }
    }

    /// The name in reports.
    pub const fn name(self) -> &'static str {
        match self {
            Self::User => "User",
            Self::Timeout => "Timeout",
            Self::ScopeDone => "ScopeDone",
            Self::FailFast => "FailFast",
            Self::RaceLost => "RaceLost",
            Self::ParentCancelled => "ParentCancelled",
            Self::Shutdown => "Shutdown",
            Self::Poisoned => "Poisoned",
        }
    }

    /// The kind with this number, as traces write it.
    pub const fn from_u8(number: u8) -> Option<Self> {
        Some(match number {
            1 => Self::User,
            2 => Self::Timeout,
            3 => Self::ScopeDone,
            4 => Self::FailFast,
            5 => Self::RaceLost,
            6 => Self::ParentCancelled,
            7 => Self::Shutdown,
            8 => Self::Poisoned,
            _ => return None,
        })
    }
}

impl fmt::Display for CancelKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// How long what is asked to stop has to clean up before it is dropped: always finite, and no longer
/// for a stronger kind than for a weaker one.
///
/// ```
/// use asupersync_core::{CancelKind, CleanupBudgets};
/// use core::time::Duration;
///
/// let patient = CleanupBudgets::default();
/// assert!(patient.of(CancelKind::Shutdown) < patient.of(CancelKind::User));
/// assert_eq!(patient.scaled(1, 10).of(CancelKind::User), Duration::from_millis(500));
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CleanupBudgets {
    /// What the shortest budget has, in nanoseconds. The others are multiples of it.
    unit: u64,
}

/// The shortest budget by default: a millisecond.
const UNIT: u64 = 1_000_000;

impl Default for CleanupBudgets {
    fn default() -> Self {
        Self { unit: UNIT }
    }
}

impl CleanupBudgets {
    /// `numerator / denominator` of the defaults, rounded down to what makes the shortest one whole
    /// nanoseconds; a denominator of zero counts as one. At most a thousand times the defaults, and the
    /// shortest one at least a nanosecond.
    #[must_use]
    pub const fn scaled(self, numerator: u32, denominator: u32) -> Self {
        let denominator = if denominator == 0 { 1 } else { denominator };
        Self {
            unit: match UNIT * numerator as u64 / denominator as u64 {
                0 => 1,
                unit if unit > 1_000 * UNIT => 1_000 * UNIT,
                unit => unit,
            },
        }
    }

    /// The time that a request of this kind leaves. By default 5 s for `User`, 2 s for `Timeout` and
    /// `ScopeDone`, 1 s for `FailFast`, `RaceLost` and `ParentCancelled`, 500 ms for `Shutdown` and
    /// 1 ms for `Poisoned`.
    pub const fn of(self, kind: CancelKind) -> Duration {
        Duration::from_nanos(self.nanos_of(kind))
    }

    /// [`of`](Self::of) in nanoseconds, without the division that a `Duration` costs.
    pub(crate) const fn nanos_of(self, kind: CancelKind) -> u64 {
        let units = match kind {
            CancelKind::User => 5_000,
            CancelKind::Timeout | CancelKind::ScopeDone => 2_000,
            CancelKind::FailFast | CancelKind::RaceLost | CancelKind::ParentCancelled => 1_000,
            CancelKind::Shutdown => 500,
            CancelKind::Poisoned => 1,
        };
        self.unit * units
    }
}

/// Why something was asked to stop: kind, origin, time, a message, and what caused the request.
///
/// Shared by pointer; formatted only when somebody looks.
#[derive(Clone)]
pub struct CancelReason(Arc<Node>);

struct Node {
    kind: CancelKind,
    origin: PathId,
    at: Time,
    message: Cow<'static, str>,
    cause: Option<CancelReason>,
    truncated: bool,
}

impl CancelReason {
    pub(crate) fn new(
        kind: CancelKind,
        origin: PathId,
        at: Time,
        message: impl Into<Cow<'static, str>>,
    ) -> Self {
        let message = message.into();
        Self(Arc::new(Node {
            kind,
            origin,
            at,
            message,
            cause: None,
            truncated: false,
        }))
    }

    /// The kind of the request.
    pub fn kind(&self) -> CancelKind {
        self.0.kind
    }

    /// The region, scope or task that the request was made on.
    pub fn origin(&self) -> PathId {
        self.0.origin
    }

    /// When it was made.
    pub fn at(&self) -> Time {
        self.0.at
    }

    /// What the requester said.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// What led to it.
    pub fn cause(&self) -> Option<&CancelReason> {
        self.0.cause.as_ref()
    }

    /// Whether links in the middle of the chain were dropped.
    pub fn truncated(&self) -> bool {
        self.chain().any(|link| link.0.truncated)
    }

    /// This reason, its cause, that one's cause, and so on to the first.
    pub fn chain(&self) -> impl Iterator<Item = &CancelReason> {
        core::iter::successors(Some(self), |reason| reason.cause())
    }

    /// How many links the chain has.
    pub fn depth(&self) -> usize {
        self.chain().count()
    }

    /// The same request with other causes.
    fn with_cause(&self, cause: Option<Self>, truncated: bool) -> Self {
        Self(Arc::new(Node {
            kind: self.kind(),
            origin: self.origin(),
            at: self.at(),
            message: self.0.message.clone(),
            cause,
            truncated,
        }))
    }

    /// This request, its causes, and below them `below`, which is where it came from; links that both know are
    /// told once. Of more than `depth_max` links the latest ones and the very first survive.
    fn over(&self, below: Option<&Self>, depth_max: usize) -> Self {
        let keep = depth_max.max(2);
        if self.cause().is_none() && below.is_none_or(|below| below.depth() < keep) {
            return self.with_cause(below.cloned(), self.0.truncated);
        }
        let mut links = Vec::new();
        for link in self.chain() {
            let told = |below: &Self| below.chain().any(|other| other.is_same_request(link));
            if links.is_empty() || !below.is_some_and(told) {
                links.push(link);
            }
        }
        let mut next = below;
        while let Some(link) = next {
            links.push(link);
            next = link.cause();
        }
        let truncates = links.len() > keep;
        let mut chain: Option<Self> = None;
        while let Some(link) = links.pop() {
            let index = links.len();
            if truncates && chain.is_some() && index >= keep - 1 {
                continue;
            }
            let cut_below = truncates && index == keep - 2;
            chain = Some(link.with_cause(chain, cut_below || link.0.truncated));
        }
        chain.unwrap_or_else(|| self.clone())
    }

    /// What is in force after `request`: `Some` if it replaces `current`.
    ///
    /// A stronger request replaces the reason whole and keeps the weaker one as its cause; of two
    /// equally strong ones the smaller `(at, origin)` stays.
    pub(crate) fn strengthen(
        current: Option<&Self>,
        request: Self,
        depth_max: usize,
    ) -> Option<Self> {
        let Some(current) = current else {
            let fits = request.depth() <= depth_max.max(2);
            return Some(if fits {
                request
            } else {
                request.over(None, depth_max)
            });
        };
        let (old, new) = (current.kind().rank(), request.kind().rank());
        if new > old {
            return Some(request.over(Some(current), depth_max));
        }
        // Of two equals only one is told, but what led up to them stays.
        let earlier = (request.at(), request.origin()) < (current.at(), current.origin());
        (new == old && earlier).then(|| request.over(current.cause(), depth_max))
    }

    fn is_same_request(&self, other: &Self) -> bool {
        (self.kind(), self.origin(), self.at(), self.message())
            == (other.kind(), other.origin(), other.at(), other.message())
    }

    /// What a scope inside the one that was asked is told.
    pub(crate) fn inherit(&self) -> Self {
        let kind = if self.kind().rank() > CancelKind::ParentCancelled.rank() {
            self.kind()
        } else {
            CancelKind::ParentCancelled
        };
        if kind == self.kind() {
            return self.clone();
        }
        Self::new(
            kind,
            self.origin(),
            self.at(),
            "what is around it was cancelled",
        )
        .over(Some(self), CAUSE_DEPTH_MAX)
    }
}

impl PartialEq for CancelReason {
    fn eq(&self, other: &Self) -> bool {
        Arc::ptr_eq(&self.0, &other.0)
            || (self.depth() == other.depth()
                && self.chain().zip(other.chain()).all(|(a, b)| {
                    (a.kind(), a.origin(), a.at(), a.message(), a.0.truncated)
                        == (b.kind(), b.origin(), b.at(), b.message(), b.0.truncated)
                }))
    }
}

impl Eq for CancelReason {}

impl fmt::Display for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (index, link) in self.chain().enumerate() {
            if index > 0 {
                f.write_str(", because of ")?;
            }
            write!(f, "{} at {} by {}", link.kind(), link.at(), link.origin())?;
            if !link.message().is_empty() {
                write!(f, " ({})", link.message())?;
            }
            if link.0.truncated {
                f.write_str(", ...")?;
            }
        }
        Ok(())
    }
}

impl fmt::Debug for CancelReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "CancelReason({self})")
    }
}

/// Proof that a task was asked to stop and saw it. Users cannot make one.
///
/// It remembers which task saw it: returned by another one it is data, like any error.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancelled {
    reason: CancelReason,
    observer: Observer,
}

/// The task that saw a request. Its path alone would not do: two runtimes in one program have tasks of the
/// same path, and what one of them saw is data to the other.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Observer {
    task: PathId,
    /// Only ever compared: where the kernel of the runtime lies.
    runtime: usize,
}

impl Observer {
    pub(crate) const fn new(task: PathId, runtime: usize) -> Self {
        Self { task, runtime }
    }
}

impl Cancelled {
    pub(crate) fn new(reason: CancelReason, observer: Observer) -> Self {
        Self { reason, observer }
    }

    /// Why it was asked.
    pub fn reason(&self) -> &CancelReason {
        &self.reason
    }

    pub(crate) fn observer(&self) -> Observer {
        self.observer
    }

    /// What a caller can do about it: stop.
    pub const fn recoverability(&self) -> Recoverability {
        Recoverability::Cancelled
    }
}

impl fmt::Display for Cancelled {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cancelled: {}", self.reason)
    }
}

impl core::error::Error for Cancelled {}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;
    use alloc::vec::Vec;

    use proptest::prelude::*;

    use super::{Arc, CAUSE_DEPTH_MAX, CancelKind, CancelReason, Cancelled, Observer};
    use crate::path::PathId;
    use crate::time::Time;

    /// Weakest to strongest, one of each rank.
    const LADDER: [CancelKind; 7] = [
        CancelKind::User,
        CancelKind::Timeout,
        CancelKind::ScopeDone,
        CancelKind::FailFast,
        CancelKind::ParentCancelled,
        CancelKind::Shutdown,
        CancelKind::Poisoned,
    ];

    fn reason(kind: CancelKind, at: u64, origin: u64) -> CancelReason {
        let (at, origin) = (Time::from_nanos(at), PathId::from_u64(origin));
        CancelReason::new(kind, origin, at, format!("{kind} of {origin}"))
    }

    /// Few moments and few origins, so that ties are common.
    fn a_request() -> impl Strategy<Value = CancelReason> {
        (1..=8_u8, 0..3_u64, 0..3_u64).prop_map(|(kind, at, origin)| {
            reason(CancelKind::from_u8(kind).expect("a kind"), at, origin)
        })
    }

    fn requests() -> impl Strategy<Value = Vec<CancelReason>> {
        proptest::collection::vec(a_request(), 1..12)
    }

    /// What is in force after all requests, in this order.
    fn after(requests: &[CancelReason], depth_max: usize) -> CancelReason {
        let mut current = None;
        for request in requests {
            let replaced = CancelReason::strengthen(current.as_ref(), request.clone(), depth_max);
            current = replaced.or(current);
        }
        current.expect("at least one request")
    }

    /// What decides between requests; the smallest wins.
    fn precedence(reason: &CancelReason) -> (core::cmp::Reverse<u8>, Time, PathId) {
        let rank = core::cmp::Reverse(reason.kind().rank());
        (rank, reason.at(), reason.origin())
    }

    fn kinds(reason: &CancelReason) -> Vec<CancelKind> {
        reason.chain().map(CancelReason::kind).collect()
    }

    proptest! {
        // proves: R-CAN-1
        #[test]
        fn a_repeated_request_changes_nothing(requests in requests()) {
            let current = after(&requests, CAUSE_DEPTH_MAX);
            for request in requests.into_iter().chain([current.clone()]) {
                let again = CancelReason::strengthen(Some(&current), request, CAUSE_DEPTH_MAX);
                prop_assert_eq!(again, None);
            }
        }

        // proves: R-CAN-1
        #[test]
        fn the_rank_never_falls(requests in requests()) {
            let ranks: Vec<u8> = (1..=requests.len())
                .map(|count| after(&requests[..count], CAUSE_DEPTH_MAX).kind().rank())
                .collect();
            prop_assert!(ranks.is_sorted());
        }

        // proves: R-CAN-1
        #[test]
        fn who_wins_does_not_depend_on_the_order(
            (one, other) in requests().prop_flat_map(|all| (Just(all.clone()), Just(all).prop_shuffle())),
        ) {
            let best = one.iter().map(precedence).min().expect("at least one request");
            prop_assert_eq!(precedence(&after(&one, CAUSE_DEPTH_MAX)), best);
            prop_assert_eq!(precedence(&after(&other, CAUSE_DEPTH_MAX)), best);
        }

        #[test]
        fn every_cause_is_weaker_than_what_it_caused(requests in requests()) {
            let ranks: Vec<u8> = after(&requests, CAUSE_DEPTH_MAX)
                .chain()
                .map(|link| link.kind().rank())
                .collect();
            prop_assert!(ranks.is_sorted_by(|effect, cause| effect > cause));
        }

        #[test]
        fn the_chain_is_bounded(requests in requests(), depth_max in 0..20_usize) {
            prop_assert!(after(&requests, depth_max).depth() <= depth_max.max(2));
        }
    }

    #[test]
    fn a_stronger_request_keeps_the_weaker_as_its_cause() {
        for pair in LADDER.windows(2) {
            let (weak, strong) = (reason(pair[0], 1, 1), reason(pair[1], 9, 9));
            let new = CancelReason::strengthen(Some(&weak), strong.clone(), CAUSE_DEPTH_MAX)
                .expect("the stronger replaces the weaker");
            assert_eq!(new.kind(), strong.kind());
            assert_eq!((new.at(), new.origin()), (strong.at(), strong.origin()));
            assert_eq!(new.message(), strong.message());
            assert_eq!(new.cause(), Some(&weak));
            assert!(!new.truncated());
            let back = CancelReason::strengthen(Some(&strong), weak, CAUSE_DEPTH_MAX);
            assert_eq!(back, None, "the weaker changes nothing");
        }
    }

    #[test]
    fn of_equal_ranks_the_smaller_moment_then_origin_stays() {
        let replaces = |current: (u64, u64), request: (u64, u64)| {
            let current = reason(CancelKind::FailFast, current.0, current.1);
            let request = reason(CancelKind::RaceLost, request.0, request.1);
            CancelReason::strengthen(Some(&current), request, CAUSE_DEPTH_MAX).is_some()
        };
        assert!(replaces((5, 1), (4, 9)), "earlier");
        assert!(!replaces((4, 9), (5, 1)), "later");
        assert!(replaces((4, 9), (4, 1)), "same moment, smaller origin");
        assert!(!replaces((4, 1), (4, 9)), "same moment, larger origin");
        assert!(!replaces((4, 1), (4, 1)), "same moment and origin");
    }

    #[test]
    fn past_the_bound_the_first_origin_and_the_latest_links_survive() {
        let all: Vec<_> = (0..7)
            .map(|n| reason(LADDER[n], n as u64, n as u64))
            .collect();
        let whole = after(&all, 7);
        assert_eq!((whole.depth(), whole.truncated()), (7, false));

        let cut = after(&all, 3);
        let kept = [CancelKind::Poisoned, CancelKind::Shutdown, CancelKind::User];
        assert_eq!(kinds(&cut), kept);
        assert!(cut.truncated());
        assert!(cut.to_string().contains("..."), "{cut}");

        // No bound is so small that it loses one of the two.
        for depth_max in [0, 1, 2] {
            let least = after(&all, depth_max);
            assert_eq!(kinds(&least), [CancelKind::Poisoned, CancelKind::User]);
            assert!(least.truncated());
        }
    }

    /// A chain of `depth` links, the first at time 0.
    fn deep(depth: usize) -> CancelReason {
        (1..depth).fold(reason(CancelKind::User, 0, 0), |cause, at| {
            reason(CancelKind::User, at as u64, 0).over(Some(&cause), usize::MAX)
        })
    }

    #[test]
    fn a_bounded_chain_stays_bounded_however_often_it_grows() {
        let mut chain = deep(1);
        for at in 1..100 {
            chain = reason(CancelKind::User, at, 0).over(Some(&chain), CAUSE_DEPTH_MAX);
        }
        assert_eq!(chain.depth(), CAUSE_DEPTH_MAX);
        let times: Vec<u64> = chain.chain().map(|link| link.at().as_nanos()).collect();
        assert_eq!(times[..3], [99, 98, 97]);
        assert_eq!(times.last(), Some(&0), "the first origin");
        assert_eq!(chain.to_string().matches("...").count(), 1, "one gap");
    }

    #[test]
    fn dropping_a_long_chain_frees_what_nobody_else_holds() {
        let head = deep(CAUSE_DEPTH_MAX);
        let links: Vec<_> = head.chain().map(|link| Arc::downgrade(&link.0)).collect();
        let middle = head.chain().nth(8).cloned().expect("a middle link");
        drop(head);
        let alive: Vec<bool> = links.iter().map(|link| link.strong_count() > 0).collect();
        assert_eq!(alive.iter().position(|alive| *alive), Some(8));
        assert_eq!(middle.depth(), CAUSE_DEPTH_MAX - 8);
        drop(middle);
        assert!(links.iter().all(|link| link.strong_count() == 0));
    }

    #[test]
    fn what_is_inside_hears_at_least_parent_cancelled() {
        for kind in LADDER {
            let outer = reason(kind, 3, 4);
            let inner = outer.inherit();
            assert!(inner.kind().rank() >= CancelKind::ParentCancelled.rank());
            assert!(inner.kind().rank() >= kind.rank());
            assert_eq!((inner.at(), inner.origin()), (outer.at(), outer.origin()));
            assert!(inner.chain().any(|link| *link == outer), "{inner}");
            // A scope asks again and again; only the first time counts, at any depth.
            let again = CancelReason::strengthen(Some(&inner), outer.inherit(), CAUSE_DEPTH_MAX);
            assert_eq!(again, None);
            assert_eq!(inner.inherit(), inner);
        }
        assert!(deep(CAUSE_DEPTH_MAX).inherit().truncated());
        assert_eq!(deep(CAUSE_DEPTH_MAX).inherit().depth(), CAUSE_DEPTH_MAX);
    }

    #[test]
    fn a_reason_reads_from_the_latest_link_to_the_first() {
        let user = CancelReason::new(
            CancelKind::User,
            PathId::from_u64(0xab),
            Time::from_nanos(1_500_000),
            "enough",
        );
        let token = Cancelled::new(user.inherit(), Observer::new(PathId::ROOT, 0));
        assert_eq!(
            token.to_string(),
            "cancelled: ParentCancelled at 1.500ms by 00000000000000ab (what is around it was cancelled), \
             because of User at 1.500ms by 00000000000000ab (enough)"
        );
    }

    #[test]
    fn a_request_with_causes_of_its_own_keeps_what_was_in_force() {
        let own = reason(CancelKind::User, 1, 1);
        let around = reason(CancelKind::Timeout, 2, 2);
        let both = after(&[own.clone(), around.inherit()], CAUSE_DEPTH_MAX);
        let told = [
            CancelKind::ParentCancelled,
            CancelKind::Timeout,
            CancelKind::User,
        ];
        assert_eq!(kinds(&both), told);
        assert_eq!(both.chain().last(), Some(&own));
        assert_eq!(after(&[own, around.inherit()], 2).depth(), 2, "bounded");
        assert_eq!(after(&[around.inherit().inherit()], 2).depth(), 2);
    }

    #[test]
    fn an_earlier_equal_keeps_what_led_up_to_the_later_one() {
        let first = reason(CancelKind::User, 1, 1);
        let (late, early) = (
            reason(CancelKind::FailFast, 9, 9),
            reason(CancelKind::RaceLost, 8, 8),
        );
        let told = after(&[first.clone(), late, early], CAUSE_DEPTH_MAX);
        assert_eq!(kinds(&told), [CancelKind::RaceLost, CancelKind::User]);
        assert_eq!(told.cause(), Some(&first));
    }
}
