//! Ownership (R-OWN-*): who owns a task, who may spawn, what a dropped region leaves behind.

use alloc::boxed::Box;
use core::time::Duration;

use asupersync_core::LocalRegion;

use crate::harness::{Run, Scenario};
use crate::Probe;

/// The scenarios of this file.
pub const SCENARIOS: &[Scenario] = &[Scenario::new("own/closed_region_refuses", closed_region_refuses)];

/// A spawner that outlives its region is refused, and the closure is dropped uncalled.
// proves: R-OWN-2
fn closed_region_refuses<'a>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let spawner = r.region(async |inner| Ok(inner.spawner())).await?;
        let kept = probe.mark_on_drop("dropped");
        let notes = probe.clone();
        let refused = spawner.spawn(async move |cx| {
            notes.mark("ran");
            drop(kept);
            Ok(cx.sleep(Duration::from_millis(1)).await?)
        });
        probe.expect(refused.is_err_and(|e| e.is_closed()), "the spawn was admitted");
        probe.expect_marks(&["dropped"]);
        Ok(())
    })
}
