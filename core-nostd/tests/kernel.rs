//! The kernel's promises, one small program each, on a bare `Driver` with a clock that jumps.
//!
//! The conformance kit says all of it, on every platform; this is the short form that runs with the core alone.

mod wait_support;

use std::sync::{Arc, Mutex};
use std::time::Duration;

use asupersync_core::lanes::{Arbiter, Lane, Waiting};
use asupersync_core::{CancelKind, Config, Either, Error, Outcome, RegionOptions, Timing};
use wait_support::run;

/// What happened, in order.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<&'static str>>>);

impl Log {
    fn add(&self, what: &'static str) {
        self.0.lock().expect("no test panics inside").push(what);
    }

    fn all(&self) -> Vec<&'static str> {
        self.0.lock().expect("no test panics inside").clone()
    }
}

// proves: WVT-001 WVT-002
#[test]
fn a_region_returns_after_its_grandchildren() {
    let log = Log::default();
    let notes = log.clone();
    let stats = run(Config::default(), async |root| {
        root.region(async |r| {
            let notes = notes.clone();
            r.spawn(async move |cx| {
                cx.region(async |inner| {
                    let deep = notes.clone();
                    inner.spawn(async move |cx| {
                        cx.sleep(Duration::from_millis(5)).await?;
                        deep.add("grandchild");
                        Ok(())
                    })?;
                    notes.add("inner body");
                    Ok(())
                })
                .await?;
                notes.add("child");
                Ok(())
            })?;
            Ok(())
        })
        .await?;
        notes.add("returned");
        Ok(())
    });
    let expected = ["inner body", "grandchild", "child", "returned"];
    assert_eq!(log.all(), expected);
    assert_eq!((stats.leaked, stats.forced), (0, 0));
}

// proves: WVT-003
#[test]
fn a_cancelled_task_is_asked_drains_and_finalizes() {
    let log = Log::default();
    let notes = log.clone();
    run(Config::default(), async |root| {
        let seen = notes.clone();
        let task = root.spawn(async move |cx| -> Result<(), Error> {
            let last = seen.clone();
            cx.defer(async move |_cx| last.add("finalized"))?;
            let asked = cx.sleep(Duration::from_secs(60)).await;
            seen.add("asked");
            cx.masked(Duration::from_secs(1), async |cx| {
                let rested = cx.sleep(Duration::from_millis(1)).await;
                assert!(rested.is_ok(), "a mask defers what was asked");
            })
            .await;
            seen.add("drained");
            Ok(asked?)
        })?;
        root.yield_now().await?;
        task.cancel("enough");
        let outcome = task.outcome(root).await?;
        let Outcome::Cancelled(reason) = outcome else {
            panic!("{outcome:?}");
        };
        assert_eq!(reason.kind(), CancelKind::User);
        notes.add("joined");
        Ok(())
    });
    assert_eq!(log.all(), ["asked", "drained", "finalized", "joined"]);
}

// proves: WVT-004
#[test]
fn a_race_returns_when_its_loser_has_drained() {
    let log = Log::default();
    let notes = log.clone();
    run(Config::default(), async |root| {
        let won = root
            .race(
                async |cx| {
                    let lost = cx.sleep(Duration::from_secs(60)).await;
                    assert!(lost.is_err());
                    cx.masked(Duration::from_secs(1), async |cx| {
                        let _ = cx.sleep(Duration::from_millis(3)).await;
                    })
                    .await;
                    notes.add("loser drained");
                    Ok(lost?)
                },
                async |cx| {
                    cx.sleep(Duration::from_millis(1)).await?;
                    notes.add("winner");
                    Ok(7)
                },
            )
            .await?;
        assert_eq!(won, Either::B(7));
        notes.add("returned");
        Ok(())
    });
    assert_eq!(log.all(), ["winner", "loser drained", "returned"]);
}

