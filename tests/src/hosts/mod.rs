//! The harnesses of the platforms that this repository can run on a host.

mod host;

pub use host::StdHarness;
