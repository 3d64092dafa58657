//! A region cannot leave its body; a `Spawner` can.
use asupersync_core::{Cx, Error, Region};

async fn body(cx: &Cx) -> Result<(), Error> {
    let mut kept: Option<&Region> = None;
    cx.region(async |r| {
        kept = Some(r);
        Ok(())
    })
    .await
}

fn main() {}
