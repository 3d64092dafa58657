//! Negative controls of the golden traces: programs that let a target show, each of which must be caught.
//!
//! Owns three leaks: the width of a pointer, an order that a hash of native bytes gives, an address. The first two
//! have committed lines, made on 64 bits: there they must agree, on any other width they must not. Of the third
//! no two runs agree.

use alloc::boxed::Box;
use alloc::format;
use alloc::string::{String, ToString};
use alloc::vec::Vec;

use asupersync_core::LocalRegion;

use super::{COMMITTED, SEEDS, compare, line};
use crate::Probe;
use crate::harness::{Run, Scenario};

/// A program that leaks something of its target into the trace.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Control {
    /// Says how wide a pointer is.
    PointerWidth,
    /// Spawns in the order that a hash of native bytes gives.
    HashOrder,
    /// Says where something lies in memory.
    Address,
}

impl Control {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::PointerWidth, Self::HashOrder, Self::Address];

    /// The name in reports and in the committed file.
    pub fn name(self) -> &'static str {
        self.scenario().name
    }

    /// Its program, as a scenario.
    pub(super) fn scenario(self) -> Scenario {
        match self {
            Self::PointerWidth => Scenario::new("control/pointer_width", pointer_width),
            Self::HashOrder => Scenario::new("control/hash_order", hash_order),
            Self::Address => Scenario::new("control/address", address),
        }
    }

    /// Whether it has a line in the committed file.
    pub(super) fn is_committed(self) -> bool {
        self != Self::Address
    }

    /// Runs it and sees whether [`compare`] notices the leak where it must; says what was found.
    ///
    /// # Errors
    /// A leak went unnoticed, or a line is out of date, in words.
    pub fn check(self) -> Result<String, String> {
        let scenario = self.scenario();
        if self.is_committed() {
            let found = line(&scenario, SEEDS)?;
            return judge_width(compare(self.name(), found, COMMITTED).is_err());
        }
        let first = line(&scenario, 0..1)?;
        let second = line(&scenario, 0..1)?;
        match compare(self.name(), second, &first) {
            Err(_) => Ok("caught, two runs differ".to_string()),
            Ok(_) => {
                Err("two runs at different addresses look the same: the check is blind".to_string())
            }
        }
    }
}

/// A leak of the width shows on every width but that of the committed line.
fn judge_width(differs: bool) -> Result<String, String> {
    let bits = usize::BITS;
    match (differs, bits == 64) {
        (true, false) => Ok(format!("caught, {bits} bits differ from the golden 64")),
        (false, true) => Ok("as committed on 64 bits; to be caught on others".to_string()),
        (false, false) => Err(format!(
            "a leak of {bits} bits went unnoticed: the check is blind"
        )),
        (true, true) => {
            Err("differs from its line on 64 bits too; `golden write` renews it".to_string())
        }
    }
}

fn pointer_width<'a>(r: &'a LocalRegion, _: &'a Probe) -> Run<'a> {
    Box::pin(async move { Ok(r.trace(0, usize::BITS.into())?) })
}

/// As a hash map without a random seed would iterate, were its hasher fed with the bytes of a `usize`.
fn hash_order<'a>(r: &'a LocalRegion, _: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let mut keys: Vec<usize> = (0..16).collect();
        keys.sort_by_key(|key| fnv(&key.to_ne_bytes()));
        for key in keys {
            r.spawn(async move |cx| Ok(cx.trace(0, key as u64)?))?;
        }
        Ok(())
    })
}

fn fnv(bytes: &[u8]) -> u64 {
    bytes.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(*byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The byte is never freed, so that no later run can lie in its place.
fn address<'a>(r: &'a LocalRegion, _: &'a Probe) -> Run<'a> {
    Box::pin(async move {
        let place: *const u8 = Box::leak(Box::new(0_u8));
        Ok(r.trace(0, place.addr() as u64)?)
    })
}
