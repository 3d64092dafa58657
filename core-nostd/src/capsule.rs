//! `Capsule`: one operation that the host carries out for a task, while the task waits for it.
//!
//! Owns the life of the operation as the kernel sees it: the obligation that it holds from its first step to its
//! end (R-IO-1), the look at the cancel protocol, and the trace. It knows no host: a driver supplies the step,
//! which tries and, where the host is not ready, leaves the waker with it.
//!
//! The obligation is borrowed: the operation cannot leave its task, so it is counted in the task's header and
//! costs no region operation. What has to outlive its task takes [`CxBase::io_op`] instead.

use core::fmt;
use core::future::Future;
use core::pin::Pin;
use core::task::{Context, Poll};

use crate::cancel::Cancelled;
use crate::cx::CxBase;
use crate::error::{CapabilityDenied, Recoverability};
use crate::mutants::mutant;
use crate::object::ObjectId;
use crate::obligation::ObligationKind;

/// What the host's operations are about, as traces name it: a socket, a file, a process.
#[derive(Debug)]
pub struct HostObject(ObjectId);

impl HostObject {
    /// An object without a name; the first traced task that touches it gives it one.
    pub fn new() -> Self {
        Self(ObjectId::new())
    }
}

impl Default for HostObject {
    fn default() -> Self {
        Self::new()
    }
}

/// Why an operation of the host did not come to its end.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum CapsuleError {
    /// The task was asked to stop. The step that was tried last had no effect.
    Cancelled(Cancelled),
    /// The region does not hold the capability [`Io`](crate::Io). Nothing was tried.
    Denied(CapabilityDenied),
}

impl CapsuleError {
    /// Whether the task was asked to stop.
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

impl From<Cancelled> for CapsuleError {
    fn from(cancelled: Cancelled) -> Self {
        Self::Cancelled(cancelled)
    }
}

impl From<CapabilityDenied> for CapsuleError {
    fn from(denied: CapabilityDenied) -> Self {
        Self::Denied(denied)
    }
}

impl fmt::Display for CapsuleError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cancelled(cancelled) => cancelled.fmt(f),
            Self::Denied(denied) => denied.fmt(f),
        }
    }
}

impl core::error::Error for CapsuleError {
    fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
        Some(match self {
            Self::Cancelled(cancelled) => cancelled,
            Self::Denied(denied) => denied,
        })
    }
}

/// How far a capsule has come.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Stage {
    /// Never polled: nothing is reserved, nothing was tried.
    Created,
    /// Reserved, and tried at least once.
    UnderWay,
    /// As `UnderWay`, and the host is to call back.
    Waiting,
    Completed,
}

/// An operation of the host under way; made by [`CxBase::io_wait`].
#[must_use = "futures do nothing until polled"]
pub struct Capsule<'a, F> {
    cx: &'a CxBase,
    object: &'a HostObject,
    step: F,
    stage: Stage,
}

impl CxBase {
    /// Repeats `step` until it is ready: the wait of every operation that a driver offers.
    ///
    /// `step` tries the operation. Where the host is not ready it arranges for the task to be woken and returns
    /// `Pending`, having done nothing; what it arranged it takes back when it is dropped.
    ///
    /// The operation holds an `IoOp` obligation while it is under way (R-IO-1). It is a cancellation point: a
    /// task that was asked to stop before the first step tries nothing; later on the step is tried first, so
    /// what the host has done already is never thrown away.
    ///
    /// # Errors
    /// The future's: [`CapsuleError::Cancelled`] if this context was asked to stop,
    /// [`CapsuleError::Denied`] without the capability [`Io`](crate::Io).
    ///
    /// # Cancel safety
    /// Dropping the future drops `step` and aborts the obligation; the step that returned `Pending` had no
    /// effect.
    ///
    /// ```
    /// use asupersync_core::{CapsuleError, CxBase, HostObject};
    /// use core::task::Poll;
    ///
    /// async fn press(cx: &CxBase, button: &HostObject) -> Result<u32, CapsuleError> {
    ///     let mut looks = 0;
    ///     cx.io_wait(button, |task| {
    ///         looks += 1;
    ///         if looks == 3 {
    ///             return Poll::Ready(looks);
    ///         }
    ///         // A driver keeps the waker and wakes it when the button is pressed.
    ///         task.waker().wake_by_ref();
    ///         Poll::Pending
    ///     })
    ///     .await
    /// }
    /// ```
    #[inline]
    pub fn io_wait<'a, F, T>(&'a self, object: &'a HostObject, step: F) -> Capsule<'a, F>
    where
        F: FnMut(&mut Context<'_>) -> Poll<T> + Unpin,
    {
        Capsule {
            cx: self,
            object,
            step,
            stage: Stage::Created,
        }
    }
}

impl<F> Capsule<'_, F> {
    #[inline]
    fn begin(&mut self) -> Result<(), CapsuleError> {
        self.cx.require_io()?;
        self.cx.poll_cancelled()?;
        if !mutant!(CapsuleUncounted) {
            let kind = ObligationKind::IoOp;
            self.cx.permit_reserved(&self.object.0, kind);
        }
        self.stage = Stage::UnderWay;
        Ok(())
    }

    #[inline]
    fn end(&mut self, committed: bool) {
        let before = core::mem::replace(&mut self.stage, Stage::Completed);
        if before == Stage::Waiting {
            self.cx.wait_ended(&self.object.0, committed);
        }
        if matches!(before, Stage::UnderWay | Stage::Waiting) {
            let kind = ObligationKind::IoOp;
            self.cx.permit_resolved(&self.object.0, kind, committed);
        }
    }
}

impl<F, T> Future for Capsule<'_, F>
where
    F: FnMut(&mut Context<'_>) -> Poll<T> + Unpin,
{
    type Output = Result<T, CapsuleError>;

    #[inline]
    fn poll(self: Pin<&mut Self>, task: &mut Context<'_>) -> Poll<Self::Output> {
        let this = self.get_mut();
        if this.stage == Stage::Created {
            this.begin()?;
        }
        if let Poll::Ready(done) = (this.step)(task) {
            this.end(true);
            return Poll::Ready(Ok(done));
        }
        if this.stage == Stage::UnderWay {
            this.stage = Stage::Waiting;
            this.cx
                .wait_started(&this.object.0, crate::wait::WaitKind::Io);
        } else if !mutant!(CapsuleDeaf) {
            // After the step: what the host has done wins over a late cancel.
            if let Err(cancelled) = this.cx.poll_cancelled() {
                this.end(false);
                return Poll::Ready(Err(cancelled.into()));
            }
        }
        Poll::Pending
    }
}

impl<F> Drop for Capsule<'_, F> {
    #[inline]
    fn drop(&mut self) {
        self.end(false);
    }
}

impl<F> fmt::Debug for Capsule<'_, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Capsule")
            .field("object", self.object)
            .finish_non_exhaustive()
    }
}
