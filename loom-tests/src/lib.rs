//! What the loom models share: how one is explored, how it is shown to catch a bug, and a runtime small enough to explore.
//!
//! The models are in `tests/models`, one file per protocol, one race per test. They use the very code
//! that ships: under `--cfg loom` the core's `sync` module hands out loom's atomics and locks. Each
//! model has seeded bugs that it must catch; `tests/models/mutants.rs` lists them.
//!
//! Run them with `cargo xtask loom`. Without `--cfg loom` this crate is empty.

#[cfg(loom)]
pub mod explore;
#[cfg(loom)]
pub mod rig;
