//! No stack: scopes that nest too deep in one task are refused before the stack runs over.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use core::future::Future;
use core::pin::Pin;

use asupersync_core::{Error, INLINE_DEPTH_MAX, LocalRegion, SpawnError};
use asupersync_cortex_m::Runtime;
use asupersync_firmware::stack;
use semihosting::println;

use super::{PORT, expect};

pub fn too_deep() -> Result<(), String> {
    let before = stack::worst();
    let mut runtime = Runtime::new(&PORT, 16);
    let deepest = runtime.block_on(async |region: &LocalRegion| nest(region, 0).await);
    let stats = runtime.shut_down();
    let deepest = deepest.map_err(|error| error.to_string())?;
    println!(
        "note: {deepest} nested regions took the stack from {before} to {} bytes",
        stack::worst()
    );
    // The body's own region is the first.
    if deepest + 1 != u32::from(INLINE_DEPTH_MAX) {
        return Err(format!(
            "refused at {deepest}, the limit is {INLINE_DEPTH_MAX}"
        ));
    }
    expect(stats.live == 0, "something is left")
}

/// Opens a region in a region until it is refused, and says how many were opened.
fn nest(
    region: &LocalRegion,
    depth: u32,
) -> Pin<Box<dyn Future<Output = Result<u32, Error>> + '_>> {
    Box::pin(async move {
        let inner = region
            .region(async |inner| nest(inner, depth + 1).await)
            .await;
        match inner {
            Err(error) if error.downcast_ref() == Some(&SpawnError::TooDeep) => Ok(depth),
            other => other,
        }
    })
}
