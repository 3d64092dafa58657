//! `WaitKind`: what is waited for at an object that tasks share.

use core::fmt;

/// What a task waits for at a channel, a lock or the host.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum WaitKind {
    /// A message.
    Receive,
    /// Room for a message.
    Reserve,
    /// The other end of a oneshot channel.
    Oneshot,
    /// A mutex.
    Lock,
    /// Units of a semaphore.
    Semaphore,
    /// A notification.
    Notify,
    /// An operation of the host.
    Io,
}

impl fmt::Display for WaitKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Receive => "a message of channel",
            Self::Reserve => "a permit of channel",
            Self::Oneshot => "the other end of oneshot",
            Self::Lock => "mutex",
            Self::Semaphore => "units of semaphore",
            Self::Notify => "notification",
            Self::Io => "the host's operation on",
        })
    }
}