// proves: WVT-005
#[test]
fn an_open_obligation_holds_its_region() {
    let log = Log::default();
    let notes = log.clone();
    let stats = run(Config::default(), async |root| {
        let token = root
            .region(async |r| {
                let token = r.io_op()?;
                Ok(token)
            })
            .await?;
        // The region gave up on it: its value was the token itself, so nobody could close it sooner.
        assert!(token.is_revoked());
        assert!(!token.commit(), "a revoked token commits nothing");
        root.region(async |r| {
            let token = r.io_op()?;
            let notes = notes.clone();
            r.spawn(async move |cx| {
                cx.sleep(Duration::from_millis(2)).await?;
                notes.add("committed");
                assert!(token.commit());
                Ok(())
            })?;
            Ok(())
        })
        .await?;
        notes.add("returned");
        Ok(())
    });
    assert_eq!(log.all(), ["committed", "returned"]);
    assert_eq!(stats.leaked, 1);
}

// proves: WVT-006
#[test]
fn random_draws_depend_on_the_place_not_on_the_schedule() {
    let draws = |polite: bool| {
        let drawn = Mutex::new(Vec::new());
        run(Config::default(), async |root| {
            let mut handles = Vec::new();
            for n in 0..4_u32 {
                handles.push(root.spawn(async move |cx| {
                    // In one run the tasks draw in turn, in the other each draws all at once.
                    let first = cx.random_u64()?;
                    if polite && n % 2 == 0 {
                        cx.yield_now().await?;
                    }
                    Ok((first, cx.random_u64()?))
                })?);
            }
            for handle in handles {
                let pair = handle.join(root).await?;
                drawn.lock().expect("no test panics inside").push(pair);
            }
            Ok(())
        });
        drawn.into_inner().expect("no test panics inside")
    };
    let (polite, hasty) = (draws(true), draws(false));
    assert_eq!(polite, hasty);
    let mut distinct = polite.clone();
    distinct.dedup();
    assert_eq!(distinct.len(), 4, "{polite:?}");
}

// proves: WVT-007 R-SCH-1
#[test]
fn under_a_flood_the_other_lanes_get_their_turn() {
    let mut arbiter = Arbiter::new(16);
    let flood = Waiting {
        cancel: true,
        timed: true,
        ready: true,
    };
    let turns: Vec<Lane> = (0..170).filter_map(|_| arbiter.pick(flood)).collect();
    for window in turns.windows(17) {
        assert!(window.iter().any(|lane| *lane != Lane::Cancel));
    }
    assert!(turns.contains(&Lane::Timed));
    assert_eq!(arbiter.fairness_yields(), 10);
    assert_eq!(arbiter.max_cancel_streak(), 16);
}

// proves: WVT-008 R-DET-2
#[test]
fn sleepers_wake_by_deadline_and_ties_by_registration() {
    let log = Log::default();
    let notes = log.clone();
    run(Config::default(), async |root| {
        for (name, millis) in [("c", 3), ("a", 1), ("b1", 2), ("b2", 2), ("b3", 2)] {
            let notes = notes.clone();
            root.spawn(async move |cx| {
                cx.sleep(Duration::from_millis(millis)).await?;
                notes.add(name);
                Ok(())
            })?;
        }
        Ok(())
    });
    assert_eq!(log.all(), ["a", "b1", "b2", "b3", "c"]);
}

// proves: WVT-008
#[test]
fn an_alarm_comes_at_its_time_whoever_polls_it() {
    run(Config::default(), async |root| {
        let clock = root.clock()?;
        let start = clock.now();
        let later = move |millis| start.saturating_add(Duration::from_millis(millis));
        let kept = clock.clone();
        let task = root.spawn(async move |_cx| {
            // Of no task's own, so a cancel does not end it.
            kept.alarm(later(5)).await;
            Ok(kept.now())
        })?;
        root.yield_now().await?;
        task.cancel("enough");
        assert!(task.join(root).await? >= later(5));
        let mut moved = clock.alarm(later(3_600_000));
        moved.reset(later(7));
        moved.await;
        assert!((later(7)..later(3_600_000)).contains(&clock.now()));
        Ok(())
    });
}

// proves: R-IO-4
#[test]
fn without_the_capability_there_is_no_clock() {
    run(Config::default(), async |root| {
        let options = RegionOptions::new().deny::<Timing>();
        root.region_with(options, async |region| {
            assert_eq!(region.clock().expect_err("denied").capability, "time");
            Ok(())
        })
        .await
    });
}
