//! The work of the browser bench on wasm-bindgen-futures. Empty on other targets.

#![cfg(target_arch = "wasm32")]

#[path = "../../work.rs"]
mod work;

use std::cell::Cell;
use std::future::Future;
use std::rc::Rc;

use wasm_bindgen::prelude::wasm_bindgen;
use wasm_bindgen_futures::spawn_local;

use work::{Baton, player, self_wake};

#[wasm_bindgen]
extern "C" {
    /// The run has ended; its count.
    #[wasm_bindgen(js_namespace = globalThis, js_name = benchDone)]
    fn done(count: u32);
}

/// Counts the tasks that are left; the last one ends the run.
fn spawn_counted(left: &Rc<Cell<u32>>, count: u32, task: impl Future<Output = ()> + 'static) {
    let left = Rc::clone(left);
    spawn_local(async move {
        task.await;
        left.set(left.get() - 1);
        if left.get() == 0 {
            done(count);
        }
    });
}

/// One task that wakes itself.
#[wasm_bindgen]
pub fn run_self_wake(times: u32) {
    spawn_counted(&Rc::new(Cell::new(1)), times, self_wake(times));
}

/// Two tasks that wake each other.
#[wasm_bindgen]
pub fn run_ping_pong(times: u32) {
    let baton = Rc::new(Baton::default());
    let left = Rc::new(Cell::new(2));
    for side in [0, 1] {
        spawn_counted(&left, times, player(Rc::clone(&baton), side, times));
    }
}

/// Many tasks that only count.
#[wasm_bindgen]
pub fn run_spawn(times: u32) {
    let left = Rc::new(Cell::new(times));
    for _ in 0..times {
        spawn_counted(&left, times, async {});
    }
}
