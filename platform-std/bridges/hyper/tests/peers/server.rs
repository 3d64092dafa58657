//! curl as the client: both versions, keep-alive, uploads, and answers to what handlers do wrong.

use asupersync_hyper::Options;

use crate::rig::{Serving, curl, get, peer};

const STATUS: [&str; 4] = [
    "--output",
    "/dev/null",
    "--write-out",
    "%{http_version} %{http_code}",
];
const PRIOR: &str = "--http2-prior-knowledge";

#[test]
fn both_versions_are_spoken_on_one_port() {
    let serving = Serving::start(Options::new());
    let url = serving.url("/hello");
    assert_eq!(get(&[&url]), "hello\n");
    assert_eq!(get(&[PRIOR, &url]), "hello\n");
    assert_eq!(get(&[&STATUS[..], &[&url]].concat()), "1.1 200");
    assert_eq!(get(&[&STATUS[..], &[PRIOR, &url]].concat()), "2 200");
    let missing = serving.url("/nothing");
    assert_eq!(
        get(&[&STATUS[..], &["--http1.0", &missing]].concat()),
        "1 404"
    );
    assert_eq!(
        get(&["--head", &url]).lines().next(),
        Some("HTTP/1.1 200 OK")
    );
    let method = serving.url("/method");
    assert_eq!(get(&["--request", "PUT", &method]), "PUT");
    assert_eq!(get(&["--request", "DELETE", &method]), "");
    let ledger = serving.end();
    assert_eq!((ledger.accepted, ledger.answered), (8, 8));
    assert_eq!((ledger.answered_for, ledger.broken), (0, 0));
}

#[test]
fn a_connection_serves_many_requests() {
    let serving = Serving::start(Options::new());
    let many = format!("{}?[1-50]", serving.url("/hello"));
    assert_eq!(get(&[&many]), "hello\n".repeat(50));
    assert_eq!(serving.server.ledger().connections, 1);
    let ledger = serving.end();
    assert_eq!((ledger.accepted, ledger.answered), (50, 50));
}

#[test]
fn fifty_streams_of_one_connection_are_answered_at_once() {
    let serving = Serving::start(Options::new());
    let mut h2load = peer("h2load", "nghttp2-client");
    h2load.args(["-n", "500", "-c", "2", "-m", "50", &serving.url("/hello")]);
    let output = h2load.output().expect("h2load starts");
    let report = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(report.contains("500 succeeded, 0 failed"), "{report}");
    let ledger = serving.end();
    assert_eq!((ledger.connections, ledger.answered), (2, 500));
}

#[test]
fn uploads_come_back_whole() {
    let serving = Serving::start(Options::new());
    let file = std::env::temp_dir().join(format!("asupersync-hyper-{}", std::process::id()));
    let text = "0123456789abcdef".repeat(1 << 16);
    std::fs::write(&file, &text).expect("written");
    let data = format!("@{}", file.display());
    let url = serving.url("/echo");
    // A length, and a pause for `100 Continue`; chunks; the frames of HTTP/2.
    let ways: [&[&str]; 3] = [
        &["--header", "Expect: 100-continue"],
        &["--header", "Transfer-Encoding: chunked"],
        &[PRIOR],
    ];
    for way in ways {
        let back = get(&[way, &["--data-binary", &data, &url]].concat());
        assert!(back == text, "{way:?}: {} bytes", back.len());
    }
    let seen = curl(&[
        "--verbose",
        "--header",
        "Expect: 100-continue",
        "--data-binary",
        "x",
        &url,
    ]);
    let seen = String::from_utf8_lossy(&seen.stderr).into_owned();
    assert!(seen.contains("< HTTP/1.1 100 Continue"), "{seen}");
    std::fs::remove_file(&file).expect("removed");
    assert_eq!(serving.end().answered, 4);
}

#[test]
fn streams_end_whole_or_are_seen_to_be_cut() {
    let serving = Serving::start(Options::new());
    let whole: String = (0..100).map(|number| format!("{number}\n")).collect();
    for version in ["--http1.1", PRIOR] {
        assert_eq!(get(&[version, &serving.url("/stream")]), whole);
        // A partial file, or no answer at all: what was not sent yet is not sent any more.
        let cut = curl(&[version, &serving.url("/cut")]);
        assert!(matches!(cut.status.code(), Some(18 | 52 | 92)), "{cut:?}");
        assert!("half\n".starts_with(&*String::from_utf8_lossy(&cut.stdout)));
    }
    let ledger = serving.end();
    assert_eq!((ledger.answered, ledger.cut), (2, 2));
}

#[test]
fn handlers_that_do_not_answer_are_answered_for() {
    let serving =
        Serving::start(Options::new().request_deadline(Some(std::time::Duration::from_millis(50))));
    for version in ["--http1.1", PRIOR] {
        let status = |path: &str| {
            let url = serving.url(path);
            let args = [
                &["--output", "/dev/null", "--write-out", "%{http_code}"][..],
                &[version, &url],
            ];
            get(&args.concat())
        };
        assert_eq!(status("/fails"), "500");
        assert_eq!(status("/panics"), "500");
        assert_eq!(status("/never"), "504");
        assert_eq!(status("/hello"), "200", "it goes on");
    }
    let ledger = serving.end();
    assert_eq!(
        (ledger.answered, ledger.answered_for, ledger.panicked),
        (8, 6, 2)
    );
}
