//! The harnesses of the platforms that this repository can run on a host.

mod host;
pub mod lab;
mod local;

pub use host::StdHarness;
pub use lab::LabHarness;
pub use local::LocalHarness;
