//! Addresses of names, asked of the host through the blocking pool.
//!
//! Owns the capability [`Dns`] and the look-up. It asks the host's resolver (`getaddrinfo`), so that
//! `/etc/hosts` and whatever else the host is set up with counts; it has no cache and speaks no
//! protocol itself. A look-up takes a thread of the pool as long as the host takes, and cannot be
//! interrupted: see [`resolve_with`] for how to leave one behind.

use std::error::Error;
use std::fmt;
use std::io;
use std::net::{SocketAddr, ToSocketAddrs};
use std::sync::Arc;

use asupersync_core::{Capability, CxBase, Recoverability};

use crate::blocking::{BlockingError, BlockingOptions, BlockingPool, call};

/// The capability to ask for addresses. A runtime grants it to its root; it cannot be made elsewhere.
#[derive(Debug)]
pub struct Dns {
    pool: BlockingPool,
}

impl Capability for Dns {
    const NAME: &'static str = "dns";
}

impl Dns {
    pub(crate) fn new(pool: BlockingPool) -> Self {
        Self { pool }
    }
}

/// No address was found.
#[derive(Debug, Clone)]
pub struct DnsError {
    name: String,
    cause: DnsCause,
}

/// Why no address was found.
#[derive(Debug, Clone)]
#[non_exhaustive]
pub enum DnsCause {
    /// The host says so: there is no such name, or its resolver cannot be reached.
    Host(Arc<io::Error>),
    /// The name is not of the form `host:port`.
    Malformed(Arc<io::Error>),
    /// The host knows the name, and no address of it.
    NoAddress,
    /// The call itself: cancelled, denied, or the pool did not run it.
    Call(BlockingError),
}

impl DnsError {
    /// The name that was asked for.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Why no address was found.
    pub const fn cause(&self) -> &DnsCause {
        &self.cause
    }

    /// Whether the waiting task was asked to stop.
    pub const fn is_cancelled(&self) -> bool {
        matches!(&self.cause, DnsCause::Call(call) if call.is_cancelled())
    }

    /// What the caller can do about it. The host does not say whether the name is wrong or its resolver
    /// out of reach, so a failed look-up may be tried again.
    pub const fn recoverability(&self) -> Recoverability {
        match &self.cause {
            DnsCause::Host(_) => Recoverability::Retry,
            DnsCause::NoAddress => Recoverability::Fatal,
            DnsCause::Malformed(_) => Recoverability::Misuse,
            DnsCause::Call(call) => call.recoverability(),
        }
    }
}

impl fmt::Display for DnsError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = &self.name;
        match &self.cause {
            DnsCause::Host(error) => write!(f, "cannot look up {name}: {error}"),
            DnsCause::Malformed(error) => {
                write!(f, "cannot look up {name}: {error}; write it as host:port")
            }
            DnsCause::NoAddress => write!(f, "cannot look up {name}: it has no address"),
            DnsCause::Call(call) => write!(f, "cannot look up {name}: {call}"),
        }
    }
}

impl Error for DnsError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.cause {
            DnsCause::Host(error) | DnsCause::Malformed(error) => Some(&**error),
            DnsCause::NoAddress => None,
            DnsCause::Call(call) => Some(call),
        }
    }
}

/// The addresses of `name`, which is `host:port`; at least one, in the host's order.
///
/// ```
/// use asupersync_core::LocalRegion;
/// use asupersync_std::{Runtime, dns};
///
/// let mut runtime = Runtime::current_thread();
/// let found = runtime.block_on(async |r: &LocalRegion| {
///     Ok(dns::resolve(r, "localhost:80").await?)
/// })?;
/// assert!(found.iter().all(|address| address.ip().is_loopback()));
/// # Ok::<(), asupersync_core::Error>(())
/// ```
///
/// # Cancel safety
/// The wait ends at once; the region waits until the host has answered.
///
/// # Errors
/// [`DnsError`].
pub async fn resolve(cx: &CxBase, name: impl Into<String>) -> Result<Vec<SocketAddr>, DnsError> {
    resolve_with(cx, BlockingOptions::new(), name).await
}

/// [`resolve`] with options. With [`abandon_after`](BlockingOptions::abandon_after) the region does not wait for a
/// resolver that hangs: a look-up touches nothing, so it may be left behind.
///
/// # Cancel safety
/// As [`resolve`].
///
/// # Errors
/// [`DnsError`].
pub async fn resolve_with(
    cx: &CxBase,
    options: BlockingOptions,
    name: impl Into<String>,
) -> Result<Vec<SocketAddr>, DnsError> {
    let name = name.into();
    let asked = name.clone();
    let ask = move || asked.to_socket_addrs().map(Vec::from_iter);
    let answer = match cx.capability::<Dns>() {
        Ok(dns) => call(&dns.pool, cx, options.abandon_after, move |_| ask()).await,
        Err(denied) => Err(denied.into()),
    };
    let cause = match answer {
        Ok(Ok(found)) if !found.is_empty() => return Ok(found),
        Ok(Ok(_)) => DnsCause::NoAddress,
        Ok(Err(error)) if error.kind() == io::ErrorKind::InvalidInput => {
            DnsCause::Malformed(Arc::new(error))
        }
        Ok(Err(error)) => DnsCause::Host(Arc::new(error)),
        Err(call) => DnsCause::Call(call),
    };
    Err(DnsError { name, cause })
}
