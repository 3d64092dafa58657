//! Explores one model, and shows that it fails when a seeded bug is armed.
//!
//! A seeded bug is armed per process, so each is checked in a process of its own: this test binary
//! again, with the name of one model and of one mutant. That also survives a model which aborts.

use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Instant;

/// Names the seeded bug that a process is to arm.
const MUTANT_ENV: &str = "ASUPERSYNC_LOOM_MUTANT";

/// Preemptions per interleaving, unless `LOOM_MAX_PREEMPTIONS` says otherwise.
const PREEMPTIONS_MAX: usize = 2;

/// Switches per interleaving: a runtime's setup alone takes hundreds.
const BRANCHES_MAX: usize = 50_000;

/// Runs `check` in every interleaving within the preemption bound.
///
/// # Panics
/// If `check` panics, deadlocks or races in any of them.
pub fn model(name: &str, check: impl Fn() + Send + Sync + 'static) {
    model_within(name, usize::MAX, check);
}

/// [`model`] for what is too large for the usual bound: at most `preemptions` in one interleaving. With a seeded bug
/// armed that is not yet found, the search goes on to the usual bound: it ends where the bug shows.
///
/// # Panics
/// As [`model`].
pub fn model_within(name: &str, preemptions: usize, check: impl Fn() + Send + Sync + 'static) {
    let is_armed = arm();
    let usual = loom::model::Builder::new().preemption_bound;
    let usual = usual.unwrap_or(PREEMPTIONS_MAX);
    let check = Arc::new(check);
    explore(name, usual.min(preemptions), &check);
    if is_armed && preemptions < usual {
        explore(name, usual, &check);
    }
}

fn explore(name: &str, preemptions: usize, check: &Arc<impl Fn() + Send + Sync + 'static>) {
    let mut builder = loom::model::Builder::new();
    builder.preemption_bound = Some(preemptions);
    builder.max_branches = builder.max_branches.max(BRANCHES_MAX);
    let explored = Arc::new(AtomicUsize::new(0));
    let (count, check) = (Arc::clone(&explored), Arc::clone(check));
    let start = Instant::now();
    builder.check(move || {
        count.fetch_add(1, Ordering::Relaxed);
        check();
    });
    println!(
        "{name}: {} interleavings in {:.2?}",
        explored.load(Ordering::Relaxed),
        start.elapsed()
    );
}

#[cfg(asupersync_mutants)]
pub use seeded::catches;

#[cfg(asupersync_mutants)]
use seeded::arm;
#[cfg(not(asupersync_mutants))]
fn arm() -> bool {
    assert!(
        std::env::var_os(MUTANT_ENV).is_none(),
        "this build has no seeded bugs; build with --cfg asupersync_mutants"
    );
    false
}

#[cfg(asupersync_mutants)]
mod seeded {
    use super::MUTANT_ENV;
    use asupersync_core::mutants::{self, Mutant};
    use std::process::Command;

    /// Arms what the environment asks for, if anything.
    pub(super) fn arm() -> bool {
        let Ok(name) = std::env::var(MUTANT_ENV) else {
            return false;
        };
        let named = Mutant::ALL.iter().find(|mutant| mutant.name() == name);
        let Some(mutant) = named else {
            panic!("{MUTANT_ENV}: there is no seeded bug {name}");
        };
        mutants::arm(Some(*mutant));
        true
    }

    /// Runs the test `model` of this binary with `mutant` armed, and checks that it fails saying `says`.
    ///
    /// # Panics
    /// If the model holds, or fails for another reason.
    pub fn catches(model: &str, mutant: Mutant, says: &str) {
        let output = std::env::current_exe().and_then(|binary| {
            Command::new(binary)
                .args(["--exact", model, "--nocapture", "--test-threads=1"])
                .env(MUTANT_ENV, mutant.name())
                .env("RUST_BACKTRACE", "0")
                .output()
        });
        let output = match output {
            Ok(output) => output,
            Err(error) => panic!("the test binary did not start: {error}"),
        };
        let text = [output.stdout, output.stderr].concat();
        let text = String::from_utf8_lossy(&text);
        assert!(
            text.contains("running 1 test"),
            "there is no model {model}:\n{text}"
        );
        assert!(
            !output.status.success(),
            "{model} holds although {} is armed:\n{text}",
            mutant.name()
        );
        assert!(
            text.contains(says),
            "{model} fails with {} armed, but does not say `{says}`:\n{text}",
            mutant.name()
        );
    }
}
