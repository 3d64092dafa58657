//! The sleep flag of a driver: a push that comes while the driver falls asleep is not lost.

use super::Inbox;
use crate::mutants::mutant;
use crate::sync::atomic::{AtomicBool, Ordering};
use crate::sync::between_seq_cst;

/// Whether the driver of an [`Inbox`] sleeps, and who has to wake it.
///
/// A waker pushes, then looks at the flag; the driver raises the flag, then looks at the inbox. All
/// four steps are `SeqCst`, so at least one of the two sees the other (loom model `push_vs_sleep`).
/// The driver writes the flag by swaps, which cost what `SeqCst` stores cost: so all writes of it
/// stand in one order with the swap by which a waker takes the duty to wake (`two_pushes_vs_sleep`).
#[derive(Debug)]
pub struct Sleep(AtomicBool);

impl Default for Sleep {
    fn default() -> Self {
        Self::new()
    }
}

impl Sleep {
    /// The flag of a driver that is awake.
    pub fn new() -> Self {
        Self(AtomicBool::new(false))
    }

    /// The driver wants to sleep. `false`: something is in its inbox, so it takes another turn.
    #[must_use = "a driver that has work does not sleep"]
    pub fn fall_asleep(&self, inbox: &Inbox) -> bool {
        if mutant!(SleepLooksFirst) {
            let sleeps = inbox.is_empty();
            self.0.store(sleeps, Ordering::SeqCst);
            return sleeps;
        }
        self.0.swap(true, Ordering::SeqCst);
        if !mutant!(SleepUnordered) {
            between_seq_cst();
        }
        let sleeps = inbox.is_empty();
        if !sleeps {
            self.wake_up();
        }
        sleeps
    }

    /// The driver takes a turn: pushes need not wake it.
    pub fn wake_up(&self) {
        self.0.swap(false, Ordering::SeqCst);
    }

    /// Asked after a push. `true`: the driver sleeps, and the caller is the one that wakes it.
    #[inline]
    #[must_use = "a driver that sleeps has to be woken"]
    pub fn ends_here(&self) -> bool {
        if !mutant!(SleepUnordered) {
            between_seq_cst();
        }
        // The plain load keeps the flag's line shared while the driver is awake.
        self.0.load(Ordering::SeqCst) && self.0.swap(false, Ordering::SeqCst)
    }
}
