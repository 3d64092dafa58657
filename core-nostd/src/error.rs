//! Errors that are not tied to one primitive, and what a task's error type must be able to carry.
//!
//! Owns [`TaskError`], the default [`Error`], and the small error enums of the kernel. Every error of ours
//! says what a caller can do about it; a cancellation is never flattened into a failure.

use alloc::boxed::Box;
use core::error::Error as StdError;
use core::fmt;

use crate::cancel::Cancelled;
use crate::outcome::ChildEnded;

/// What a caller can do about an error; the same on every platform.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Recoverability {
    /// Trying again may work.
    Retry,
    /// Trying again will not help.
    Fatal,
    /// The work was asked to stop: clean up and return.
    Cancelled,
    /// The program is wrong.
    Misuse,
}

/// What a task body may fail with.
///
/// The runtime asks [`cancelled`](Self::cancelled): a token that this very task observed makes the
/// outcome `Cancelled`; everything else is `Err`. For an error enum whose
/// [`source`](StdError::source) reaches the token, the body is one line:
///
/// ```
/// use asupersync_core::{Cancelled, ChildEnded, SpawnError, TaskError, find_cancelled};
/// use core::{error::Error, fmt};
///
/// #[derive(Debug)]
/// enum AppError { Stop(Cancelled), Spawn(SpawnError), Child(ChildEnded) }
///
/// impl fmt::Display for AppError {
///     fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result { write!(f, "{self:?}") }
/// }
/// impl Error for AppError {
///     fn source(&self) -> Option<&(dyn Error + 'static)> {
///         Some(match self { Self::Stop(e) => e, Self::Spawn(e) => e, Self::Child(e) => e })
///     }
/// }
/// impl From<Cancelled> for AppError { fn from(e: Cancelled) -> Self { Self::Stop(e) } }
/// impl From<SpawnError> for AppError { fn from(e: SpawnError) -> Self { Self::Spawn(e) } }
/// impl From<ChildEnded> for AppError { fn from(e: ChildEnded) -> Self { Self::Child(e) } }
/// impl TaskError for AppError {
///     fn cancelled(&self) -> Option<&Cancelled> { find_cancelled(self) }
/// }
/// ```
pub trait TaskError:
    From<Cancelled> + From<SpawnError> + From<ChildEnded> + Send + 'static
{
    /// The token of a cancellation, if this error carries one.
    fn cancelled(&self) -> Option<&Cancelled>;
}

/// The token of a cancellation in an error or, link by link, in its sources.
pub fn find_cancelled<'e>(error: &'e (dyn StdError + 'static)) -> Option<&'e Cancelled> {
    core::iter::successors(Some(error), |&error| error.source())
        .find_map(|error| error.downcast_ref::<Cancelled>())
}

/// The default error of tasks: opaque, one allocation, takes any error by `?`.
///
/// Like other types of this kind it does not implement [`core::error::Error`] itself.
pub struct Error(Box<dyn StdError + Send + Sync>);

impl Error {
    /// The error inside, if it is a `T`.
    pub fn downcast_ref<T: StdError + 'static>(&self) -> Option<&T> {
        self.0.downcast_ref()
    }

    /// The error inside, if it is a `T`.
    ///
    /// # Errors
    /// This error unchanged, if it is something else.
    pub fn downcast<T: StdError + 'static>(self) -> Result<T, Self> {
        self.0.downcast().map(|inner| *inner).map_err(Self)
    }

    /// The error inside.
    pub fn as_error(&self) -> &(dyn StdError + 'static) {
        &*self.0
    }
}

impl<E: StdError + Send + Sync + 'static> From<E> for Error {
    fn from(error: E) -> Self {
        Self(Box::new(error))
    }
}

impl fmt::Debug for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(&self.0, f)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(&self.0, f)
    }
}

impl TaskError for Error {
    fn cancelled(&self) -> Option<&Cancelled> {
        find_cancelled(&*self.0)
    }
}

