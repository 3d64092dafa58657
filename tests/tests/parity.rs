//! Parity: that contests end on threads as the lab allows, and that the comparison can fail.
//!
//! The whole catalogue, with more repetitions, is the command `parity`. Under `--cfg asupersync_mutants` this is one more test of
//! the seeded bugs: live runs have one, the lab's have not.

use std::sync::Arc;

use asupersync_conformance::hosts::StdHarness;
use asupersync_conformance::parity::{Allowed, run};
use asupersync_conformance::{Outcome, Scenario, Witness, scenarios};

/// How many seeds are explored at first.
const SEEDS: u64 = 100;

fn explored(scenario: Scenario) -> Allowed {
    Allowed::explore(scenario, SEEDS).expect("the lab's runs are as the scenario promises")
}

/// One run on two workers, whether or not it is as the scenario promises.
fn live(allowed: &Allowed, scenario: &Scenario) -> Outcome {
    let witness = Arc::new(Witness::new());
    let host = StdHarness::with_workers(2).patience(allowed.patience());
    let mut host = host.sink(Arc::<Witness>::clone(&witness));
    run(&mut host, scenario, &witness).0
}

#[test]
#[cfg(not(asupersync_mutants))]
fn contests_end_on_threads_as_the_lab_allows() {
    let is_contest = |scenario: &Scenario| scenario.name.starts_with("race/");
    let (mut contests, mut ways) = (0, 0);
    for scenario in scenarios::catalogue().into_iter().filter(is_contest) {
        let mut allowed = explored(scenario);
        for _ in 0..5 {
            let live = live(&allowed, &scenario);
            let is_allowed = allowed.admits(&live, 100 * SEEDS);
            assert_eq!(is_allowed, Ok(true), "{}", allowed.difference(&live));
        }
        contests += 1;
        ways += allowed.outcomes().len();
    }
    assert!(
        contests > 10 && ways > 2 * contests,
        "{contests} contests, {ways} ways"
    );
}

/// Programs that end differently where `WRONG`: as if a host made the one of the other.
#[cfg(not(asupersync_mutants))]
mod controls {
    use std::future::Future;
    use std::num::NonZeroUsize;
    use std::pin::Pin;
    use std::time::Duration;

    use asupersync_conformance::{Body, Probe};
    use asupersync_core::channel::{mpsc, oneshot};
    use asupersync_core::{Error, LocalRegion};

    use super::*;

    type Run<'a> = Pin<Box<dyn Future<Output = Result<(), Error>> + 'a>>;

    /// What is said of a live run of `wrong` where the lab ran `right`.
    fn said_of(right: Body, wrong: Body) -> String {
        let (right, wrong) = (
            Scenario::new("control", right),
            Scenario::new("control", wrong),
        );
        let mut allowed = explored(right);
        let as_promised = live(&allowed, &right);
        assert_eq!(allowed.admits(&as_promised, SEEDS), Ok(true));
        let live = live(&allowed, &wrong);
        assert_eq!(allowed.admits(&live, 3 * SEEDS), Ok(false));
        assert_eq!(allowed.seeds(), 3 * SEEDS, "it looked no further");
        allowed.difference(&live).to_string()
    }

    /// Two tasks send; of what arrives one value is lost.
    fn loses<'a, const WRONG: bool>(r: &'a LocalRegion, probe: &'a Probe) -> Run<'a> {
        Box::pin(async move {
            let (tx, mut rx) = mpsc::channel(NonZeroUsize::MIN);
            for name in ["a", "b"] {
                let tx = tx.clone();
                r.spawn(async move |cx| {
                    tx.send(&cx, name).await.map_err(|e| e.into_parts().1)?;
                    Ok(())
                })?;
            }
            drop(tx);
            let mut order = String::new();
            while let Ok(name) = rx.recv(r).await {
                if !WRONG || order.is_empty() {
                    order.push_str(name);
                }
            }
            probe.mark(format!("received {order}"));
            Ok(())
        })
    }

    /// A task that is asked to stop says that it did, or gives a value; the program looks away.
    fn ends<'a, const WRONG: bool>(r: &'a LocalRegion, _: &'a Probe) -> Run<'a> {
        Box::pin(async move {
            let (started, mut starts) = oneshot::channel();
            let task = r.spawn(async move |cx| {
                let _ = started.send(());
                let slept = cx.sleep(Duration::MAX).await;
                if WRONG { Ok(()) } else { Ok(slept?) }
            })?;
            starts.recv(r).await?;
            task.cancel("enough");
            drop(task.outcome(r).await?);
            Ok(())
        })
    }

    /// A race's loser stops, or gives a value that nobody asked for; only a counter tells.
    fn counts<'a, const WRONG: bool>(r: &'a LocalRegion, _: &'a Probe) -> Run<'a> {
        Box::pin(async move {
            r.race(
                async |cx| Ok(cx.yield_now().await?),
                async |cx| {
                    let slept = cx.sleep(Duration::MAX).await;
                    if WRONG { Ok(()) } else { Ok(slept?) }
                },
            )
            .await?;
            Ok(())
        })
    }

    #[test]
    fn a_lost_value_is_caught() {
        let said = said_of(loses::<false>, loses::<true>);
        for part in [
            "control: a live outcome that is none of the",
            "of 300 seeds",
            "- mark \"received ab\"",
            "- mark \"received ba\"",
            "+ mark \"received ",
            "--bin lab -- run control --seed ",
        ] {
            assert!(said.contains(part), "{part} is not in:\n{said}");
        }
    }

    #[test]
    fn another_end_of_a_task_is_caught() {
        let said = said_of(ends::<false>, ends::<true>);
        let lines: Vec<&str> = said.lines().map(str::trim).collect();
        let has = |sign, end| {
            lines
                .iter()
                .any(|line| line.starts_with(sign) && line.ends_with(end))
        };
        assert!(has("- ", ": TaskDone cancelled"), "{said}");
        assert!(has("+ ", ": TaskDone ok"), "{said}");
    }

    #[test]
    fn a_counter_is_caught() {
        let said = said_of(counts::<false>, counts::<true>);
        assert!(said.contains("+ late values: 1"), "{said}");
    }
}

/// Bugs that leave the program's own checks out of it: what the kernel did is compared.
#[test]
#[cfg(asupersync_mutants)]
fn seeded_bugs_end_as_the_lab_does_not_allow() {
    use asupersync_core::mutants::{Mutant, arm};

    let pairs = [
        (Mutant::HandleDropCancels, "own/handle_drop_keeps_the_task"),
        (Mutant::PollsTheUnpolled, "can/unpolled_is_dropped_unpolled"),
        (Mutant::FinalizerSkipped, "reg/finalizers_are_masked"),
        (Mutant::DoubleCommit, "chan/each_value_once_in_order"),
        (Mutant::LateValueLost, "can/value_wins_over_a_late_cancel"),
    ];
    for (mutant, name) in pairs {
        let found = scenarios::catalogue().into_iter().find(|s| s.name == name);
        let scenario = found.expect("a scenario of the catalogue");
        let mut allowed = explored(scenario);
        let unarmed = live(&allowed, &scenario);
        assert_eq!(allowed.admits(&unarmed, 100 * SEEDS), Ok(true), "{name}");
        arm(Some(mutant));
        let live = live(&allowed, &scenario);
        arm(None);
        let is_allowed = allowed.admits(&live, 2 * SEEDS);
        assert_eq!(is_allowed, Ok(false), "{} in {name}", mutant.name());
    }
}
