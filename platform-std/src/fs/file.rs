//! `File`: an open file.
//!
//! Owns the cursor's promise: what was read from the host and not given out is kept, and what is written goes
//! where the program thinks the cursor is, also after waits that were cancelled.

use std::fs::{Metadata, OpenOptions, Permissions};
use std::io::{self, Seek, SeekFrom};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use asupersync_core::CxBase;

use super::error::{self, FsError};
use super::{on_path, pool};
use crate::blocking::{ByteFile, Held, READ_MAX, WRITE_MAX};

/// An open file, whose operations run in the blocking pool, one after the other.
///
/// Dropped, it is closed: by the thread that still works on it, else at once.
///
/// # Cancel safety
/// An operation whose wait is cancelled either does not happen or runs to its end; the next operation waits for it. So
/// - a read loses nothing: what the cancelled read got, the next gives out;
/// - a write may have written none, some or all of its bytes, at the cursor, and the cursor is behind those. What earlier
///   writes reported as written is untouched. [`flush`](Self::flush) tells whether it failed.
#[derive(Debug)]
pub struct File {
    path: PathBuf,
    state: Held<ByteFile>,
}

impl File {
    /// Opens a file to read it.
    ///
    /// # Errors
    /// [`FsError`].
    pub async fn open(cx: &CxBase, path: impl AsRef<Path>) -> Result<Self, FsError> {
        Self::open_with(cx, path, OpenOptions::new().read(true)).await
    }

    /// Makes a file, or empties the one that is there, to write it.
    ///
    /// # Errors
    /// [`FsError`].
    pub async fn create(cx: &CxBase, path: impl AsRef<Path>) -> Result<Self, FsError> {
        let mut options = OpenOptions::new();
        Self::open_with(cx, path, options.write(true).create(true).truncate(true)).await
    }

    /// Opens a file with std's options.
    ///
    /// # Cancel safety
    /// Begun, it is opened, with what the options say about making and emptying it, and closed again.
    ///
    /// # Errors
    /// [`FsError`].
    pub async fn open_with(
        cx: &CxBase,
        path: impl AsRef<Path>,
        options: &OpenOptions,
    ) -> Result<Self, FsError> {
        let (path, options) = (path.as_ref().to_path_buf(), options.clone());
        let file = on_path(cx, "open", &path, move |path| options.open(path)).await?;
        Ok(Self {
            path,
            state: Held::new(ByteFile::new(file)),
        })
    }

    /// The path that it was opened with.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// Reads at the cursor into `buffer`. Gives the number of bytes; zero at the end of the file.
    ///
    /// # Cancel safety
    /// Nothing is lost.
    ///
    /// # Errors
    /// [`FsError`].
    pub async fn read(&mut self, cx: &CxBase, buffer: &mut [u8]) -> Result<usize, FsError> {
        if buffer.is_empty() {
            return Ok(0);
        }
        let state = self.filled(cx, buffer.len().min(READ_MAX)).await?;
        Ok(state.give(buffer))
    }

    /// Appends everything from the cursor to the end to `content`. Gives the number of bytes.
    ///
    /// # Cancel safety
    /// Nothing is lost: what was read is in `content` or comes with the next read.
    ///
    /// # Errors
    /// [`FsError`]; what was read before is in `content`.
    pub async fn read_to_end(
        &mut self,
        cx: &CxBase,
        content: &mut Vec<u8>,
    ) -> Result<usize, FsError> {
        let before = content.len();
        loop {
            let state = self.filled(cx, READ_MAX).await?;
            if state.left() == 0 {
                return Ok(content.len() - before);
            }
            state.give_all(content);
        }
    }

    /// Writes `bytes` at the cursor, as many as the host takes. Gives their number.
    ///
    /// # Cancel safety
    /// None, some or all of them may have been written; the cursor is behind those.
    ///
    /// # Errors
    /// [`FsError`]; nothing was written.
    pub async fn write(&mut self, cx: &CxBase, bytes: &[u8]) -> Result<usize, FsError> {
        let bytes = bytes[..bytes.len().min(WRITE_MAX)].to_vec();
        let result = self
            .with(cx, "write", move |state| state.write(&bytes))
            .await;
        // An error that is given out need not be kept for `flush`.
        if result.as_ref().is_err_and(|error| error.kind().is_some()) {
            if let Some(state) = self.state.try_here() {
                state.failed = None;
            }
        }
        result
    }

