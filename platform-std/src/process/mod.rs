//! Child processes, owned by regions.
//!
//! Owns the capability [`Processes`] and [`Command`]. A child process belongs to the region that it was spawned in, like a
//! background task: once the body has returned and the other children are done, or when the region is
//! cancelled, it is asked to end with SIGTERM; if it has not when the time for that is over, it is killed. The region
//! closes when the process is gone. So a region that wants a child's own end waits for it.
//!
//! | who ends it | how |
//! |---|---|
//! | the child itself | [`Child::wait`] gives its status |
//! | the region | SIGTERM; SIGKILL after [`grace`](Command::grace), at the latest when the cleanup budget is spent, which counts as forced |
//! | the program | [`Child::signal`], [`Child::kill`] |
//! | a runtime that is dropped after a panic | SIGKILL |
//!
//! Each child takes a thread that waits for it (64 KiB of stack, started before the process, so that a lack
//! of threads is an error before any effect): no handler for SIGCHLD, no poller, the same on every Unix. Beside a process
//! that is little, and it is not a thread of the blocking pool, which children could use up. The pipes to a child
//! do use the pool: a read takes a thread of it as long as the child says nothing.
//!
//! ```
//! # #[cfg(unix)] {
//! use asupersync_core::{Cx, LocalRegion};
//! use asupersync_std::{Runtime, process::Command};
//!
//! let mut runtime = Runtime::current_thread();
//! let said = runtime.block_on(async |r: &LocalRegion| {
//!     let output = Command::new("echo").arg("hello").output(r).await?;
//!     assert!(output.status.success());
//!     Ok(output.stdout)
//! });
//! assert_eq!(said.unwrap(), b"hello\n");
//! # }
//! ```

mod child;
mod error;
#[cfg_attr(unix, path = "unix.rs")]
#[cfg_attr(not(unix), path = "other.rs")]
mod host;
mod pipe;
mod warden;

use std::ffi::OsStr;
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use asupersync_core::{Capability, Cx, Error, Region, RegionOptions, Task, TaskError};

use crate::blocking::BlockingPool;

pub use child::Child;
pub use error::{ProcessCause, ProcessError};
pub use pipe::{PipeReader, PipeWriter};
pub use std::process::{ExitStatus, Output};

/// The capability to run other programs. A runtime grants it to its root; it cannot be made elsewhere.
#[derive(Debug)]
pub struct Processes {
    pool: BlockingPool,
}

impl Capability for Processes {
    const NAME: &'static str = "process";
}

impl Processes {
    pub(crate) fn new(pool: BlockingPool) -> Self {
        Self { pool }
    }
}

/// A program to run, and how. Made from a name or from a command of std's.
#[derive(Debug)]
#[must_use = "a command does nothing until it is spawned"]
pub struct Command {
    std: std::process::Command,
    stdin_is_set: bool,
    grace: Option<Duration>,
    kill_on_cancel: bool,
}

impl From<std::process::Command> for Command {
    /// As it is, with the standard input that it has.
    fn from(std: std::process::Command) -> Self {
        Self {
            std,
            stdin_is_set: true,
            grace: None,
            kill_on_cancel: false,
        }
    }
}

impl Command {
    /// The program of this name, or at this path, without arguments.
    pub fn new(program: impl AsRef<OsStr>) -> Self {
        Self {
            stdin_is_set: false,
            ..Self::from(std::process::Command::new(program))
        }
    }

    /// One more argument.
    pub fn arg(mut self, arg: impl AsRef<OsStr>) -> Self {
        self.std.arg(arg);
        self
    }

    /// More arguments.
    pub fn args(mut self, args: impl IntoIterator<Item = impl AsRef<OsStr>>) -> Self {
        self.std.args(args);
        self
    }

    /// A variable of its environment, which is this process's otherwise.
    pub fn env(mut self, name: impl AsRef<OsStr>, value: impl AsRef<OsStr>) -> Self {
        self.std.env(name, value);
        self
    }

    /// Without this variable.
    pub fn env_remove(mut self, name: impl AsRef<OsStr>) -> Self {
        self.std.env_remove(name);
        self
    }

