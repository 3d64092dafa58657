//! Signals of the host, delivered to who listens, through the region that it listens in (R-IO-5).
//!
//! Owns the capability [`Signals`] and the listeners. A signal belongs to the process, so what takes it from the
//! host belongs to the process too, see `unix.rs`: every listener of every runtime hears it.
//!
//! **While somebody listens, the signal does nothing else.** When nobody does any more, it has the effect that it has
//! in a program that never asked: an impatient operator can end a program that drains after the first Ctrl-C with a second one.
//! What comes faster than it is taken counts once, as everywhere with signals.
//!
//! ```
//! use asupersync_core::LocalRegion;
//! use asupersync_std::{Runtime, signal};
//!
//! let mut runtime = Runtime::current_thread();
//! let end = runtime.block_on(async |r: &LocalRegion| {
//!     let work = async |cx: &asupersync_core::Cx| Ok(cx.yield_now().await?);
//!     // Serves until it is done or told to stop.
//!     Ok(r.race(work, async |cx| Ok(signal::shutdown(cx).await?)).await?)
//! })?;
//! assert_eq!(end, asupersync_core::Either::A(()));
//! # Ok::<(), asupersync_core::Error>(())
//! ```

mod error;
#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "other.rs")]
pub(crate) mod host;

use std::fmt;
use std::num::NonZeroUsize;
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use asupersync_core::channel::mpsc;
use asupersync_core::{Capability, CxBase, ObligationToken};

pub use error::SignalError;

/// The capability to listen for signals. A runtime grants it to its root; it cannot be made elsewhere.
#[derive(Debug)]
pub struct Signals(());

impl Signals {
    pub(crate) const fn new() -> Self {
        Self(())
    }
}

impl Capability for Signals {
    const NAME: &'static str = "signals";
}

/// A signal, by its usual meaning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Signal {
    /// SIGHUP: the terminal is gone; for services often "read your settings again".
    Hangup,
    /// SIGINT: Ctrl-C.
    Interrupt,
    /// SIGQUIT: Ctrl-\.
    Quit,
    /// SIGUSR1: what the program says it means.
    User1,
    /// SIGUSR2: what the program says it means.
    User2,
    /// SIGALRM: an alarm of the host's.
    Alarm,
    /// SIGTERM: please end.
    Terminate,
    /// SIGCHLD: something happened to a child process.
    Child,
    /// SIGCONT: go on.
    Continue,
    /// SIGWINCH: the terminal has another size.
    WindowChange,
    /// SIGKILL: ends the process. Cannot be listened for.
    Kill,
    /// SIGSTOP: halts the process. Cannot be listened for.
    Stop,
}

impl Signal {
    /// Whether a program can listen for it.
    pub const fn can_be_heard(self) -> bool {
        !matches!(self, Self::Kill | Self::Stop)
    }

    /// The host's name for it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Hangup => "SIGHUP",
            Self::Interrupt => "SIGINT",
            Self::Quit => "SIGQUIT",
            Self::User1 => "SIGUSR1",
            Self::User2 => "SIGUSR2",
            Self::Alarm => "SIGALRM",
            Self::Terminate => "SIGTERM",
            Self::Child => "SIGCHLD",
            Self::Continue => "SIGCONT",
            Self::WindowChange => "SIGWINCH",
            Self::Kill => "SIGKILL",
            Self::Stop => "SIGSTOP",
        }
    }

    const fn bit(self) -> u32 {
        1 << self as u32
    }
}

impl fmt::Display for Signal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.name())
    }
}

