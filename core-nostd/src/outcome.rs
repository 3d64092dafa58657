//! How things end: `Outcome`, its severity lattice, panic payloads, and a child's end as its parent sees it.
//!
//! Owns the values only. Which outcome decides a region is the region's business.

use alloc::borrow::Cow;
use alloc::boxed::Box;
use alloc::string::String;
use alloc::sync::Arc;
use core::any::Any;
use core::fmt;

use crate::cancel::{CancelKind, CancelReason};
use crate::error::Recoverability;
use crate::sync::Mutex;

/// How bad an end is: `Ok < Err < Cancelled < Panicked`.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[repr(u8)]
pub enum Severity {
    /// A value.
    Ok = 0,
    /// An error of the program's own.
    Err = 1,
    /// It was asked to stop, and did.
    Cancelled = 2,
    /// It panicked.
    Panicked = 3,
}

/// The record of how a task ended.
///
/// ```
/// use asupersync_core::{Outcome, Severity};
///
/// let worst = Outcome::<u8, &str>::Ok(1).join(Outcome::Err("late"));
/// assert_eq!(worst.severity(), Severity::Err);
/// ```
#[derive(Debug, Clone)]
pub enum Outcome<T, E> {
    /// A value.
    Ok(T),
    /// An error of the program's own.
    Err(E),
    /// It was asked to stop, and did.
    Cancelled(CancelReason),
    /// It panicked.
    Panicked(PanicPayload),
}

impl<T, E> Outcome<T, E> {
    /// How bad it is.
    pub const fn severity(&self) -> Severity {
        match self {
            Self::Ok(_) => Severity::Ok,
            Self::Err(_) => Severity::Err,
            Self::Cancelled(_) => Severity::Cancelled,
            Self::Panicked(_) => Severity::Panicked,
        }
    }

    /// The worse of two ends; of two equally bad ones, this one.
    #[must_use]
    pub fn join(self, other: Self) -> Self {
        if other.severity() > self.severity() {
            other
        } else {
            self
        }
    }

    /// The value, or what became of it as an error.
    ///
    /// # Errors
    /// The error itself, or `E::from(ChildEnded)` for an end without value or error.
    pub fn into_result(self) -> Result<T, E>
    where
        E: From<ChildEnded>,
    {
        match self {
            Self::Ok(value) => Ok(value),
            Self::Err(error) => Err(error),
            Self::Cancelled(reason) => Err(E::from(ChildEnded::Cancelled(reason))),
            Self::Panicked(payload) => Err(E::from(ChildEnded::Panicked(payload))),
        }
    }

    /// The same end with another value.
    pub fn map<U>(self, f: impl FnOnce(T) -> U) -> Outcome<U, E> {
        match self {
            Self::Ok(value) => Outcome::Ok(f(value)),
            Self::Err(error) => Outcome::Err(error),
            Self::Cancelled(reason) => Outcome::Cancelled(reason),
            Self::Panicked(payload) => Outcome::Panicked(payload),
        }
    }

    /// The same end with another error.
    pub fn map_err<F>(self, f: impl FnOnce(E) -> F) -> Outcome<T, F> {
        match self {
            Self::Ok(value) => Outcome::Ok(value),
            Self::Err(error) => Outcome::Err(f(error)),
            Self::Cancelled(reason) => Outcome::Cancelled(reason),
            Self::Panicked(payload) => Outcome::Panicked(payload),
        }
    }

    /// The value, if there is one.
    pub fn ok(self) -> Option<T> {
        match self {
            Self::Ok(value) => Some(value),
            _ => None,
        }
    }

    /// Whether it ended with a value.
    pub const fn is_ok(&self) -> bool {
        matches!(self, Self::Ok(_))
    }

    /// Whether it ended because it was asked to.
    pub const fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_))
    }

    /// Whether it panicked.
    pub const fn is_panicked(&self) -> bool {
        matches!(self, Self::Panicked(_))
    }
}

impl<T, E> From<Result<T, E>> for Outcome<T, E> {
    fn from(result: Result<T, E>) -> Self {
        match result {
            Ok(value) => Self::Ok(value),
            Err(error) => Self::Err(error),
        }
    }
}

/// What a panic carried: its text, and, until somebody takes it, the payload itself. Cheap to clone.
#[derive(Clone)]
pub struct PanicPayload(Arc<Inner>);

struct Inner {
    message: Cow<'static, str>,
    payload: Mutex<Option<Box<dyn Any + Send>>>,
}

impl PanicPayload {
    /// From what a caught panic gave.
    pub fn new(payload: Box<dyn Any + Send>) -> Self {
        let message = if let Some(text) = payload.downcast_ref::<&'static str>() {
            Cow::Borrowed(*text)
        } else if let Some(text) = payload.downcast_ref::<String>() {
            Cow::Owned(text.clone())
        } else {
            Cow::Borrowed("a panic payload that is not text")
        };
        Self(Arc::new(Inner {
            message,
            payload: Mutex::new(Some(payload)),
        }))
    }

    /// With a text and no payload.
    pub fn from_message(message: impl Into<Cow<'static, str>>) -> Self {
        Self(Arc::new(Inner {
            message: message.into(),
            payload: Mutex::new(None),
        }))
    }

    /// What the panic said.
    pub fn message(&self) -> &str {
        &self.0.message
    }

    /// The payload, for `resume_unwind`; `None` if it was taken before.
    pub fn take(&self) -> Option<Box<dyn Any + Send>> {
        self.0.payload.lock().take()
    }
}

