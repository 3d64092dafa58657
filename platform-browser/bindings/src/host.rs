//! The other side: what this module asks of `packages/browser-core/src/kernel.ts`, its heap, its statics.
//!
//! Owns the signatures of the imports, and all that is `unsafe` beside the names of the exports.

use asupersync_core::{CancelKind, CancelReason, RegionReport};

#[cfg(not(feature = "unwind"))]
use crate::panics;

#[cfg(target_feature = "atomics")]
compile_error!("the bindings keep their state in statics of one thread: build without `+atomics`");

#[global_allocator]
static HEAP: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[cfg(not(feature = "unwind"))]
#[panic_handler]
fn handle(info: &core::panic::PanicInfo<'_>) -> ! {
    asupersync_browser::report_panic(info.message().as_str(), info.location());
    panics::tell();
    core::arch::wasm32::unreachable()
}

/// A static of a module that has one thread.
pub struct OneThread<T>(pub T);

// SAFETY: without the target feature `atomics`, which is refused above, a module's memory belongs to one instance, and
// an instance runs on the thread that made it.
unsafe impl<T> Sync for OneThread<T> {}

// SAFETY: `kernel.ts` has functions with these signatures. They touch no memory of the module but the texts that they
// are given, and do not throw.
#[link(wasm_import_module = "tasks")]
unsafe extern "C" {
    /// Calls the function of this slot: it may run.
    pub safe fn start(slot: f64);
    /// Calls the newest function that this slot deferred; `settle` says when it has ended.
    pub safe fn finalize(slot: f64);
    /// This sleep of the slot is over.
    pub safe fn slept(slot: f64, sleep: u32);
    /// The panic that was told is of this slot's code, or of nobody's for 0. The instance ends next, unless panics unwind.
    pub safe fn panicking(slot: f64);
    /// The runtime has ended.
    pub safe fn closed();
    #[link_name = "abort"]
    safe fn abort_with(slot: f64, kind: u32, cause: u32, text: *const u8, length: usize);
    #[link_name = "ended"]
    safe fn ended_with(slot: f64, how: u32, kind: u32, cause: u32, text: *const u8, length: usize);
    #[link_name = "report"]
    safe fn report_with(
        slot: f64,
        ok: f64,
        failed: f64,
        cancelled: f64,
        forced: f64,
        unpolled: f64,
        finalized: f64,
        finalizers_forced: f64,
    );
}

/// How a slot ended, in the numbers of `ended`.
#[derive(Clone, Copy)]
pub enum How {
    Ok = 0,
    Failed = 1,
    Cancelled = 2,
    Panicked = 3,
    /// A background task is gone: nobody waits for it.
    Gone = 4,
}

/// The kind of a reason, the kind of what led to it in the first place, and what was said there.
fn told(reason: &CancelReason) -> (u32, u32, &str) {
    let first = reason.chain().last().unwrap_or(reason);
    (reason.kind() as u32, first.kind() as u32, first.message())
}

/// The slot is to stop, for this reason.
pub fn abort(slot: f64, reason: &CancelReason) {
    let (kind, cause, text) = told(reason);
    abort_with(slot, kind, cause, text.as_ptr(), text.len());
}

/// The slot has ended; it is forgotten here.
pub fn ended(slot: f64, how: How, reason: Option<&CancelReason>) {
    let around = CancelKind::ParentCancelled as u32;
    let unsaid = (around, around, "what is around it has ended");
    let (kind, cause, text) = reason.map_or(unsaid, told);
    ended_with(slot, how as u32, kind, cause, text.as_ptr(), text.len());
}

/// What happened in a region that has closed.
pub fn report(slot: f64, report: &RegionReport) {
    report_with(
        slot,
        report.ok as f64,
        report.failed as f64,
        report.cancelled as f64,
        report.forced as f64,
        report.unpolled as f64,
        report.finalized as f64,
        report.finalizers_forced as f64,
    );
}
