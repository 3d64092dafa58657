//! Every seeded bug of the kernel must be caught by the kit: that is how we know that the kit can fail.
//!
//! Means something under `--cfg asupersync_mutants` only; `cargo xtask test` builds it that way. Each mutant
//! runs in a child process of this very binary, so that one that corrupts memory, aborts or loops is
//! caught, not caught up in.

/// A normal build has no seeded bug in it: not even their names.
#[cfg(not(asupersync_mutants))]
#[test]
fn no_mutant_is_compiled_in() {
    let own = std::env::current_exe().and_then(std::fs::read).expect("the test can read itself");
    // Put together at run time, so that this test does not find itself.
    for halves in [["Weaker", "Replaces"], ["Double", "Commit"], ["Timed", "LaneStuck"]] {
        let name = halves.concat();
        let found = own.windows(name.len()).any(|window| window == name.as_bytes());
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

    use asupersync_conformance::hosts::LocalHarness;
    use asupersync_conformance::{Harness, Probe, check, scenarios};
    use asupersync_core::mutants::{Mutant, arm};

    /// Names the mutant that a child arms; `none` arms none.
    const ARMED: &str = "ASUPERSYNC_MUTANT";
    /// How long a child may take.
    const PATIENCE: Duration = Duration::from_secs(60);
    /// How many children run at once.
    const WORKERS: usize = 2;

    #[test]
    fn with_none_armed_everything_passes() {
        assert_eq!(watch("none"), Verdict::Missed);
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
                        let verdict = watch(mutant.name());
                        let mut verdicts = verdicts.lock().unwrap_or_else(PoisonError::into_inner);
                        verdicts.insert(mutant as usize, verdict);
                    }
                });
            }
        });
        let verdicts = verdicts.into_inner().unwrap_or_else(PoisonError::into_inner);
        println!("| mutant | caught by | runs | how |\n|---|---|---|---|");
        let mut missed = Vec::new();
        for (mutant, verdict) in mutants.iter().zip(verdicts.values()) {
            match verdict {
                Verdict::Caught { by, runs, why } => {
                    println!("| {} | {by} | {runs} | {why} |", mutant.name());
                }
                Verdict::Missed => {
                    println!("| {} | nobody | | |", mutant.name());
                    missed.push(mutant.name());
                }
            }
        }
        assert!(missed.is_empty(), "nobody caught {missed:?}");
    }

    #[derive(Debug, PartialEq, Eq)]
    enum Verdict {
        Caught { by: String, runs: u32, why: String },
        Missed,
    }

    /// Runs a child with `mutant` armed and says how it went.
    fn watch(mutant: &str) -> Verdict {
        let mut child = Command::new(std::env::current_exe().expect("the test knows its own path"))
            .args(["--exact", "armed::child", "--ignored", "--nocapture"])
            .env(ARMED, mutant)
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
        let (mut scenario, mut runs) = (String::from("the start"), 0);
        let verdict = loop {
            let line = match heard.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(line) => line,
                Err(end) => {
                    let why = match end {
                        RecvTimeoutError::Timeout => "the process did not end",
                        RecvTimeoutError::Disconnected => "the process died",
                    };
                    let (by, why) = (scenario, why.to_owned());
                    break Verdict::Caught { by, runs, why };
                }
            };
            if let Some(name) = line.strip_prefix("begin ") {
                name.clone_into(&mut scenario);
                runs += 1;
            } else if let Some(why) = line.strip_prefix("caught ") {
                let (by, why) = (scenario, why.to_owned());
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
    #[ignore = "run by the other tests, one process for each mutant"]
    fn child() {
        let name = std::env::var(ARMED).unwrap_or_default();
        let mutant = Mutant::ALL.iter().copied().find(|mutant| mutant.name() == name);
        assert!(mutant.is_some() || name == "none", "{ARMED} names no mutant");
        // Panics are the scenarios' business; the harness sees those that matter.
        std::panic::set_hook(Box::new(|_| ()));
        arm(mutant);
        println!();
        for scenario in scenarios::catalogue() {
            println!("begin {}", scenario.name);
            let mut digests = Vec::new();
            for _ in 0..2 {
                let (mut harness, probe) = (LocalHarness::default(), Probe::new());
                let record = harness.run(scenario.setup(), scenario.body, &probe);
                if let Some(first) = check(&scenario, &record, &probe).first() {
                    return println!("caught {}", first.replace('\n', " "));
                }
                digests.push(harness.digest());
            }
            if digests[0] != digests[1] {
                return println!("caught two runs trace different bytes");
            }
        }
        println!("missed");
    }
}
