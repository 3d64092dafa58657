//! The golden traces on this target: the lab's runs have to hash to the committed bytes.
//!
//! Prints the line of each scenario, or what differs, and exits with failure if one does, or if one of the negative
//! controls was not caught.

#![no_std]
#![no_main]

extern crate alloc;

use alloc::format;
use alloc::string::String;
use core::panic::PanicInfo;

use asupersync_conformance::golden;
use asupersync_firmware::{console, heap, stack};
use cortex_m_rt::entry;
use semihosting::println;

#[panic_handler]
fn on_panic(info: &PanicInfo<'_>) -> ! {
    console::panicked(info)
}

#[entry]
fn main() -> ! {
    heap::init();
    let (mut same, mut different) = (0, 0);
    let mut judge = |name: &str, found: Result<String, String>| match found {
        Ok(line) => {
            println!("{line}");
            same += 1;
        }
        Err(why) => {
            println!("FAIL {name}: {why}");
            different += 1;
        }
    };
    for scenario in golden::common_set() {
        judge(scenario.name, golden::check(&scenario));
    }
    for control in golden::Control::ALL {
        let found = control.check();
        judge(
            control.name(),
            found.map(|how| format!("{}: {how}", control.name())),
        );
    }
    for why in golden::stale() {
        judge("the committed file", Err(why));
    }
    println!(
        "golden: {same} as they should be, {different} not; heap peak {}, stack worst {} of {}",
        heap::peak(),
        stack::worst(),
        stack::size(),
    );
    console::exit(different == 0)
}