impl fmt::Debug for PanicPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("PanicPayload")
            .field(&self.message())
            .finish()
    }
}

impl fmt::Display for PanicPayload {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.message())
    }
}

/// How a child (task, region, timed or raced body) ended when it gave neither value nor error.
///
/// Foreign data: receiving it never changes the receiver's own state.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum ChildEnded {
    /// It was asked to stop, and did.
    Cancelled(CancelReason),
    /// It panicked.
    Panicked(PanicPayload),
    /// It failed, and its error went to somebody who joined it.
    Failed,
}

impl ChildEnded {
    /// Whether it ran out of time or quota.
    pub fn is_timeout(&self) -> bool {
        matches!(self, Self::Cancelled(reason) if reason.kind() == CancelKind::Timeout)
    }

    /// Whether it was asked to stop.
    pub const fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_))
    }

    /// Why it was asked to stop, if it was.
    pub const fn reason(&self) -> Option<&CancelReason> {
        match self {
            Self::Cancelled(reason) => Some(reason),
            _ => None,
        }
    }

    /// What a caller can do about it.
    pub fn recoverability(&self) -> Recoverability {
        match self {
            Self::Cancelled(_) if self.is_timeout() => Recoverability::Retry,
            Self::Cancelled(_) => Recoverability::Cancelled,
            Self::Panicked(_) | Self::Failed => Recoverability::Fatal,
        }
    }
}

impl fmt::Display for ChildEnded {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(reason) => write!(f, "a child was cancelled: {reason}"),
            Self::Panicked(payload) => write!(f, "a child panicked: {payload}"),
            Self::Failed => {
                f.write_str("a child failed; its error went to the task that joined it")
            }
        }
    }
}

impl core::error::Error for ChildEnded {}

#[cfg(test)]
mod tests {
    use alloc::format;
    use alloc::string::ToString;

    use proptest::prelude::*;

    use super::{CancelKind, CancelReason, ChildEnded, Outcome, PanicPayload};
    use crate::error::Recoverability;
    use crate::path::PathId;
    use crate::time::Time;

    type End = Outcome<u8, u8>;

    fn reason(kind: CancelKind, message: &'static str) -> CancelReason {
        CancelReason::new(kind, PathId::ROOT, Time::ZERO, message)
    }

    /// Every severity; the text of the debug form tells two ends apart.
    fn an_end() -> impl Strategy<Value = End> {
        prop_oneof![
            any::<u8>().prop_map(Outcome::Ok),
            any::<u8>().prop_map(Outcome::Err),
            prop_oneof![Just("a"), Just("b")]
                .prop_map(|text| Outcome::Cancelled(reason(CancelKind::User, text))),
            prop_oneof![Just("a"), Just("b")]
                .prop_map(|text| Outcome::Panicked(PanicPayload::from_message(text))),
        ]
    }

    fn told(end: &End) -> alloc::string::String {
        format!("{end:?}")
    }

    proptest! {
        #[test]
        fn join_is_a_semilattice_of_severities(a in an_end(), b in an_end(), c in an_end()) {
            let join = |a: &End, b: &End| a.clone().join(b.clone());
            let larger = a.severity().max(b.severity());
            prop_assert_eq!(join(&a, &b).severity(), larger);
            prop_assert_eq!(join(&b, &a).severity(), larger);
            prop_assert_eq!(told(&join(&a, &a)), told(&a));
            prop_assert_eq!(told(&join(&join(&a, &b), &c)), told(&join(&a, &join(&b, &c))));
        }

        #[test]
        fn ok_is_the_identity_and_the_left_ok_stays(a in an_end(), n: u8) {
            prop_assert_eq!(told(&a.clone().join(Outcome::Ok(n))), told(&a));
            let joined = End::Ok(n).join(a.clone());
            prop_assert_eq!(told(&joined), if a.is_ok() { told(&Outcome::Ok(n)) } else { told(&a) });
        }
    }

    #[test]
    fn a_cancelled_child_keeps_its_reason() {
        let timeout = reason(CancelKind::Timeout, "too late");
        let ended = Outcome::<u8, ChildEnded>::Cancelled(timeout.clone())
            .into_result()
            .expect_err("it has no value");
        assert!(ended.is_cancelled() && ended.is_timeout());
        assert_eq!(ended.reason(), Some(&timeout));
        assert!(ended.to_string().contains("too late"), "{ended}");
    }

    #[test]
    fn only_a_timeout_is_worth_another_try() {
        for kind in (1..=8).filter_map(CancelKind::from_u8) {
            let ended = ChildEnded::Cancelled(reason(kind, "stop"));
            let expected = match kind {
                CancelKind::Timeout => Recoverability::Retry,
                _ => Recoverability::Cancelled,
            };
            assert_eq!(ended.recoverability(), expected, "{kind}");
        }
    }
}
