//! The one place that chooses atomics and locks: the target's own, or loom's under `cfg(loom)`.
//!
//! Owns the choice and nothing else. Every other module of the core imports atomics, `Mutex` and
//! cells from here, so that a model run exercises the very code that ships. A lock is never held
//! while user code runs, a waker is woken or a user's value is dropped.

#[cfg(not(loom))]
pub use core::sync::atomic;
#[cfg(loom)]
pub use loom::sync::atomic;

/// Stands between two `SeqCst` accesses whose order matters.
///
/// On the machine their ordering says it all. Loom takes `SeqCst` accesses for `AcqRel` ones and
/// knows the total order only of fences, so a model needs a fence here.
#[inline]
pub(crate) fn between_seq_cst() {
    #[cfg(loom)]
    atomic::fence(atomic::Ordering::SeqCst);
}

pub(crate) use name::Name;

/// A 64-bit name in a trace, shared between contexts: an atomic where the target has them that wide.
#[cfg(any(target_has_atomic = "64", loom))]
mod name {
    use super::atomic::{AtomicU64, Ordering};

    /// Zero until it is set.
    #[derive(Debug)]
    pub(crate) struct Name(AtomicU64);

    impl Name {
        #[inline]
        pub(crate) fn new(value: u64) -> Self {
            Self(AtomicU64::new(value))
        }

        #[inline]
        pub(crate) fn get(&self) -> u64 {
            self.0.load(Ordering::Relaxed)
        }

        #[inline]
        pub(crate) fn set(&self, value: u64) {
            self.0.store(value, Ordering::Relaxed);
        }

        /// Sets it if it is zero, and says what it is now.
        pub(crate) fn get_or_set(&self, value: u64) -> u64 {
            let (done, failed) = (Ordering::Relaxed, Ordering::Relaxed);
            match self.0.compare_exchange(0, value, done, failed) {
                Ok(_) => value,
                Err(set) => set,
            }
        }
    }
}

/// As above, behind the lock where the widest atomic has 32 bits (Cortex-M).
#[cfg(not(any(target_has_atomic = "64", loom)))]
mod name {
    /// Zero until it is set.
    pub(crate) struct Name(super::Mutex<u64>);

    impl Name {
        pub(crate) fn new(value: u64) -> Self {
            Self(super::Mutex::new(value))
        }

        pub(crate) fn get(&self) -> u64 {
            *self.0.lock()
        }

        pub(crate) fn set(&self, value: u64) {
            *self.0.lock() = value;
        }

        /// Sets it if it is zero, and says what it is now.
        pub(crate) fn get_or_set(&self, value: u64) -> u64 {
            let mut name = self.0.lock();
            if *name == 0 {
                *name = value;
            }
            *name
        }
    }

    impl core::fmt::Debug for Name {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            self.get().fmt(f)
        }
    }
}

/// Shared memory that a protocol of atomics guards. Loom checks that its accesses never overlap.
#[cfg(loom)]
pub(crate) use loom::cell::UnsafeCell;
#[cfg(not(loom))]
pub(crate) use plain::UnsafeCell;

/// Part of what is allocated by hand: loom reports it when it is never freed.
#[cfg(loom)]
pub(crate) type Tracked = loom::alloc::Track<()>;
#[cfg(not(loom))]
pub(crate) use plain::Tracked;

#[cfg(not(loom))]
mod plain {
    /// See the loom variant.
    pub(crate) struct UnsafeCell<T>(core::cell::UnsafeCell<T>);

    impl<T> UnsafeCell<T> {
        /// A cell with `value` in it.
        #[inline]
        pub(crate) const fn new(value: T) -> Self {
            Self(core::cell::UnsafeCell::new(value))
        }

        /// Calls `f` with where the value is. To use the pointer is what takes an argument.
        #[inline]
        pub(crate) fn with_mut<R>(&self, f: impl FnOnce(*mut T) -> R) -> R {
            f(self.0.get())
        }
    }

