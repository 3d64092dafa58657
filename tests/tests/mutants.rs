//! Every seeded bug of the kernel must be caught by the kit: that is how we know that the kit can fail.
//!
//! Means something under `--cfg asupersync_mutants` only; `cargo xtask test` builds it that way. Each mutant
//! runs in a child process of this very binary, so that one that corrupts memory, aborts or loops is
//! caught, not caught up in.

/// A normal build has no seeded bug in it: not even their names.
#[cfg(not(asupersync_mutants))]
#[test]
fn no_mutant_is_compiled_in() {
    let own = std::env::current_exe()
        .and_then(std::fs::read)
        .expect("the test can read itself");
    // Put together at run time, second half first: this test must not find itself.
    for [end, start] in [
        ["Replaces", "Weaker"],
        ["Commit", "Double"],
        ["LaneStuck", "Timed"],
    ] {
        let name = [start, end].concat();
        let found = own
            .windows(name.len())
            .any(|window| window == name.as_bytes());
        assert!(!found, "{name} is compiled in");
    }
}

#[cfg(asupersync_mutants)]
mod armed {
    use std::collections::BTreeMap;
    use std::io::{BufRead, BufReader};
    use std::process::{Command, Stdio};
    use std::sync::mpsc::{RecvTimeoutError, channel};
    use std::sync::{Mutex, PoisonError};
    use std::time::{Duration, Instant};

    use asupersync_conformance::hosts::{LabHarness, LocalHarness};
    use asupersync_conformance::{Harness, Probe, Scenario, check, scenarios};
    use asupersync_core::mutants::{Mutant, arm};

    /// Tells a child which mutant to arm (`none`: none) and where to look for it.
    const ORDERS: &str = "ASUPERSYNC_MUTANT";
    /// How long a child may take.
    const PATIENCE: Duration = Duration::from_secs(180);
    /// How many children run at once.
    const WORKERS: usize = 2;
    /// How many seeds of the lab each scenario has to catch a mutant.
    const SEEDS: u64 = 25;
    /// The bugs of the local executor, which the lab does not run.
    const NOT_IN_THE_LAB: [Mutant; 2] = [Mutant::TurnUnbounded, Mutant::TimedLaneStuck];

    #[test]
    fn with_none_armed_everything_passes() {
        for place in Place::ALL {
            assert_eq!(watch("none", place), Verdict::Missed, "{place:?}");
        }
    }

    #[test]
    fn every_mutant_is_caught() {
        let mutants: Vec<Mutant> = Mutant::ALL
            .iter()
            .copied()
            // Those need an interleaving of threads that only a model run visits.
            .filter(|mutant| !mutant.only_loom())
            .collect();
        let queue = Mutex::new(mutants.iter().copied());
        let verdicts = Mutex::new(BTreeMap::new());
        std::thread::scope(|scope| {
            for _ in 0..WORKERS {
                scope.spawn(|| {
                    loop {
                        let next = queue.lock().unwrap_or_else(PoisonError::into_inner).next();
                        let Some(mutant) = next else { return };
                        let found = Place::ALL.map(|place| watch(mutant.name(), place));
                        let mut verdicts = verdicts.lock().unwrap_or_else(PoisonError::into_inner);
                        verdicts.insert(mutant as usize, found);
                    }
                });
            }
        });
        let verdicts = verdicts
            .into_inner()
            .unwrap_or_else(PoisonError::into_inner);
        println!("| mutant | local executor | lab | runs | what it saw |\n|---|---|---|---|---|");
        let mut missed = Vec::new();
        for (mutant, [local, lab]) in mutants.iter().zip(verdicts.values()) {
            println!(
                "| {} | {} | {} |",
                mutant.name(),
                local.scenario(),
                lab.detail()
            );
            let lab_must = !NOT_IN_THE_LAB.contains(mutant);
            if *local == Verdict::Missed && *lab == Verdict::Missed {
                missed.push(format!("{} by both", mutant.name()));
            } else if *lab == Verdict::Missed && lab_must {
                missed.push(format!("{} by the lab", mutant.name()));
            }
        }
        assert!(missed.is_empty(), "missed: {missed:#?}");
    }

    /// Where a mutant is looked for.
    #[derive(Debug, Clone, Copy)]
    enum Place {
        Local,
        Lab,
    }

    impl Place {
        const ALL: [Self; 2] = [Self::Local, Self::Lab];
    }

