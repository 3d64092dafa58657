//! Panics where they end the process: see `unwind` for what each function is for.

use alloc::string::String;

use asupersync_core::PanicPayload;

/// Whether panics of user code are caught.
pub const UNWINDS: bool = false;

/// Runs `run`. Nothing but its value comes back.
pub fn caught<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    Ok(run())
}

/// See [`asupersync_core::Platform::guard`].
pub fn guard(run: &mut dyn FnMut()) -> Result<(), PanicPayload> {
    run();
    Ok(())
}

/// Ends the process: there is no other way out of a loop that waits for the body.
pub fn give_up(why: String) -> ! {
    panic!("{why}")
}
