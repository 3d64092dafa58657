//! The module inside `@asupersync/browser-core`: functions of JavaScript as tasks of the kernel.
//!
//! Owns what JavaScript may call. A number that is passed is a slot of this very runtime or is refused; nothing traps. One
//! instance is one runtime; the other side is `packages/browser-core/src/kernel.ts`. Empty on other targets.

#![cfg(target_arch = "wasm32")]
#![no_std]

extern crate alloc;
#[cfg(feature = "unwind")]
extern crate std;

mod abi;
#[path = "../../../tests/wasm/export.rs"]
mod export;
mod host;
mod panics;
mod registry;
mod spawn;
mod stop;
mod tasks;

use alloc::borrow::Cow;
use alloc::string::String;
use core::cell::Cell;
use core::future::pending;

use asupersync_browser::{Entry, Runtime, enter};
use asupersync_core::{CancelRequest, LocalRegion};
use export::export;
use host::OneThread;
use registry::{Kind, Settled, registry, with_slot};
use spawn::{Refusal, duration};
use stop::Stop;

/// The longest text that a cancel takes, in bytes.
const TEXT_MAX: usize = 1024;

static RUNTIME: OneThread<Cell<Option<Runtime>>> = OneThread(Cell::new(None));

/// A call that only looks at slots: 0, or why it was refused.
fn done(found: Option<()>) -> i32 {
    found.map_or(Refusal::NoSuchSlot as i32, |()| 0)
}

/// The number of a new slot, or why there is none.
fn numbered(result: Result<f64, Refusal>) -> f64 {
    result.unwrap_or_else(|refusal| f64::from(refusal as i32))
}

export! {
    /// Begins the runtime of this instance: at most `capacity` tasks, and numbers of the realm `realm`.
    fn begin(capacity: u32, realm: u32) {
        registry(|registry| registry.set_realm(realm));
        #[cfg(feature = "unwind")]
        std::panic::set_hook(alloc::boxed::Box::new(|_| panics::tell()));
        // Its own runtime, since it outlives the other one; it ends with the instance.
        let collector = Runtime::new(1);
        enter(Entry::Event, || {
            let collect = async |region: &LocalRegion<Stop>| {
                panics::of_slot(0.0, spawn::collect(region)).await;
                Ok(())
            };
            collector.start(collect, |_: Result<(), Stop>| ());
            collector.leave_running();
            let runtime = Runtime::new(capacity as usize);
            let root = async |region: &LocalRegion<Stop>| {
                let clock = region.clock().ok();
                let spawner = region.spawner();
                registry(|registry| {
                    registry.root = Some(spawner);
                    registry.clock = clock;
                });
                region.until_cancelled(pending::<()>()).await?;
                Ok(())
            };
            runtime.start(root, |_: Result<(), Stop>| ());
            RUNTIME.0.set(Some(runtime));
        });
    }

    /// Room for a text of `length` bytes, which the next `cancel` takes; null if it is too long.
    fn text(length: usize) -> *mut u8 {
        if length > TEXT_MAX {
            return core::ptr::null_mut();
        }
        registry(|registry| {
            registry.text.clear();
            registry.text.resize(length, 0);
            registry.text.as_mut_ptr()
        })
    }

    /// Opens a scope in the region of a slot, or of the runtime for 0: its number, or a refusal. It is cancelled with
    /// `Timeout` after `limit_ms`; negative: never.
    fn open(parent: f64, limit_ms: f64) -> f64 {
        let limit = (limit_ms >= 0.0).then(|| duration(limit_ms));
        enter(Entry::Settled, || numbered(spawn::open(parent, limit)))
    }

    /// Spawns a task into a scope: its number, or a refusal. 0: its error is the scope's, 1: it is a background task, 2: its
    /// error is for who waits for it.
    fn spawn(scope: f64, kind: u32) -> f64 {
        let kind = match kind {
            0 => Kind::Task,
            1 => Kind::Background,
            _ => Kind::Contained,
        };
        enter(Entry::Settled, || numbered(spawn::task(scope, kind)))
    }

    /// The promise of a slot's function has settled: 0 with a value, 1 with an error, 2 with its own cancel.
    fn settle(slot: f64, how: u32) -> i32 {
        let settled = match how {
            0 => Settled::Ok,
            1 => Settled::Failed,
            _ => Settled::Cancelled,
        };
        enter(Entry::Settled, || {
            let found = with_slot(slot, |slot| {
                slot.settled.get_or_insert(settled);
            });
            spawn::wake(slot);
            done(found)
        })
    }

    /// The promise of the slot's finalizer under way has settled.
    fn finalized(slot: f64) -> i32 {
        enter(Entry::Settled, || {
            let found = with_slot(slot, |slot| slot.is_finalized = true);
            spawn::wake(slot);
            done(found)
        })
    }

    /// One more function is deferred; the kernel says when it runs.
    fn defer(slot: f64) -> i32 {
        enter(Entry::Settled, || {
            let is_late = with_slot(slot, |slot| {
                slot.deferred += u32::from(!slot.is_over);
                slot.is_over
            });
            if is_late == Some(true) {
                return Refusal::Closed as i32;
            }
            spawn::wake(slot);
            done(is_late.map(drop))
        })
    }

    /// Arms a sleep of a slot: `slept` follows, unless the slot ends before.
    fn sleep(slot: f64, sleep: u32, ms: f64) -> i32 {
        enter(Entry::Settled, || {
            let Some(clock) = registry(|registry| registry.clock.clone()) else {
                return Refusal::Ended as i32;
            };
            let alarm = clock.alarm(clock.now().saturating_add(duration(ms)));
            let found = with_slot(slot, |slot| slot.sleeps.push((sleep, alarm)));
            spawn::wake(slot);
            done(found)
        })
    }

    /// Asks the task or scope of a slot to stop, with the text that was written last: 0 since somebody wants it, 1 since
    /// another one won. What has not ended after `drain_ms` is forced; negative: after the time of the kind.
    fn cancel(slot: f64, kind: u32, drain_ms: f64) -> i32 {
        let text = registry(|registry| core::mem::take(&mut registry.text));
        let why = match String::from_utf8(text) {
            Ok(text) => Cow::Owned(text),
            Err(_) => Cow::Borrowed("the message is no text"),
        };
        let mut request = match kind {
            0 => CancelRequest::user(why),
            _ => CancelRequest::race_lost(why),
        };
        if drain_ms >= 0.0 {
            request = request.within(duration(drain_ms));
        }
        enter(Entry::Settled, || {
            let Some(handle) = with_slot(slot, |slot| slot.handle.take()) else {
                return Refusal::NoSuchSlot as i32;
            };
            match handle {
                Some(handle) => {
                    handle.cancel_with(request);
                    with_slot(slot, |slot| slot.handle = Some(handle));
                }
                // It waits for its task to have a region.
                None => drop(with_slot(slot, |slot| slot.asked.push(request))),
            }
            0
        })
    }

    /// Asks everything to stop; `closed` follows when all has ended.
    fn close() {
        let Some(runtime) = RUNTIME.0.take() else { return };
        drop(registry(|registry| registry.root.take()));
        enter(Entry::Settled, || runtime.shut_down(|_| host::closed()));
    }

    /// How many slots are in use.
    fn slots() -> u32 {
        registry(|registry| registry.in_use())
    }
}

#[cfg(feature = "test-internals")]
export! {
    /// The next poll of a slot, or of the kernel's own task for 0, panics: 0 with a text, 1 with a text made of values,
    /// 2 traps, 3 takes all of the stack.
    fn arm_panic(slot: f64, how: u32) {
        panics::armed::arm(slot, how);
    }
}
