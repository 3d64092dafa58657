//! A `LocalCx` proves where it is, so a task that may move cannot hold one across a wait.
use asupersync_core::{LocalCx, Region};

fn body(region: &Region, local: LocalCx) {
    let _ = region.spawn(async move |cx| {
        let kept = local;
        cx.yield_now().await?;
        drop(kept);
        Ok(())
    });
}

fn main() {}