/// The error of the kernel's own tasks: they never fail, so there is nothing in it.
pub(crate) struct Never;

impl From<Cancelled> for Never {
    fn from(_: Cancelled) -> Self {
        Self
    }
}

impl From<SpawnError> for Never {
    fn from(_: SpawnError) -> Self {
        Self
    }
}

impl From<ChildEnded> for Never {
    fn from(_: ChildEnded) -> Self {
        Self
    }
}

impl TaskError for Never {
    fn cancelled(&self) -> Option<&Cancelled> {
        None
    }
}

/// A child was not spawned, or a scope not opened. What was to run was dropped unpolled.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SpawnError {
    /// The region no longer admits: it was cancelled, or its body has returned.
    RegionClosed,
    /// The runtime holds as many tasks as it may, or memory for one more is out.
    AtCapacity,
    /// Scopes nest deeper within one task than [`INLINE_DEPTH_MAX`](crate::INLINE_DEPTH_MAX).
    TooDeep,
    /// The region does not hold the capability.
    Denied(CapabilityDenied),
}

impl SpawnError {
    /// Whether the region no longer admits.
    pub const fn is_closed(&self) -> bool {
        matches!(self, Self::RegionClosed)
    }

    /// Whether the runtime is full.
    pub const fn is_at_capacity(&self) -> bool {
        matches!(self, Self::AtCapacity)
    }

    /// What a caller can do about it.
    pub const fn recoverability(&self) -> Recoverability {
        match self {
            Self::AtCapacity => Recoverability::Retry,
            Self::RegionClosed => Recoverability::Fatal,
            Self::TooDeep | Self::Denied(_) => Recoverability::Misuse,
        }
    }
}

impl fmt::Display for SpawnError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::RegionClosed => f.write_str(
                "the region no longer admits tasks; spawn before its body returns or it is cancelled",
            ),
            Self::AtCapacity => f.write_str(
                "the runtime holds as many tasks as it may, or memory is out; wait for some to end, or raise its capacity",
            ),
            Self::TooDeep => write!(
                f,
                "scopes nest deeper than {} in one task; spawn a task to go deeper",
                crate::scope::INLINE_DEPTH_MAX
            ),
            Self::Denied(denied) => denied.fmt(f),
        }
    }
}

impl StdError for SpawnError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        match self {
            Self::Denied(denied) => Some(denied),
            _ => None,
        }
    }
}

/// The surrounding region does not hold a capability; nothing happened.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CapabilityDenied {
    /// Its name.
    pub capability: &'static str,
}

impl CapabilityDenied {
    /// What a caller can do about it: the program asks for what it was not given.
    pub const fn recoverability(&self) -> Recoverability {
        Recoverability::Misuse
    }
}

impl fmt::Display for CapabilityDenied {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the region does not hold the capability `{}`; grant it in the RegionOptions of a region around it",
            self.capability
        )
    }
}

impl StdError for CapabilityDenied {}

/// A wait for time did not end with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum TimeError {
    /// The waiter was asked to stop.
    Cancelled(Cancelled),
    /// The region does not hold the capability `time`.
    Denied(CapabilityDenied),
}

impl TimeError {
    /// Whether the waiter was asked to stop.
    pub const fn is_cancelled(&self) -> bool {
        matches!(self, Self::Cancelled(_))
    }

    /// What a caller can do about it.
    pub const fn recoverability(&self) -> Recoverability {
        match self {
            Self::Cancelled(_) => Recoverability::Cancelled,
            Self::Denied(_) => Recoverability::Misuse,
        }
    }
}

impl From<Cancelled> for TimeError {
    fn from(cancelled: Cancelled) -> Self {
        Self::Cancelled(cancelled)
    }
}

impl From<CapabilityDenied> for TimeError {
    fn from(denied: CapabilityDenied) -> Self {
        Self::Denied(denied)
    }
}

impl fmt::Display for TimeError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(cancelled) => cancelled.fmt(f),
            Self::Denied(denied) => denied.fmt(f),
        }
    }
}

