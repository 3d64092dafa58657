//! The lock of a target with one thread and no interrupts, for the modules of this folder.

/// Nothing to lock out.
struct OneThread;

critical_section::set_impl!(OneThread);

// SAFETY: the module runs on one thread, and nothing interrupts it: whoever runs is alone.
unsafe impl critical_section::Impl for OneThread {
    unsafe fn acquire() -> critical_section::RawRestoreState {
        // SAFETY: nothing is done here; the contract is kept by the target, see above.
    }

    unsafe fn release(_restore: critical_section::RawRestoreState) {
        // SAFETY: as in `acquire`.
    }
}