    #[derive(Debug, PartialEq, Eq)]
    enum Verdict {
        Caught { by: String, runs: u32, why: String },
        Missed,
    }

    impl Verdict {
        fn scenario(&self) -> &str {
            match self {
                Self::Caught { by, .. } => by,
                Self::Missed => "nobody",
            }
        }

        fn detail(&self) -> String {
            match self {
                Self::Caught { by, runs, why } => format!("{by} | {runs} | {why}"),
                Self::Missed => String::from("nobody | |"),
            }
        }
    }

    /// Runs a child with `mutant` armed and says how it went.
    fn watch(mutant: &str, place: Place) -> Verdict {
        let mut child = Command::new(std::env::current_exe().expect("the test knows its own path"))
            .args(["--exact", "armed::child", "--ignored", "--nocapture"])
            .env(ORDERS, format!("{mutant} {place:?}"))
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()
            .expect("the test can run itself");
        let stdout = child.stdout.take().expect("it was piped");
        let (lines, heard) = channel();
        let reader = std::thread::spawn(move || {
            for line in BufReader::new(stdout).lines().map_while(Result::ok) {
                if lines.send(line).is_err() {
                    return;
                }
            }
        });
        let until = Instant::now() + PATIENCE;
        let (mut by, mut runs) = (String::from("the start"), 0);
        let verdict = loop {
            let line = match heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => line,
                Err(end) => {
                    let why = String::from(match end {
                        RecvTimeoutError::Timeout => "the process did not end",
                        RecvTimeoutError::Disconnected => "the process died",
                    });
                    break Verdict::Caught { by, runs, why };
                }
            };
            if let Some(name) = line.strip_prefix("begin ") {
                name.clone_into(&mut by);
                runs += 1;
            } else if let Some(why) = line.strip_prefix("caught ") {
                let why = why.to_owned();
                break Verdict::Caught { by, runs, why };
            } else if line == "missed" {
                break Verdict::Missed;
            }
        };
        let _ = child.kill();
        let _ = child.wait();
        let _ = reader.join();
        verdict
    }

    #[test]
    #[ignore = "run by the other tests, in a process of its own for each mutant"]
    fn child() {
        let orders = std::env::var(ORDERS).unwrap_or_default();
        let (name, place) = orders.split_once(' ').expect("two words");
        let mutant = Mutant::ALL
            .iter()
            .copied()
            .find(|mutant| mutant.name() == name);
        assert!(mutant.is_some() || name == "none", "{name} is no mutant");
        // Panics are the scenarios' business; the harness sees those that matter.
        std::panic::set_hook(Box::new(|_| ()));
        arm(mutant);
        println!();
        let found = match place {
            "Local" => look(0, |_, _| Some(Box::new(LocalHarness::default()))),
            _ => (0..SEEDS).find_map(|seed| {
                look(seed, |scenario, seed| {
                    let harness = LabHarness::of(scenario, seed);
                    let runs = scenario.needs.iter().all(|need| harness.offers(*need));
                    runs.then(|| Box::new(harness) as Box<dyn Digest>)
                })
            }),
        };
        match found {
            Some(why) => println!("caught {}", why.replace('\n', " ")),
            None => println!("missed"),
        }
    }

    /// Runs every scenario twice, until something is wrong.
    fn look(
        seed: u64,
        harness: impl Fn(&Scenario, u64) -> Option<Box<dyn Digest>>,
    ) -> Option<String> {
        for scenario in scenarios::catalogue() {
            let mut digests = Vec::new();
            for _ in 0..2 {
                let Some(mut harness) = harness(&scenario, seed) else {
                    break;
                };
                println!("begin {}", scenario.name);
                let probe = Probe::new();
                let record = harness.run(scenario.setup(), scenario.body, &probe);
                if let Some(first) = check(&scenario, &record, &probe).first() {
                    return Some(first.clone());
                }
                digests.push(harness.digest());
            }
            if digests.first() != digests.last() {
                return Some(String::from("two runs trace different bytes"));
            }
        }
        None
    }

    /// A harness that can say whether two runs were the same.
    trait Digest: Harness {
        fn digest(&self) -> u64;
    }

    impl Digest for LocalHarness {
        fn digest(&self) -> u64 {
            self.digest()
        }
    }

    impl Digest for LabHarness {
        fn digest(&self) -> u64 {
            self.seen().digest
        }
    }
}
