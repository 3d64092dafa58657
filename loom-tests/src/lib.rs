//! Placeholder while the kernel is brought up.
