//! No heap: a spawn that finds no memory is refused, and nothing that was admitted before is lost.

use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use asupersync_core::{Error, LocalRegion, SpawnError};
use asupersync_cortex_m::Runtime;
use asupersync_firmware::heap;

use super::{PORT, expect};

/// How much heap the tasks get. Enough for a few of them.
const ROOM: usize = 2_048;

pub fn full_at_spawn() -> Result<(), String> {
    let mut runtime = Runtime::new(&PORT, 1_000);
    let refused = runtime.block_on(fill_up);
    let stats = runtime.shut_down();
    heap::limit(usize::MAX);
    let admitted = refused.map_err(|error| error.to_string())?;
    if admitted == 0 || admitted >= 1_000 {
        return Err(format!("{admitted} tasks were admitted in {ROOM} bytes"));
    }
    expect(stats.live == 0, "a task that was refused still counts")
}

/// Spawns until it is refused; everybody that was admitted gives its number back. Says how many those were.
async fn fill_up(region: &LocalRegion) -> Result<u32, Error> {
    let mut tasks = Vec::with_capacity(1_000);
    heap::limit(heap::used() + ROOM);
    let refused = loop {
        let number = tasks.len() as u32;
        let spawned = region.spawn(async move |cx| {
            cx.yield_now().await?;
            Ok(number)
        });
        match spawned {
            Ok(task) => tasks.push(task),
            Err(refused) => break refused,
        }
    };
    assert_eq!(
        refused,
        SpawnError::AtCapacity,
        "how a full heap is refused"
    );
    let admitted = tasks.len() as u32;
    for (expected, task) in (0..).zip(tasks) {
        assert_eq!(
            task.join(region).await?,
            expected,
            "a task that was admitted"
        );
    }
    // The memory is back, and so is the slot of the one that was refused.
    let again = region.spawn(async |_| Ok(7))?;
    assert_eq!(again.join(region).await?, 7, "a task after the refusal");
    heap::limit(usize::MAX);
    Ok(admitted)
}
