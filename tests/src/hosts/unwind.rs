//! Panics where they unwind: caught around user code, and the way out of a run that does not end.

use alloc::boxed::Box;
use alloc::string::String;
use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind, resume_unwind};

use asupersync_core::PanicPayload;

/// Whether panics of user code are caught.
pub const UNWINDS: bool = true;

/// What is unwound with when a run does not end.
struct Stuck(String);

/// Runs `run`; says what left it instead of its value.
pub fn caught<R>(run: impl FnOnce() -> R) -> Result<R, String> {
    catch_unwind(AssertUnwindSafe(run)).map_err(describe)
}

/// See [`asupersync_core::Platform::guard`].
pub fn guard(run: &mut dyn FnMut()) -> Result<(), PanicPayload> {
    catch_unwind(AssertUnwindSafe(run)).map_err(PanicPayload::new)
}

/// Leaves a run that does not end. Unwinding is the one way out of a loop that waits for the body: the loan of
/// the body's future ends with it, and the driver's drop sweeps the rest.
pub fn give_up(why: String) -> ! {
    resume_unwind(Box::new(Stuck(why)))
}

fn describe(payload: Box<dyn Any + Send>) -> String {
    match payload.downcast::<Stuck>() {
        Ok(stuck) => stuck.0,
        Err(payload) => alloc::format!(
            "a panic escaped the driver: {}",
            PanicPayload::new(payload).message()
        ),
    }
}