    /// Writes all of `bytes` at the cursor.
    ///
    /// # Cancel safety
    /// Any number of them may have been written, from the first on; the cursor is behind those.
    ///
    /// # Errors
    /// [`FsError`]; any number of them was written.
    pub async fn write_all(&mut self, cx: &CxBase, mut bytes: &[u8]) -> Result<(), FsError> {
        while !bytes.is_empty() {
            let written = self.write(cx, bytes).await?;
            if written == 0 {
                let full = io::Error::from(io::ErrorKind::WriteZero);
                return Err(error::of_host(full, "write", &self.path));
            }
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// Waits for a write whose own wait was cancelled, and tells whether it failed. Writes are not held back, so
    /// there is nothing else to wait for; to have them on the disk use [`sync_all`](Self::sync_all).
    ///
    /// # Cancel safety
    /// Dropping the future loses nothing.
    ///
    /// # Errors
    /// [`FsError`]: that of the write.
    pub async fn flush(&mut self, cx: &CxBase) -> Result<(), FsError> {
        let Self { path, state } = self;
        let fail = |call| error::of_call(call, "write", path);
        pool(cx).map_err(fail)?;
        let state = state.here(cx).await.map_err(fail)?;
        match state.failed.take() {
            Some(error) => Err(error::of_host(error, "write", path)),
            None => Ok(()),
        }
    }

    /// Moves the cursor. Gives its new place, counted from the start.
    ///
    /// # Cancel safety
    /// The cursor is at the old place or at the new one.
    ///
    /// # Errors
    /// [`FsError`].
    pub async fn seek(&mut self, cx: &CxBase, to: SeekFrom) -> Result<u64, FsError> {
        self.with(cx, "seek in", move |state| {
            state.settle()?;
            state.file.seek(to)
        })
        .await
    }

    /// Cuts the file off, or fills it up with zeros. The cursor stays.
    ///
    /// # Cancel safety
    /// The file has the old length or the new one.
    ///
    /// # Errors
    /// [`FsError`].
    pub async fn set_len(&mut self, cx: &CxBase, length: u64) -> Result<(), FsError> {
        self.with(cx, "set the length of", move |state| {
            state.settle()?;
            state.file.set_len(length)
        })
        .await
    }

    /// Waits until content and metadata are on the disk.
    ///
    /// # Cancel safety
    /// Begun, it runs to its end.
    ///
    /// # Errors
    /// [`FsError`].
    pub async fn sync_all(&mut self, cx: &CxBase) -> Result<(), FsError> {
        self.with(cx, "sync", |state| state.file.sync_all()).await
    }

    /// Waits until the content is on the disk, and of the metadata what is needed to read it.
    ///
    /// # Cancel safety
    /// Begun, it runs to its end.
    ///
    /// # Errors
    /// [`FsError`].
    pub async fn sync_data(&mut self, cx: &CxBase) -> Result<(), FsError> {
        self.with(cx, "sync", |state| state.file.sync_data()).await
    }

    /// What the host knows about the file.
    ///
    /// # Errors
    /// [`FsError`].
    pub async fn metadata(&mut self, cx: &CxBase) -> Result<Metadata, FsError> {
        self.with(cx, "look at", |state| state.file.metadata())
            .await
    }

    /// Sets who may do what with the file.
    ///
    /// # Cancel safety
    /// Begun, it runs to its end.
    ///
    /// # Errors
    /// [`FsError`].
    pub async fn set_permissions(
        &mut self,
        cx: &CxBase,
        permissions: Permissions,
    ) -> Result<(), FsError> {
        self.with(cx, "set the permissions of", move |state| {
            state.file.set_permissions(permissions)
        })
        .await
    }

    /// Runs `f` on a thread of the pool. Every operation but the handing out of bytes goes through here.
    async fn with<T, E, F>(
        &mut self,
        cx: &CxBase,
        operation: &'static str,
        f: F,
    ) -> Result<T, FsError>
    where
        T: Send + 'static,
        E: Into<Arc<io::Error>> + Send + 'static,
        F: FnOnce(&mut ByteFile) -> Result<T, E> + Send + 'static,
    {
        let Self { path, state } = self;
        let result = match pool(cx) {
            Ok(pool) => state.with(pool, cx, f).await,
            Err(denied) => Err(denied),
        };
        error::flatten(result, operation, path)
    }

    /// The state, with something read ahead unless the file is at its end.
    async fn filled(&mut self, cx: &CxBase, want: usize) -> Result<&mut ByteFile, FsError> {
        let is_empty = match pool(cx) {
            Ok(_) => self.state.here(cx).await.map(|state| state.left() == 0),
            Err(denied) => Err(denied),
        };
        let is_empty = is_empty.map_err(|call| error::of_call(call, "read", &self.path))?;
        if is_empty {
            self.with(cx, "read", move |state| state.fill(want)).await?;
        }
        let Self { path, state } = self;
        let state = state.here(cx).await;
        state.map_err(|call| error::of_call(call, "read", path))
    }
}
