//! A child process on Unix: how it is started, signalled and waited for.
//!
//! Owns the rule that makes signals safe: the thread that waits does not reap. It sees the end with `waitid` and
//! `WNOWAIT`, so the number stays the child's, and reaps under the lock under which signals are sent: none
//! can reach another process that got the number later.

use std::fs::File;
use std::io;
use std::os::fd::OwnedFd;
use std::process::{Child, Command, ExitStatus};
use std::sync::{Mutex, PoisonError};
use std::thread;

use rustix::io::Errno;
use rustix::process::{Pid, WaitId, WaitIdOptions, kill_process, waitid};

use super::error::ProcessCause;
use crate::signal::{Signal, host::raw};

/// The stack of a thread that waits.
const STACK: usize = 64 * 1024;

/// A child process, from its start until it is reaped.
#[derive(Debug)]
pub(super) struct Process {
    id: u32,
    /// `None` once it is reaped.
    child: Mutex<Option<Child>>,
}

/// The ends of the pipes to a child.
pub(super) struct Pipes {
    pub(super) stdin: Option<File>,
    pub(super) stdout: Option<File>,
    pub(super) stderr: Option<File>,
}

/// Whether this host has processes.
pub(super) fn check() -> Result<(), ProcessCause> {
    Ok(())
}

/// Starts a thread that waits.
pub(super) fn start_thread(body: impl FnOnce() + Send + 'static) -> io::Result<()> {
    let builder = thread::Builder::new().name(String::from("child"));
    builder.stack_size(STACK).spawn(body).map(drop)
}

/// Starts the program.
pub(super) fn start(command: &mut Command) -> io::Result<(Process, Pipes)> {
    let mut child = command.spawn()?;
    let pipes = Pipes {
        stdin: child.stdin.take().map(|end| OwnedFd::from(end).into()),
        stdout: child.stdout.take().map(|end| OwnedFd::from(end).into()),
        stderr: child.stderr.take().map(|end| OwnedFd::from(end).into()),
    };
    let process = Process {
        id: child.id(),
        child: Mutex::new(Some(child)),
    };
    Ok((process, pipes))
}

impl Process {
    pub(super) fn id(&self) -> u32 {
        self.id
    }

    /// Sends a signal. `false`: the process has been reaped.
    pub(super) fn signal(&self, signal: Signal) -> io::Result<bool> {
        let child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        let Some(child) = &*child else {
            return Ok(false);
        };
        kill_process(Pid::from_child(child), raw(signal))?;
        Ok(true)
    }

    /// Waits for the end of the process, and reaps it.
    pub(super) fn wait(&self) -> io::Result<ExitStatus> {
        let pid = i32::try_from(self.id).ok().and_then(Pid::from_raw);
        let pid = pid.ok_or_else(|| io::Error::from(io::ErrorKind::InvalidInput))?;
        let until = WaitIdOptions::EXITED | WaitIdOptions::NOWAIT;
        while let Err(error) = waitid(WaitId::Pid(pid), until) {
            if error != Errno::INTR {
                // Somebody else has reaped it; std says so below.
                break;
            }
        }
        let mut child = self.child.lock().unwrap_or_else(PoisonError::into_inner);
        match child.take() {
            Some(mut child) => child.wait(),
            None => Err(io::Error::from(io::ErrorKind::NotFound)),
        }
    }
}
