//! The pipes to a child process, through the blocking pool.
//!
//! Owns what a cancelled read got. A read takes a thread of the pool as long as the child says nothing, a
//! write as long as it takes nothing in. Cancelled, it waits on in its thread, and the region with it: until
//! the child writes, ends, or is ended by its region, which closes the pipe. A grandchild that inherited the pipe keeps it
//! open.

use std::fs::File;

use asupersync_core::CxBase;

use super::Processes;
use super::error::ProcessError;
use crate::blocking::{BlockingError, BlockingPool, ByteFile, Held, READ_MAX, WRITE_MAX};

fn pool(cx: &CxBase) -> Result<&BlockingPool, BlockingError> {
    Ok(&cx.capability::<Processes>()?.pool)
}

/// One end of a pipe, and whose it is.
#[derive(Debug)]
struct Pipe {
    program: String,
    state: Held<ByteFile>,
}

impl Pipe {
    fn new(program: &str, end: File) -> Self {
        Self {
            program: program.to_owned(),
            state: Held::new(ByteFile::new(end)),
        }
    }
}

/// Reads what a child process writes; see the fields of [`Child`](super::Child).
#[derive(Debug)]
pub struct PipeReader(Pipe);

impl PipeReader {
    pub(super) fn new(program: &str, end: File) -> Self {
        Self(Pipe::new(program, end))
    }

    /// Reads into `buffer`. Gives the number of bytes; zero when nobody writes any more.
    ///
    /// # Cancel safety
    /// Nothing is lost: what the cancelled read gets, the next gives out.
    ///
    /// # Errors
    /// [`ProcessError`].
    pub async fn read(&mut self, cx: &CxBase, buffer: &mut [u8]) -> Result<usize, ProcessError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let state = self.filled(cx, buffer.len().min(READ_MAX)).await?;
        Ok(state.give(buffer))
    }

    /// Appends all that comes until nobody writes any more to `content`. Gives the number of bytes.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was read is in `content` or comes with the next read.
    ///
    /// # Errors
    /// [`ProcessError`]; what was read before is in `content`.
    pub async fn read_to_end(
        &mut self,
        cx: &CxBase,
        content: &mut Vec<u8>,
    ) -> Result<usize, ProcessError> {
        let before = content.len();
        loop {
            let state = self.filled(cx, READ_MAX).await?;
            if state.left() == 0 {
                return Ok(content.len() - before);
            }
            state.give_all(content);
        }
    }

    /// The state, with something read unless nobody writes any more.
    async fn filled(&mut self, cx: &CxBase, want: usize) -> Result<&mut ByteFile, ProcessError> {
        let Pipe { program, state } = &mut self.0;
        let fail = |call: BlockingError| ProcessError::new("read from", program, call);
        let pool = pool(cx).map_err(fail)?;
        if state.here(cx).await.map_err(fail)?.left() == 0 {
            let filled = state.with(pool, cx, move |bytes| bytes.fill(want)).await;
            let filled = filled.map_err(fail)?;
            filled.map_err(|error| ProcessError::new("read from", program, error))?;
        }
        state.here(cx).await.map_err(fail)
    }
}

/// Writes what a child process reads; see the fields of [`Child`](super::Child). Dropped, it is closed.
#[derive(Debug)]
pub struct PipeWriter(Pipe);

impl PipeWriter {
    pub(super) fn new(program: &str, end: File) -> Self {
        Self(Pipe::new(program, end))
    }

    /// Writes as many of `bytes` as fit. Gives their number.
    ///
    /// # Cancel safety
    /// None, some or all of them may have been written.
    ///
    /// # Errors
    /// [`ProcessError`]; nothing was written. Of the kind `BrokenPipe` where nobody reads any more.
    pub async fn write(&mut self, cx: &CxBase, bytes: &[u8]) -> Result<usize, ProcessError> {
        let Pipe { program, state } = &mut self.0;
        let fail = |call: BlockingError| ProcessError::new("write to", program, call);
        let pool = pool(cx).map_err(fail)?;
        let bytes = bytes[..bytes.len().min(WRITE_MAX)].to_vec();
        let written = state.with(pool, cx, move |pipe| pipe.write(&bytes)).await;
        let written = written.map_err(fail)?;
        written.map_err(|error| ProcessError::new("write to", program, error))
    }

    /// Writes all of `bytes`.
    ///
    /// # Cancel safety
    /// Any number of them may have been written, from the first on.
    ///
    /// # Errors
    /// [`ProcessError`]; any number of them was written.
    pub async fn write_all(&mut self, cx: &CxBase, mut bytes: &[u8]) -> Result<(), ProcessError> {
        while !bytes.is_empty() {
            let written = self.write(cx, bytes).await?;
            bytes = &bytes[written..];
        }
        Ok(())
    }
}
