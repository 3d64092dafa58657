//! Every other host: kqueue, event ports or IOCP behind the `polling` crate.
//!
//! Edge-triggered where the host can; elsewhere told once for each time it was asked.

#![allow(unsafe_code)]

use std::io;
use std::num::NonZeroUsize;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use asupersync_io::{Interest, Ready};
use polling::{Event, PollMode};

use super::Patience;
use crate::clock::time_left;

pub(crate) use polling::AsSource as Source;

/// The end of a stream may come together with its last bytes, and `polling` does not tell them apart.
pub(crate) const TELLS_CLOSED: bool = false;

/// How many events one wait takes.
const EVENTS_MAX: NonZeroUsize = NonZeroUsize::new(1024).unwrap();

#[derive(Debug)]
pub(crate) struct Poller {
    host: polling::Poller,
    mode: PollMode,
}

pub(crate) struct Events(polling::Events);

/// In which directions the host was asked to tell, where it tells only once.
#[derive(Debug, Default)]
pub(crate) struct Arming(Mutex<Asked>);

#[derive(Debug, Default, Clone, Copy)]
struct Asked {
    read: bool,
    write: bool,
}

impl Arming {
    pub(crate) fn new() -> Self {
        Self::default()
    }

    /// Asks for a direction, and again for the other one if that was asked for: asking replaces.
    pub(crate) fn arm(
        &self,
        poller: &Poller,
        source: &impl Source,
        key: usize,
        interest: Interest,
    ) -> io::Result<()> {
        if poller.mode == PollMode::Edge {
            return Ok(());
        }
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match interest {
            Interest::Read => asked.read = true,
            Interest::Write => asked.write = true,
        }
        let event = Event::new(key, asked.read, asked.write);
        poller
            .host
            .modify_with_mode(source.source(), event, poller.mode)
    }

    /// The host told something, and tells nothing more until it is asked: whoever asked for the other direction
    /// is told as well, tries, and asks again.
    pub(crate) fn heard(&self, ready: Ready) -> Ready {
        let mut asked = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let Asked { read, write } = std::mem::take(&mut *asked);
        Ready {
            readable: ready.readable || read,
            writable: ready.writable || write,
            ..ready
        }
    }
}

impl Poller {
    pub(crate) fn new() -> io::Result<Self> {
        let host = polling::Poller::new()?;
        let mode = if host.supports_edge() {
            PollMode::Edge
        } else {
            PollMode::Oneshot
        };
        Ok(Self { host, mode })
    }

    pub(crate) fn add(&self, source: &impl Source, key: usize) -> io::Result<()> {
        let told = match self.mode {
            PollMode::Edge => Event::all(key),
            // Nobody has asked yet.
            _ => Event::none(key),
        };
        // SAFETY: the source is removed before it is closed: `HostSocket` owns it, and its `Drop` calls `remove`
        // before its fields go.
        unsafe { self.host.add_with_mode(&source.source(), told, self.mode) }
    }

    pub(crate) fn remove(&self, source: &impl Source) -> io::Result<()> {
        self.host.delete(source.source())
    }

    pub(crate) fn wait(&self, events: &mut Events, patience: Patience) -> io::Result<()> {
        events.0.clear();
        match patience {
            Patience::None => self.host.wait(&mut events.0, Some(Duration::ZERO)),
            Patience::Until(deadline) => self.host.wait(&mut events.0, Some(time_left(deadline))),
            Patience::Endless => self.host.wait(&mut events.0, None),
        }
        .map(drop)
    }

    pub(crate) fn interrupt(&self) -> io::Result<()> {
        self.host.notify()
    }
}

impl Events {
    pub(crate) fn new() -> Self {
        Self(polling::Events::with_capacity(EVENTS_MAX))
    }

    /// Takes out what is about sources: their keys and news.
    pub(crate) fn drain(&mut self) -> impl Iterator<Item = (usize, Ready)> {
        self.0.iter().map(|event| {
            let ready = Ready {
                readable: event.readable,
                writable: event.writable,
                ..Ready::default()
            };
            (event.key, ready)
        })
    }
}
