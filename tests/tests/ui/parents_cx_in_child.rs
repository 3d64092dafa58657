//! A child cannot borrow its parent's `Cx`: it is given its own.
use asupersync_core::{Cx, Error};

async fn body(cx: &Cx) -> Result<(), Error> {
    cx.region(async |r| {
        r.spawn(async move |_own| Ok(cx.checkpoint()?))?;
        Ok(())
    })
    .await
}

fn main() {}