/// Listens for signals from now on, until the listener is dropped.
///
/// The surrounding region does not close while the listener lives: it is an operation of the host that goes on.
///
/// # Errors
/// [`SignalError`]: `Denied` without the capabilities [`Signals`] and [`Io`](asupersync_core::Io), `Unheard` for a
/// signal that nobody can listen for, `Unsupported`, `Host`, `Cancelled`. Nothing is listened for then.
pub fn signals(cx: &CxBase, wanted: &[Signal]) -> Result<SignalListener, SignalError> {
    cx.checkpoint()?;
    cx.capability::<Signals>()?;
    if let Some(signal) = wanted.iter().find(|signal| !signal.can_be_heard()) {
        return Err(SignalError::Unheard(*signal));
    }
    let token = cx.io_op()?;
    let room = NonZeroUsize::new(wanted.len()).unwrap_or(NonZeroUsize::MIN);
    let (arrivals, inbox) = mpsc::channel(room);
    let ear = Arc::new(Ear {
        wanted: wanted.iter().fold(0, |bits, signal| bits | signal.bit()),
        unheard: AtomicU32::new(0),
        arrivals,
    });
    host::listen(&ear, wanted)?;
    Ok(SignalListener { ear, inbox, token })
}

/// Waits for a request to end: [`Interrupt`](Signal::Interrupt) or [`Terminate`](Signal::Terminate). Says which.
///
/// # Cancel safety
/// Dropping the future stops listening.
///
/// # Errors
/// As [`signals`].
pub async fn shutdown(cx: &CxBase) -> Result<Signal, SignalError> {
    signals(cx, &[Signal::Interrupt, Signal::Terminate])?
        .recv(cx)
        .await
}

/// What the host's side knows of a listener.
#[cfg_attr(not(unix), allow(dead_code))] // nobody looks there
struct Ear {
    /// A bit for each signal that it listens for.
    wanted: u32,
    /// A bit for each that is in the channel: there it is once.
    unheard: AtomicU32,
    arrivals: mpsc::Sender<Signal>,
}

#[cfg_attr(not(unix), allow(dead_code))]
impl Ear {
    fn wants(&self, signal: Signal) -> bool {
        self.wanted & signal.bit() != 0
    }

    fn hear(&self, signal: Signal) {
        let before = self.unheard.fetch_or(signal.bit(), Ordering::AcqRel);
        if before & signal.bit() == 0 {
            // There is room for each signal once; where the listener is gone nobody misses it.
            let _ = self.arrivals.try_send(signal);
        }
    }
}

/// Listens for signals; made by [`signals`]. Dropping it stops that.
#[must_use = "dropping the listener gives the signals their default effect again"]
pub struct SignalListener {
    ear: Arc<Ear>,
    inbox: mpsc::Receiver<Signal>,
    token: ObligationToken,
}

impl SignalListener {
    /// Waits for the next signal.
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`SignalError::Cancelled`]; [`SignalError::RegionClosed`] if the listener outlived the region that it was
    /// made in.
    pub async fn recv(&mut self, cx: &CxBase) -> Result<Signal, SignalError> {
        if self.token.is_revoked() {
            return Err(SignalError::RegionClosed);
        }
        match self.inbox.recv(cx).await {
            Ok(signal) => {
                // From here on it counts as taken: the next one is another.
                let bits = !signal.bit();
                self.ear.unheard.fetch_and(bits, Ordering::AcqRel);
                Ok(signal)
            }
            Err(mpsc::RecvError::Cancelled(cancelled)) => Err(cancelled.into()),
            Err(_) => Err(SignalError::RegionClosed),
        }
    }
}

impl Drop for SignalListener {
    fn drop(&mut self) {
        host::forget(&self.ear);
    }
}

impl fmt::Debug for SignalListener {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignalListener").finish_non_exhaustive()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_not_taken_yet_counts_once() {
        let (arrivals, mut inbox) = mpsc::channel(NonZeroUsize::MIN);
        let ear = Ear {
            wanted: Signal::Hangup.bit(),
            unheard: AtomicU32::new(0),
            arrivals,
        };
        assert!(ear.wants(Signal::Hangup) && !ear.wants(Signal::User1));
        ear.hear(Signal::Hangup);
        ear.hear(Signal::Hangup);
        assert_eq!(inbox.try_recv().ok(), Some(Signal::Hangup));
        assert!(inbox.try_recv().is_err());
    }
}
