//! Where this crate cannot own processes: everything says so, before any effect.

use std::fs::File;
use std::io;
use std::process::{Command, ExitStatus};

use super::error::ProcessCause;
use crate::signal::Signal;
use crate::unsupported::Unsupported;

/// There is none.
#[derive(Debug)]
pub(super) enum Process {}

/// The ends of the pipes to a child.
pub(super) struct Pipes {
    pub(super) stdin: Option<File>,
    pub(super) stdout: Option<File>,
    pub(super) stderr: Option<File>,
}

/// Refuses.
pub(super) fn check() -> Result<(), ProcessCause> {
    Err(Unsupported::new("child processes").into())
}

/// Not reached: [`check`] refuses.
pub(super) fn start_thread(body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    drop(body);
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

/// Not reached: [`check`] refuses.
pub(super) fn start(_command: &mut Command) -> io::Result<(Process, Pipes)> {
    Err(io::Error::from(io::ErrorKind::Unsupported))
}

impl Process {
    pub(super) fn id(&self) -> u32 {
        match *self {}
    }

    pub(super) fn signal(&self, _signal: Signal) -> io::Result<bool> {
        match *self {}
    }

    pub(super) fn wait(&self) -> io::Result<ExitStatus> {
        match *self {}
    }
}
