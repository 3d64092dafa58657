//! A borrowed permit is counted in its task's header, so it cannot leave the task (R-OBL-3).
use asupersync_core::channel::mpsc;
use asupersync_core::{Error, Region};

async fn body(region: &Region, tx: mpsc::Sender<u32>) -> Result<(), Error> {
    let permit = tx.reserve(region).await?;
    region.spawn(async move |_cx| {
        let _ = permit.send(1);
        Ok(())
    })?;
    Ok(())
}

fn main() {}
