//! `lab`: the command line of the lab over the conformance kit: run, replay and export single scenarios.

fn main() -> std::process::ExitCode {
    std::process::ExitCode::FAILURE
}
