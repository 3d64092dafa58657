//! `CancelWord`: whether a scope was asked to stop, why, and by when it must be gone.
//!
//! Owns one request's state: an atomic word for the fast look, the reason and the cleanup deadline
//! behind a lock. It knows neither tasks nor the tree; who tells whom is the business of `region`
//! and `scope`.

use crate::cancel::CancelReason;
use crate::kernel::Config;
use crate::mutants::mutant;
use crate::sync::Mutex;
use crate::sync::atomic::{AtomicU32, Ordering};
use crate::time::Time;

/// Set once the cleanup budget is spent; the low bits hold the kind's number.
const FORCED: u32 = 1 << 8;

/// One scope's request to stop: a word for the fast look, the detail behind a lock.
#[derive(Debug)]
pub struct CancelWord {
    word: AtomicU32,
    detail: Mutex<Detail>,
}

impl Default for CancelWord {
    fn default() -> Self {
        Self {
            word: AtomicU32::new(0),
            detail: Mutex::new(Detail {
                reason: None,
                force_at: Time::MAX,
            }),
        }
    }
}

#[derive(Debug)]
struct Detail {
    reason: Option<CancelReason>,
    /// [`Time::MAX`] while nothing asked.
    force_at: Time,
}

impl CancelWord {
    /// 0: nothing asked. One acquire load: what the requester wrote before is visible.
    #[inline]
    pub fn load(&self) -> u32 {
        self.word.load(Ordering::Acquire)
    }

    /// Whether anything asked.
    #[inline]
    pub fn is_cancelled(&self) -> bool {
        self.load() != 0
    }

    /// Whether the cleanup budget is spent.
    #[inline]
    pub fn is_forced(&self) -> bool {
        self.load() & FORCED != 0
    }

    /// The strongest reason so far.
    pub fn reason(&self) -> Option<CancelReason> {
        if self.load() == 0 {
            return None;
        }
        self.detail.lock().reason.clone()
    }

    /// When the cleanup budget is spent; [`Time::MAX`] if nothing asked.
    pub fn force_at(&self) -> Time {
        self.detail.lock().force_at
    }

    /// Asks, and says when the cleanup budget is spent. `None`: the request was no stronger than what was asked
    /// before, and changed nothing.
    ///
    /// A stronger request meets the remaining cleanup budget, never re-arms it; `limit` is what an
    /// ancestor has left, or [`Time::MAX`].
    pub fn request(&self, request: CancelReason, limit: Time, config: &Config) -> Option<Time> {
        let budget = config.cleanup.nanos_of(request.kind());
        let budget_ends = request.at().saturating_add_nanos(budget);
        let mut detail = self.detail.lock();
        let reason = if mutant!(WeakerReplaces) {
            request
        } else {
            CancelReason::strengthen(detail.reason.as_ref(), request, config.cause_depth_max)?
        };
        let force_at = budget_ends.min(detail.force_at).min(limit);
        let forced = self.word.load(Ordering::Relaxed) & FORCED;
        let word = reason.kind() as u32 | forced;
        detail.reason = Some(reason);
        detail.force_at = force_at;
        // Release: whoever sees the word finds the reason. Stored before any member is told.
        self.word.store(word, Ordering::Release);
        Some(force_at)
    }

    /// What was asked is to be over by `limit`, and says so if that is sooner than it was. `None`: it is no sooner, or
    /// nothing was asked.
    pub fn hasten(&self, limit: Time) -> Option<Time> {
        let mut detail = self.detail.lock();
        let hastens = detail.reason.is_some() && limit < detail.force_at;
        hastens.then(|| {
            detail.force_at = limit;
            limit
        })
    }

    /// The cleanup budget is spent. `false`: nothing was asked, or it was marked before.
    pub fn mark_forced(&self) -> bool {
        let detail = self.detail.lock();
        let word = self.word.load(Ordering::Relaxed);
        let marks = detail.reason.is_some() && word & FORCED == 0;
        if marks {
            self.word.store(word | FORCED, Ordering::Release);
        }
        marks
    }
}
