//! A child that may move between threads cannot capture an `Rc`; `spawn_local` can.
use asupersync_core::Region;
use std::rc::Rc;

fn body(region: &Region) {
    let shared = Rc::new(1);
    let _ = region.spawn(async move |_cx| Ok(*shared));
}

fn main() {}