    /// See the loom variant.
    pub(crate) struct Tracked;

    impl Tracked {
        #[inline]
        pub(crate) const fn new((): ()) -> Self {
            Self
        }
    }
}

#[cfg(not(any(feature = "parking_lot", feature = "critical-section", loom)))]
compile_error!(
    "asupersync-core needs a lock: enable the feature `parking_lot` (hosts with threads) or `critical-section` (bare metal)"
);

#[cfg(not(loom))]
mod imp {
    #[cfg(feature = "parking_lot")]
    type Raw = parking_lot::RawMutex;
    #[cfg(all(feature = "critical-section", not(feature = "parking_lot")))]
    type Raw = super::critical::RawCritical;

    /// A blocking lock for short, bounded sections of the kernel.
    pub type Mutex<T> = lock_api::Mutex<Raw, T>;
}

#[cfg(loom)]
mod imp {
    /// A blocking lock for short, bounded sections of the kernel, modelled by loom.
    pub struct Mutex<T>(loom::sync::Mutex<T>);

    impl<T> Mutex<T> {
        /// A lock around `value`.
        pub fn new(value: T) -> Self {
            Self(loom::sync::Mutex::new(value))
        }

        /// Waits for the lock.
        pub fn lock(&self) -> loom::sync::MutexGuard<'_, T> {
            self.0.lock().unwrap_or_else(|e| e.into_inner())
        }

        /// Takes the value out; the caller is the only owner.
        pub fn into_inner(self) -> T {
            self.0.into_inner().unwrap_or_else(|e| e.into_inner())
        }
    }

    impl<T: Default> Default for Mutex<T> {
        fn default() -> Self {
            Self::new(T::default())
        }
    }

    impl<T> core::fmt::Debug for Mutex<T> {
        fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
            f.write_str("Mutex")
        }
    }
}

pub use imp::Mutex;

#[cfg(all(feature = "critical-section", not(feature = "parking_lot"), not(loom)))]
mod critical {
    use core::cell::UnsafeCell;
    use lock_api::{GuardNoSend, RawMutex};

    /// A lock that masks interrupts while it is held: right for one core and its interrupts.
    pub struct RawCritical {
        restore: UnsafeCell<Option<critical_section::RestoreState>>,
    }

    // SAFETY: `restore` is written only inside the critical section that the lock itself opened,
    // so two contexts never touch it at once.
    unsafe impl Sync for RawCritical {}
    // SAFETY: the restore state is plain data.
    unsafe impl Send for RawCritical {}

    // SAFETY: `critical_section::acquire` gives mutual exclusion between every context that may
    // take this lock; a second acquire in the same context finds `restore` full and panics
    // instead of handing out a second guard.
    unsafe impl RawMutex for RawCritical {
        #[allow(clippy::declare_interior_mutable_const)] // the constructor constant lock_api asks for
        const INIT: Self = Self {
            restore: UnsafeCell::new(None),
        };
        type GuardMarker = GuardNoSend;

        fn lock(&self) {
            assert!(
                self.try_lock(),
                "a kernel lock was taken twice by one context"
            );
        }

        fn try_lock(&self) -> bool {
            // SAFETY: every acquire is paired with a release, in `unlock` or just below.
            let restore = unsafe { critical_section::acquire() };
            // SAFETY: we are inside the critical section, hence alone.
            let slot = unsafe { &mut *self.restore.get() };
            if slot.is_some() {
                // SAFETY: pairs with the acquire above.
                unsafe { critical_section::release(restore) };
                return false;
            }
            *slot = Some(restore);
            true
        }

        unsafe fn unlock(&self) {
            // SAFETY: the caller holds the lock, hence the critical section.
            let restore = unsafe { (*self.restore.get()).take() };
            if let Some(restore) = restore {
                // SAFETY: pairs with the acquire in `try_lock`.
                unsafe { critical_section::release(restore) };
            }
        }
    }
}
