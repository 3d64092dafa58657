//! The board's own part of the vector table. No firmware here uses an interrupt of the board's, and none is
//! enabled at reset, so it has the one entry that `cortex-m-rt` asks for, instead of all that any chip may have.

// SAFETY: a symbol of `cortex-m-rt` or of the firmware; only its address is used.
unsafe extern "C" {
    /// What handles an interrupt that nothing else does.
    fn DefaultHandler();
}

/// The vectors behind those of the core.
// SAFETY: the name and the place are what `cortex-m-rt` asks for with its feature `device`.
#[unsafe(link_section = ".vector_table.interrupts")]
// SAFETY: as above; nobody else defines it.
#[unsafe(no_mangle)]
pub static __INTERRUPTS: [unsafe extern "C" fn(); 1] = [DefaultHandler];
