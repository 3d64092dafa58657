//! `CancelRequest`: what the holder of a task's handle asks.
//!
//! Owns what can be asked from there: a kind that is of the region's own affairs, words, a time. What becomes of it is
//! the business of `region`; the reason that the task sees is `cancel`'s.

use alloc::borrow::Cow;
use core::time::Duration;

use crate::cancel::CancelKind;
use crate::time::Time;

/// A request to stop, as the holder of a handle makes it: of a kind that comes from inside the region, in your words,
/// with a time to clean up.
///
/// ```
/// use asupersync_core::CancelRequest;
/// use core::time::Duration;
///
/// let request = CancelRequest::user("superseded").within(Duration::from_millis(200));
/// ```
#[derive(Debug, Clone)]
#[must_use = "a request does nothing until something is cancelled with it"]
pub struct CancelRequest {
    kind: CancelKind,
    message: Cow<'static, str>,
    within: Option<Duration>,
}

impl CancelRequest {
    /// Somebody asks: [`CancelKind::User`].
    pub fn user(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(CancelKind::User, message)
    }

    /// Its time or quota is spent: [`CancelKind::Timeout`].
    pub fn timeout(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(CancelKind::Timeout, message)
    }

    /// Another one won: [`CancelKind::RaceLost`].
    pub fn race_lost(message: impl Into<Cow<'static, str>>) -> Self {
        Self::new(CancelKind::RaceLost, message)
    }

    fn new(kind: CancelKind, message: impl Into<Cow<'static, str>>) -> Self {
        Self {
            kind,
            message: message.into(),
            within: None,
        }
    }

    /// At the end of `drain` what has not ended is dropped where it waits (R-CAN-4), as at the end of the kind's
    /// [cleanup budget](crate::CleanupBudgets), which it only shortens. Finalizers have their own budget.
    pub fn within(mut self, drain: Duration) -> Self {
        self.within = Some(drain);
        self
    }

    pub(crate) fn kind(&self) -> CancelKind {
        self.kind
    }

    /// The end of the time that it leaves if it is made now; [`Time::MAX`]: that of its kind.
    pub(crate) fn until(&self, now: Time) -> Time {
        self.within
            .map_or(Time::MAX, |drain| now.saturating_add(drain))
    }

    pub(crate) fn into_message(self) -> Cow<'static, str> {
        self.message
    }
}
