//! Seeded bugs of the pool; their list is the core's. In a normal build every one is the constant `false`.

/// Whether the named seeded bug is armed.
macro_rules! mutant {
    ($name:ident) => {{
        #[cfg(asupersync_mutants)]
        {
            asupersync_core::mutants::armed(asupersync_core::mutants::Mutant::$name)
        }
        #[cfg(not(asupersync_mutants))]
        {
            $crate::mutants::none_armed()
        }
    }};
}
pub(crate) use mutant;

/// The constant behind [`mutant!`] in normal builds; a call, so that no lint folds what is around it.
#[cfg(not(asupersync_mutants))]
#[inline(always)]
pub(crate) const fn none_armed() -> bool {
    false
}
