//! A borrowed permit cannot be the value of the region whose `Cx` it borrows.
use asupersync_core::channel::mpsc;
use asupersync_core::{Cx, Error};

async fn body(cx: &Cx, tx: mpsc::Sender<u32>) -> Result<(), Error> {
    let permit = cx.region(async |r| Ok(tx.reserve(r).await?)).await?;
    let _ = permit.send(1);
    Ok(())
}

fn main() {}
