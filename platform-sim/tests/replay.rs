//! Replay: a recorded run is repeated event by event; what differs is shown at its first event.

mod programs;

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use asupersync_core::{Config, Cx, Error};
use asupersync_sim::artifact::{Compression, Trace};
use asupersync_sim::{
    Chaos, Decision, Fault, Lab, LocalRegion, Oracle, Replay, Schedule, Strategy,
};

fn chaos() -> Chaos {
    Chaos {
        cancel_per_mille: 50,
        delay_per_mille: 100,
        delay_max: Duration::from_millis(3),
        faults_max: 20,
        spares_main: false,
    }
}

/// Through the bytes of a file and back.
fn stored(trace: &Trace) -> Trace {
    let bytes = trace
        .to_binary(Compression::default())
        .expect("it is written");
    Trace::from_bytes(&bytes).expect("it is read")
}

// proves: RP-TRACE-001, R-DET-1
#[test]
fn a_recorded_run_is_repeated_event_by_event() {
    for strategy in [Strategy::Random, Strategy::Lanes] {
        for seed in 0..40 {
            let lab = Lab::new(seed).strategy(strategy.clone()).chaos(chaos());
            let recorded = lab.run(programs::tree);
            let trace = stored(recorded.trace.as_ref().expect("captured"));
            let replayed = Replay::new(trace).run(|lab| lab.run(programs::tree));
            assert!(replayed.is_faithful(), "seed {seed}: {replayed}");
            assert!(replayed.same_settings && replayed.is_whole);
            assert_eq!(replayed.report.digest, recorded.digest);
            assert_eq!(replayed.report.schedule, recorded.schedule);
            assert_eq!(replayed.report.replay_command(), recorded.replay_command());
        }
    }
}

// proves: RP-DET-001
#[test]
fn the_recorded_schedule_is_the_run() {
    let recorded = Lab::new(9).run(programs::pipeline);
    // The seed feeds only entropy, which this program does not draw.
    let followed = Lab::new(10)
        .strategy(Strategy::Recorded(recorded.schedule.clone()))
        .run(programs::pipeline);
    followed.assert_clean();
    assert_eq!(followed.digest, recorded.digest);
}

#[test]
fn another_program_diverges_at_its_first_difference() {
    let recorded = Lab::new(1).run(programs::pipeline);
    let trace = recorded.trace.expect("captured");
    let replayed = Replay::new(trace).run(|lab| {
        lab.run(async |region: &LocalRegion| {
            region.sleep(Duration::from_millis(1)).await?;
            programs::pipeline(region).await
        })
    });
    assert!(!replayed.is_faithful());
    let text = replayed.to_string();
    assert!(
        text.contains("the runs differ from event") && text.contains("the program has changed"),
        "{text}"
    );
}

#[test]
fn other_settings_are_named_as_the_cause() {
    let nap = async |region: &LocalRegion| -> Result<(), Error> {
        region
            .timeout(Duration::from_millis(1), async |cx| {
                cx.masked(Duration::from_secs(1), async |cx| {
                    cx.sleep(Duration::from_millis(9)).await
                })
                .await?;
                Ok(())
            })
            .await
    };
    let recorded = Lab::new(1).run(nap);
    let trace = recorded.trace.expect("captured");
    let replayed = Replay::new(trace).run(|lab| {
        let mut config = Config::default();
        config.cleanup = config.cleanup.scaled(1, 1_000);
        lab.config(config).run(nap)
    });
    assert!(!replayed.same_settings);
    assert!(!replayed.is_faithful(), "the body is forced earlier");
    assert!(
        replayed
            .to_string()
            .contains("settings of the kernel differ"),
        "{replayed}"
    );
}

/// Depends on how often it ran before, which the lab does not control.
async fn moody(region: &LocalRegion, runs: Arc<AtomicU64>) -> Result<(), Error> {
    let mood = runs.fetch_add(1, Ordering::Relaxed);
    for index in 0..3 + mood {
        region.spawn(async move |cx: Cx| {
            cx.trace(1, index)?;
            Ok(())
        })?;
    }
    Ok(())
}

#[test]
fn nondeterminism_is_found_on_replay() {
    let runs = Arc::new(AtomicU64::new(0));
    let program = |lab: Lab| {
        let runs = Arc::clone(&runs);
        lab.run(async |region: &LocalRegion| moody(region, runs).await)
    };
    let recorded = program(Lab::new(4));
    let replayed = Replay::new(recorded.trace.expect("captured")).run(program);
    let divergence = replayed.divergence.as_ref().expect("one task more");
    assert!(!divergence.is_equivalent);
}

#[test]
fn a_decision_that_cannot_be_followed_is_a_violation() {
    let recorded = Lab::new(2).run(programs::pipeline);
    let mut decisions = recorded.schedule.decisions().to_vec();
    let stranger = asupersync_core::PathId::from_u64(0xbad);
    decisions[3] = Decision {
        task: stranger,
        fault: Fault::None,
    };
    let schedule: Schedule = decisions.into_iter().collect();
    let report = Lab::new(2)
        .strategy(Strategy::Recorded(schedule))
        .run(programs::pipeline);
    assert!(report.violates(Oracle::Determinism), "{report}");
    assert!(
        report
            .to_string()
            .contains("step 3 polls task 0000000000000bad"),
        "{report}"
    );
    assert_eq!(report.result.expect("it goes on, first in first out"), 520);
}

#[test]
fn a_short_schedule_is_a_prefix() {
    let recorded = Lab::new(2).run(programs::pipeline);
    let first = recorded.schedule.decisions().iter().copied().take(5);
    let report = Lab::new(2)
        .strategy(Strategy::Recorded(first.collect()))
        .run(programs::pipeline);
    assert_eq!(
        report.schedule.decisions()[..5],
        recorded.schedule.decisions()[..5]
    );
    assert_eq!(report.unwrap(), 520);
}
