//! The harnesses of the platforms that this repository has itself. All but std's are `no_std`.

#[cfg(feature = "guests")]
mod embassy;
#[cfg(feature = "guests")]
mod guest;
#[cfg(feature = "hosts")]
mod host;
#[cfg(feature = "lab")]
pub mod lab;
#[cfg(feature = "local")]
mod local;
#[cfg(all(feature = "local", not(any(feature = "hosts", feature = "unwind"))))]
#[path = "abort.rs"]
mod panics;
#[cfg(any(feature = "hosts", feature = "unwind"))]
#[path = "unwind.rs"]
mod panics;

#[cfg(feature = "guests")]
pub use embassy::EmbassyHarness;
#[cfg(feature = "guests")]
pub use guest::TokioHarness;
#[cfg(feature = "hosts")]
pub use host::StdHarness;
#[cfg(feature = "lab")]
pub use lab::LabHarness;
#[cfg(feature = "local")]
pub use local::LocalHarness;
