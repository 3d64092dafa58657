//! Chaos: seeded, bounded, counted, part of the trace; and the oracles hold under it.

mod programs;

use std::time::Duration;

use asupersync_core::trace::EventKind;
use asupersync_sim::{Chaos, Fault, Lab, LabReport, Schedule, Strategy};

fn wild() -> Chaos {
    Chaos {
        cancel_per_mille: 100,
        delay_per_mille: 200,
        ..Chaos::default()
    }
}

fn faults(report: &LabReport<u64>) -> (u64, u64, Duration) {
    let mut counted = (0, 0, Duration::ZERO);
    for decision in report.schedule.decisions() {
        match decision.fault {
            Fault::Cancel => counted.0 += 1,
            Fault::Delay(time) => {
                counted.1 += 1;
                counted.2 += time;
            }
            _ => {}
        }
    }
    counted
}

#[test]
fn faults_are_counted_traced_and_survived() {
    let (mut cancels, mut delays) = (0, 0);
    for strategy in [Strategy::Random, Strategy::Lanes] {
        for seed in 0..200 {
            let lab = Lab::new(seed).chaos(wild()).strategy(strategy.clone());
            for report in [
                lab.run(programs::tree),
                lab.run(programs::pipeline),
                lab.run(programs::race),
            ] {
                report.assert_clean();
                let counts = report.chaos;
                assert_eq!(
                    faults(&report),
                    (counts.cancels, counts.delays, counts.delayed)
                );
                let trace = report.trace.as_ref().expect("captured");
                let told = trace.events().iter();
                let told = told.filter(|event| event.kind == EventKind::Chaos).count() as u64;
                assert_eq!(told, counts.cancels + counts.delays);
                assert_eq!(Schedule::of_events(trace.events()), report.schedule);
                cancels += counts.cancels;
                delays += counts.delays;
            }
        }
    }
    assert!(
        cancels > 1_000 && delays > 1_000,
        "{cancels} cancels, {delays} delays"
    );
}

// proves: R-DET-1
#[test]
fn chaos_is_part_of_the_seed() {
    let lab = |seed| Lab::new(seed).chaos(wild());
    let (first, second) = (lab(5).run(programs::tree), lab(5).run(programs::tree));
    assert_eq!(first.digest, second.digest);
    assert_ne!(first.digest, Lab::new(5).run(programs::tree).digest);
}

#[test]
fn faults_are_bounded() {
    for seed in 0..50 {
        let chaos = Chaos {
            faults_max: 3,
            delay_max: Duration::from_micros(5),
            ..wild()
        };
        let report = Lab::new(seed).chaos(chaos).run(programs::tree);
        report.assert_clean();
        let counts = report.chaos;
        assert!(counts.cancels + counts.delays <= 3);
        assert!(counts.delayed <= Duration::from_micros(15));
    }
}

#[test]
fn the_main_task_is_spared_unless_asked() {
    let always = Chaos {
        cancel_per_mille: 1_000,
        ..Chaos::default()
    };
    let spared = Lab::new(0).chaos(always).run(programs::race);
    assert_eq!(spared.chaos.cancels, 0, "there is no other task");
    assert_eq!(spared.unwrap(), 1);
    let hit = Chaos {
        spares_main: false,
        ..always
    };
    let hit = Lab::new(0).chaos(hit).run(programs::race);
    hit.assert_clean();
    assert!(hit.result.is_err());
    assert_eq!(hit.chaos.cancels, 1);
}

#[test]
fn extremes_are_no_faults_of_the_lab() {
    let only_delays = Chaos {
        delay_per_mille: u16::MAX,
        delay_max: Duration::ZERO,
        faults_max: u64::MAX,
        spares_main: false,
        ..Chaos::default()
    };
    // Nobody is ever polled: the run is out of steps, is healed, and ends.
    let report = Lab::new(0)
        .chaos(only_delays)
        .max_steps(500)
        .run(programs::pipeline);
    assert!(report.violates(asupersync_sim::Oracle::Progress));
    assert!(report.is_closed);
    let long = Chaos {
        delay_per_mille: 500,
        delay_max: Duration::MAX,
        ..Chaos::default()
    };
    Lab::new(0)
        .chaos(long)
        .run(programs::pipeline)
        .assert_clean();
}
