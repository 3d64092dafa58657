//! Traces on disk. The only part of the artifact code that needs an operating system.

use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::string::{String, ToString};
use std::vec::Vec;
use std::{fmt, fs, io};

use asupersync_core::Recoverability;

use super::{Compression, Limits, Problem, Trace, TraceError};

/// A trace file that could not be read or written.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum FileError {
    /// The operating system refused.
    Io {
        /// The file.
        path: PathBuf,
        /// What class of refusal.
        kind: io::ErrorKind,
        /// Its words.
        message: String,
    },
    /// The file is there, and no sound trace.
    Trace {
        /// The file.
        path: PathBuf,
        /// What is wrong with it.
        error: TraceError,
    },
}

impl FileError {
    /// Retry where the operating system refused for a passing reason, else fatal.
    pub fn recoverability(&self) -> Recoverability {
        match self {
            Self::Io {
                kind: io::ErrorKind::Interrupted | io::ErrorKind::WouldBlock,
                ..
            } => Recoverability::Retry,
            Self::Io { .. } | Self::Trace { .. } => Recoverability::Fatal,
        }
    }

    fn io(path: &Path, error: &io::Error) -> Self {
        Self::Io {
            path: path.into(),
            kind: error.kind(),
            message: error.to_string(),
        }
    }
}

impl fmt::Display for FileError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Io { path, message, .. } => write!(f, "{}: {message}", path.display()),
            Self::Trace { path, error } => write!(f, "{}: {error}", path.display()),
        }
    }
}

impl std::error::Error for FileError {
    fn source(&self) -> Option<&(dyn std::error::Error + 'static)> {
        match self {
            Self::Io { .. } => None,
            Self::Trace { error, .. } => Some(error),
        }
    }
}

/// At most one byte more than `len_max`: enough to know that it is too much.
fn read(path: &Path, len_max: u64) -> io::Result<Vec<u8>> {
    let mut bytes = Vec::new();
    fs::File::open(path)?
        .take(len_max.saturating_add(1))
        .read_to_end(&mut bytes)?;
    Ok(bytes)
}

impl Trace {
    /// Reads a file of either form, within `limits`.
    ///
    /// # Errors
    ///
    /// [`FileError`]: the file is not readable, or not sound.
    pub fn read_file(path: impl AsRef<Path>, limits: &Limits) -> Result<Self, FileError> {
        let path = path.as_ref();
        let bytes = read(path, limits.file_len_max).map_err(|error| FileError::io(path, &error))?;
        let read = if bytes.len() as u64 > limits.file_len_max {
            let problem = Problem::TooLong {
                part: "the file",
                len: bytes.len() as u64,
                max: limits.file_len_max,
            };
            Err(TraceError::at_byte(0, problem))
        } else {
            Self::from_bytes_within(&bytes, limits)
        };
        read.map_err(|error| FileError::Trace {
            path: path.into(),
            error,
        })
    }

    /// Writes a file: JSON lines if its name ends in `.jsonl`, else the compressed binary form.
    ///
    /// # Errors
    ///
    /// [`FileError`]: the file could not be written. What is there then may be incomplete, which
    /// reading it would find.
    pub fn write_file(&self, path: impl AsRef<Path>) -> Result<(), FileError> {
        let path = path.as_ref();
        let is_text = path
            .extension()
            .is_some_and(|extension| extension == "jsonl");
        let bytes = if is_text {
            self.to_json_lines().map(String::into_bytes)
        } else {
            self.to_binary(Compression::default())
        };
        let bytes = bytes.map_err(|error| FileError::Trace {
            path: path.into(),
            error,
        })?;
        fs::write(path, bytes).map_err(|error| FileError::io(path, &error))
    }
}
