//! `export!`: functions that the module's host calls by name.

/// Exports each function under its own name.
macro_rules! export {
    ($($(#[$doc:meta])* fn $name:ident($($arg:ident: $type:ty),*) $(-> $result:ty)? $body:block)*) => {
        $(
            $(#[$doc])*
            // SAFETY: a module links no other crate that exports plain names, so each is there once.
            #[unsafe(no_mangle)]
            pub extern "C" fn $name($($arg: $type),*) $(-> $result)? $body
        )*
    };
}
pub(crate) use export;
