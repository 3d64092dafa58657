//! A driver stays on its thread: futures that may not move live and die there.
use asupersync_local::LocalDriver;

fn body(mut driver: LocalDriver) {
    std::thread::spawn(move || {
        let _ = driver.turn(1);
    });
}

fn main() {}
