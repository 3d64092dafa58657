//! `Host`: what the executor around a guest lends it. A clock, timers, entropy.
//!
//! Owns the trait and its obligations. Waking is not part of it: the guest wakes the waker that it was polled with.

use core::future::Future;

use asupersync_core::{Diagnostic, Time};

/// The host as a guest sees it: one clock, and timers on that clock.
///
/// Clock and timers are one trait so that they cannot be of two minds. Catching panics is not the
/// host's part: the feature `std` does it.
///
/// # Obligations
/// - `now`, as for [`Platform::now`](asupersync_core::Platform::now), may be called from any thread and from an
///   interrupt, never goes backwards and does not block.
/// - `timer` is called while the guest is polled, hence in the host's own context.
pub trait Host: Send + Sync + 'static {
    /// A wait on the host's clock.
    ///
    /// It is pinned in the guest's future, so it need be neither `Unpin` nor boxed, and polled with the waker
    /// of the host task that polls the guest. Dropping it cancels it.
    type Timer: Future<Output = ()>;

    /// The time since the host's choice of a beginning, in nanoseconds; monotonic.
    fn now(&self) -> Time;

    /// A future that is ready once [`now`](Self::now) has reached `deadline`.
    ///
    /// Ready too early costs a turn with nothing to do, ready too late makes every timer of the guest late. Deadlines
    /// reach as far as [`Time::MAX`]; one beyond the host's range may stay pending for ever. Called when the guest
    /// goes idle with a deadline that it has no timer for; one timer lives at a time.
    fn timer(&self, deadline: Time) -> Self::Timer;

    /// 64 bits of entropy, asked for once. A deterministic host derives them from its seed alone.
    fn entropy(&self) -> u64;

    /// Shows a diagnostic to a person. The default drops it.
    fn report(&self, diagnostic: &Diagnostic) {
        let _ = diagnostic;
    }
}
