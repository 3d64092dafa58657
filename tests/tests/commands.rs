//! The commands `lab`, `seeds` and `soak`, run as a person would: exit codes, files, and what they tell to do next.

use std::path::PathBuf;
use std::process::{Command, Output};

fn lab(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_lab"));
    command
        .args(arguments)
        .output()
        .expect("the command starts")
}

fn seeds(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_seeds"));
    command
        .args(arguments)
        .output()
        .expect("the command starts")
}

fn soak(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_soak"));
    command
        .args(arguments)
        .output()
        .expect("the command starts")
}

fn text(output: &Output) -> String {
    let out = String::from_utf8_lossy(&output.stdout);
    format!("{out}{}", String::from_utf8_lossy(&output.stderr))
}

fn file(name: &str) -> PathBuf {
    PathBuf::from(env!("CARGO_TARGET_TMPDIR")).join(name)
}

/// A run that was written to a file, in either form, is read and repeated event by event.
// proves: RP-TRACE-001 WVT-012
#[test]
fn an_exported_run_is_replayed() {
    for name in ["storm.trace", "storm.jsonl"] {
        let path = file(name);
        let path = path
            .to_str()
            .expect("the folder of the tests has a plain name");
        let run = lab(&["run", "obl/storm", "--seed", "11", "--out", path]);
        assert!(run.status.success(), "{}", text(&run));
        let replay = lab(&["replay", path]);
        assert!(replay.status.success(), "{}", text(&replay));
        assert!(
            text(&replay).contains("the same run, event by event"),
            "{}",
            text(&replay)
        );
    }
}

/// A run that is not as promised exits with 1, and says how to run it again.
#[test]
fn a_failure_has_an_exit_code_and_a_command() {
    // Its order is promised under `--strategy lanes` only.
    let run = lab(&["run", "sch/ready_lane_is_fifo", "--seed", "5"]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run));
    assert!(
        text(&run).contains("lab run sch/ready_lane_is_fifo --seed 5"),
        "{}",
        text(&run)
    );
    let refused = lab(&["run", "no/such_scenario"]);
    assert_eq!(refused.status.code(), Some(2), "{}", text(&refused));
}

/// A few seeds of a few scenarios: one row each, and success.
// proves: RP-DET-001
#[test]
fn seeds_prints_a_row_for_each_scenario() {
    let run = seeds(&["3", "--only", "storm"]);
    assert!(run.status.success(), "{}", text(&run));
    for name in ["obl/storm", "time/storm", "lock/storm"] {
        assert!(text(&run).contains(name), "{}", text(&run));
    }
}

/// A second of the soak balances; the same with one count too many fails and names the line.
#[test]
fn a_soak_that_does_not_balance_names_the_line() {
    let run = soak(&["--seconds", "1", "--seed", "7"]);
    assert!(run.status.success(), "{}", text(&run));
    assert!(text(&run).contains("--seed 7"), "{}", text(&run));
    assert!(text(&run).contains("soak: every line balances"));
    let run = soak(&["--seconds", "1", "--seed", "7", "--miscount"]);
    assert_eq!(run.status.code(), Some(1), "{}", text(&run));
    let wrong = "soak: FAILED, these are wrong: timers";
    assert!(
        text(&run).ends_with(&format!("{wrong}\n")),
        "{}",
        text(&run)
    );
}