    /// Without any variable of this process's.
    pub fn env_clear(mut self) -> Self {
        self.std.env_clear();
        self
    }

    /// The folder that it starts in.
    pub fn current_dir(mut self, path: impl AsRef<Path>) -> Self {
        self.std.current_dir(path);
        self
    }

    /// Its standard input; this process's otherwise, and nothing for [`output`](Self::output).
    pub fn stdin(mut self, from: impl Into<Stdio>) -> Self {
        self.std.stdin(from);
        self.stdin_is_set = true;
        self
    }

    /// Its standard output; this process's otherwise.
    pub fn stdout(mut self, to: impl Into<Stdio>) -> Self {
        self.std.stdout(to);
        self
    }

    /// Its standard error; this process's otherwise.
    pub fn stderr(mut self, to: impl Into<Stdio>) -> Self {
        self.std.stderr(to);
        self
    }

    /// How long the process may take to end after it was asked to; then it is killed. Without, it may take as long as the
    /// cleanup budget of the region lasts, and being killed then counts as forced.
    pub fn grace(mut self, time: Duration) -> Self {
        self.grace = Some(time);
        self
    }

    /// Kills the process when a wait for its end is cancelled. Otherwise the region decides.
    pub fn kill_on_cancel(mut self) -> Self {
        self.kill_on_cancel = true;
        self
    }

    /// Starts the program. The process belongs to `region`.
    ///
    /// Starting takes as long as the host takes to load the program, on the calling thread.
    ///
    /// # Errors
    /// [`ProcessError`]: without the capabilities [`Processes`], [`Io`](asupersync_core::Io) and
    /// [`Spawn`](asupersync_core::Spawn), if the region admits nothing any more, if there is no such program.
    /// There is no process then.
    pub fn spawn<E: TaskError>(&mut self, region: &Region<E>) -> Result<Child, ProcessError> {
        child::spawn(self, region)
    }

    /// Runs the program to its end and gives its status.
    ///
    /// # Cancel safety
    /// Cancelled, the process is ended as its region would end it, and waited for.
    ///
    /// # Errors
    /// [`ProcessError`]. A program that ends badly is no error: look at the status.
    pub async fn status<E: TaskError>(&mut self, cx: &Cx<E>) -> Result<ExitStatus, ProcessError> {
        let name = self.name();
        let result = cx.region_of::<Error, _, _>(RegionOptions::new(), async |r| {
            Ok(self.spawn(r)?.wait(r).await?)
        });
        error::of_region(result.await, name)
    }

    /// Runs the program to its end and gives its status and what it wrote.
    ///
    /// # Cancel safety
    /// As [`status`](Self::status); what it wrote is lost.
    ///
    /// # Errors
    /// As [`status`](Self::status).
    pub async fn output<E: TaskError>(&mut self, cx: &Cx<E>) -> Result<Output, ProcessError> {
        let name = self.name();
        if !self.stdin_is_set {
            self.std.stdin(Stdio::null());
        }
        self.std.stdout(Stdio::piped()).stderr(Stdio::piped());
        let result = cx.region_of::<Error, _, _>(RegionOptions::new(), async |r| {
            let mut child = self.spawn(r)?;
            let (stdout, stderr) = (child.stdout.take(), child.stderr.take());
            let (stdout, stderr) = (collect(r, stdout)?, collect(r, stderr)?);
            Ok(Output {
                status: child.wait(r).await?,
                stdout: stdout.join(r).await?,
                stderr: stderr.join(r).await?,
            })
        });
        error::of_region(result.await, name)
    }

    fn name(&self) -> String {
        self.std.get_program().to_string_lossy().into_owned()
    }
}

/// A task that reads a pipe to its end.
fn collect(r: &Region, pipe: Option<PipeReader>) -> Result<Task<Vec<u8>, Error>, Error> {
    let task = r.spawn(async move |cx| {
        let mut content = Vec::new();
        if let Some(mut pipe) = pipe {
            pipe.read_to_end(&cx, &mut content).await?;
        }
        Ok(content)
    });
    Ok(task?)
}
