//! `op_error!`: the shape that the error enums of waiting operations share.
//!
//! Owns the boilerplate and nothing else: each operation names its variants, texts and predicates
//! where it is defined. `: Cancelled("text")` adds the variant that carries the cancel token.

/// Defines a `#[non_exhaustive]` error enum with predicates, recoverability and, where it can be
/// cancelled, a `source` that reaches the token.
macro_rules! op_error {
    (
        $(#[$meta:meta])*
        pub enum $name:ident $(: $token:ident($cancelled:literal))? {
            $(
                $(#[$doc:meta])*
                $variant:ident = $text:literal, $recoverability:ident, $is:ident;
            )*
        }
    ) => {
        $(#[$meta])*
        #[derive(Debug, Clone)]
        #[non_exhaustive]
        pub enum $name {
            $(
                /// The waiting task was asked to stop. Nothing was taken.
                $token($crate::cancel::$token),
            )?
            $($(#[$doc])* $variant,)*
        }

        impl $name {
            $(
                /// Whether the waiting task was asked to stop.
                pub fn is_cancelled(&self) -> bool {
                    matches!(self, Self::$token(_))
                }
            )?
            $(
                #[doc = concat!("Whether this is `", stringify!($variant), "`.")]
                pub fn $is(&self) -> bool {
                    matches!(self, Self::$variant)
                }
            )*

            /// What the caller can do about it.
            pub fn recoverability(&self) -> $crate::error::Recoverability {
                match self {
                    $(Self::$token(_) => $crate::error::Recoverability::$token,)?
                    $(Self::$variant => $crate::error::Recoverability::$recoverability,)*
                }
            }
        }

        impl core::fmt::Display for $name {
            fn fmt(&self, f: &mut core::fmt::Formatter<'_>) -> core::fmt::Result {
                f.write_str(match self {
                    $(Self::$token(_) => $cancelled,)?
                    $(Self::$variant => $text,)*
                })
            }
        }

        impl core::error::Error for $name {
            fn source(&self) -> Option<&(dyn core::error::Error + 'static)> {
                $(
                    if let Self::$token(token) = self {
                        return Some(token);
                    }
                )?
                None
            }
        }

        $(
            impl From<$crate::cancel::$token> for $name {
                fn from(token: $crate::cancel::$token) -> Self {
                    Self::$token(token)
                }
            }
        )?
    };
}
pub(crate) use op_error;
