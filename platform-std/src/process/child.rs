//! `Child`: a handle to a child process.

use std::io;
use std::process::ExitStatus;
use std::sync::Arc;
use std::sync::mpsc;

use asupersync_core::channel::oneshot::{self, RecvError};
use asupersync_core::{CxBase, ObligationToken, Region, Spawn, TaskError};

use super::error::{ProcessCause, ProcessError};
use super::host::{self, Process};
use super::pipe::{PipeReader, PipeWriter};
use super::warden::Warden;
use super::{Command, Processes};
use crate::blocking::BlockingError;
use crate::signal::Signal;

/// A handle to a child process. Dropping it does not end the process: its region owns it.
#[derive(Debug)]
#[must_use = "the process runs on without its handle, until its region ends it; wait for it to see its status"]
pub struct Child {
    /// To the child's standard input, if that is a pipe.
    pub stdin: Option<PipeWriter>,
    /// From the child's standard output, if that is a pipe.
    pub stdout: Option<PipeReader>,
    /// From the child's standard error, if that is a pipe.
    pub stderr: Option<PipeReader>,
    program: String,
    process: Arc<Process>,
    ended: oneshot::Receiver<io::Result<ExitStatus>>,
    status: Option<ExitStatus>,
    kill_on_cancel: bool,
}

/// What the thread that waits for a process needs.
struct Watch {
    process: Arc<Process>,
    token: ObligationToken,
    to_handle: oneshot::Sender<io::Result<ExitStatus>>,
    to_warden: oneshot::Sender<()>,
}

impl Watch {
    fn run(self) {
        let status = self.process.wait();
        // The handle may be gone, and the warden asked to stop.
        drop(self.to_handle.send(status));
        let _ = self.to_warden.send(());
        let _ = self.token.commit();
    }
}

/// Asks for everything that can be asked for before there is a process.
pub(super) fn spawn<E: TaskError>(
    command: &mut Command,
    region: &Region<E>,
) -> Result<Child, ProcessError> {
    let program = command.name();
    let fail = |cause: ProcessCause| ProcessError::new("start", &program, cause);
    let token = reserve(region).map_err(fail)?;
    let (watch, watched) = mpsc::sync_channel::<Watch>(1);
    let thread = host::start_thread(move || {
        // Closed: there is no process.
        if let Ok(watch) = watched.recv() {
            watch.run();
        }
    });
    thread.map_err(|error| fail(error.into()))?;
    let (process, pipes) = host::start(&mut command.std).map_err(|error| fail(error.into()))?;
    let process = Arc::new(process);
    // The token is fresh, and this task keeps its region open.
    let _ = token.submit(None);
    let (to_handle, ended) = oneshot::channel();
    let (to_warden, warden_ended) = oneshot::channel();
    // The thread holds the other end until it has received.
    let _ = watch.send(Watch {
        process: Arc::clone(&process),
        token,
        to_handle,
        to_warden,
    });
    let warden = Warden {
        process: Arc::clone(&process),
        ended: warden_ended,
        grace: command.grace,
    };
    // Refused, which only a full runtime does, the warden is dropped, and so kills the process.
    let owned = region.spawn_background(move |cx| warden.watch(cx));
    owned.map_err(|error| fail(error.into()))?;
    let reader = |end: Option<_>| end.map(|end| PipeReader::new(&program, end));
    Ok(Child {
        stdin: pipes.stdin.map(|end| PipeWriter::new(&program, end)),
        stdout: reader(pipes.stdout),
        stderr: reader(pipes.stderr),
        program: program.clone(),
        process,
        ended,
        status: None,
        kill_on_cancel: command.kill_on_cancel,
    })
}

/// The capsule of the process, if the region may have one.
fn reserve(cx: &CxBase) -> Result<ObligationToken, ProcessCause> {
    host::check()?;
    cx.checkpoint().map_err(BlockingError::from)?;
    let denied = BlockingError::from;
    cx.capability::<Processes>().map_err(denied)?;
    cx.capability::<Spawn>().map_err(denied)?;
    Ok(cx.io_op().map_err(denied)?)
}

impl Child {
    /// The number that the host gave the process.
    pub fn id(&self) -> u32 {
        self.process.id()
    }

    /// Waits for the process to end, and gives its status. Closes its standard input first, if this handle still has
    /// that: else the child might wait for more.
    ///
    /// # Cancel safety
    /// The process is not touched, unless the command said [`kill_on_cancel`](Command::kill_on_cancel).
    ///
    /// # Errors
    /// [`ProcessError`]: cancelled, or the host lost the status, as it does where somebody else reaps this process's
    /// children.
    pub async fn wait(&mut self, cx: &CxBase) -> Result<ExitStatus, ProcessError> {
        drop(self.stdin.take());
        if let Some(status) = self.status {
            return Ok(status);
        }
        let kill = Kill(self.kill_on_cancel.then_some(&self.process));
        let ended = self.ended.recv(cx).await;
        if ended.is_ok() {
            kill.defuse();
        }
        let status = match ended {
            Ok(status) => status.map_err(ProcessCause::from),
            Err(RecvError::Cancelled(cancelled)) => Err(BlockingError::from(cancelled).into()),
            // The status was given out before, as an error.
            Err(_) => Err(io::Error::from(io::ErrorKind::NotFound).into()),
        };
        let status = status.map_err(|cause| ProcessError::new("wait for", &self.program, cause))?;
        self.status = Some(status);
        Ok(status)
    }

    /// Sends a signal to the process. `false`: it has ended already.
    ///
    /// # Errors
    /// [`ProcessError`], if the host refuses: the process may have become another user's.
    pub fn signal(&self, signal: Signal) -> Result<bool, ProcessError> {
        let sent = self.process.signal(signal);
        sent.map_err(|error| ProcessError::new("send a signal to", &self.program, error))
    }

    /// Ends the process at once. `false`: it has ended already. [`wait`](Self::wait) then gives its status.
    ///
    /// # Errors
    /// As [`signal`](Self::signal).
    pub fn kill(&self) -> Result<bool, ProcessError> {
        self.signal(Signal::Kill)
    }
}

/// Kills the process when a wait goes without its end.
struct Kill<'a>(Option<&'a Arc<Process>>);

impl Kill<'_> {
    fn defuse(mut self) {
        self.0 = None;
    }
}

impl Drop for Kill<'_> {
    fn drop(&mut self) {
        if let Some(process) = self.0 {
            // Fails only where the process has gone.
            let _ = process.signal(Signal::Kill);
        }
    }
}
