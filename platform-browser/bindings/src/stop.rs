//! `Stop`: why a task of this module ends without a value. An error of its own, since whoever boxes errors for people
//! to read pays for the formatting of all of them. What JavaScript threw stays in JavaScript.

use asupersync_core::{Cancelled, ChildEnded, SpawnError, TaskError};

pub enum Stop {
    /// It was asked to.
    Asked(Cancelled),
    /// Its function failed; the error is kept where the function was called.
    Failed,
    /// A child ended without a value, for which nobody failed here.
    Ended(ChildEnded),
}

impl From<Cancelled> for Stop {
    fn from(token: Cancelled) -> Self {
        Self::Asked(token)
    }
}

impl From<SpawnError> for Stop {
    fn from(_: SpawnError) -> Self {
        Self::Failed
    }
}

impl From<ChildEnded> for Stop {
    fn from(ended: ChildEnded) -> Self {
        match ended {
            ChildEnded::Failed => Self::Failed,
            ended => Self::Ended(ended),
        }
    }
}

impl TaskError for Stop {
    fn cancelled(&self) -> Option<&Cancelled> {
        match self {
            Self::Asked(token) => Some(token),
            _ => None,
        }
    }
}
