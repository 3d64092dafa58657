//! The harnesses of the platforms that this repository can run on a host.

mod host;
mod local;

pub use host::StdHarness;
pub use local::LocalHarness;
