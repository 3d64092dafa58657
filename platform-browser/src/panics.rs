//! Panics: what an instance says of one before it ends, or, where panics unwind, before the task ends.
//!
//! Owns the words, and the hook of modules with std. That nobody is let in afterwards is `js/host.mjs`'s affair.

use core::panic::Location;

use crate::host;

/// Tells the host what has panicked, and where: `InstancePoisoned` has it as `panic`.
///
/// For the panic handler of a module without std; with the feature `std` a hook calls it. A text that is put together
/// from values may be left out: to format it costs a small module more than the rest of this.
///
/// ```ignore
/// #[panic_handler]
/// fn handle(info: &core::panic::PanicInfo<'_>) -> ! {
///     asupersync_browser::report_panic(info.message().as_str(), info.location());
///     core::arch::wasm32::unreachable()
/// }
/// ```
pub fn report_panic(text: Option<&str>, at: Option<&Location<'_>>) {
    let (file, line) = at.map_or(("", 0), |at| (at.file(), at.line()));
    host::panicked(text.unwrap_or_default(), file, line);
}

/// Has every panic told before the hook that is there already; one that is set later has to call [`report_panic`].
#[cfg(all(target_arch = "wasm32", feature = "std"))]
pub(crate) fn hook() {
    use alloc::boxed::Box;
    use alloc::string::String;
    use std::panic::{set_hook, take_hook};
    use std::sync::Once;

    static ONCE: Once = Once::new();
    ONCE.call_once(|| {
        let next = take_hook();
        set_hook(Box::new(move |info| {
            let payload = info.payload();
            let text = payload.downcast_ref::<&str>().copied();
            let text = text.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
            report_panic(text, info.location());
            next(info);
        }));
    });
}
