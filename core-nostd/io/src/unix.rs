//! `UnixAddr`: where a Unix socket is.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;

/// The path of a Unix socket, or no name at all.
///
/// Bytes, not text: a path of the host need not be UTF-8.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default)]
pub struct UnixAddr {
    path: Option<Arc<[u8]>>,
}

impl UnixAddr {
    /// The address of a socket that nobody can connect to by name.
    pub fn unnamed() -> Self {
        Self::default()
    }

    /// The address at a path.
    pub fn from_bytes(path: &[u8]) -> Self {
        Self {
            path: Some(Arc::from(path)),
        }
    }

    /// The path, if there is one.
    pub fn path(&self) -> Option<&[u8]> {
        self.path.as_deref()
    }
}

impl From<&str> for UnixAddr {
    fn from(path: &str) -> Self {
        Self::from_bytes(path.as_bytes())
    }
}

impl From<&UnixAddr> for UnixAddr {
    fn from(address: &UnixAddr) -> Self {
        address.clone()
    }
}

#[cfg(all(feature = "std", unix))]
impl From<&std::path::Path> for UnixAddr {
    fn from(path: &std::path::Path) -> Self {
        use std::os::unix::ffi::OsStrExt;
        Self::from_bytes(path.as_os_str().as_bytes())
    }
}

impl fmt::Display for UnixAddr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.path() {
            Some(path) => f.write_str(&String::from_utf8_lossy(path)),
            None => f.write_str("(unnamed)"),
        }
    }
}
