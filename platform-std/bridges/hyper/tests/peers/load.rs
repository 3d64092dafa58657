//! wrk: many connections, and more requests than are allowed.

use std::process::Stdio;

use asupersync_hyper::Options;

use crate::rig::{Serving, get, peer, until};

/// The number behind a word in wrk's report.
fn figure(report: &str, word: &str) -> u64 {
    let line = report.lines().find(|line| line.contains(word));
    let line = line.unwrap_or_else(|| panic!("no `{word}` in {report}"));
    let mut numbers = line.split_whitespace().filter_map(|word| word.parse().ok());
    numbers
        .next()
        .unwrap_or_else(|| panic!("no number in {line}"))
}

#[test]
fn every_answer_that_wrk_counts_is_in_the_ledger() {
    let serving = Serving::start(Options::new());
    let url = serving.url("/hello");
    let mut wrk = peer("wrk", "wrk");
    let output = wrk
        .args(["-t2", "-c64", "-d2s", "--latency", &url])
        .output()
        .expect("wrk starts");
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(output.status.success(), "{report}");
    assert!(
        !report.contains("Socket errors") && !report.contains("Non-2xx"),
        "{report}"
    );
    println!("{report}");
    let counted = figure(&report, "requests in");
    let ledger = serving.end();
    // wrk leaves with requests under way.
    assert!(ledger.answered >= counted, "{ledger:?}\n{report}");
    assert_eq!((ledger.shed, ledger.cut, ledger.answered_for), (0, 0, 0));
}

#[test]
fn past_the_limit_requests_are_shed_with_a_typed_answer() {
    let serving = Serving::start(Options::new().requests_max(1));
    let late = serving.url("/late");
    let mut held = peer("curl", "curl");
    let held = held
        .args(["--silent", "--max-time", "60", &late])
        .stdout(Stdio::piped());
    let held = held.spawn().expect("curl starts");
    until(|| serving.server.ledger().accepted == 1);
    for version in ["--http1.1", "--http2-prior-knowledge"] {
        let shed = get(&["--include", version, &serving.url("/hello")]).to_lowercase();
        assert!(
            shed.lines()
                .next()
                .is_some_and(|line| line.contains(" 503")),
            "{shed}"
        );
        assert!(shed.contains("retry-after: 1"), "{shed}");
    }
    serving.server.drain();
    let held = held.wait_with_output().expect("it ends");
    assert_eq!(String::from_utf8_lossy(&held.stdout), "late\n");
    let ledger = serving.end();
    assert_eq!((ledger.accepted, ledger.answered, ledger.shed), (3, 1, 2));
}

#[test]
fn connections_past_the_limit_are_answered_once_and_closed() {
    let serving = Serving::start(Options::new().connections_max(1));
    let held = std::net::TcpStream::connect(serving.at).expect("it listens");
    until(|| serving.server.ledger().connections == 1);
    let many = format!("{}?[1-3]", serving.url("/hello"));
    let shed = get(&["--include", &many]).to_lowercase();
    assert_eq!(shed.matches("http/1.1 503").count(), 3, "{shed}");
    assert_eq!(shed.matches("connection: close").count(), 3, "{shed}");
    drop(held);
    let url = serving.url("/hello");
    until(|| get(&[&url]) == "hello\n");
    let ledger = serving.end();
    assert_eq!((ledger.answered, ledger.gone), (1, 0));
}
