//! `Platform`: the world as the kernel sees it. A clock, a way to be called back, entropy, a panic guard.
//!
//! Owns the trait and the list of obligations on whoever implements it. It does not own I/O: that is
//! reached through capabilities in [`Cx`](crate::Cx). A platform knows nothing of regions or tasks.

use crate::outcome::PanicPayload;
use crate::time::Time;

/// What a port supplies: time, a call-back, entropy, and a panic guard where panics unwind.
///
/// An instance is passed to [`Driver::new`](crate::Driver::new), never registered at link time, so
/// that std, the browser and the lab can live in one binary.
///
/// # Obligations
/// - Every method may be called from any thread, and, where the port wakes tasks from interrupts,
///   `now` and `pend` also from an interrupt handler. None may block or call back into the kernel.
/// - `now` never goes backwards. Two calls may return the same time. It is the only clock the
///   kernel reads and never wall time.
/// - After the driver is dropped, `arm` and `pend` may still be called (a late wake) and must be
///   no-ops.
/// - Implementations hold plain `Sync` data. What is not `Send` belongs to the loop around
///   the driver.
///
/// Why a trait object and not a type parameter: tasks, channels and regions would all carry the
/// parameter, and a call through a pointer is small beside a poll.
pub trait Platform: Send + Sync {
    /// The time since this runtime began, in nanoseconds; monotonic.
    fn now(&self) -> Time;

    /// Asks to be called back no later than `deadline` (`None`: no timer is pending).
    ///
    /// Each call replaces the one before it. Calling back early or once too often is allowed: a
    /// turn with nothing to do is cheap. Platforms whose loop sleeps on the value that `turn`
    /// returns may ignore it.
    fn arm(&self, deadline: Option<Time>);

    /// Asks for a turn soon. Calls from within a turn, and repeated calls, are no-ops.
    fn pend(&self);

    /// 64 bits of entropy. A deterministic platform derives them from its seed alone.
    fn entropy(&self) -> u64;

    /// Runs `run` and reports a panic that came out of it.
    ///
    /// The kernel makes one call around each poll and each drop of a user's future, in programs whose panics
    /// unwind. Where they abort the panic handler has the last word, and nothing is called.
    fn guard(&self, run: &mut dyn FnMut()) -> Result<(), PanicPayload> {
        run();
        Ok(())
    }

    /// Shows a diagnostic to a person. The default drops it.
    ///
    /// Called outside every lock, never from an interrupt handler.
    fn report(&self, diagnostic: &crate::diagnostic::Diagnostic) {
        let _ = diagnostic;
    }
}

/// Runs `run` under the platform's guard, where there are panics to catch.
#[inline]
pub(crate) fn guarded(platform: &dyn Platform, mut run: impl FnMut()) -> Result<(), PanicPayload> {
    if cfg!(panic = "unwind") {
        platform.guard(&mut run)
    } else {
        run();
        Ok(())
    }
}
