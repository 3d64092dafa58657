//! Files and folders, through the blocking pool.
//!
//! Owns the capability [`Fs`] and the operations. **Backed by blocking calls:** hosts offer no better way that is the
//! same everywhere, so each operation takes a thread of the pool for as long as it lasts, and cannot be
//! interrupted once it has begun. Cancelling its wait means: not begun, it never happens; begun, it runs to
//! its end, what it did is done, and the region waits for it. A timeout around an operation on a hung
//! disk ends in time; the region around the timeout does not.
//!
//! ```
//! use asupersync_core::LocalRegion;
//! use asupersync_std::{Runtime, fs};
//!
//! let mut runtime = Runtime::current_thread();
//! let same = runtime.block_on(async |r: &LocalRegion| {
//!     let path = std::env::temp_dir().join(format!("asupersync-doc-{}", std::process::id()));
//!     fs::write(r, &path, "kept").await?;
//!     let text = fs::read_to_string(r, &path).await?;
//!     fs::remove_file(r, &path).await?;
//!     Ok(text == "kept")
//! })?;
//! assert!(same);
//! # Ok::<(), asupersync_core::Error>(())
//! ```

mod dir;
mod error;
mod file;

use std::fs::{Metadata, Permissions};
use std::io;
use std::path::{Path, PathBuf};

use asupersync_core::{Capability, CxBase};

use crate::blocking::{BlockingError, BlockingPool, call};

pub use dir::{DirEntry, ReadDir, read_dir};
pub use error::{FsCause, FsError};
pub use file::File;

/// The capability to use the file system. A runtime grants it to its root; it cannot be made elsewhere.
#[derive(Debug)]
pub struct Fs {
    pool: BlockingPool,
}

impl Capability for Fs {
    const NAME: &'static str = "fs";
}

impl Fs {
    pub(crate) fn new(pool: BlockingPool) -> Self {
        Self { pool }
    }
}

/// The pool, if the region may use the file system.
fn pool(cx: &CxBase) -> Result<&BlockingPool, BlockingError> {
    Ok(&cx.capability::<Fs>()?.pool)
}

/// Runs `f` on a thread of the pool. Every operation on a path goes through here.
async fn on_path<T, F>(
    cx: &CxBase,
    operation: &'static str,
    path: &Path,
    f: F,
) -> Result<T, FsError>
where
    T: Send + 'static,
    F: FnOnce(&Path) -> io::Result<T> + Send + 'static,
{
    let owned = path.to_path_buf();
    let result = match pool(cx) {
        Ok(pool) => call(pool, cx, None, move |_| f(&owned)).await,
        Err(denied) => Err(denied),
    };
    error::flatten(result, operation, path)
}

/// The operations that are one call of std's.
macro_rules! operations {
    ($(
        $(#[$doc:meta])*
        $name:ident($text:literal) -> $value:ty;
    )*) => {
        $(
            $(#[$doc])*
            ///
            /// # Cancel safety
            /// Begun, the operation runs to its end; see the [module](self).
            ///
            /// # Errors
            /// [`FsError`].
            pub async fn $name(cx: &CxBase, path: impl AsRef<Path>) -> Result<$value, FsError> {
                on_path(cx, $text, path.as_ref(), |path| std::fs::$name(path)).await
            }
        )*
    };
}

operations! {
    /// The whole content of a file.
    read("read") -> Vec<u8>;
    /// The whole content of a file, as text.
    read_to_string("read") -> String;
    /// What the host knows about a file or folder; follows links.
    metadata("look at") -> Metadata;
    /// What the host knows about a file, folder or link; does not follow links.
    symlink_metadata("look at") -> Metadata;
    /// The absolute path without links.
    canonicalize("resolve") -> PathBuf;
    /// Makes a folder.
    create_dir("make the folder") -> ();
    /// Makes a folder and those that it is in. Some of them may be there already.
    create_dir_all("make the folder") -> ();
    /// Removes a file.
    remove_file("remove") -> ();
    /// Removes an empty folder.
    remove_dir("remove the folder") -> ();
    /// Removes a folder and all that is in it. Cancelled on the way, it goes on to its end.
    remove_dir_all("remove the folder") -> ();
    /// Where a link leads.
    read_link("read the link") -> PathBuf;
}

/// Replaces the content of a file, which is made if need be.
///
/// # Cancel safety
/// Not begun, nothing is written. Begun, everything is, in the end: the region waits for it.
///
/// # Errors
/// [`FsError`]. Then the file may have the old content, none, or a part of the new.
pub async fn write(
    cx: &CxBase,
    path: impl AsRef<Path>,
    content: impl Into<Vec<u8>>,
) -> Result<(), FsError> {
    let content = content.into();
    on_path(cx, "write", path.as_ref(), move |path| {
        std::fs::write(path, content)
    })
    .await
}

/// Gives a file or folder another name; replaces what had it.
///
/// # Cancel safety
/// Begun, the operation runs to its end.
///
/// # Errors
/// [`FsError`], with the old name.
pub async fn rename(
    cx: &CxBase,
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
) -> Result<(), FsError> {
    let to = to.as_ref().to_path_buf();
    on_path(cx, "rename", from.as_ref(), move |from| {
        std::fs::rename(from, to)
    })
    .await
}

/// Copies the content and the permissions of a file. Gives the number of bytes.
///
/// # Cancel safety
/// Begun, the operation runs to its end.
///
/// # Errors
/// [`FsError`], with the path of the source.
pub async fn copy(
    cx: &CxBase,
    from: impl AsRef<Path>,
    to: impl AsRef<Path>,
) -> Result<u64, FsError> {
    let to = to.as_ref().to_path_buf();
    on_path(cx, "copy", from.as_ref(), move |from| {
        std::fs::copy(from, to)
    })
    .await
}

/// Sets who may do what with a file or folder.
///
/// # Cancel safety
/// Begun, the operation runs to its end.
///
/// # Errors
/// [`FsError`].
pub async fn set_permissions(
    cx: &CxBase,
    path: impl AsRef<Path>,
    permissions: Permissions,
) -> Result<(), FsError> {
    on_path(cx, "set the permissions of", path.as_ref(), move |path| {
        std::fs::set_permissions(path, permissions)
    })
    .await
}
