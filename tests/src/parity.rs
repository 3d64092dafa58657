//! Parity: whether what live platforms leave behind is among what the lab allows.
//!
//! Owns the set of outcomes of a scenario, how the lab explores it, and the verdict on a live outcome. The lab's runs are of the
//! same program as live ones, half of them undisturbed, half with tasks held back by chance: as
//! long as on a host whose cores are busy elsewhere. Nothing else is injected, since a live host cancels nothing by itself.
//!
//! A poll is one step in the lab, and none on threads: a program that takes two racing steps in one poll has outcomes there that the
//! lab cannot show. Scenarios put a wait between such steps.

use alloc::collections::BTreeMap;
use alloc::format;
use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;
use core::ops::Range;
use core::time::Duration;

use asupersync_sim::Chaos;

use crate::hosts::LabHarness;
use crate::{Harness, Need, Outcome, Probe, Scenario, Witness, check};

/// How the lab holds tasks back: often, and long enough for the shortest sleeps of the scenarios to come out of order.
const SLOW: Chaos = Chaos {
    cancel_per_mille: 0,
    delay_per_mille: 100,
    delay_max: Duration::from_millis(2),
    faults_max: 1_000,
    spares_main: false,
};

/// How many of the nearest outcomes a difference shows.
const NEAREST: usize = 3;

/// The outcomes that the lab allows a scenario, as far as they are known.
pub struct Allowed {
    scenario: Scenario,
    /// Each with the first seed that led to it.
    outcomes: BTreeMap<Outcome, u64>,
    seeds: u64,
}

impl Allowed {
    /// Runs the first `seeds` seeds.
    ///
    /// # Errors
    /// The first run that is not as its scenario promises.
    pub fn explore(scenario: Scenario, seeds: u64) -> Result<Self, String> {
        let mut allowed = Self {
            scenario,
            outcomes: BTreeMap::new(),
            seeds: 0,
        };
        allowed.look(0..seeds)?;
        Ok(allowed)
    }

    /// The outcomes (of a crowd the things that can happen), each with the first seed that led to it.
    pub fn outcomes(&self) -> &BTreeMap<Outcome, u64> {
        &self.outcomes
    }

    /// How many seeds were run.
    pub fn seeds(&self) -> u64 {
        self.seeds
    }

    /// Whether the scenario is to see a budget spent, and so waits for it.
    pub fn spends_time(&self) -> bool {
        self.outcomes.keys().any(Outcome::is_out_of_time)
    }

    /// How many times the budgets of virtual time a live run needs, so that none is spent because the host is slow: as many
    /// as one likes, unless the scenario waits for that.
    pub fn patience(&self) -> u32 {
        if self.spends_time() { 5 } else { 200 }
    }

    /// Whether the lab allows `live`. If it is not among the known outcomes, up to `limit` seeds are run to find it.
    ///
    /// # Errors
    /// A run of the lab that is not as its scenario promises.
    pub fn admits(&mut self, live: &Outcome, limit: u64) -> Result<bool, String> {
        let parts = self.split(live.clone());
        while !parts.iter().all(|part| self.outcomes.contains_key(part)) {
            if self.seeds >= limit {
                return Ok(false);
            }
            self.look(self.seeds..limit.min(self.seeds * 2 + 1))?;
        }
        Ok(true)
    }

    /// What is compared as a whole: the outcome; of a crowd each thing that happened.
    pub fn split(&self, outcome: Outcome) -> Vec<Outcome> {
        if self.scenario.is_crowd {
            outcome.parts()
        } else {
            Vec::from([outcome])
        }
    }

    fn look(&mut self, seeds: Range<u64>) -> Result<(), String> {
        self.seeds = seeds.end;
        for seed in seeds {
            let witness = Arc::new(Witness::new());
            let mut lab = lab(&self.scenario, seed).sink(Arc::<Witness>::clone(&witness));
            let (outcome, wrong) = run(&mut lab, &self.scenario, &witness);
            if !wrong.is_empty() {
                return Err(format!(
                    "seed {seed} of the lab: {}\nto run it again: {}",
                    wrong.join("; "),
                    again(&self.scenario, seed)
                ));
            }
            for outcome in self.split(outcome) {
                self.outcomes.entry(outcome).or_insert(seed);
            }
        }
        Ok(())
    }

    /// Why `live` is not allowed, for people: the outcome, and what the nearest allowed ones have instead.
    pub fn difference<'a>(&'a self, live: &'a Outcome) -> Difference<'a> {
        let mut nearest: Vec<_> = self.outcomes.iter().collect();
        nearest.sort_by_cached_key(|(known, _)| known.distance(live));
        nearest.truncate(NEAREST);
        Difference {
            allowed: self,
            live,
            nearest,
        }
    }
}

/// The lab that explores `scenario` with this seed.
fn lab(scenario: &Scenario, seed: u64) -> LabHarness {
    let lab = LabHarness::of(scenario, seed);
    if is_slow(scenario, seed) {
        lab.chaos(SLOW)
    } else {
        lab
    }
}

/// Every other run; none of those that promise the order of the lanes, which is that of an undisturbed thread.
fn is_slow(scenario: &Scenario, seed: u64) -> bool {
    seed % 2 == 1 && !scenario.needs.contains(&Need::Lanes)
}

/// The command that repeats that run.
fn again(scenario: &Scenario, seed: u64) -> String {
    let mut command = format!(
        "cargo run --release -p asupersync-conformance --bin lab -- run {} --seed {seed}",
        scenario.name
    );
    if scenario.needs.contains(&Need::Lanes) {
        command.push_str(" --strategy lanes");
    }
    if is_slow(scenario, seed) {
        command.push_str(&format!(
            " --chaos-delay {} --chaos-delay-max-ns {} --chaos-main 1",
            SLOW.delay_per_mille,
            SLOW.delay_max.as_nanos()
        ));
    }
    command
}

/// Runs a scenario on a harness whose sink is `witness`: what it left behind, and what is wrong with it by itself.
pub fn run(
    harness: &mut dyn Harness,
    scenario: &Scenario,
    witness: &Witness,
) -> (Outcome, Vec<String>) {
    let probe = Probe::new();
    let record = harness.run(scenario.setup(), scenario.body, &probe);
    let wrong = check(scenario, &record, &probe);
    (Outcome::of(scenario, &record, &probe, witness), wrong)
}

/// A live outcome beside those that the lab allows.
pub struct Difference<'a> {
    allowed: &'a Allowed,
    live: &'a Outcome,
    nearest: Vec<(&'a Outcome, &'a u64)>,
}

impl fmt::Display for Difference<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.allowed.scenario.name;
        let (count, seeds) = (self.allowed.outcomes.len(), self.allowed.seeds);
        writeln!(
            f,
            "{name}: a live outcome that is none of the {count} of {seeds} seeds of the lab"
        )?;
        for line in self.live.lines() {
            writeln!(f, "    {line}")?;
        }
        for (known, seed) in &self.nearest {
            writeln!(f, "  that of seed {seed} differs (- in the lab, + live):")?;
            for line in known.difference(self.live) {
                writeln!(f, "    {line}")?;
            }
            writeln!(
                f,
                "    to run that seed: {}",
                again(&self.allowed.scenario, **seed)
            )?;
        }
        Ok(())
    }
}
