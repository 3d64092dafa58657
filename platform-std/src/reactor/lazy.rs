//! `LazyReactor`: a reactor from the first socket on.
//!
//! Owns the moment at which a runtime begins to wait in its reactor. A program without I/O parks on a cheaper thing
//! and opens no handles; a host that has none left fails the operation that needs them, not the runtime.

use std::io;
use std::sync::atomic::{Ordering, fence};
use std::sync::{Arc, Mutex, OnceLock, PoisonError};

use parking::Unparker;

use super::Reactor;

/// The reactor of a runtime, if there is one by now.
#[derive(Debug)]
pub(crate) struct LazyReactor {
    reactor: OnceLock<Arc<Reactor>>,
    starting: Mutex<()>,
    /// Wakes the thread that waits without a reactor.
    unparker: Unparker,
}

impl LazyReactor {
    pub(crate) fn new(unparker: Unparker) -> Self {
        Self {
            reactor: OnceLock::new(),
            starting: Mutex::new(()),
            unparker,
        }
    }

    /// The reactor, if a socket was made.
    pub(crate) fn get(&self) -> Option<&Arc<Reactor>> {
        self.reactor.get()
    }

    /// The reactor, made now if there is none.
    pub(crate) fn start(&self) -> io::Result<&Arc<Reactor>> {
        if let Some(reactor) = self.reactor.get() {
            return Ok(reactor);
        }
        let _only = self.starting.lock().unwrap_or_else(PoisonError::into_inner);
        if self.reactor.get().is_none() {
            let made = Reactor::new()?;
            self.reactor.get_or_init(|| made);
            // A thread that is parked without it goes on to wait in it.
            self.unparker.unpark();
        }
        self.reactor
            .get()
            .ok_or_else(|| io::Error::from(io::ErrorKind::NotFound))
    }

    /// Wakes the thread that waits, wherever it does.
    pub(crate) fn notify(&self) {
        if let Some(reactor) = self.reactor.get() {
            return reactor.notify();
        }
        self.unparker.unpark();
        // The reactor may come up just now. Either this look sees it, or the thread that is to wait in it sees
        // the token of the parker: both first write, then read.
        fence(Ordering::SeqCst);
        if let Some(reactor) = self.reactor.get() {
            reactor.notify();
        }
    }
}
