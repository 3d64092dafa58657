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
    numerator: u32,
    denominator: u32,
}

impl Default for CleanupBudgets {
    fn default() -> Self {
        Self {
            numerator: 1,
            denominator: 1,
        }
    }
}

impl CleanupBudgets {
    /// `numerator / denominator` of the defaults; a denominator of zero counts as one. At most a
    /// thousand times the defaults, at least a nanosecond each.
    #[must_use]
    pub const fn scaled(self, numerator: u32, denominator: u32) -> Self {
        Self {
            numerator,
            denominator: if denominator == 0 { 1 } else { denominator },
        }
    }

    /// The time that a request of this kind leaves. By default 5 s for `User`, 2 s for `Timeout` and
    /// `ScopeDone`, 1 s for `FailFast`, `RaceLost` and `ParentCancelled`, 500 ms for `Shutdown` and
    /// 1 ms for `Poisoned`.
    pub const fn of(self, kind: CancelKind) -> Duration {
        let millis: u64 = match kind {
            CancelKind::User => 5_000,
            CancelKind::Timeout | CancelKind::ScopeDone => 2_000,
            CancelKind::FailFast | CancelKind::RaceLost | CancelKind::ParentCancelled => 1_000,
            CancelKind::Shutdown => 500,
            CancelKind::Poisoned => 1,
        };
        let default = millis * 1_000_000;
        let scaled = default.saturating_mul(self.numerator as u64) / self.denominator as u64;
        let most = default * 1_000;
        Duration::from_nanos(match scaled {
            0 => 1,
            scaled if scaled > most => most,
            scaled => scaled,
        })
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
        Self(Arc::new(Node {
            kind,
            origin,
            at,
            message: message.into(),
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

    /// The same request with `cause`, in a chain of at most `depth_max` links: the latest ones and the
    /// very first survive.
    fn caused_by(&self, cause: &Self, depth_max: usize) -> Self {
        let links: Vec<&Self> = self.chain().take(1).chain(cause.chain()).collect();
        let keep = depth_max.max(2);
        let truncates = links.len() > keep;
        let mut chain: Option<Self> = None;
        for (index, link) in links.iter().enumerate().rev() {
            let first_origin = index == links.len() - 1;
            if truncates && !first_origin && index >= keep - 1 {
                continue;
            }
            let cut_below = truncates && index == keep - 2;
            chain = Some(Self(Arc::new(Node {
                kind: link.kind(),
                origin: link.origin(),
                at: link.at(),
                message: link.0.message.clone(),
                truncated: cut_below || link.0.truncated,
                cause: chain,
            })));
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
            return Some(request);
        };
        let (old, new) = (current.kind().rank(), request.kind().rank());
        if new > old {
            let cause = match request.cause() {
                // A request that brings its own cause keeps it: that is where it came from.
                Some(_) => return Some(request),
                None => current,
            };
            return Some(request.caused_by(cause, depth_max));
        }
        let earlier = (request.at(), request.origin()) < (current.at(), current.origin());
        (new == old && earlier).then_some(request)
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
        Self::new(kind, self.origin(), self.at(), "what is around it was cancelled")
            .caused_by(self, CAUSE_DEPTH_MAX)
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
    observer: PathId,
}

impl Cancelled {
    pub(crate) fn new(reason: CancelReason, observer: PathId) -> Self {
        Self { reason, observer }
    }

    /// Why it was asked.
    pub fn reason(&self) -> &CancelReason {
        &self.reason
    }

    pub(crate) fn observer(&self) -> PathId {
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
