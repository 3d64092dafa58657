//! The end of a server: drained, drained for too long, and cancelled.

use std::process::{Child, Stdio};
use std::time::Duration;

use asupersync_hyper::{Options, ServeError};

use crate::rig::{Serving, curl, peer, until};

fn waiting(serving: &Serving, version: &str, path: &str) -> Child {
    let mut curl = peer("curl", "curl");
    curl.args(["--silent", "--max-time", "60", version, &serving.url(path)]);
    curl.stdout(Stdio::piped()).spawn().expect("curl starts")
}

#[test]
fn a_drain_answers_what_has_begun_and_accepts_nothing_more() {
    let serving = Serving::start(Options::new());
    let versions = ["--http1.1", "--http2-prior-knowledge"];
    let waiting: Vec<_> = (0..10)
        .map(|number| waiting(&serving, versions[number % 2], "/late"))
        .collect();
    // Nothing has to come from these: they are closed.
    let idle: Vec<_> = (0..3)
        .map(|_| std::net::TcpStream::connect(serving.at))
        .collect();
    until(|| serving.server.ledger().accepted == 10 && serving.server.ledger().connections == 13);
    let at = serving.at;
    let ledger = serving.end();
    for client in waiting {
        let output = client.wait_with_output().expect("curl ends");
        assert_eq!(String::from_utf8_lossy(&output.stdout), "late\n");
    }
    assert_eq!((ledger.accepted, ledger.answered), (10, 10));
    // 7: nobody listens.
    assert_eq!(
        curl(&[&format!("http://{at}/hello")]).status.code(),
        Some(7)
    );
    drop(idle);
}

#[test]
fn a_drain_past_its_limit_cancels_and_answers_for_what_is_left() {
    let limit = Duration::from_millis(50);
    let options = Options::new().drain_limit(limit).request_deadline(None);
    let serving = Serving::start(options);
    let client = waiting(&serving, "--include", "/never");
    until(|| serving.server.ledger().accepted == 1);
    serving.server.drain();
    let (ended, ledger) = serving.wait();
    assert!(matches!(ended, Err(ServeError::Overrun)), "{ended:?}");
    let output = client.wait_with_output().expect("curl ends");
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.starts_with("HTTP/1.1 503 "), "{text}");
    assert_eq!((ledger.answered, ledger.answered_for), (1, 1));
}
