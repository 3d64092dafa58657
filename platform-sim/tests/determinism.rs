//! The same seed is the same run; different seeds differ; time is virtual.

mod programs;

use std::collections::BTreeSet;
use std::time::Duration;

use asupersync_core::{Error, LocalRegion};
use asupersync_sim::artifact::Compression;
use asupersync_sim::{Lab, LabReport, Strategy};

fn bytes_of<T>(report: &LabReport<T>) -> Vec<u8> {
    let trace = report.trace.as_ref().expect("captured by default");
    trace.to_binary(Compression::default()).expect("a sound trace is written")
}

// proves: R-DET-1
#[test]
fn the_same_seed_twice_gives_identical_bytes() {
    for strategy in [Strategy::Random, Strategy::Lanes] {
        for seed in 0..100 {
            let lab = Lab::new(seed).strategy(strategy.clone());
            let (first, second) = (lab.run(programs::tree), lab.run(programs::tree));
            assert_eq!(bytes_of(&first), bytes_of(&second), "seed {seed}");
            assert_eq!(first.schedule, second.schedule);
            first.assert_clean();
        }
    }
}