impl StdError for TimeError {
    fn source(&self) -> Option<&(dyn StdError + 'static)> {
        Some(match self {
            Self::Cancelled(cancelled) => cancelled,
            Self::Denied(denied) => denied,
        })
    }
}

/// An error of the program that no caller could handle. The misusing task panics with its text,
/// which ends that task as `Panicked` and nothing else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Misuse {
    /// A `Cx` was used while its own task was not being polled.
    ForeignCx,
    /// A task waits for its own end.
    JoinSelf,
}

impl Misuse {
    /// What a caller can do about it: correct the program.
    pub const fn recoverability(self) -> Recoverability {
        Recoverability::Misuse
    }

    /// Ends the misusing task.
    #[cold]
    pub(crate) fn raise(self) -> ! {
        panic!("misuse: {self}")
    }
}

impl fmt::Display for Misuse {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::ForeignCx => {
                "ForeignCx: a Cx was used while its own task was not being polled; \
                 a Cx belongs to one task, so use the one that the closure was given"
            }
            Self::JoinSelf => {
                "JoinSelf: a task joins its own handle, which can never end; \
                 join it from another task"
            }
        })
    }
}

impl StdError for Misuse {}

#[cfg(test)]
mod tests {
    use alloc::boxed::Box;
    use core::fmt;

    use super::{
        Error, Recoverability, SpawnError, StdError, TaskError, TimeError, find_cancelled,
    };
    use crate::cancel::{CancelKind, CancelReason, Cancelled, Observer};
    use crate::outcome::ChildEnded;
    use crate::path::PathId;
    use crate::time::Time;

    const OBSERVER: Observer = Observer::new(PathId::ROOT.child(7), 1);

    fn reason() -> CancelReason {
        CancelReason::new(CancelKind::User, PathId::ROOT, Time::ZERO, "enough")
    }

    fn token() -> Cancelled {
        Cancelled::new(reason(), OBSERVER)
    }

    /// An error with a context and a source, as a user would nest them.
    #[derive(Debug)]
    struct Layer(Box<dyn StdError + Send + Sync>);
    impl fmt::Display for Layer {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("a layer")
        }
    }
    impl StdError for Layer {
        fn source(&self) -> Option<&(dyn StdError + 'static)> {
            Some(&*self.0)
        }
    }

    #[test]
    fn the_token_is_found_at_any_depth() {
        let mut error: Box<dyn StdError + Send + Sync> = Box::new(token());
        for _ in 0..8 {
            let found = find_cancelled(&*error).expect("the token is in the chain");
            assert_eq!((found.observer(), found.reason()), (OBSERVER, &reason()));
            error = Box::new(Layer(error));
        }
        let error = Error::from(Layer(error));
        assert_eq!(error.cancelled(), Some(&token()));
    }

    #[test]
    fn question_mark_keeps_the_token() {
        fn direct() -> Result<(), Error> {
            Err(token())?
        }
        fn through_a_wait() -> Result<(), Error> {
            fn wait() -> Result<(), TimeError> {
                Err(token())?
            }
            Ok(wait()?)
        }
        for result in [direct(), through_a_wait()] {
            let error = result.expect_err("cancelled");
            assert_eq!(error.cancelled(), Some(&token()));
        }
    }

    #[test]
    fn the_end_of_a_child_is_data_not_a_token() {
        let ended = ChildEnded::Cancelled(reason());
        assert!(find_cancelled(&ended).is_none());
        assert!(Error::from(ended).cancelled().is_none());
        assert!(Error::from(SpawnError::RegionClosed).cancelled().is_none());
    }

    #[test]
    fn a_cancellation_is_never_a_plain_failure() {
        assert_eq!(token().recoverability(), Recoverability::Cancelled);
        let time = TimeError::from(token());
        assert!(time.is_cancelled());
        assert_eq!(time.recoverability(), Recoverability::Cancelled);
    }
}
