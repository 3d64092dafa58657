//! The demo's server as a process: SIGTERM under load, with clients that no one here wrote among them.
#![cfg(unix)]

use std::process::Command;

/// wrk, streams and WebSockets from other processes; the signal comes in the middle. The run fails if the server's exit code
/// is not 0, a client misses a byte, or the ledger does not balance.
#[test]
fn sigterm_under_load_answers_every_accepted_request() {
    let mut run = Command::new(env!("CARGO_BIN_EXE_server"));
    let output = run
        .args(["run", "--seconds", "1"])
        .output()
        .expect("it starts");
    let printed = String::from_utf8_lossy(&output.stdout).into_owned();
    let errors = String::from_utf8_lossy(&output.stderr).into_owned();
    assert!(output.status.success(), "{printed}\n{errors}");
    assert!(printed.contains("open 0, leaked 0"), "{printed}");
    println!("{printed}");
}
