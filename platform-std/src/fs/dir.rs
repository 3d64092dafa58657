//! `ReadDir`: what is in a folder, read in batches.

use std::collections::VecDeque;
use std::ffi::OsStr;
use std::fs::FileType;
use std::io;
use std::path::{Path, PathBuf};

use asupersync_core::CxBase;

use super::error::{self, FsError};
use super::{on_path, pool};
use crate::blocking::Held;

/// How many entries one call reads.
const BATCH: usize = 64;

/// What is in a folder, in the order of the host.
pub async fn read_dir(cx: &CxBase, path: impl AsRef<Path>) -> Result<ReadDir, FsError> {
    let path = path.as_ref().to_path_buf();
    let entries = on_path(cx, "list", &path, |path| std::fs::read_dir(path)).await?;
    let state = Listing {
        entries,
        read: VecDeque::new(),
    };
    Ok(ReadDir {
        path,
        state: Held::new(state),
    })
}

/// The entries of a folder that are still to come; made by [`read_dir`].
#[derive(Debug)]
pub struct ReadDir {
    path: PathBuf,
    state: Held<Listing>,
}

#[derive(Debug)]
struct Listing {
    entries: std::fs::ReadDir,
    /// Read from the host and not yet given out.
    read: VecDeque<io::Result<DirEntry>>,
}

impl Listing {
    fn read_batch(&mut self) {
        if self.read.is_empty() {
            let batch = self.entries.by_ref().take(BATCH).map(DirEntry::of);
            self.read.extend(batch);
        }
    }
}

impl ReadDir {
    /// The next entry; `None` when there is no other.
    ///
    /// # Cancel safety
    /// No entry is lost: what a cancelled call has read is given out by the next.
    ///
    /// # Errors
    /// [`FsError`]. Later calls go on behind the failed entry.
    pub async fn next(&mut self, cx: &CxBase) -> Result<Option<DirEntry>, FsError> {
        let Self { path, state } = self;
        let fail = |call| error::of_call(call, "list", path);
        let pool = pool(cx).map_err(fail)?;
        if state.here(cx).await.map_err(fail)?.read.is_empty() {
            let batch = state.with(pool, cx, Listing::read_batch).await;
            batch.map_err(fail)?;
        }
        let next = state.here(cx).await.map_err(fail)?.read.pop_front();
        next.transpose()
            .map_err(|error| error::of_host(error, "list", path))
    }
}

/// An entry of a folder.
#[derive(Debug, Clone)]
pub struct DirEntry {
    path: PathBuf,
    file_type: FileType,
}

impl DirEntry {
    fn of(entry: io::Result<std::fs::DirEntry>) -> io::Result<Self> {
        let entry = entry?;
        Ok(Self {
            path: entry.path(),
            file_type: entry.file_type()?,
        })
    }

    /// The path: the folder's, as it was given, and the name.
    pub fn path(&self) -> &Path {
        &self.path
    }

    /// The name in the folder.
    pub fn file_name(&self) -> &OsStr {
        self.path.file_name().unwrap_or_default()
    }

    /// Whether it is a file, a folder or a link.
    pub const fn file_type(&self) -> FileType {
        self.file_type
    }
}
