//! The same seed is the same run; different seeds differ; time and chance are the lab's.

mod programs;

use std::collections::BTreeSet;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use asupersync_core::{ChildEnded, Cx, Error, Severity, Time};
use asupersync_sim::artifact::Compression;
use asupersync_sim::{Lab, LabReport, LocalRegion, Oracle, Strategy};

fn bytes_of<T>(report: &LabReport<T>) -> Vec<u8> {
    let trace = report.trace.as_ref().expect("captured by default");
    trace
        .to_binary(Compression::default())
        .expect("a sound trace is written")
}

// proves: R-DET-1
#[test]
fn the_same_seed_twice_gives_identical_bytes() {
    for strategy in [Strategy::Random, Strategy::Lanes] {
        for seed in 0..100 {
            let lab = Lab::new(seed).strategy(strategy.clone());
            let (first, second) = (lab.run(programs::tree), lab.run(programs::tree));
            first.assert_clean();
            assert_eq!(bytes_of(&first), bytes_of(&second), "seed {seed}");
            assert_eq!(first.schedule, second.schedule);
            assert_eq!(first.digest, second.digest);
        }
    }
}

#[test]
fn seeds_are_different_schedules() {
    let runs = (0..100).map(|seed| Lab::new(seed).run(programs::pipeline));
    let mut digests = BTreeSet::new();
    for report in runs {
        digests.insert(report.digest);
        assert_eq!(
            report.unwrap(),
            10 + 510,
            "the sum does not depend on the schedule"
        );
    }
    assert!(digests.len() > 50, "100 seeds gave {} runs", digests.len());
}

// proves: R-DET-1
#[test]
fn lanes_do_not_depend_on_the_seed() {
    let lab = |seed| Lab::new(seed).strategy(Strategy::Lanes);
    let (first, second) = (lab(1).run(programs::tree), lab(2).run(programs::tree));
    assert_eq!(first.digest, second.digest);
    let arbiter = first.arbiter.expect("lanes have an arbiter");
    assert!(arbiter.max_cancel_streak() <= 16);
}

#[test]
fn without_a_trace_the_run_is_the_same() {
    let lab = Lab::new(7);
    let (with, without) = (
        lab.run(programs::tree),
        lab.clone().capture_trace(false).run(programs::tree),
    );
    assert!(without.trace.is_none());
    let facts = |report: &LabReport<u64>| {
        (
            report.fingerprint,
            report.digest,
            report.event_count,
            report.steps,
            report.now,
            report.stats,
        )
    };
    assert_eq!(facts(&with), facts(&without));
}

// proves: R-DET-3
#[test]
fn the_fingerprint_of_the_report_is_that_of_its_trace() {
    let report = Lab::new(3).run(programs::race);
    let trace = report.trace.as_ref().expect("captured");
    assert_eq!(trace.trailer().fingerprint, report.fingerprint);
    assert_eq!(trace.events().len() as u64, report.event_count);
    assert_eq!(report.unwrap(), 1);
}

#[test]
fn a_year_of_sleep_takes_no_time() {
    const YEAR: Duration = Duration::from_secs(365 * 24 * 3600);
    let report = Lab::new(0).run(async |region: &LocalRegion| {
        let begin = region.now()?;
        region.sleep(YEAR).await?;
        Ok(region.now()?.saturating_since(begin))
    });
    assert_eq!(report.now, Time::ZERO.saturating_add(YEAR));
    assert_eq!(report.unwrap(), YEAR);
}

#[test]
fn chance_comes_from_the_seed_alone() {
    let draw = |seed| {
        let report = Lab::new(seed).run(async |region: &LocalRegion| Ok(region.random_u64()?));
        report.unwrap()
    };
    assert_eq!(draw(1), draw(1));
    assert_ne!(draw(1), draw(2));
}

#[test]
fn state_that_outlives_a_run_is_noticed() {
    static RUNS: AtomicU64 = AtomicU64::new(0);
    let lab = Lab::new(0);
    let report = lab.run_twice(|| {
        async |region: &LocalRegion| {
            let run = RUNS.fetch_add(1, Ordering::Relaxed);
            region.sleep(Duration::from_millis(run)).await?;
            Ok(())
        }
    });
    assert!(report.violates(Oracle::Determinism), "{report}");
    assert!(
        report
            .to_string()
            .contains("the same seed gave another run")
    );
    lab.run_twice(|| programs::tree).assert_clean();
}

#[test]
fn a_report_names_the_severity() {
    asupersync_sim::silence_panics();
    let severity = |report: LabReport<()>| {
        report.assert_clean();
        report.severity
    };
    let lab = Lab::new(0);
    assert_eq!(severity(lab.run(async |_| Ok(()))), Severity::Ok);
    let failed = lab.run(async |_| Err(Error::from(core::fmt::Error)));
    assert_eq!(severity(failed), Severity::Err);
    let late = lab.run(async |region: &LocalRegion| {
        region
            .timeout(Duration::from_millis(1), async |cx| {
                Ok(cx.sleep(Duration::from_secs(1)).await?)
            })
            .await
    });
    assert!(late.result.as_ref().is_err_and(|error| {
        error
            .downcast_ref::<ChildEnded>()
            .is_some_and(ChildEnded::is_timeout)
    }));
    assert!(
        late.to_string().contains("because of Timeout at 1.000ms"),
        "{late}"
    );
    assert_eq!(severity(late), Severity::Cancelled);
    let panicked = lab.run(async |region: &LocalRegion| {
        region.spawn(async |_cx: Cx| -> Result<(), Error> { panic!("on purpose") })?;
        Ok(())
    });
    assert_eq!(severity(panicked), Severity::Panicked);
}

// proves: R-OWN-5
#[test]
fn foreign_contexts_are_always_checked() {
    let mut config = asupersync_core::Config::default();
    config.check_foreign_cx = false;
    asupersync_sim::silence_panics();
    let report = Lab::new(0)
        .config(config)
        .run(async |region: &LocalRegion| {
            let (sender, receiver) = std::sync::mpsc::channel();
            region.spawn(async move |cx: Cx| {
                sender.send(cx).ok();
                Ok(())
            })?;
            region.sleep(Duration::from_millis(1)).await?;
            let foreign = receiver.recv().expect("the task has run");
            Ok(foreign.checkpoint().is_ok())
        });
    assert_eq!(report.severity, Severity::Panicked);
}

#[test]
fn a_full_runtime_reports_it() {
    let report = Lab::new(0).capacity(0).run(async |_| Ok(()));
    report.assert_clean();
    assert_eq!(report.severity, Severity::Err);
}

/// What a region's body makes and what its finalizers make is numbered apart.
#[test]
fn what_a_finalizer_makes_has_ids_of_its_own() {
    for seed in 0..10 {
        let report = Lab::new(seed).run(async |region: &LocalRegion| {
            region
                .region(async |inner| {
                    for _ in 0..3 {
                        inner.defer(async |cx: Cx| {
                            let opened = cx.region(async |last| {
                                last.spawn(async |_cx| Ok(()))?;
                                Ok(())
                            });
                            drop(opened.await);
                        })?;
                        inner.spawn(async |cx: Cx| {
                            cx.region(async |last| {
                                last.spawn(async |_cx| Ok(()))?;
                                Ok(())
                            })
                            .await
                        })?;
                    }
                    Ok(())
                })
                .await
        });
        report.assert_clean();
    }
}
