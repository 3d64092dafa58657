//! What the module asks of its host: a clock, entropy and two call-backs. And what wasm lacks: heap, panics.

use asupersync_core::{Platform, Time};

// SAFETY: the host's functions have these signatures, and touch no memory.
#[link(wasm_import_module = "host")]
unsafe extern "C" {
    /// Nanoseconds since any fixed moment; never backwards.
    safe fn now() -> u64;
    /// Asks for a turn at this time; `u64::MAX` takes that back.
    safe fn arm(deadline: u64);
    /// Asks for a turn soon.
    safe fn pend();
    /// 64 random bits.
    safe fn entropy() -> u64;
}

/// The platform behind the imports.
pub struct Host;

impl Platform for Host {
    fn now(&self) -> Time {
        Time::from_nanos(now())
    }

    fn arm(&self, deadline: Option<Time>) {
        arm(deadline.map_or(u64::MAX, Time::as_nanos));
    }

    fn pend(&self) {
        pend();
    }

    fn entropy(&self) -> u64 {
        entropy()
    }
}

#[global_allocator]
static HEAP: dlmalloc::GlobalDlmalloc = dlmalloc::GlobalDlmalloc;

#[panic_handler]
fn panicked(_info: &core::panic::PanicInfo<'_>) -> ! {
    core::arch::wasm32::unreachable()
}
