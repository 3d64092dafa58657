//! The work of the browser bench on asupersync. Empty on other targets.

#![cfg(target_arch = "wasm32")]

#[path = "../../work.rs"]
mod work;

use std::cell::Cell;
use std::cell::OnceCell;
use std::rc::Rc;

use asupersync_browser::{Entry, Runtime, enter};
use asupersync_core::{Error, LocalRegion};

use work::{Baton, player, self_wake};

// SAFETY: the host's `done` has this signature.
#[link(wasm_import_module = "bench")]
unsafe extern "C" {
    /// The run has ended; its count.
    safe fn done(count: u32);
}

/// How many tasks live at once.
const CAPACITY: usize = 100_100;

thread_local! {
    static RUNTIME: OnceCell<Runtime> = const { OnceCell::new() };
}

/// Runs a body that gives its count.
fn run<F>(body: F)
where
    F: AsyncFnOnce(&LocalRegion) -> Result<u32, Error> + 'static,
{
    enter(Entry::Event, || {
        RUNTIME.with(|runtime| {
            let runtime = runtime.get_or_init(|| Runtime::new(CAPACITY));
            let ended = |result: Result<u32, Error>| done(result.unwrap_or(0));
            runtime.start(body, ended);
        });
    });
}

/// One task that wakes itself.
// SAFETY: the module links no other function of this name.
#[unsafe(no_mangle)]
extern "C" fn run_self_wake(times: u32) {
    run(async move |region: &LocalRegion| {
        let task = region.spawn_local(async move |_cx| {
            self_wake(times).await;
            Ok(times)
        })?;
        task.join(region).await
    });
}

/// One task that yields, which is a cancellation point as well.
// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn run_yield(times: u32) {
    run(async move |region: &LocalRegion| {
        let task = region.spawn_local(async move |cx| {
            for _ in 0..times {
                cx.yield_now().await?;
            }
            Ok(times)
        })?;
        task.join(region).await
    });
}

/// Two tasks that wake each other.
// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn run_ping_pong(times: u32) {
    run(async move |region: &LocalRegion| {
        let baton = Rc::new(Baton::default());
        let sides = [0, 1].map(|side| {
            let baton = Rc::clone(&baton);
            region.spawn_local(async move |_cx| {
                player(baton, side, times).await;
                Ok(())
            })
        });
        for side in sides {
            side?.join(region).await?;
        }
        Ok(times)
    });
}

/// Many tasks that only count.
// SAFETY: as above.
#[unsafe(no_mangle)]
extern "C" fn run_spawn(times: u32) {
    run(async move |region: &LocalRegion| {
        let count = Rc::new(Cell::new(0));
        let inside = Rc::clone(&count);
        let all = async move |region: &LocalRegion| {
            for _ in 0..times {
                let count = Rc::clone(&inside);
                drop(region.spawn_local(async move |_cx| {
                    count.set(count.get() + 1);
                    Ok(())
                })?);
            }
            Ok(())
        };
        region.region(all).await?;
        Ok(count.get())
    });
}
